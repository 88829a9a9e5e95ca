"""Modules that hold others: one after the other, by number, or by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

from minigrad.nn.module import Module
from minigrad.tensors import Tensor

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Container(Module):
    """What containers share: their modules are given to them, not assigned to attributes."""

    def _hold(self, name: Any, module: Any) -> None:
        """Make a module a part, in the place of the one of that name."""
        kind = type(self).__name__
        if not isinstance(module, Module):
            raise TypeError(f"{kind} takes modules, got {type(module).__name__} as {name!r}")
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{kind}: a module is called by a word without a dot, got {name!r}")
        if name not in self._modules and hasattr(self, name):
            raise ValueError(f"{kind}: a module cannot be called {name!r}, which every module has already")
        setattr(self, name, module)

    def __len__(self) -> int:
        return len(self._modules)


class _Numbered(_Container):
    """What Sequential and ModuleList share: a place in order."""

    def append(self: N, module: Module) -> N:
        """Put a module at the end; returns the container."""
        self._hold(str(len(self)), module)
        return self

    def __setitem__(self, index: int, module: Module) -> None:
        self._hold(list(self._modules)[index], module)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())


N = TypeVar("N", bound=_Numbered)


class Sequential(_Numbered):
    """Modules one after the other: Sequential(a, b) or Sequential(OrderedDict(first=a, second=b))."""

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        named: Mapping[str, Any]
        if len(args) == 1 and isinstance(args[0], Mapping):
            named = args[0]
        else:
            named = OrderedDict((str(i), module) for i, module in enumerate(args))
        for name, module in named.items():
            self._hold(name, module)

    def forward(self, input: Tensor) -> Tensor:
        """Each module applied to what the one before returned."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(OrderedDict(list(self._modules.items())[index]))
        return list(self._modules.values())[index]


class ModuleList(_Numbered):
    """A list of modules, whose parameters are found as those of attributes are: "0.weight", "1.weight", ..."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(() if modules is None else modules)

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Put several modules at the end; returns the list."""
        if isinstance(modules, Module) or not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList takes a list of modules, got {type(modules).__name__}")
        for module in modules:
            self.append(module)
        return self

    def __getitem__(self, index: int | slice) -> Any:  # Module or ModuleList
        modules = list(self._modules.values())
        return ModuleList(modules[index]) if isinstance(index, slice) else modules[index]


class ModuleDict(_Container):
    """Modules by name, whose parameters are found as those of attributes are: "name.weight"."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update({} if modules is None else modules)

    def update(self, modules: Mapping[str, Module]) -> None:
        """Take several modules, in the place of those of the same names."""
        if not isinstance(modules, Mapping):
            raise TypeError(f"ModuleDict takes a dict of modules, got {type(modules).__name__}")
        for name, module in modules.items():
            self._hold(name, module)

    def keys(self) -> KeysView[str]:
        """The names, in the order of assignment."""
        return self._modules.keys()

    def values(self) -> ValuesView[Module]:
        """The modules, in the order of assignment."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Module]:
        """(name, module), in the order of assignment."""
        return self._modules.items()

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self._hold(name, module)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)
