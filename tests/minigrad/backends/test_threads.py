"""The scratch memory of a thread."""

from __future__ import annotations

import numpy as np

from minigrad.backends import threads


def test_scratch_is_the_same_bytes_for_a_name_and_grows() -> None:
    small = threads.scratch("test", (3, 4), np.float32)
    assert threads.scratch("test", (3, 4), np.float32) is small
    assert threads.scratch("test", (2, 3), np.float64).ctypes.data == small.ctypes.data
    large = threads.scratch("test", (1000, 1000), np.float32)
    assert large.shape == (1000, 1000) and large.flags.c_contiguous
    assert threads.scratch("test", (3, 4), np.float32).ctypes.data == large.ctypes.data
    assert threads.scratch("other", (3, 4), np.float32).ctypes.data != large.ctypes.data
