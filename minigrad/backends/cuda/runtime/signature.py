"""What a kernel is before anything compiles it: a Python function in numba.cuda's dialect, and its signatures.

A signature is written down once, in words of NumPy's short names: "float[:,::1], i8, float". From it come the types of
every launch, what the emulator compiles and what is assembled for real chips.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import DTypeLike

__all__ = ["REGISTRY", "Dim3", "Kernel", "Parameter", "Signature", "Variant"]

FLOATS = tuple(np.dtype(name) for name in ("f4", "f8"))
ELEMENTS = tuple(np.dtype(name) for name in ("f4", "f8", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"))
CHOICES = {"float": FLOATS, "any": ELEMENTS, "other": ELEMENTS}  # words that stand for a type of the launch

_PARAMETER = re.compile(r"(?P<element>\w+)(?:\[(?P<axes>[:,1 ]+)\])?")

# The dtypes that stand for the words of CHOICES that a kernel uses, in that order: what a compiled kernel is made for.
Variant = tuple[np.dtype[Any], ...]

Signature = tuple[types.Type, ...]  # the types of the arguments, for Numba
Dim3 = tuple[int, int, int]  # the blocks of a grid, or the threads of a block, along x, y and z


class Parameter(NamedTuple):
    """One argument of a kernel: its name, its element ("float", "any", "other" or a dtype) and how many axes it has."""

    name: str
    element: str | np.dtype[Any]
    ndim: int | None  # None for a number
    layout: str  # "C", or "A" where the declaration promises no order

    def dtype(self, chosen: dict[str, np.dtype[Any]]) -> np.dtype[Any]:
        """The element's dtype, given what the words stand for."""
        return chosen[self.element] if isinstance(self.element, str) else self.element


class Kernel:
    """A kernel: made by `@kernel`, launched by `launch`.

    Attributes:
        name: the function's name without leading underscores.
        py_func: the function.
        declaration: the signature in words.
        parameters: what the words say of each argument.
        words: those of "float", "any" and "other" that the declaration uses.
    """

    def __init__(self, py_func: Callable[..., None], declaration: str) -> None:
        self.py_func = py_func
        self.name = py_func.__name__.lstrip("_")
        self.declaration = declaration
        self.parameters = tuple(_parse(self.name, py_func, declaration))
        used = {parameter.element for parameter in self.parameters if isinstance(parameter.element, str)}
        self.words = tuple(word for word in CHOICES if word in used)
        self.__doc__ = py_func.__doc__

    @cached_property
    def deciders(self) -> tuple[int, ...]:
        """For each word, the position of the argument whose dtype decides: its first array, else its first number."""
        found = []
        for word in self.words:
            mentions = [i for i, each in enumerate(self.parameters) if each.element == word]
            arrays = [i for i in mentions if self.parameters[i].ndim is not None]
            found.append((arrays or mentions)[0])
        return tuple(found)

    def dtypes(self, variant: Variant) -> tuple[np.dtype[Any], ...]:
        """The dtype of each argument, elements for arrays."""
        chosen = dict(zip(self.words, variant, strict=True))
        return tuple(parameter.dtype(chosen) for parameter in self.parameters)

    def signature(self, *variant: DTypeLike) -> Signature:
        """The Numba types of the arguments; `variant` says what "float", "any" and "other" stand for, in that order."""
        kinds = tuple(np.dtype(each) for each in variant)
        if len(kinds) != len(self.words):
            raise TypeError(f"kernel {self.name} has a signature for each choice of {self.words}, got {variant}")
        pairs = zip(self.parameters, self.dtypes(kinds), strict=True)
        return tuple(_numba_type(parameter, dtype) for parameter, dtype in pairs)

    def variants(self) -> list[Variant]:
        """Every choice of dtypes for the words of the declaration."""
        return list(itertools.product(*(CHOICES[word] for word in self.words)))

    def __repr__(self) -> str:
        return f"Kernel({self.name}: {self.declaration})"


REGISTRY: list[Kernel] = []


def _parse(name: str, py_func: Callable[..., None], declaration: str) -> Iterator[Parameter]:
    """The parameters of the function with what the declaration says of each."""
    words = [word.strip() for word in re.split(r",(?![^\[]*\])", declaration)]
    names = list(inspect.signature(py_func).parameters)
    if len(words) != len(names):
        raise TypeError(f"kernel {name} has {len(names)} parameters, but its declaration names {len(words)}")
    for parameter, word in zip(names, words, strict=True):
        match = _PARAMETER.fullmatch(word)
        if not match:
            raise TypeError(f"kernel {name}: {word!r} is no type; write one such as 'float[:,::1]', 'i8' or 'float'")
        element: str | np.dtype[Any] = match["element"]
        if element not in CHOICES:
            element = np.dtype({"b1": "?"}.get(match["element"], match["element"]))
        axes = match["axes"]
        ndim = axes.count(",") + 1 if axes else None
        yield Parameter(parameter, element, ndim, "C" if axes and axes.endswith("::1") else "A")


def _numba_type(parameter: Parameter, dtype: np.dtype[Any]) -> types.Type:
    element = from_dtype(dtype)
    if parameter.ndim is None:
        return element
    layout: Any = parameter.layout
    return types.Array(element, parameter.ndim, layout)
