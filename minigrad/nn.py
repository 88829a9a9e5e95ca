"""Modules: parameters, and the layers that hold them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from math import sqrt
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from minigrad import display, init
from minigrad import functional as F
from minigrad.arrays import Device, DeviceArray
from minigrad.arrays import device as as_device
from minigrad.autograd import next_serial, no_grad
from minigrad.functional import Padding, Size, check_count, check_pair, check_sides
from minigrad.tensors import Tensor

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Tanh",
    "WithinMapResponseNorm",
    "init",
]

M = TypeVar("M", bound="Module")
Hook = Callable[["Module", tuple[Any, ...], Any], Any]


class Parameter(Tensor):
    """A tensor that a module learns: assigned to a module's attribute, it is found by `parameters()`."""

    __slots__ = ()

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            raise TypeError(f"a Parameter is made from a tensor, got {type(data).__name__}; make one with mg.tensor")
        super().__init__(data.array, requires_grad)


class HookHandle:
    """Returned by `register_forward_hook`; `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Hook], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._key, None)


class Module:
    """A part of a network. Subclasses assign parameters and modules to attributes and define `forward`.

    An error raised in `forward` names the path of the module in which it happened ("column1.conv2: ...").

    Attributes:
        training: True after construction and `train()`, False after `eval()`.
    """

    training: bool
    _parameters: dict[str, Parameter]
    _modules: dict[str, Module]
    _hooks: dict[int, Hook]

    def __new__(cls, *args: Any, **kwargs: Any) -> Module:
        """Make room for parameters and modules before `__init__`, so that subclasses need not call super's."""
        self = super().__new__(cls)
        for name, value in (("training", True), ("_parameters", {}), ("_modules", {}), ("_hooks", {})):
            object.__setattr__(self, name, value)
        return self

    def __init__(self) -> None:
        """Without arguments: a subclass that takes none need not define it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._parameters and value is not None and not isinstance(value, Parameter):
            raise TypeError(f"{type(self).__name__}.{name} is a parameter; assign nn.Parameter(tensor), or None")
        self._parameters.pop(name, None)
        self._modules.pop(name, None)
        if isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._modules[name] = value
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._parameters.pop(name, None)
        self._modules.pop(name, None)
        object.__delattr__(self, name)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; call the module itself, which also runs the hooks."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        start = next_serial()
        try:
            output = self.forward(*inputs, **options)
            for hook in list(self._hooks.values()):
                replacement = hook(self, inputs, output)
                output = output if replacement is None else replacement
        except (ValueError, TypeError, IndexError, RuntimeError, MemoryError) as error:
            self._locate(error)
            raise
        for y in output if isinstance(output, (tuple, list)) else (output,):
            if isinstance(y, Tensor) and y.grad_fn is not None and y.grad_fn.serial > start:
                y.grad_fn.module_calls += ((self, start),)
        return output

    def _locate(self, error: Exception) -> None:
        """Put the path from this module to the one that failed in front of the message."""
        if len(error.args) != 1 or not isinstance(error.args[0], str):
            return
        failed, message = getattr(error, "_minigrad_origin", (self, error.args[0]))
        path = next((name for name, module in self.named_modules() if module is failed), None)
        if path is None:  # a module that was not assigned to an attribute: what it said of itself is the message
            failed, message, path = self, error.args[0], ""
        error._minigrad_origin = failed, message  # type: ignore[attr-defined]
        error.args = (f"{path}: {message}" if path else message,)

    def register_forward_hook(self, hook: Hook) -> HookHandle:
        """Call hook(module, inputs, output) after every forward; what it returns, if not None, replaces the output."""
        if not callable(hook):
            raise TypeError(f"a hook is called with (module, inputs, output), got {type(hook).__name__}")
        key = max(self._hooks, default=-1) + 1
        self._hooks[key] = hook
        return HookHandle(self._hooks, key)

    # parts

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(path, module) of this module (path "") and of all below it, in order of assignment."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        seen: set[int] = set()
        for _, module in self.named_modules():
            if id(module) not in seen:
                seen.add(id(module))
                yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly below this one."""
        yield from self._modules.items()

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        yield from self._modules.values()

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of this module and all below it; a shared parameter once, under its first path."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, parameter in module._parameters.items():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield f"{path}.{name}" if path else name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """The parameters of this module and all below it, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    # state

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy on the host of every parameter, by path: what a checkpoint stores."""
        return {name: parameter.numpy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy values (arrays or tensors) into the parameters of the same paths; dtypes and devices stay.

        All is checked before anything is changed. With `strict=False` paths that only one side has are passed over.

        Raises:
            KeyError: paths are missing or unexpected.
            ValueError: a shape differs.
        """
        own = dict(self.named_parameters())
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        if strict and (missing or unexpected):
            raise KeyError(
                f"the state does not fit the module: missing {missing or 'nothing'}, "
                f"unexpected {unexpected or 'nothing'}"
            )
        values = {name: np.asarray(state[name]) for name in own if name in state}
        for name, value in values.items():
            if value.shape != own[name].shape or value.dtype.kind not in "fiu":
                raise ValueError(
                    f"{name} is {own[name].dtype} of shape {own[name].shape}, "
                    f"the state holds {value.dtype} of shape {value.shape}"
                )
        for name, value in values.items():
            parameter = own[name]
            parameter.array = parameter.device.backend.from_host(value.astype(parameter.dtype), parameter.device)

    def train(self: M, mode: bool = True) -> M:
        """Set training mode (dropout drops) for this module and all below it."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Set evaluation mode for this module and all below it."""
        return self.train(False)

    def to(self: M, target: str | Device | npt.DTypeLike) -> M:
        """Move the parameters and their gradients to a device, or convert them to float32 or float64, in place."""
        with no_grad():
            for parameter in self.parameters():
                moved, gradient = parameter.to(target), parameter.grad
                if moved.dtype.kind != "f":
                    raise TypeError(f"parameters are float32 or float64, not {moved.dtype}")
                parameter.array = moved.array
                parameter.grad = None if gradient is None else gradient.to(target)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or make them 0, if they are to stay tensors."""
        for parameter in self.parameters():
            parameter.zero_grad(set_to_none)

    # appearance

    def extra_repr(self) -> str:
        """The arguments that a layer shows of itself."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self._modules.items()]
        body = "\n  " + "\n  ".join(lines) + "\n" if lines else self.extra_repr()
        return f"{type(self).__name__}({body})"

    def _repr_html_(self) -> str:
        """The table of layers that Jupyter shows."""
        rows = []
        for path, module in self.named_modules():
            if module._modules and not module._parameters:
                continue
            own = list(module._parameters.values())
            shapes = ", ".join(" x ".join(map(str, p.shape)) for p in own)
            places = ", ".join(dict.fromkeys(str(p.device) for p in own))
            layer = repr(module) if not module._modules else type(module).__name__
            rows.append((path, layer, shapes, f"{sum(p.numel() for p in own):,}" if own else "", places))
        total = sum(p.numel() for p in self.parameters())
        head = ("path", "layer", "parameters", "count", "device")
        return display.table(f"{type(self).__name__}: {total:,} parameters", head, rows, left=2)


class Sequential(Module):
    """Modules one after the other: Sequential(a, b) or Sequential(OrderedDict(first=a, second=b))."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        named: Mapping[str, Any]
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0]
        else:
            named = OrderedDict((str(i), module) for i, module in enumerate(modules))
        for name, module in named.items():
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules, got {type(module).__name__} as {name!r}")
            if hasattr(self, name):
                raise ValueError(f"Sequential: a module cannot be called {name!r}, which every module has already")
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Tensor:
        """Each module applied to what the one before returned."""
        for module in self._modules.values():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(OrderedDict(list(self._modules.items())[index]))
        return list(self._modules.values())[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())


def _uniform_parameter(*shape: int, bound: float, device: str | Device) -> Parameter:
    where = as_device(device)
    blank = DeviceArray(lambda: None, shape, np.dtype(np.float32), where)  # filled before anybody looks
    return Parameter(init.uniform_(Tensor(blank), -bound, bound))


class Linear(Module):
    """A fully-connected layer, y = x weight^T + bias; the weight has shape (out_features, in_features)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: str | Device = "cpu") -> None:
        check_count("Linear", "in_features", in_features, 0)
        check_count("Linear", "out_features", out_features, 0)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / sqrt(max(in_features, 1))
        self.weight = _uniform_parameter(out_features, in_features, bound=bound, device=device)
        self.bias = _uniform_parameter(out_features, bound=bound, device=device) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """A layer of filters, `functional.conv2d` with its own weight (K, C / groups, KH, KW) and bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        groups: int = 1,
        bias: bool = True,
        device: str | Device = "cpu",
        *,
        relu: bool = False,
    ) -> None:
        check_count("Conv2d", "in_channels", in_channels, 1)
        check_count("Conv2d", "out_channels", out_channels, 1)
        check_count("Conv2d", "groups", groups, 1)
        check_pair("Conv2d", "stride", stride, 1)
        check_sides("Conv2d", padding)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} input and {out_channels} output channels do not divide into {groups} groups"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.stride, self.padding, self.relu = stride, padding, relu
        self.kernel_size = check_pair("Conv2d", "kernel_size", kernel_size, 1)
        bound = 1 / sqrt(in_channels // groups * self.kernel_size[0] * self.kernel_size[1])
        shape = out_channels, in_channels // groups, *self.kernel_size
        self.weight = _uniform_parameter(*shape, bound=bound, device=device)
        self.bias = _uniform_parameter(out_channels, bound=bound, device=device) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups, relu=self.relu)

    def extra_repr(self) -> str:
        rest = f"stride={self.stride}, padding={self.padding}, groups={self.groups}, bias={self.bias is not None}"
        rest += ", relu=True" if self.relu else ""
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, {rest}"


class MaxPool2d(Module):
    """`functional.max_pool2d` as a layer."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, ceil_mode={self.ceil_mode}"


class AvgPool2d(Module):
    """`functional.avg_pool2d` as a layer."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        rest = f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, {rest}"


class LocalResponseNorm(Module):
    """`functional.local_response_norm` as a layer (section 3.3)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class WithinMapResponseNorm(Module):
    """`functional.within_map_response_norm` as a layer."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.within_map_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Module):
    """`functional.dropout` as a layer, active in training mode (section 4.2)."""

    def __init__(self, p: float = 0.5, scale_at: str = "train") -> None:
        self.p, self.scale_at = p, scale_at

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.dropout(x, self.p, self.training, self.scale_at)

    def extra_repr(self) -> str:
        return f"{self.p}, scale_at={self.scale_at!r}"


class ReLU(Module):
    """max(x, 0) (section 3.1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.relu(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.tanh(x)


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` made one: by default all but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to (N, product of the rest)."""
        return x.flatten(self.start_dim, self.end_dim)


class CrossEntropyLoss(Module):
    """`functional.cross_entropy` as a layer: logits (N, classes) and int64 targets (N,) to a loss."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(logits, targets, self.reduction)
