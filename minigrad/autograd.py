"""The engine: what is recorded when an operation is applied, and the backward walk over what was recorded.

An operation is a `Function` (minigrad/function.py) with its value and its gradient side by side. `record` computes the
value and notes in the Function where its inputs came from: from another Function, or from a leaf, a tensor that nobody
computed. So Functions form a graph that points from results back to leaves:

    loss = (x * w).sum()        Sum --sources--> Mul --sources--> x, w

`walk` goes through that graph once, the latest Function first. Each is handed the gradient of its result and gives
those of its inputs (the chain rule), which are added where several meet. What reaches a leaf is its gradient.

The engine sees arrays, Functions and leaves. `Tensor` (minigrad/tensors.py), which holds an array and the Function that
made it, stands above; the mathematics of each operation (minigrad/ops/) stands below.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, cast

from minigrad.arrays import DeviceArray, check_same_device
from minigrad.function import Function, Leaf
from minigrad.profiling import noted

__all__ = ["Variable", "backpropagate", "is_recording", "next_serial", "no_grad", "record", "walk", "walked_before"]

C = TypeVar("C", bound=Callable[..., Any])

_serial = itertools.count()  # numbers the Functions that are recorded, in the order in which they are
_state = threading.local()  # whether this thread records


class Variable(Leaf, Protocol):
    """What the engine sees of a tensor: its array, whether a gradient is wanted, and what computed it."""

    array: DeviceArray
    grad_fn: Function | None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded."""


# Recording


def is_recording() -> bool:
    """Whether operations are recorded for a backward pass in this thread."""
    return getattr(_state, "recording", True)


def next_serial() -> int:
    """A number above those of all Functions that are recorded, and below those of all that will be."""
    return next(_serial)


class no_grad:  # noqa: N801 - PyTorch's name
    """Within the block (or the function so decorated) nothing is recorded for a backward pass, which saves memory.

    It holds for the thread that entered it.
    """

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(is_recording())
        _state.recording = False

    def __exit__(self, *exception: object) -> None:
        _state.recording = self._before.pop()

    def __call__(self, function: C) -> C:
        """The function, unrecorded."""

        @functools.wraps(function)
        def unrecorded(*arguments: Any, **options: Any) -> Any:
            with no_grad():  # one for each call: several threads may be in the function
                return function(*arguments, **options)

        return cast(C, unrecorded)


def record(
    function_class: type[Function], inputs: Sequence[Variable | None], options: dict[str, Any]
) -> tuple[DeviceArray, Function]:
    """Compute the value of an operation, and record it if a gradient is wanted.

    Args:
        function_class: the operation.
        inputs: what it is applied to; None where an optional one is missing.
        options: what else its `forward` takes.

    Returns:
        The value, and the Function, whose `sources` are None if it was not recorded.

    Raises:
        DeviceMismatchError: the inputs are not all on one device.
    """
    arrays = [None if x is None else x.array for x in inputs]
    check_same_device(function_class.name, (array for array in arrays if array is not None))
    function = function_class()
    recording = is_recording()
    function.needs_input_grad = tuple(recording and x is not None and x.requires_grad for x in inputs)
    value = noted(function, function.forward, *arrays, **options)
    if any(function.needs_input_grad):
        # a computed input is known by what made it: its array need not live on for this
        wanted = zip(inputs, function.needs_input_grad, strict=True)
        function.sources = tuple((x.grad_fn or x) if x is not None and need else None for x, need in wanted)
        function.serial, function.result_shape, function.result_device = next(_serial), value.shape, value.device
    return value, function


# The backward walk


def backpropagate(root: Function, gradient: DeviceArray) -> None:
    """Walk the graph to its end, from the Function that computed the result and the gradient of the result."""
    deque(walk({root: gradient}), maxlen=0)


def walk(gradients: dict[Function, DeviceArray]) -> Iterator[Function]:
    """Call backward of every recorded Function once, the latest first, and hand the leaves their gradients.

    What uses a result has a higher serial number than what computed it. So the waiting Function with the highest number
    has all its gradients. A heap gives that one; no recursion, and each is freed when it is done.

    Args:
        gradients: of results, by the Function that computed each: that of something with respect to the last of all.
            Those that have arrived and wait stand here as the walk goes on.

    Yields:
        Each Function when its backward is done.

    Raises:
        RuntimeError: the graph was walked before.
    """
    waiting = [(-function.serial, function) for function in gradients]
    heapq.heapify(waiting)
    while waiting:
        _, function = heapq.heappop(waiting)
        for source, dx in _gradients(function, gradients.pop(function)):
            if not isinstance(source, Function):
                source.accumulate(dx)
            elif source in gradients:
                gradients[source] = dx.device.backend.add(gradients[source], dx)
            else:
                gradients[source] = dx
                heapq.heappush(waiting, (-source.serial, source))
        yield function


def walked_before() -> RuntimeError:
    """What is wrong with a graph that a backward pass has been through."""
    return RuntimeError(
        "backward went through this graph before and gave up what it had saved; compute the value again"
    )


def _gradients(function: Function, dy: DeviceArray) -> Iterator[tuple[Function | Leaf, DeviceArray]]:
    """Call a Function's backward: where its inputs came from, and the gradient of each.

    A generator that gives each gradient up as it yields it, so that none lives longer than it must.
    """
    sources = function.sources
    if sources is None:
        raise walked_before()
    results = noted(function, function.backward, dy)
    del dy
    function.release()
    results = list(results) if isinstance(results, tuple) else [results]
    if len(results) != len(sources):
        raise TypeError(f"{function.name}: backward gave {len(results)} gradients for {len(sources)} inputs")
    for number, source in enumerate(sources):
        dx, results[number] = results[number], None
        if source is not None:
            yield source, dx
