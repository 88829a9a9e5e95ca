"""What the host tells of its memory."""

from __future__ import annotations

import os

__all__ = ["free_host_memory", "host_memory"]


def host_memory() -> int:
    """The host's memory in bytes; 0 where the system does not tell."""
    return _bytes("SC_PHYS_PAGES")


def free_host_memory() -> int:
    """What of the host's memory nothing uses, in bytes; 0 where the system does not tell."""
    return _bytes("SC_AVPHYS_PAGES")


def _bytes(pages: str) -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf(pages)
    except (AttributeError, ValueError, OSError):  # not told on Windows
        return 0
