"""What the host tells of itself."""

from __future__ import annotations

import os

__all__ = ["host_memory"]


def host_memory() -> int:
    """The host's memory in bytes; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not told on Windows
        return 0
