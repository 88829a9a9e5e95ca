"""BLAS on one thread, for the whole process, from the moment that this backend is loaded.

The backend shares its work out itself, and calls BLAS from all of its threads at once. Threads of BLAS's own would
compete with these for the cores, spinning for a while after each call; and into how many parts BLAS cuts a product may
change the last bits of it, which must not depend on the number of threads.

Why not for each call alone: the number belongs to the process. Threads that compute at the same time would set it
against one another, and threadpoolctl lets a single thread set it at all.

The way out, for a program that computes with NumPy's BLAS itself, between calls of minigrad's:

    with threadpoolctl.threadpool_limits(8, user_api="blas"):
        ...
"""

from __future__ import annotations

import os

_VARIABLE = "KMP_DUPLICATE_LIB_OK"  # OpenMP's, which threadpoolctl sets when it is imported
_was_set = _VARIABLE in os.environ

import threadpoolctl  # noqa: E402

if not _was_set:
    os.environ.pop(_VARIABLE, None)  # no import changes the environment

__all__ = ["hold_to_one_thread"]


def hold_to_one_thread() -> None:
    """Let BLAS have one thread from here on."""
    threadpoolctl.threadpool_limits(1, user_api="blas")
