"""Memory in large pages, where the system has them.

A processor remembers where some dozens of pages are, of 4 KB each unless asked otherwise. The transforms of a
convolution write to more places than that at a time, and with pages of 2 MB take three quarters of the time.
"""

from __future__ import annotations

import contextlib
import mmap

import numpy as np

PAGE = 2 << 20
WORTH = 1 << 18  # bytes; below this so large a page would mostly be wasted


def reserve(size: int) -> np.ndarray:
    """`size` bytes, uninitialised; from WORTH on in large pages."""
    if size < WORTH or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(size, np.uint8)
    whole = -(-size // PAGE) * PAGE
    region = mmap.mmap(-1, whole + PAGE)
    with contextlib.suppress(OSError):  # a system without them
        region.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(region, np.uint8)
    start = -memory.ctypes.data % PAGE
    return memory[start : start + size]
