"""Kernels and their launch on the driver of this machine, whichever it is."""

from __future__ import annotations

import numpy as np
import pytest
from checks import complains
from emulation import FIRST, convert, on_device, scale, second_device

import minigrad as mg
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import REGISTRY, kernel, launch, launch_1d


def test_launch_computes_in_the_type_of_its_arrays() -> None:
    for dtype in ("f4", "f8"):
        x = np.random.default_rng(0).standard_normal(1000).astype(dtype)
        result = driver.allocate((1000,), dtype, FIRST)
        launch_1d(scale, 1000, FIRST, on_device(x), result, 0.1)
        np.testing.assert_array_equal(driver.copy_to_host(result), x * np.dtype(dtype).type(0.1))


@pytest.mark.parametrize("count", [1, 255, 256, 257, 70_001])
@pytest.mark.parametrize("grid", [None, 1, 3])
def test_grid_stride_loops_reach_every_element(count: int, grid: int | None) -> None:
    x, result = on_device(np.arange(count, dtype="f8")), on_device(np.zeros(count))
    if grid:
        launch(scale, grid, 64, FIRST, x, result, 2)
    else:
        launch_1d(scale, count, FIRST, x, result, 2)
    np.testing.assert_array_equal(driver.copy_to_host(result), 2 * np.arange(count))


def test_launch_on_nothing_does_nothing() -> None:
    empty = on_device(np.zeros(0, "f4"))
    launch_1d(scale, 0, FIRST, empty, empty, 1.0)
    launch(scale, 1, 32, FIRST, empty, empty, 1.0)


@pytest.mark.parametrize("source", ["f4", "f8", "i8", "i4", "u1", "?"])
@pytest.mark.parametrize("target", ["f4", "f8", "i8", "i4", "i2", "u1"])
def test_elements_of_any_type(source: str, target: str) -> None:
    array = np.arange(2 if source == "?" else 100).astype(source)
    result = driver.allocate(array.shape, target, FIRST)
    launch_1d(convert, array.size, FIRST, on_device(array), result)
    np.testing.assert_array_equal(driver.copy_to_host(result), array.astype(target))


def test_launch_complains_about_arguments_that_do_not_fit() -> None:
    x, y = on_device(np.zeros(3, "f4")), on_device(np.zeros(3, "f8"))
    for arguments, words in (
        ((x, y, 1.0), ("scale", "y", "float32")),
        ((x, x), ("scale", "3", "2")),
        ((x, 1.0, 1.0), ("scale", "y")),
        ((x, x.reshape(1, 3), 1.0), ("scale", "1 axes", "(1, 3)")),
        ((x, x, x), ("scale", "factor")),
    ):
        with complains(*words, error=TypeError):
            launch(scale, 1, 1, FIRST, *arguments)


def test_foreign_array_is_refused_and_both_devices_named() -> None:
    second = second_device()
    here, there = on_device(np.zeros(3, "f4")), on_device(np.zeros(3, "f4"), second)
    for device, arguments in ((FIRST, (here, there, 1.0)), (second, (here, there, 1.0))):
        with complains("scale", "cuda:0", "cuda:1", error=mg.DeviceMismatchError):
            launch(scale, 1, 1, device, *arguments)


def test_every_kernel_registers_itself() -> None:
    count = len(REGISTRY)
    made = kernel("float[::1], float[::1], float")(scale.py_func)
    assert REGISTRY.pop() is made and len(REGISTRY) == count
