"""Defects seeded in copies of kernels: the comparison with the CPU must notice each of them.

Whether a missing barrier shows depends on the order in which the emulator runs threads; it runs them one after another
from barrier to barrier, which is the worst order for most, and its checked mode runs them in reverse as well.
"""

from __future__ import annotations

import inspect
import textwrap
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from parity import check_kernel

from minigrad.backends.cuda import convolution, driver, matrix, memory, normalisation, pooling, reduction, training
from minigrad.backends.cuda.declaration import Kernel
from minigrad.device import Device

allocate = driver.allocate


class Mutant(NamedTuple):
    """A kernel with a piece of its text replaced, and the entry of the kernel table whose comparison must fail."""

    module: ModuleType
    kernel: str
    right: str
    wrong: str
    table: str


BARRIER, NOTHING = "cuda.syncthreads()", "pass"

MUTANTS = {
    # missing barriers
    "transpose reads a tile that is not there": Mutant(memory, "_transpose", BARRIER, NOTHING, "reorder"),
    "product multiplies tiles that are not there": Mutant(matrix, "_product", BARRIER, NOTHING, "matmul"),
    "sum adds slices that are not there": Mutant(reduction, "_sum", BARRIER, NOTHING, "sum"),
    "maximum compares slices that are not there": Mutant(reduction, "_max", BARRIER, NOTHING, "max"),
    "product fetches tiles that are still read": Mutant(
        matrix, "_product", f"{BARRIER}\n        for i", f"{NOTHING}\n        for i", "matmul"
    ),
    "sum goes on before its halves are there": Mutant(
        reduction, "_sum", f"{BARRIER}\n            half //= 2", "half //= 2", "sum"
    ),
    "statistics overwrite the largest while it is read": Mutant(
        reduction, "_line_statistics", f"best = partial[lane]\n        {BARRIER}", "best = partial[lane]", "softmax"
    ),
    # bounds off by one
    "im2col reads a row below the image": Mutant(
        convolution, "_im2col", "row + u < image_h", "row + u <= image_h", "conv2d"
    ),
    "im2col misses the last column": Mutant(
        convolution, "_im2col", "column + v < image_w", "column + v < image_w - 1", "conv2d"
    ),
    "col2im misses the last position of a span": Mutant(
        convolution, "_col2im", "position < width", "position < width - 1", "conv2d_grad_input"
    ),
    "pooling looks one row too far": Mutant(
        pooling, "_max_pool2d", "range(first_u, min(kernel_h", "range(first_u, min(kernel_h + 1", "max_pool2d"
    ),
    "average pooling forgets the first window of a pixel": Mutant(
        pooling, "_avg_pool2d_grad", "range(first_window(row,", "range(1 + first_window(row,", "avg_pool2d_grad"
    ),
    "normalisation's gradient misses a channel": Mutant(
        normalisation, "_subtract_shared", "c + before + 1", "c + before", "local_response_norm_grad"
    ),
    "short sum misses the last row": Mutant(
        reduction, "_short_sum", "range(length)", "range(length - 1)", "sum"
    ),
    # forgotten tails
    "product forgets the last columns": Mutant(
        matrix, "_product", "(width + TILE - 1) // TILE", "max(1, width // TILE)", "matmul"
    ),
    "product forgets the last terms": Mutant(
        matrix, "_product", "stop, DEPTH)", "stop // DEPTH * DEPTH, DEPTH)", "matmul"
    ),
    "sum forgets the last strip": Mutant(
        reduction, "_sum", "(inner + width - 1) // width", "inner // width", "sum"
    ),
    "transpose forgets the last tile of a line": Mutant(
        memory, "_transpose", "(width + TILE - 1) // TILE", "max(1, width // TILE)", "reorder"
    ),
    "weighted sum forgets the last strip": Mutant(
        matrix, "_weighted_sum", "(inner + width - 1) // width", "max(1, inner // width)", "linear_grad_input"
    ),
    # other places
    "equal values: the last wins": Mutant(pooling, "_max_pool2d", "value > best", "value >= best", "max_pool2d"),
    "dropout goes by the place in memory": Mutant(
        training, "_dropout", "random_word(i * row_step + j * column_step", "random_word(number", "dropout"
    ),
    "products of a second span replace the first": Mutant(
        matrix, "_product", "value += c[part", "value += 0 * c[part", "conv2d_grad_weight"
    ),
}  # fmt: skip


def seeded(mutant: Mutant) -> Kernel:
    """A copy of the kernel with the defect in it."""
    right = getattr(mutant.module, mutant.kernel)
    source = textwrap.dedent(inspect.getsource(right.py_func))
    source = source[source.index("def ") :]  # without the decorator, which would register it
    assert mutant.right in source, "the kernel was rewritten: seed another defect"
    namespace = dict(right.py_func.__globals__)
    exec(compile(source.replace(mutant.right, mutant.wrong, 1), f"<{mutant.kernel} with a defect>", "exec"), namespace)
    return Kernel(namespace[mutant.kernel], right.declaration)


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
    check_kernel(mutant.table, np.float64)
    monkeypatch.setattr(mutant.module, mutant.kernel, seeded(mutant))
    with pytest.raises(AssertionError):
        check_kernel(mutant.table, np.float64)
