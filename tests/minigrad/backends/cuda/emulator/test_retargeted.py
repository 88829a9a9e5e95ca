"""Device functions, mathematics and integers give on the host what they give on a GPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from emulation import calls, on_device, own_element, random, result_of
from numba import cuda, uint32, uint64

from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)
pytestmark = pytest.mark.usefixtures("emulated")


@pytest.mark.usefixtures("schedule")
def test_device_functions_read_arrays_and_places() -> None:
    x = random(50)
    out = result_of(calls, 4, 16, (50,), "f8", on_device(x))
    np.testing.assert_allclose(out, x * 16 + np.arange(50) % 16 - x, rtol=1e-15)


UNARY: dict[str, tuple[Any, Any]] = {
    **{name: (getattr(math, name), getattr(np, name)) for name in (
        "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor",
        "ceil", "fabs", "isnan", "isinf", "isfinite"
    )},
    "asin": (math.asin, np.arcsin), "acos": (math.acos, np.arccos), "atan": (math.atan, np.arctan),
    "erf": (math.erf, np.vectorize(math.erf)), "lgamma": (math.lgamma, np.vectorize(math.lgamma)),
    "abs": (abs, np.abs), "round": (round, np.round),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_mathematics_of_one_argument(name: str, dtype: str) -> None:
    function, reference = UNARY[name]

    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = function(x[i])

    x = np.linspace(0.01, 0.99, 40).astype(dtype)
    out = result_of(Kernel(each, "float[::1], float[::1]"), 1, 64, x.shape, dtype, on_device(x))
    np.testing.assert_allclose(out, reference(x), rtol={"f4": 2e-6, "f8": 1e-13}[dtype])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u4"])
def test_mathematics_of_two_arguments(dtype: str) -> None:
    def each(out, x, y):
        i = cuda.grid(1)
        if i < x.size:
            out[0, i], out[1, i], out[2, i] = min(x[i], y[i]), max(x[i], y[i]), abs(x[i])
            out[3, i], out[4, i] = x[i] % y[i], x[i] // y[i]

    x, y = np.arange(3, 33).astype(dtype), np.arange(1, 31)[::-1].astype(dtype)
    out = result_of(Kernel(each, "any[:,::1], any[::1], any[::1]"), 1, 32, (5, 30), dtype, on_device(x), on_device(y))
    np.testing.assert_array_equal(out, [np.minimum(x, y), np.maximum(x, y), np.abs(x), x % y, x // y])


def test_powers_of_every_kind() -> None:
    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            out[0, i], out[1, i], out[2, i] = x[i] ** 2, x[i] ** 0.75, math.pow(x[i], -1.5)
            out[3, i], out[4, i] = math.atan2(x[i], 2.0), math.hypot(x[i], 1.0)

    x = np.linspace(0.1, 3, 20)
    out = result_of(Kernel(each, "f8[:,::1], f8[::1]"), 1, 32, (5, 20), "f8", on_device(x))
    np.testing.assert_allclose(out, [x**2, x**0.75, x**-1.5, np.arctan2(x, 2), np.hypot(x, 1)], rtol=1e-14)


def test_words_wrap_around_and_products_are_wide() -> None:
    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            wide = uint64(x[i]) * uint64(0xD2511F53)
            out[0, i] = uint32(wide >> uint64(32)) ^ uint32(wide)
            out[1, i] = x[i] * x[i] + uint32(0x9E3779B9)

    x = np.random.default_rng(0).integers(0, 2**32, 50, dtype="u4")
    wide = x.astype("u8") * np.uint64(0xD2511F53)
    out = result_of(Kernel(each, "u4[:,::1], u4[::1]"), 1, 64, (2, 50), "u4", on_device(x))
    np.testing.assert_array_equal(out[0], (wide >> 32).astype("u4") ^ wide.astype("u4"))
    np.testing.assert_array_equal(out[1], x * x + np.uint32(0x9E3779B9))


def test_infinities_and_nan_come_through() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            result_of(own_element, 1, 32, (5,), "f8", on_device(x)), np.sqrt(x) * 2 + np.arange(5)
        )
