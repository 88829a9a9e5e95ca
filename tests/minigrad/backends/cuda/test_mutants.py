"""Defects seeded in copies of kernels: the comparison with the reference must notice each of them.

Whether a missing barrier shows depends on the order in which the emulator runs threads: one after another from barrier
to barrier, in order or in reverse. Where a thread reads what a later one writes, the first order shows it; where it
reads what an earlier one writes, the other.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from checks import check_adam
from emulation import BARRIER, break_barrier, rewritten
from parity import check_primitive

from minigrad.arrays import Device
from minigrad.backends.cuda import adam, convolution, driver, memory, reduction
from minigrad.backends.cuda.runtime.signature import REGISTRY

allocate = driver.allocate


class Mutant(NamedTuple):
    """A kernel with a piece of its text replaced, and the primitive whose comparison must fail."""

    kernel: str
    right: str
    wrong: str
    table: str


MUTANTS = {
    # bounds off by one
    "im2col reads a row below the image": Mutant(
        "im2col", "row + u < image_h", "row + u <= image_h", "conv2d"
    ),
    "im2col misses the last column": Mutant(
        "im2col", "column + v < image_w", "column + v < image_w - 1", "conv2d"
    ),
    "col2im misses the last position of a span": Mutant(
        "col2im", "position < stop", "position < stop - 1", "conv2d_grad_input"
    ),
    "pooling looks one row too far": Mutant(
        "max_pool2d", "range(u_start, min(kernel_h", "range(u_start, min(kernel_h + 1", "max_pool2d"
    ),
    "average pooling forgets the first window of a pixel": Mutant(
        "avg_pool2d_grad", "range(windows_start(row,", "range(1 + windows_start(row,", "avg_pool2d_grad"
    ),
    "normalisation's gradient misses a channel": Mutant(
        "subtract_shared", "c + before + 1", "c + before", "local_response_norm_grad"
    ),
    "the gradient of normalisation within a map leans to the wrong side": Mutant(
        "subtract_within_map", "j - after", "j - before", "within_map_response_norm_grad"
    ),
    "short sum misses the last row": Mutant(
        "short_sum", "range(length)", "range(length - 1)", "sum"
    ),
    "the search for an extreme misses the last of a line": Mutant(
        "extreme", "range(own, length, slices)", "range(own, length - 1, slices)", "min"
    ),
    "the gradient of what was taken misses the last of its terms": Mutant(
        "take_grad", "range(starts[g], starts[g + 1])", "range(starts[g], starts[g + 1] - 1)", "take_grad"
    ),
    "local filters miss the last column": Mutant(
        "local_values", "x.shape[2] - column)", "x.shape[2] - column - 1)", "locally_connected2d"
    ),
    "the gradient of local filters begins one column late": Mutant(
        "local_weight_gradients", "0 <= column", "0 < column", "locally_connected2d_grad_weight"
    ),
    "the gradient before local filters misses the first window of a pixel": Mutant(
        "local_input_gradients", "range(windows_start(column,", "range(1 + windows_start(column,",
        "locally_connected2d_grad_input"
    ),
    # forgotten tails
    "the gradient of local filters forgets the last of them": Mutant(
        "local_weight_gradients", "(share + TILE - 1) // TILE", "max(1, share // TILE)",
        "locally_connected2d_grad_weight"
    ),
    "product forgets the last columns": Mutant(
        "product", "(width + TILE - 1) // TILE", "max(1, width // TILE)", "matmul"
    ),
    "product forgets the last terms": Mutant(
        "product", "stop, DEPTH)", "stop // DEPTH * DEPTH, DEPTH)", "matmul"
    ),
    "sum forgets the last strip": Mutant(
        "sum", "(inner + width - 1) // width", "inner // width", "sum"
    ),
    "transpose forgets the last tile of a line": Mutant(
        "transpose", "(width + TILE - 1) // TILE", "max(1, width // TILE)", "reorder"
    ),
    "weighted sum forgets the last strip": Mutant(
        "weighted_sum", "(inner + width - 1) // width", "max(1, inner // width)", "linear_grad_input"
    ),
    # other places
    "local filters see the first group": Mutant(
        "local_values", "x[group * channels + c,", "x[c,", "locally_connected2d"
    ),
    "the gradient before local filters takes the next tap for the next channel": Mutant(
        "local_input_gradients", "tap + c * kernel_h * kernel_w", "tap + c", "locally_connected2d_grad_input"
    ),
    "the smallest is looked for as the largest is": Mutant(
        "extreme", "where[thread], largest)", "where[thread], 1)", "min"
    ),
    "each index takes from the first outer place": Mutant(
        "take", "number // inner // count", "0", "take"
    ),
    "equal values: the last wins": Mutant("max_pool2d", "value > best", "value >= best", "max_pool2d"),
    "dropout goes by the place in memory": Mutant(
        "dropout", "first + i * row_stride + j * column_stride", "first + number", "dropout"
    ),
    "dropout always begins with the first word": Mutant(
        "dropout", "random_word(first + i", "random_word(i", "dropout"
    ),
    "products of a second span replace the first": Mutant(
        "product", "value += c[part", "value += 0 * c[part", "conv2d_grad_weight"
    ),
}  # fmt: skip


# For each kernel and function with barriers, primitives that run it.
WITH_BARRIERS = {
    "transpose": ["reorder"],
    "reduce_block": ["sum", "max", "min", "softmax", "linear_grad_input"],
    "line_statistics": ["softmax"],
    "product": ["matmul"],
    "local_weight_gradients": ["locally_connected2d_grad_weight"],
}
FUNCTIONS = {each.py_func.__name__.strip("_"): each for each in (*REGISTRY, reduction.reduce_block)}
BARRIERS = [
    (name, which, table)
    for name, function in FUNCTIONS.items()
    for which in range(inspect.getsource(function.py_func).count(BARRIER))
    for table in WITH_BARRIERS[name]
]


def poisoned(shape: tuple[int, ...], dtype: Any, device: Device) -> driver.ArrayView:
    """Fresh memory without the results of an earlier kernel in it."""
    view = allocate(shape, dtype, device)
    driver.copy_from_host(view, np.full(shape, np.nan if view.dtype.kind == "f" else 99, view.dtype))
    return view


@pytest.mark.parametrize("name", MUTANTS)
def test_defect_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    monkeypatch.setattr(convolution, "WORKSPACE", 3000)  # several spans
    monkeypatch.setattr(driver, "allocate", poisoned)
    check_primitive(mutant.table, np.float64, "cuda:0")
    kernel = FUNCTIONS[mutant.kernel]
    broken = rewritten(kernel, mutant.right, mutant.wrong)
    monkeypatch.setattr(sys.modules[kernel.py_func.__module__], kernel.py_func.__name__, broken)
    with pytest.raises(AssertionError):
        check_primitive(mutant.table, np.float64, "cuda:0")


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("mean = beta1 * m[i]", "mean = beta2 * m[i]"),
        ("rest2 * (gradient * gradient)", "rest2 * (g[i] * g[i])"),
        ("m[i] = mean", "m[i] = gradient"),
        ("math.sqrt(square) / root + eps)\n", "math.sqrt(square + eps) / root)\n"),
    ],
)
def test_defect_of_adam_is_noticed(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"weight_decay": 0.1, "eps": 1e-3}
    check_adam((5,), np.float64, settings, 0, "cuda:0")
    monkeypatch.setattr(adam, "_adam", rewritten(adam._adam, right, wrong))
    with pytest.raises(AssertionError):
        check_adam((5,), np.float64, settings, 0, "cuda:0")


@pytest.fixture
def compare(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Holds a primitive against the reference, with threads in either order."""
    monkeypatch.setattr(memory, "MOST_BLOCKS", 2)  # several tasks per block, which use its shared memory again
    # One worker, so that what stands in shared memory is always the same.
    monkeypatch.setattr("minigrad.backends.cuda.emulator.driver.get_num_threads", lambda: 1)

    def either_way(table: str) -> None:
        for backwards in (False, True):
            emulated.backwards = backwards
            check_primitive(table, np.float64, "cuda:0")

    return either_way


@pytest.mark.parametrize("table", sorted({table for _, _, table in BARRIERS}))
def test_barriers_are_enough(table: str, compare: Callable[[str], None]) -> None:
    compare(table)


@pytest.mark.parametrize(("name", "which", "table"), BARRIERS)
def test_each_barrier_is_needed(
    name: str, which: int, table: str, compare: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_barrier(FUNCTIONS[name], which, monkeypatch)
    with pytest.raises(AssertionError):
        compare(table)
