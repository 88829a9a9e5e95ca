"""The pool of buffers of the CPU's devices, and memory in large pages."""

from __future__ import annotations

import sys
import threading
from queue import SimpleQueue

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backends.cpu.memory import SLACK, Pool
from minigrad.backends.cpu.runtime import pages, threads

MEGABYTE = 1 << 20


def test_a_buffer_comes_back_to_who_asks_for_its_size() -> None:
    pool = Pool()
    first = np.asarray(pool.take(MEGABYTE))
    place = first.ctypes.data
    del first
    assert np.asarray(pool.take(MEGABYTE)).ctypes.data == place


def test_what_a_step_needs_again_and_again_stays() -> None:
    """Sizes that do not fit one another, used one after the other, as the layers of a net are."""
    pool = Pool()
    sizes = [10 * MEGABYTE, 4 * MEGABYTE, MEGABYTE]
    held = [pool.take(size) for size in sizes]  # so that all may be held
    del held
    places = set()
    for _ in range(5):
        for size in sizes:
            places.add(np.asarray(pool.take(size)).ctypes.data)
    assert len(places) == len(sizes)


def test_what_has_been_idle_longest_goes_first() -> None:
    pool = Pool()
    old, recent = pool.take(4 * MEGABYTE), pool.take(5 * MEGABYTE)
    del old
    del recent
    block = pool.take(8 * MEGABYTE)  # not all three may be held
    assert list(pool.waiting.values()) == [5 * MEGABYTE]
    del block


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), max_size=60))
def test_the_books_are_right(steps: list[tuple[int, int]]) -> None:
    """Whatever is taken and given back: no buffer is in two hands, and no more is held than is said."""
    pool = Pool()
    hands: dict[int, np.ndarray] = {}
    for hand, size in steps:
        hands.pop(hand, None)
        array = np.asarray(pool.take(size * 100_000))
        array[:8] = hand
        assert array.size >= size * 100_000
        hands[hand] = array
        assert all((other[:8] == key).all() for key, other in hands.items())
        pool.sort_in()
        assert pool.used_bytes == sum(other.size for other in hands.values())
        idle = [buffer for shelf in pool.idle.values() for buffer in shelf.values()]
        assert len(idle) == len(pool.waiting) and pool.idle_bytes == sum(pool.waiting.values())
        assert pool.used_bytes + pool.idle_bytes <= max(SLACK * pool.most_used_bytes, pool.used_bytes)


def test_large_memory_begins_at_a_large_page() -> None:
    size = 3 * MEGABYTE + 5
    memory = pages.reserve(size)
    memory[[0, -1]] = 7
    assert memory.size == size and memory[0] == memory[-1] == 7
    assert memory.ctypes.data % pages.PAGE == 0 or not hasattr(pages.mmap, "MADV_HUGEPAGE")


def test_scratch_is_the_same_bytes_for_a_name_and_grows() -> None:
    small = threads.scratch("test", (3, 4), np.float32)
    assert threads.scratch("test", (3, 4), np.float32) is small
    assert threads.scratch("test", (2, 3), np.float64).ctypes.data == small.ctypes.data
    large = threads.scratch("test", (1000, 1000), np.float32)
    assert large.shape == (1000, 1000) and large.flags.c_contiguous
    assert threads.scratch("test", (3, 4), np.float32).ctypes.data == large.ctypes.data
    assert threads.scratch("other", (3, 4), np.float32).ctypes.data != large.ctypes.data


def test_buffers_may_come_back_at_any_moment_from_any_thread() -> None:
    """Garbage collection in a loader's thread frees arrays of the thread that computes."""
    pool = Pool()
    dead: SimpleQueue[object] = SimpleQueue()
    dropping = threading.Thread(target=lambda: all(iter(dead.get, None)))  # drops each as soon as it has it
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        dropping.start()
        for _ in range(20_000):
            dead.put(pool.take(MEGABYTE // 8))
    finally:
        dead.put(None)
        dropping.join()
        sys.setswitchinterval(interval)
    pool.sort_in()
    assert pool.used_bytes == 0
    assert pool.idle_bytes == sum(pool.waiting.values())
    assert len(pool.waiting) == sum(len(shelf) for shelf in pool.idle.values())
