"""The engine: operations, what is recorded when one is applied, and the backward walk over what was recorded.

An operation is a `Function` with its value and its gradient side by side. `Function.apply` computes the value and notes
in the Function where its inputs came from: from another Function, or from a leaf, a tensor that nobody computed. So
Functions form a graph that points from results back to leaves:

    loss = (x * w).sum()        Sum --sources--> Mul --sources--> x, w

`walk` goes through that graph once, the latest Function first. Each is handed the gradient of its result and gives
those of its inputs (the chain rule), which are added where several meet. What reaches a leaf is its gradient.

The engine sees arrays, Functions and leaves. `Tensor` (minigrad/tensors.py), which holds an array and the Function that
made it, stands above; the mathematics of each operation is in minigrad/ops/.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

import numpy as np

from minigrad.arrays import Device, DeviceArray, check_same_device, quiet
from minigrad.not_offered import in_module
from minigrad.profiling import noted, profiled

if TYPE_CHECKING:  # an operation gives a tensor, which the tensor that it is applied to makes
    from minigrad.tensors import Tensor

__all__ = [
    "Function",
    "Gradients",
    "Leaf",
    "Variable",
    "backpropagate",
    "is_recording",
    "next_serial",
    "no_grad",
    "walk",
    "walked_before",
]

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "mg.autograd")

C = TypeVar("C", bound=Callable[..., Any])

Gradients = tuple[DeviceArray | None, ...]  # one for each input; None where it is not needed

_serial = itertools.count()  # numbers the Functions that are recorded, in the order in which they are


class _State(threading.local):
    """Whether this thread records."""

    recording = True


_state = _State()


class Leaf(Protocol):
    """Where a backward pass ends: a tensor that nobody computed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the gradient."""

    def accumulate(self, dx: DeviceArray) -> None:
        """Add to the gradient, which has the shape and dtype of the tensor."""


class Variable(Leaf, Protocol):
    """What the engine sees of a tensor: its array, whether a gradient is wanted, and what computed it."""

    array: DeviceArray
    grad_fn: Function | None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded."""

    def computed(self, value: DeviceArray, function: Function) -> Tensor:
        """A tensor with the value that an operation on this one gave; it holds on to the Function if recorded."""


# Recording


def is_recording() -> bool:
    """Whether operations are recorded for a backward pass in this thread."""
    return _state.recording


def next_serial() -> int:
    """A number above those of all Functions that are recorded, and below those of all that will be."""
    return next(_serial)


class no_grad:  # noqa: N801 - PyTorch's name
    """Within the block (or the function so decorated) nothing is recorded for a backward pass, which saves memory.

    It holds for the thread that entered it. As a decorator it may stand without parentheses.
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """The block; or the function, unrecorded."""
        if function is not None and not callable(function):
            raise TypeError(f"no_grad is for a block, `with mg.no_grad():`, or decorates a function; got {function!r}")
        block = super().__new__(cls)
        block._before = []
        return block if function is None else block(function)

    _before: list[bool]

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


class Function:
    """One application of an operation: computed by `forward`, undone for gradients by `backward`.

    An operation of one's own is a subclass that defines both, on the arrays of the inputs. What `forward` assigns to
    `self` is what it saves for `backward`, and it is given up when the backward pass has been through. An operation has
    one output; first derivatives only.

    The arrays are DeviceArrays, and `x.device.backend` has the primitives of their device
    (minigrad/backends/protocol.py). Who would rather write NumPy says `class Square(mg.Function, numpy=True)`: the
    arrays are then NumPy's, copied from and to any device.

    Example:
        >>> import minigrad as mg, numpy as np
        >>> class Square(mg.Function):
        ...     def forward(self, x):
        ...         self.x = x
        ...         return x.device.backend.mul(x, x)
        ...     def backward(self, dy):
        ...         backend = dy.device.backend
        ...         return backend.scale(backend.mul(dy, self.x), 2.0)
        >>> mg.gradcheck(Square.apply, np.array([0.5, -1.0]))
        True

    Attributes:
        sources: for each input, the Function that computed it or the leaf that it is, None where its gradient is not
            wanted; None altogether when nothing was recorded, or when the backward pass is done with it.
        needs_input_grad: for each input, whether its gradient is wanted; `backward` may return None for the others.
        serial: the number of this application. An input is always made before what is computed from it, so falling
            serial numbers are a topological order of the graph.
        differentiable: whether gradients pass; those of comparisons, for one, do not.
        result_shape: that of the result, and so of the gradient that `backward` is given; None as `sources` are.
        result_device: where the result is; None as `sources` are.
        module_calls: the calls of modules that returned the result, innermost first: (module, a serial number below
            those of the Functions that the call recorded).
    """

    name: ClassVar[str] = ""
    differentiable: ClassVar[bool] = True
    sources: tuple[Function | Leaf | None, ...] | None = None
    needs_input_grad: tuple[bool, ...] = ()
    serial: int = -1
    result_shape: tuple[int, ...] | None = None
    result_device: Device | None = None
    module_calls: tuple[tuple[Any, int], ...] = ()

    def __init_subclass__(cls, numpy: bool = False) -> None:
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        for step in ("forward", "backward"):
            method = cls.__dict__.get(step)
            if isinstance(method, staticmethod):
                raise TypeError(
                    f"{cls.__name__}.{step} is a @staticmethod with a ctx; here it is a method that saves on self: "
                    "def forward(self, x): self.x = x; return ...  def backward(self, dy): return ..."
                )
            if numpy and method is not None:
                setattr(cls, step, _on_numpy(method))

    def forward(self, *arrays: Any, **options: Any) -> Any:
        """The value of the operation, an array."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, dy: Any) -> Any:
        """The gradient of each input (a tuple, or one array if there is one input), given that of the output."""
        raise TypeError(f"{type(self).__name__} defines no backward")

    @classmethod
    def apply(cls, *inputs: Variable | None, **options: Any) -> Tensor:
        """The operation applied to tensors, and recorded if a gradient is wanted.

        Args:
            inputs: tensors on one device; None where an optional one is missing.
            options: what else `forward` takes, by name.

        Raises:
            DeviceMismatchError: the inputs are not all on one device.
        """
        value, function = cls.record(*inputs, **options)
        first = inputs[0] if inputs[0] is not None else next(x for x in inputs if x is not None)
        return first.computed(value, function)

    @classmethod
    @quiet
    def record(cls, *inputs: Variable | None, **options: Any) -> tuple[DeviceArray, Function]:
        """What `apply` does, but giving the bare value, and the Function; its `sources` are None if not recorded."""
        recording = cls.differentiable and _state.recording
        arrays: list[DeviceArray | None] = []
        sources: list[Function | Leaf | None] = []
        needs: list[bool] = []
        try:
            for x in inputs:
                source: Function | Leaf | None = None
                if x is not None and recording:
                    # a computed input is known by what made it: its array need not live on for this
                    source = x.grad_fn
                    if source is None and x.requires_grad:
                        source = x
                arrays.append(None if x is None else x.array)
                sources.append(source)
                needs.append(source is not None)
            present = [array for array in arrays if array is not None]
            if not present:
                raise AttributeError
        except AttributeError:
            given = ", ".join(type(x).__name__ for x in inputs) or "nothing"
            raise TypeError(f"{cls.name} is applied to tensors, got {given}; make one with mg.tensor") from None
        check_same_device(cls.name, present)
        function = cls()
        function.needs_input_grad = tuple(needs)
        events = profiled.events
        if events is None:
            value = function.forward(*arrays, **options)
        else:
            value = noted(events, function, function.forward, *arrays, **options)
        if True in needs:
            function.sources, function.serial = tuple(sources), next(_serial)
            function.result_shape, function.result_device = value.shape, value.device
        return value, function

    def release(self) -> None:
        """Give up everything saved."""
        self.__dict__.clear()


def _on_numpy(step: Callable[..., Any]) -> Callable[..., Any]:
    """A forward or backward that is written for NumPy arrays, for DeviceArrays; floats keep the inputs' dtype."""

    @functools.wraps(step)
    def on_device(self: Function, *arrays: DeviceArray | None, **options: Any) -> Any:
        first = next(array for array in arrays if array is not None)
        backend = first.device.backend

        def wrapped(result: Any) -> DeviceArray | None:
            if result is None:
                return None
            array = np.asarray(result)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"{self.name}: an array of numbers is wanted, got {type(result).__name__}")
            return backend.from_host(array.astype(first.dtype) if array.dtype.kind == "f" else array, first.device)

        results = step(self, *(None if array is None else backend.to_host(array) for array in arrays), **options)
        return tuple(map(wrapped, results)) if isinstance(results, tuple) else wrapped(results)

    return on_device


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
        sources = function.sources
        if sources is None:
            raise walked_before()
        results = _gradients(function, len(sources), gradients.pop(function))
        for number, source in enumerate(sources):
            dx, results[number] = results[number], None  # none lives longer than it must
            if source is None:
                continue
            shape = source.result_shape if isinstance(source, Function) else source.shape
            if not isinstance(dx, DeviceArray) or (dx.shape != shape and shape is not None):
                raise _no_gradient(function, number, shape, dx)
            if not isinstance(source, Function):
                source.accumulate(dx)
            elif source in gradients:
                gradients[source] = dx.device.backend.add(gradients[source], dx)
            else:
                gradients[source] = dx
                heapq.heappush(waiting, (-source.serial, source))
            del dx
        yield function


def walked_before() -> RuntimeError:
    """What is wrong with a graph that a backward pass has been through."""
    return RuntimeError(
        "backward went through this graph before and gave up what it had saved; compute the value again"
    )


def _gradients(function: Function, count: int, dy: DeviceArray) -> list[Any]:
    """What a Function's backward gives for its inputs, so many; what it saved is given up."""
    events = profiled.events
    results = function.backward(dy) if events is None else noted(events, function, function.backward, dy)
    function.release()
    results = list(results) if isinstance(results, tuple) else [results]
    if len(results) != count:
        raise TypeError(f"{function.name}: backward gave {len(results)} gradients for {count} inputs")
    return results


def _no_gradient(function: Function, number: int, shape: tuple[int, ...] | None, dx: Any) -> TypeError:
    """What is wrong with what a backward gave for an input of that shape."""
    given = f"the shape {dx.shape}" if isinstance(dx, DeviceArray) else type(dx).__name__
    return TypeError(
        f"{function.name}: the gradient of input {number} is an array of shape {shape}, backward gave {given}"
    )
