"""A pool of buffers in the host's memory: what an array that died leaves is used again."""

from __future__ import annotations

import threading
from collections import defaultdict, deque

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
WASTE = 1.5  # times as large a buffer is taken rather than a new one
SLACK = 1.6  # times what was ever in use at a time may be held


class Pool:
    """Keeps the buffers of arrays that died for the next arrays of about the same size.

    Fresh pages from the system cost more than filling them, and a training step asks for the same sizes again and
    again. When nothing fits and the pool holds much more than was ever in use at a time, those that have been idle
    longest go back to the system.
    """

    def __init__(self) -> None:
        self.idle: defaultdict[int, dict[int, np.ndarray]] = defaultdict(dict)  # by capacity and then by ticket
        self.waiting: dict[int, int] = {}  # capacities by ticket: of all that is idle, the longest first
        self.ticket = 0
        self.idle_bytes = 0
        self.used_bytes = 0
        self.most_used_bytes = 0
        self.returned: deque[tuple[np.ndarray, int]] = deque()
        self.lock = threading.RLock()

    def take(self, size: int) -> _Block:
        """A buffer of at least `size` bytes."""
        with self.lock:
            self.sort_in()
            return self._take(size)

    def _take(self, size: int) -> _Block:
        least = self._capacity(size)
        capacity = least
        while not self.idle[capacity] and capacity < WASTE * least:  # the next larger shelf
            capacity = self._capacity(capacity + 1)
        if self.idle[capacity]:
            buffer = self._remove(capacity, next(reversed(self.idle[capacity])))
        else:
            capacity = least
            self.most_used_bytes = max(self.most_used_bytes, self.used_bytes + capacity)
            while self.waiting and self.idle_bytes + self.used_bytes + capacity > SLACK * self.most_used_bytes:
                ticket, longest = next(iter(self.waiting.items()))
                self._remove(longest, ticket)
            buffer = np.empty(capacity + ALIGNMENT, np.uint8)
        self.used_bytes += capacity
        self.most_used_bytes = max(self.most_used_bytes, self.used_bytes)
        return _Block(self, buffer, capacity)

    def _remove(self, capacity: int, ticket: int) -> np.ndarray:
        del self.waiting[ticket]
        self.idle_bytes -= capacity
        return self.idle[capacity].pop(ticket)

    def give_back(self, buffer: np.ndarray, capacity: int) -> None:
        """Take a buffer back that no array uses any more.

        Garbage is collected at any moment and in any thread, also within `take`: so it is only put down here.
        """
        self.returned.append((buffer, capacity))

    def sort_in(self) -> None:
        """Put what came back on the shelves."""
        with self.lock:
            while self.returned:
                buffer, capacity = self.returned.popleft()
                self.ticket += 1
                self.idle[capacity][self.ticket] = buffer
                self.waiting[self.ticket] = capacity
                self.idle_bytes += capacity
                self.used_bytes -= capacity

    @staticmethod
    def _capacity(size: int) -> int:
        """`size` rounded up to three significant bits, so that sizes that differ little share buffers."""
        step = 1 << max(size.bit_length() - 3, 6)
        return -(-size // step) * step


class _Block:
    """A buffer in use. NumPy arrays made from it hold it as their base; when the last one dies the buffer goes back."""

    __slots__ = ("__array_interface__", "buffer", "capacity", "pool")

    def __init__(self, pool: Pool, buffer: np.ndarray, capacity: int) -> None:
        self.pool, self.buffer, self.capacity = pool, buffer, capacity
        address = buffer.__array_interface__["data"][0]
        self.__array_interface__ = {
            "version": 3,
            "shape": (capacity,),
            "typestr": "|u1",
            "data": (-(-address // ALIGNMENT) * ALIGNMENT, False),
        }

    def __del__(self) -> None:
        self.pool.give_back(self.buffer, self.capacity)
