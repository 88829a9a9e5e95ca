"""The judge of every gradient: what backward says against what differences of the function say, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.autograd import no_grad
from minigrad.creation import tensor
from minigrad.tensors import Tensor

__all__ = ["GradcheckError", "gradcheck"]

ENTRIES_CHECKED_SINGLY = 500  # of an input; larger ones are checked along random directions
COTANGENTS = 2
DIRECTIONS = 4


class GradcheckError(AssertionError):
    """A gradient is wrong; the message says of which input, at which entry, and both numbers."""


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Tensor | np.ndarray] | Tensor | np.ndarray,
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
) -> bool:
    """Compare the gradients of a function with central differences.

    With random cotangents c (never all ones, which hide mistakes in softmax and normalisation), backward gives
    c^T J for the Jacobian J. For an input of few entries the whole of J is made by differences,
    (f(x + eps e) - f(x - eps e)) / 2 eps for every entry, and every entry of c^T J is compared; for a large input a
    few random directions d are, through c^T J d.

    Args:
        function: takes the inputs as tensors; returns a tensor or a tuple of tensors; always the same for the same
            inputs.
        inputs: float64 arrays or tensors, or a single one. All float64 inputs are checked; integer ones are passed on.
        eps: half the distance of the two points.
        rtol, atol: a difference up to atol + rtol * |number| is allowed.
        seed: of the cotangents and directions.

    Returns:
        True.

    Raises:
        GradcheckError: a gradient is wrong.
        TypeError: an input is float32, in which differences say nothing.
        ValueError: the function gives another value when called again.
    """
    if isinstance(inputs, (Tensor, np.ndarray)):
        inputs = [inputs]
    arrays = [np.array(x.numpy() if isinstance(x, Tensor) else x) for x in inputs]
    places = [x.device if isinstance(x, Tensor) else "cpu" for x in inputs]
    for number, array in enumerate(arrays):
        if array.dtype != np.float64 and array.dtype.kind not in "iu":
            raise TypeError(f"gradcheck needs float64, input {number} is {array.dtype}")
    if not any(array.dtype == np.float64 for array in arrays):
        raise TypeError("gradcheck was given no float64 input")

    def value() -> list[np.ndarray]:
        with no_grad():
            outputs = function(*(tensor(a, device) for a, device in zip(arrays, places, strict=True)))
        return [y.numpy() for y in _tuple(outputs)]

    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(value(), value(), strict=True)):
        raise ValueError("gradcheck: the function gives another value each time it is called; fix its random numbers")
    random = np.random.default_rng(seed)
    for _ in range(COTANGENTS):
        leaves = [tensor(a, device) for a, device in zip(arrays, places, strict=True)]
        for leaf in leaves:
            leaf.requires_grad = leaf.dtype == np.float64
        outputs = _tuple(function(*leaves))
        cotangents = [random.standard_normal(y.shape) for y in outputs]
        _backward(outputs, cotangents)
        for number, leaf in enumerate(leaves):
            if leaf.requires_grad:
                gradient = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
                judge = _Judge(value, cotangents, number, arrays[number], gradient, eps, rtol, atol)
                judge.check(random)
    return True


def _tuple(outputs: Any) -> tuple[Tensor, ...]:
    result = tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
    for y in result:
        if not isinstance(y, Tensor):
            raise TypeError(f"gradcheck: the function returns a tensor or a tuple of them, got {type(y).__name__}")
    return result


def _backward(outputs: tuple[Tensor, ...], cotangents: list[np.ndarray]) -> None:
    """Backward of the sum of all <cotangent, output>, in one walk: outputs may share a graph."""
    total: Tensor | None = None
    for y, c in zip(outputs, cotangents, strict=True):
        if y.requires_grad:
            product = (y * tensor(c, y.device)).sum()
            total = product if total is None else total + product.to(total.device)
    if total is None:
        raise GradcheckError("no output of the function depends on an input that requires a gradient")
    total.backward()


class _Judge:
    """Differences of <cotangents, value> along directions in one input, against its gradient."""

    def __init__(
        self,
        value: Callable[[], list[np.ndarray]],
        cotangents: list[np.ndarray],
        number: int,
        array: np.ndarray,
        gradient: np.ndarray,
        eps: float,
        rtol: float,
        atol: float,
    ) -> None:
        self.value, self.cotangents = value, cotangents
        self.number, self.array, self.gradient = number, array, gradient
        self.eps, self.rtol, self.atol = eps, rtol, atol

    def check(self, random: np.random.Generator) -> None:
        if self.array.size <= ENTRIES_CHECKED_SINGLY:
            for entry in np.ndindex(self.array.shape):
                direction = np.zeros(self.array.shape)
                direction[entry] = 1.0
                place = ", ".join(map(str, entry))
                self._compare(f"entry ({place})", self.gradient[entry], self._difference(direction))
            return
        for _ in range(DIRECTIONS):
            direction = random.standard_normal(self.array.shape)
            direction /= np.linalg.norm(direction)
            said = float(np.sum(self.gradient * direction))
            self._compare("along a random direction", said, self._difference(direction))

    def _difference(self, direction: np.ndarray) -> float:
        """d/dt <cotangents, f(x + t direction)> at 0."""
        before = self.array.copy()
        values = []
        for sign in (1.0, -1.0):
            self.array[...] = before + sign * self.eps * direction
            values.append(self.value())
        self.array[...] = before
        slopes = (np.sum(c * (a - b)) for c, a, b in zip(self.cotangents, *values, strict=True))
        return float(sum(slopes)) / (2 * self.eps)

    def _compare(self, place: str, said: float, difference: float) -> None:
        if not abs(said - difference) <= self.atol + self.rtol * abs(difference):
            raise GradcheckError(
                f"input {self.number}, {place}: backward says {said:.10g}, differences say {difference:.10g}"
            )
