"""How the loops of this backend are compiled: when they are first called, and then kept on disk.

The source alone decides the bits. Numba compiles a loop that others call into each of them as well and optimises it
anew, and which of the copies a call meets depends on what this process compiled or loaded before. So the compiler is
given no leave to choose: there are no fast-math flags. Where a sum must be quick, its order is written down, as sums
side by side. Infinities and NaN come through, or training that went wrong would not be noticed.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache, update_wrapper
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from minigrad import compilation

__all__ = ["Jitted", "Shared", "inner", "jitted"]

# Whose source and constants are compiled into the loops.
SOURCES = ("backends/*.py", "backends/cpu/**/*.py", "random.py")


def inner(function: Callable[..., Any]) -> Any:
    """A loop, or a part of one, that only other loops call: it becomes a part of each."""
    return _dispatcher(function, forceinline=True)


def _dispatcher(function: Callable[..., Any], forceinline: bool = False) -> Any:
    return numba.njit(nogil=True, error_model="numpy", forceinline=forceinline)(function)


def jitted(function: Callable[..., None]) -> Jitted:
    """A loop that Python calls, with arrays to fill; it returns nothing."""
    return Jitted(function)


class Jitted:
    """A loop that is compiled for the types that it is called with, or loaded from disk.

    Args:
        function: the loop.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        update_wrapper(self, function)
        self._dispatcher = _with_cache(_dispatcher(function))

    def __call__(self, *arguments: Any) -> None:
        """Run it; or note that it is needed, where this thread rehearses a program."""
        if compilation.rehearsing():
            types = tuple(map(numba.typeof, arguments))
            compilation.note((self, types), lambda: self._dispatcher.compile(types))
        else:
            self._dispatcher(*arguments)


class Shared:
    """A function that loops call by its address: compiled once, where it would be long in each of them.

    Args:
        function: the function, which returns nothing.
        types: of its arguments, numbers.
    """

    def __init__(self, function: Callable[..., None], types: Sequence[Any]) -> None:
        self._compiled = _with_cache(CFunc(function, (tuple(types), numba.types.void), {}, {"error_model": "numpy"}))
        self._lock = threading.Lock()

    @property
    def address(self) -> int:
        """Where it is, to be handed to a loop; 0 where this thread rehearses a program, which notes it."""
        if self._compiled.address is None:
            if compilation.rehearsing():
                compilation.note(self, self._compile)
                return 0
            self._compile()
        return int(self._compiled.address)

    def _compile(self) -> None:
        with self._lock:
            if self._compiled.address is None:
                self._compiled.compile()


def _with_cache(compiler: Any) -> Any:
    """A dispatcher or the like of Numba, which asks ours for compiled code."""
    compiler._cache = _Cache(compiler.__wrapped__)
    return compiler


class _Cache(NullCache):
    """What a dispatcher of Numba asks for compiled code.

    Numba's own cache keeps code beside the source, looks for changes only in the file that a loop stands in, and lets
    two processes that compile at the same time take the same file.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def load_overload(self, types: Any, context: Any) -> Any:
        """The compiled loop for these types; None if it is not there."""
        context.refresh()
        code = compilation.load_code(self._name(types, context.codegen()))
        if code is None:
            return None
        return CompileResult._rebuild(context, *pickle.loads(code))  # of this user's own making, and whole

    def save_overload(self, types: Any, result: Any) -> None:
        """Keep a compiled loop."""
        compilation.save_code(self._name(types, result.codegen), dumps(result._reduce()))

    def _name(self, types: Any, codegen: Any) -> str:
        """A digest of all that the code depends on: source, types, processor and versions."""
        function = self._function
        words = function.__module__, function.__qualname__, str(types), codegen.magic_tuple()
        digest = _backend_digest().copy()
        digest.update(Path(inspect.getfile(function)).read_bytes())
        digest.update(repr((words, numba.__version__, sys.version)).encode())
        return digest.hexdigest()[:40]


@cache
def _backend_digest() -> Any:
    """That of all that may be compiled into a loop, besides what stands in its own file: of hashlib, to go on with."""
    package = Path(__file__).parents[3]
    files = sorted(file for pattern in SOURCES for file in package.glob(pattern))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files))
