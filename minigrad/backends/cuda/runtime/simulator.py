"""Numba's simulator (NUMBA_ENABLE_CUDASIM=1) made fit for the kernels here: its shared arrays know no alignment, two
that are made on one source line are the same array, and one may be made twice when threads start together.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
from numba.np import numpy_support

__all__ = ["prepare"]


def _shared_array(self: Any, shape: Any, dtype: Any, alignment: int | None = None) -> np.ndarray:
    """The block's array that belongs to the place of the call."""
    frame = sys._getframe(1)
    kind = dtype if isinstance(dtype, np.dtype) else numpy_support.as_dtype(dtype)
    allocations: dict[Any, np.ndarray] = self._allocations
    return allocations.setdefault((frame.f_code, frame.f_lasti), np.empty(shape, kind))


def prepare() -> None:
    """Give the simulator these shared arrays."""
    importlib.import_module("numba.cuda.simulator.kernelapi").FakeCUDAShared.array = _shared_array
