"""Memory in large pages."""

from __future__ import annotations

from minigrad.backends import pages


def test_large_memory_begins_at_a_large_page() -> None:
    size = (3 << 20) + 5
    memory = pages.reserve(size)
    memory[[0, -1]] = 7
    assert memory.size == size and memory[0] == memory[-1] == 7
    assert memory.ctypes.data % pages.PAGE == 0 or not hasattr(pages.mmap, "MADV_HUGEPAGE")
