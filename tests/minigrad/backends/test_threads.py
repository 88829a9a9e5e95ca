"""How many threads there are, what they are given, and the scratch memory of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.backends import threads


@pytest.fixture
def _as_before() -> Iterator[None]:
    before = mg.get_num_threads()
    yield
    mg.set_num_threads(before)


def who_works(count: int, duration: float) -> set[int]:
    """The threads that take a part in tasks that wait for one another, if there are several."""
    several = threading.Barrier(min(count, mg.get_num_threads())) if duration >= threads.WORTH_WAKING else None
    names = set()

    def task(part: int) -> None:
        if several is not None and part < several.parties:
            several.wait(timeout=10)
        names.add(threading.get_ident())

    threads.parallel(task, count, duration)
    return names


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("count", [1, 3, 2])
def test_as_many_threads_work_as_were_set(count: int) -> None:
    mg.set_num_threads(count)
    assert mg.get_num_threads() == count
    assert len(who_works(5, threads.WORTH_WAKING)) == count


@pytest.mark.usefixtures("_as_before")
def test_what_is_short_is_done_by_the_thread_that_asks() -> None:
    mg.set_num_threads(3)
    assert who_works(5, threads.WORTH_WAKING - 1) == {threading.get_ident()}


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_another_number_of_threads_is_refused(wrong: Any) -> None:
    before = mg.get_num_threads()
    with pytest.raises(ValueError, match="set_num_threads: num_threads is an integer, 1 or more"):
        mg.set_num_threads(wrong)
    assert mg.get_num_threads() == before


@pytest.mark.usefixtures("_as_before")
def test_threads_can_be_set_while_others_work() -> None:
    x = mg.randn(1 << 19)
    expected, wrong = (x * 2).numpy().tobytes(), []

    def work() -> None:
        for _ in range(20):
            wrong.extend([] if (x * 2).numpy().tobytes() == expected else [1])

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():
        for count in (1, 4, 2):
            mg.set_num_threads(count)
    worker.join()
    assert not wrong


def test_scratch_is_the_same_bytes_for_a_name_and_grows() -> None:
    small = threads.scratch("test", (3, 4), np.float32)
    assert threads.scratch("test", (3, 4), np.float32) is small
    assert threads.scratch("test", (2, 3), np.float64).ctypes.data == small.ctypes.data
    large = threads.scratch("test", (1000, 1000), np.float32)
    assert large.shape == (1000, 1000) and large.flags.c_contiguous
    assert threads.scratch("test", (3, 4), np.float32).ctypes.data == large.ctypes.data
    assert threads.scratch("other", (3, 4), np.float32).ctypes.data != large.ctypes.data
