"""The pool of buffers of the CPU's devices."""

from __future__ import annotations

import sys
import threading
from queue import SimpleQueue

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backends.cpu.memory import pool as new_pool
from minigrad.backends.pool import SLACK

MEGABYTE = 1 << 20


def test_a_buffer_comes_back_to_who_asks_for_its_size() -> None:
    pool = new_pool()
    first = np.asarray(pool.take(MEGABYTE))
    place = first.ctypes.data
    del first
    assert np.asarray(pool.take(MEGABYTE)).ctypes.data == place


def test_what_a_step_needs_again_and_again_stays() -> None:
    """Sizes that do not fit one another, used one after the other, as the layers of a net are."""
    pool = new_pool()
    sizes = [10 * MEGABYTE, 4 * MEGABYTE, MEGABYTE]
    held = [pool.take(size) for size in sizes]  # so that all may be held
    del held
    places = set()
    for _ in range(5):
        for size in sizes:
            places.add(np.asarray(pool.take(size)).ctypes.data)
    assert len(places) == len(sizes)


def test_what_has_been_idle_longest_goes_first() -> None:
    pool = new_pool()
    old, recent = pool.take(4 * MEGABYTE), pool.take(5 * MEGABYTE)
    del old
    del recent
    block = pool.take(8 * MEGABYTE)  # not all three may be held
    assert list(pool.waiting.values()) == [5 * MEGABYTE]
    del block


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), max_size=60))
def test_the_books_are_right(steps: list[tuple[int, int]]) -> None:
    """Whatever is taken and given back: no buffer is in two hands, and no more is held than is said."""
    pool = new_pool()
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


def test_buffers_may_come_back_at_any_moment_from_any_thread() -> None:
    """Garbage collection in a loader's thread frees arrays of the thread that computes."""
    pool = new_pool()
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
