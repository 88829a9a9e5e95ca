"""How the loops of this backend are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with Numba when first called, for the types it is called with, and keep the result on disk.

    Sums may be reordered and multiplications fused so that loops vectorise, but nothing is assumed about infinities and
    NaN: they must come through, or training that went wrong would not be noticed.
    """
    fastmath = {"contract", "reassoc", "nsz"}
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=fastmath)(function)
    except RuntimeError:  # nowhere to keep it: neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
