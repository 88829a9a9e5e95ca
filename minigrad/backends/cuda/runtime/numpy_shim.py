"""A shim for numba-cuda 0.30 beside NumPy 2.5, which removed `row_stack`: numba-cuda reads it once, in this import.

Remove this module when the lowest version of numba-cuda in setup.cfg no longer needs it.
"""

from __future__ import annotations

import importlib
from unittest.mock import patch

import numpy as np

if not hasattr(np, "row_stack"):
    with patch.object(np, "row_stack", np.vstack, create=True):
        importlib.import_module("numba.cuda.np.arrayobj")
