"""The pool that a device's memory comes from: what arrays gave back is handed to the next ones of about their size."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Block", "Pool"]

WASTE = 1.5  # times as large a piece of memory is taken rather than a new one
SLACK = 1.6  # times what was ever in use at a time may be held

B = TypeVar("B", bound="Block")


class Block:
    """A piece of memory in use. Arrays hold it; when the last one dies it goes back to the pool.

    Attributes:
        pool: where it goes back to.
        memory: what `reserve` gave.
        capacity: its size in bytes.
    """

    __slots__ = ("__weakref__", "capacity", "memory", "pool")

    def __init__(self, pool: Pool[Any], memory: Any, capacity: int) -> None:
        self.pool, self.memory, self.capacity = pool, memory, capacity

    def __del__(self) -> None:
        self.pool.give_back(self.memory, self.capacity)


class Pool(Generic[B]):
    """Keeps the memory of arrays that died for the next arrays of about the same size.

    Fresh pages from the system cost more than filling them, a CUDA driver may wait for the whole device before it gives
    memory, and a training step asks for the same sizes again and again. When nothing fits and the pool holds much more
    than was ever in use at a time, what has been idle longest goes back to where it came from.

    A piece is handed out again at once: on every device work is done in the order in which it was asked for.

    Args:
        reserve: gives fresh memory of so many bytes, which goes when nobody holds it any more; raises MemoryError
            where there is none.
        block: makes a block of it: (pool, memory, capacity).
        grain: sizes are multiples of so many bytes, a power of two.
    """

    def __init__(self, reserve: Callable[[int], Any], block: Callable[[Pool[B], Any, int], B], grain: int) -> None:
        self.reserve, self.block, self.grain = reserve, block, grain
        self.idle: defaultdict[int, dict[int, Any]] = defaultdict(dict)  # by capacity and then by ticket
        self.waiting: dict[int, int] = {}  # capacities by ticket: of all that is idle, the longest first
        self.ticket = 0
        self.idle_bytes = 0
        self.used_bytes = 0
        self.most_used_bytes = 0
        self.returned: deque[tuple[Any, int]] = deque()
        self.lock = threading.RLock()

    def take(self, size: int) -> B:
        """A block of at least `size` bytes.

        Raises:
            MemoryError: there is no memory, though nothing idle is held any more.
        """
        with self.lock:
            self.sort_in()
            memory, capacity = self._take(size)
            self.used_bytes += capacity
            self.most_used_bytes = max(self.most_used_bytes, self.used_bytes)
            return self.block(self, memory, capacity)

    def _take(self, size: int) -> tuple[Any, int]:
        """Idle memory, or fresh memory, and how much of it."""
        least = self._capacity(size)
        capacity = least
        while not self.idle[capacity] and capacity < WASTE * least:  # the next larger shelf
            capacity = self._capacity(capacity + 1)
        if self.idle[capacity]:
            return self._remove(capacity, next(reversed(self.idle[capacity]))), capacity
        most = SLACK * max(self.most_used_bytes, self.used_bytes + least)
        while self.waiting and self.idle_bytes + self.used_bytes + least > most:
            self._drop_longest_idle()
        try:
            return self.reserve(least), least
        except MemoryError:
            while self.waiting:
                self._drop_longest_idle()
            return self.reserve(least), least

    def _drop_longest_idle(self) -> None:
        ticket, capacity = next(iter(self.waiting.items()))
        self._remove(capacity, ticket)

    def _remove(self, capacity: int, ticket: int) -> Any:
        del self.waiting[ticket]
        self.idle_bytes -= capacity
        return self.idle[capacity].pop(ticket)

    def give_back(self, memory: Any, capacity: int) -> None:
        """Take memory back that no array uses any more.

        Garbage is collected at any moment and in any thread, also within `take`. So this only appends to a queue,
        without the lock, and `take` puts it on its shelf.
        """
        self.returned.append((memory, capacity))

    def sort_in(self) -> None:
        """Put what came back on the shelves."""
        with self.lock:
            while self.returned:
                memory, capacity = self.returned.popleft()
                self.ticket += 1
                self.idle[capacity][self.ticket] = memory
                self.waiting[self.ticket] = capacity
                self.idle_bytes += capacity
                self.used_bytes -= capacity

    def _capacity(self, size: int) -> int:
        """`size` rounded up to three significant bits, so that sizes that differ little share memory."""
        step = max(1 << max(size.bit_length() - 3, 0), self.grain)
        return max(-(-size // step) * step, self.grain)
