"""The emulator's checked mode passes kernels that are right and finds the mistakes that a GPU would not tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks import complains
from emulation import (
    FIRST,
    SECOND,
    break_barrier,
    calls,
    multiply,
    on_device,
    own_element,
    product,
    random,
    result_of,
    rewritten,
    use,
)
from numba import cuda

import minigrad as mg
import minigrad.functional as F
from minigrad.backends.cuda import driver, matrix, memory, reduction
from minigrad.backends.cuda.launch import launch
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator.checked import CheckedDriver, KernelCheckError


def test_right_kernels_pass_the_checks(checked: Any) -> None:
    a, b = random(17, 23), random(23, 9)
    np.testing.assert_allclose(multiply(a, b), a @ b, rtol=1e-13, atol=1e-13)
    assert result_of(own_element, 3, 32, (70,), "f8", on_device(np.ones(70)))[69] == 71
    x = random(50)
    out = result_of(calls, 4, 16, (50,), "f8", on_device(x))
    np.testing.assert_allclose(out, x * 16 + np.arange(50) % 16 - x, rtol=1e-15)


def test_index_beyond_the_end_is_reported(checked: Any) -> None:
    with complains(
        "kernel own_element", "block (1, 0, 0)", "thread (28, 0, 0)", "index 60", "axis 0 of x", "(60,)",
        error=KernelCheckError,
    ):  # fmt: skip
        broken = rewritten(own_element, "x.size,", "x.size + 1,")
        launch(broken, 2, 32, FIRST, on_device(np.zeros(64)), on_device(np.zeros(60)))


def test_index_beyond_a_row_is_reported_though_memory_goes_on(checked: Any) -> None:
    broken = rewritten(product, "k + x < a.shape[1]", "k + x <= a.shape[1]")
    with complains("kernel product", "index 12", "axis 1 of a", "(8, 12)", error=KernelCheckError):
        multiply(random(8, 12), random(12, 8), broken)


def test_negative_index_is_reported(checked: Any) -> None:
    broken = rewritten(own_element, "x[i]", "x[i - 1]")
    with complains("index -1", "axis 0 of x", error=KernelCheckError):
        result_of(broken, 1, 32, (4,), "f8", on_device(np.ones(4)))


def test_index_outside_shared_memory_is_reported(checked: Any) -> None:
    broken = rewritten(product, "b_tile[step, x]", "b_tile[step + 1, x]")
    with complains("index 8", "shared", error=KernelCheckError):
        multiply(random(8, 8), random(8, 8), broken)


def test_index_in_a_device_function_is_reported(checked: Any) -> None:
    broken = rewritten(calls, "outer(x, i)", "outer(x, i + 1)")
    with complains("kernel calls", "index 50", "of x", error=KernelCheckError):
        result_of(broken, 4, 16, (50,), "f8", on_device(np.ones(50)))


def test_memory_never_written_is_reported_with_its_index(checked: Any) -> None:
    part = driver.allocate((5, 6), "f8", FIRST)
    driver.copy_from_host(part.part(0, 3), np.ones((3, 6)))
    driver.copy_from_host(part.part(4, 5), np.ones((1, 6)))
    with complains("kernel product", "a[3, ", "never written", error=KernelCheckError):
        launch(product, 1, (8, 8), FIRST, on_device(np.zeros((5, 5))), part, on_device(np.ones((6, 5))))


def test_forgotten_tail_block_is_reported_where_the_result_is_used(checked: Any) -> None:
    result = driver.allocate((70,), "f8", FIRST)
    launch(rewritten(own_element, "x.size,", "x.size // 32 * 32,"), 3, 32, FIRST, result, on_device(np.ones(70)))
    with complains("x[6", "never written", error=KernelCheckError):
        launch(own_element, 3, 32, FIRST, on_device(np.zeros(70)), result)


def test_memory_used_again_counts_as_never_written(checked: Any) -> None:
    on_device(np.ones(70))
    fresh = driver.allocate((70,), "f8", FIRST)
    assert np.isnan(driver.copy_to_host(fresh)).all()
    with complains("never written", error=KernelCheckError):
        launch(own_element, 3, 32, FIRST, on_device(np.zeros(70)), fresh)


def test_copies_carry_what_was_written(checked: Any) -> None:
    source = driver.allocate((4,), "f8", FIRST)
    driver.copy_from_host(source.part(0, 2), np.ones(2))
    target = on_device(np.ones(4), SECOND)
    driver.copy(target, source)
    with complains("x[", "never written", error=KernelCheckError):
        launch(own_element, 1, 4, SECOND, on_device(np.zeros(4), SECOND), target)


@pytest.mark.parametrize("after", ["        for step", "    if i"])
def test_missing_barrier_is_reported(checked: Any, after: str) -> None:
    broken = rewritten(product, f"        cuda.syncthreads()\n{after}", after)
    with complains("kernel product", "c[", "barrier", error=KernelCheckError):
        multiply(random(16, 24), random(24, 16), broken)


REAL_DEFECTS = [
    (memory._transpose, 0, "transpose"),
    (reduction.reduce_block, 0, "line_statistics"),
    (reduction.reduce_block, 1, "line_statistics"),
    (matrix._product, 0, "product"),
    (matrix._product, 1, "product"),
]


@pytest.mark.parametrize(("function", "which", "kernel"), REAL_DEFECTS)
def test_missing_barriers_of_the_real_kernels_are_reported(
    checked: Any, monkeypatch: pytest.MonkeyPatch, function: Any, which: int, kernel: str
) -> None:
    break_barrier(function, which, monkeypatch)
    with complains(f"kernel {kernel}", "barrier", error=KernelCheckError):
        network("cuda")


def test_two_threads_that_write_one_element_are_reported(checked: Any) -> None:
    broken = rewritten(own_element, "out[i]", "out[i // 2]")
    with complains("out[0]", "reverse", error=KernelCheckError):
        result_of(broken, 1, 32, (32,), "f8", on_device(np.ones(32)))


def _diverges(x):
    if cuda.threadIdx.x < 16:
        cuda.syncthreads()
    x[cuda.threadIdx.x] = 1


def test_barrier_that_some_threads_never_reach_is_reported(checked: Any) -> None:
    with complains("kernel diverges", "block (0, 0, 0)", "barrier", error=KernelCheckError):
        launch(Kernel(_diverges, "f8[::1]"), 1, 32, FIRST, on_device(np.zeros(32)))


def test_one_schedule_alone_runs_once(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(CheckedDriver(), monkeypatch)
    broken = rewritten(own_element, "out[i]", "out[i // 2]")
    out = result_of(broken, 1, 32, (32,), "f8", on_device(np.ones(32)))
    assert out[0] == (2 if schedule == "reverse" else 3)


def network(device: str) -> list[np.ndarray]:
    """The loss and the gradients of a small net that uses every family of kernels."""
    mg.manual_seed(0)
    model = mg.nn.Sequential(
        mg.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        mg.nn.ReLU(),
        mg.nn.LocalResponseNorm(3, alpha=0.5),
        mg.nn.MaxPool2d(3, 2),
        mg.nn.AvgPool2d(2, 1),
    ).to(device)
    x = mg.tensor(random(5, 4, 13, 13, dtype="f4"), device=device, requires_grad=True)
    features = F.dropout(model(x).reshape(5, -1), 0.3)
    weight = mg.tensor(random(7, features.shape[1], dtype="f4"), device=device, requires_grad=True)
    logits = F.tanh(F.linear(features, weight)) * 3 + 0.5
    loss = F.cross_entropy(logits, mg.tensor(np.arange(5), device=device))
    loss.backward()
    parameters = [*model.parameters(), weight]
    gradients = [x.grad.numpy(), *(p.grad.numpy() for p in parameters)]
    mg.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01).step()
    return [loss.numpy(), *gradients, *(p.numpy() for p in parameters)]


def test_network_passes_the_checks(checked: Any) -> None:
    for ours, theirs in zip(network("cuda"), network("cpu"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
