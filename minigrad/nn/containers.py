"""Modules that hold others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from minigrad.nn.module import Module
from minigrad.tensors import Tensor

__all__ = ["Sequential"]


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
