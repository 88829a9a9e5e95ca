"""The CPU's fast convolutions against the plain one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.arrays import Device, DeviceArray
from minigrad.backends import threads
from minigrad.backends.cpu.convolution import choose, im2col
from minigrad.backends.cpu.convolution.choose import Algorithm
from minigrad.backends.cpu.memory import from_host, reorder, to_host
from minigrad.backends.cpu.runtime.simd import LANES

CPU = Device("cpu", 0)
WORST = 1e-4  # largest error over the standard deviation of the result

# The layers of the paper's net, with fewer channels, and others: (batch, C, H, W), (K, C / groups, KH, KW), and so on.
Case = tuple[tuple[int, ...], tuple[int, ...], tuple[int, int], tuple[int, int, int, int], int]
CASES: dict[str, Case] = {
    "conv1": ((32, 3, 227, 227), (48, 3, 11, 11), (4, 4), (0, 0, 0, 0), 1),
    "conv2": ((32, 96, 27, 27), (64, 48, 5, 5), (1, 1), (2, 2, 2, 2), 2),
    "conv3": ((32, 256, 13, 13), (96, 256, 3, 3), (1, 1), (1, 1, 1, 1), 1),
    "odd": ((21, 17, 9, 14), (11, 17, 3, 5), (1, 1), (1, 0, 4, 3), 1),
    "stride 4, 2": ((9, 5, 23, 19), (13, 5, 11, 9), (4, 2), (3, 1, 0, 2), 1),
    "few images": ((3, 16, 13, 11), (20, 8, 3, 5), (1, 1), (1, 1, 2, 2), 2),
    "one image": ((1, 48, 27, 27), (64, 48, 5, 5), (1, 1), (2, 2, 2, 2), 1),
    "one image, stride 4": ((1, 3, 67, 59), (12, 3, 11, 11), (4, 4), (0, 3, 0, 3), 1),
    "rows of a kilobyte": ((64, 8, 6, 12), (8, 8, 7, 5), (1, 1), (2, 2, 2, 2), 1),
}
FEW_CHANNELS: Case = ((40, 3, 16, 15), (32, 3, 5, 5), (1, 1), (2, 2, 2, 2), 1)


def arrays(case: Case, seed: int = 0) -> tuple[DeviceArray, DeviceArray, DeviceArray, DeviceArray]:
    """Image, weight, bias and the gradient of the result, as they are in a net in training."""
    x_shape, w_shape, stride, padding, groups = case
    random = np.random.default_rng(seed)
    x = np.maximum(random.standard_normal(x_shape, np.float32), 0)
    weight = random.standard_normal(w_shape, np.float32) * np.float32(np.prod(w_shape[1:]) ** -0.5)
    bias = random.standard_normal(w_shape[0], np.float32)
    x, weight, bias = (from_host(array, CPU) for array in (x, weight, bias))
    y_shape = im2col.conv2d(x, weight, bias, stride, padding, groups, False).shape
    return reorder(x, True), weight, bias, reorder(from_host(random.standard_normal(y_shape, np.float32), CPU), True)


def passes(module: Any, case: Case, given: tuple[DeviceArray, ...]) -> list[np.ndarray]:
    """Result and gradients by a module's three functions."""
    x, weight, bias, dy = given
    geometry = case[2:]
    return [
        to_host(module.conv2d(x, weight, bias, *geometry, False)),
        to_host(module.conv2d_grad_input(dy, weight, x.shape, *geometry)),
        to_host(module.conv2d_grad_weight(dy, x, weight.shape, *geometry)),
    ]


def in_float64(given: tuple[DeviceArray, ...]) -> tuple[DeviceArray, ...]:
    return tuple(from_host(to_host(array).astype(np.float64), CPU) for array in given)


@pytest.mark.skipif(not choose.FUSED, reason="this processor multiplies and adds by two instructions")
@pytest.mark.parametrize("name", CASES)
def test_it_agrees_with_im2col(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    given = arrays(case)
    expected = passes(im2col, case, in_float64(given))
    for function in ("conv2d", "conv2d_grad_input", "conv2d_grad_weight"):
        monkeypatch.setattr(choose.im2col, function, None)  # it must be a fast one
    for found, exact in zip(passes(choose, case, given), expected, strict=True):
        error = np.abs(found - exact).max() / exact.std()
        assert error <= WORST, f"{error:.1e} of the standard deviation"


@pytest.mark.skipif(not choose.FUSED, reason="this processor multiplies and adds by two instructions")
def test_few_channels_need_no_im2col_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the gradient of the image, which a first layer does without: the image has too few channels for that."""
    x, weight, bias, dy = arrays(FEW_CHANNELS)
    geometry = FEW_CHANNELS[2:]
    exact = passes(im2col, FEW_CHANNELS, in_float64((x, weight, bias, dy)))
    for function in ("conv2d", "conv2d_grad_weight"):
        monkeypatch.setattr(choose.im2col, function, None)
    y = to_host(choose.conv2d(x, weight, bias, *geometry, True))
    np.testing.assert_allclose(y, np.maximum(exact[0], 0), rtol=0, atol=1e-5)
    dw = to_host(choose.conv2d_grad_weight(dy, x, weight.shape, *geometry))
    assert np.abs(dw - exact[2]).max() <= WORST * exact[2].std()


@pytest.mark.skipif(not choose.FUSED, reason="this processor multiplies and adds by two instructions")
@pytest.mark.parametrize(
    ("batch", "filters", "out_size", "groups", "dtype", "expected"),
    [
        (128, (256, 48, 5, 5), (27, 27), 2, np.float32, Algorithm.WINOGRAD),
        (128, (96, 48, 3, 3), (55, 55), 1, np.float32, Algorithm.WINOGRAD),  # conv1 in blocks of 4 x 4
        (7, (256, 48, 5, 5), (27, 27), 2, np.float32, Algorithm.DIRECT),  # few images
        (128, (32, 3, 5, 5), (32, 32), 1, np.float32, Algorithm.DIRECT),  # few channels
        (128, (32, 16, 7, 7), (32, 32), 1, np.float32, Algorithm.DIRECT),  # other filters
        (128, (8, 16, 7, 7), (32, 32), 4, np.float32, Algorithm.IM2COL),  # few filters
        (128, (256, 48, 5, 5), (27, 27), 2, np.float64, Algorithm.IM2COL),
    ],
)
def test_which_algorithm_is_taken(
    batch: int, filters: tuple[int, ...], out_size: tuple[int, int], groups: int, dtype: type, expected: Algorithm
) -> None:
    assert choose.algorithm_for(batch, filters, filters[0], out_size, groups, np.dtype(dtype)) is expected


@given(
    batch=st.integers(1, 40),
    channels=st.integers(1, 20),
    filters=st.integers(6, 20),
    taps=st.tuples(st.sampled_from([1, 3, 4, 5]), st.sampled_from([2, 3, 5])),
    size=st.tuples(st.integers(7, 16), st.integers(7, 16)),
    padding=st.tuples(*[st.integers(0, 5)] * 4),
    groups=st.integers(1, 2),
    seed=st.integers(0, 9),
)
def test_any_size(
    batch: int,
    channels: int,
    filters: int,
    taps: tuple[int, int],
    size: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
    seed: int,
) -> None:
    case = ((batch, channels * groups, *size), (filters * groups, channels, *taps), (1, 1), padding, groups)
    given = arrays(case, seed)
    for found, exact in zip(passes(choose, case, given), passes(im2col, case, in_float64(given)), strict=True):
        assert np.abs(found - exact).max() <= WORST * exact.std()


def test_not_a_number_comes_through() -> None:
    case = CASES["odd"]
    x, weight, bias, dy = arrays(case)
    x.data[3, 4, 5, 6] = np.nan
    y = to_host(choose.conv2d(x, weight, bias, *case[2:], True))
    assert np.isnan(y[6]).any() and np.isfinite(np.delete(y, 6, 0)).all()
    assert np.isnan(to_host(choose.conv2d_grad_weight(dy, x, weight.shape, *case[2:]))).any()


def test_the_number_of_threads_changes_nothing() -> None:
    case = CASES["odd"]
    given = arrays(case)
    several = passes(choose, case, given)
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        alone = passes(choose, case, given)
    finally:
        threads.set_num_threads(before)
    for one, other in zip(alone, several, strict=True):
        np.testing.assert_array_equal(one, other)


OTHER_PROCESSOR = """
import llvmlite.binding
import pytest
if LANES == 4:
    features = llvmlite.binding.get_host_cpu_features()
    features.update({name: False for name in features if name.startswith(("avx", "fma", "evex"))})
    llvmlite.binding.get_host_cpu_features = lambda: features
from minigrad.backends.cpu.convolution import choose
from minigrad.backends.cpu.runtime import simd
choose.FUSED = True  # as on ARM, whose vectors have four lanes
assert simd.LANES == LANES
raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", *FILES]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("lanes", "isa"), [(8, "avx2"), (4, "")])
@pytest.mark.skipif(LANES < 16, reason="this processor has short vectors itself")
def test_on_processors_with_shorter_vectors(lanes: int, isa: str, tmp_path: Path) -> None:
    """The same tests, compiled as for a processor without some features of this one."""
    folder = Path(__file__).parent
    files = [str(folder), *(str(folder.parent / "runtime" / name) for name in ("test_simd.py", "test_gemm.py"))]
    program = f"LANES, FILES = {lanes}, {files}\n{OTHER_PROCESSOR}"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "MINIGRAD_ISA": isa}
    root = Path(__file__).parents[5]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
