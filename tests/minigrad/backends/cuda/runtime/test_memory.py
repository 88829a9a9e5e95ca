"""Views of a device's memory, and the pool that keeps it."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from checks import complains
from emulation import FIRST, on_device

from minigrad.backends.cuda import driver
from minigrad.backends.cuda.runtime.memory import DevicePool


def test_reshape_and_part_share_memory() -> None:
    view = on_device(np.arange(24, dtype="f8").reshape(4, 6))
    whole = view.reshape(2, -1, 3)
    assert whole.shape == (2, 4, 3) and whole.memory is view.memory
    rows = view.part(1, 3)
    assert rows.shape == (2, 6) and view.reshape((24,)).part(5, 5).size == 0
    np.testing.assert_array_equal(driver.copy_to_host(rows), np.arange(6, 18).reshape(2, 6))
    driver.copy_from_host(rows, np.zeros((2, 6)))
    np.testing.assert_array_equal(driver.copy_to_host(whole).reshape(-1), [*range(6), *[0] * 12, *range(18, 24)])
    assert driver.copy_to_host(view.reshape(6, 4).part(1, 2).part(0, 1)).tolist() == [[4, 5, 0, 0]]


def test_views_complain_about_what_does_not_fit() -> None:
    view = on_device(np.zeros((4, 6), "f4"))
    with complains("(4, 6)", "(5, 5)", error=ValueError):
        view.reshape(5, 5)
    with complains("(4, 6)", error=ValueError):
        view.reshape(5, -1)
    with complains("(4, 6)", error=IndexError):
        view.part(2, 5)
    with complains("(4, 6)", "(6, 4)", error=ValueError):
        driver.copy_from_host(view, np.zeros((6, 4)))
    with complains("float32", "float64", error=ValueError):
        driver.copy(view, on_device(np.zeros((4, 6))))


def test_memory_lives_as_long_as_a_view_of_it() -> None:
    view = on_device(np.arange(6, dtype="f4"))
    tail = view.part(4, 6)
    del view
    gc.collect()
    for _ in range(4):
        on_device(np.zeros(6, "f4"))
    assert driver.copy_to_host(tail).tolist() == [4, 5]


def counting_pool(limit: int | None = None) -> tuple[DevicePool, list[int]]:
    """A pool of memory that is only counted; it runs out at `limit` bytes idle and in use."""
    reserved: list[int] = []

    def reserve(size: int) -> tuple[object, int]:
        if limit is not None and pool.used_bytes + pool.idle_bytes + size > limit:
            raise MemoryError("full")
        reserved.append(size)
        return object(), len(reserved)

    pool = DevicePool(FIRST, reserve, lambda: (1 << 20, limit or 0))
    return pool, reserved


def test_pool_gives_the_same_memory_again() -> None:
    pool, reserved = counting_pool()
    first = pool.take(100_000)
    address = first.address
    del first
    again = pool.take(99_000)
    assert again.address == address and len(reserved) == 1 and again.capacity >= 100_000
    assert pool.take(99_000).address != address


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 10**5, 10**9 + 1, 2**33])
def test_pool_gives_at_least_what_is_asked_and_not_much_more(size: int) -> None:
    capacity = counting_pool()[0].take(size).capacity
    assert size <= capacity <= max(size * 1.25, size + 512) and capacity % 512 == 0


def test_pool_releases_idle_memory_before_it_gives_up() -> None:
    pool, reserved = counting_pool(limit=3 << 20)
    held = [pool.take(1 << 20)]
    pool.take(1 << 20)
    held.append(pool.take(2 << 20))  # fits only without the idle one
    assert pool.idle_bytes == 0 and len(reserved) == 3
    with complains("cuda:0", "no 1.0 MiB", "1.0 of 3.0 MiB are free", "3.0 MiB hold arrays", error=MemoryError):
        pool.take(1 << 20)
