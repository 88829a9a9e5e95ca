"""Module: parameters by name, modes, hooks and state. Every layer is one, and so is every network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minigrad import display
from minigrad.arguments import only
from minigrad.autograd import next_serial, no_grad
from minigrad.not_offered import in_class
from minigrad.tensors import Tensor

__all__ = ["HookHandle", "Module", "Parameter"]

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

    def __init_subclass__(cls) -> None:
        """Say what a class is made with; Python would look at `__new__`, which takes anything."""
        arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
        cls.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]

    def __init__(self) -> None:
        """Without arguments: a subclass that takes none need not define it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._parameters and value is not None and not isinstance(value, Parameter):
            raise TypeError(f"{type(self).__name__}.{name} is a parameter; assign nn.Parameter(tensor), or None")
        parts: tuple[tuple[dict[str, Any], type], ...] = (self._parameters, Parameter), (self._modules, Module)
        for held, kind in parts:
            if isinstance(value, kind):
                held[name] = value  # in the place of the one before
            else:
                held.pop(name, None)
        object.__setattr__(self, name, value)

    if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
        __getattr__ = in_class("Module")

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

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module (path "") and of all below it, in order of assignment.

        Args:
            memo: modules that are passed over.
            prefix: what the paths begin with.
            remove_duplicate: give a module that stands in several places once, under its first path.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call fn(module) on every module below this one and then on this one: `net.apply(initialise)`."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly below this one, each once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of this module and, with `recurse`, of all below it.

        Args:
            prefix: what the paths begin with.
            recurse: whether those of the modules below are given too.
            remove_duplicate: give a parameter that stands in several places once, under its first path.
        """
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, parameter in module._parameters.items():
                if id(parameter) not in seen:
                    yield f"{path}.{name}" if path else name, parameter
                if remove_duplicate:
                    seen.add(id(parameter))

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, with `recurse`, of all below it, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    # state

    def state_dict(self) -> dict[str, Tensor]:
        """The value of every parameter as it is now, by path: what a checkpoint stores, `mg.save(net.state_dict(), f)`.

        The tensors are not recorded, and training goes on without changing them. (PyTorch's change with the module.)
        """
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> None:
        """Copy values (arrays or tensors) into the parameters of the same paths; dtypes and devices stay.

        All is checked before anything is changed. With `strict=False` paths that only one side has are passed over.
        `assign` is False: parameters stay the tensors that optimisers hold.

        Raises:
            KeyError: paths are missing or unexpected.
            ValueError: a shape differs.
        """
        only("load_state_dict", "assign", assign, False, "values are copied into the parameters: leave it False")
        own = dict(self.named_parameters())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise KeyError(
                f"the state does not fit the module: missing {missing or 'nothing'}, "
                f"unexpected {unexpected or 'nothing'}"
            )
        values = {name: np.asarray(state_dict[name]) for name in own if name in state_dict}
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

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Move the parameters and their gradients to a device, or convert them to float32 or float64, in place.

        Takes what `Tensor.to` takes.
        """
        with no_grad():
            for parameter in self.parameters():
                moved, gradient = parameter.to(*args, **kwargs), parameter.grad
                if moved.dtype.kind != "f":
                    raise TypeError(f"parameters are float32 or float64, not {moved.dtype}")
                parameter.array = moved.array
                parameter.grad = None if gradient is None else gradient.to(*args, **kwargs)
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
