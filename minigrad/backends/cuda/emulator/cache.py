"""The names under which compiled kernels are kept on disk.

A name is a digest of everything that the code depends on: the kernel's bytecode, constants, the globals and device
functions that it mentions, the types, the host's processor and the versions of the packages involved.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np

from minigrad.backends.cuda.emulator import lowering
from minigrad.backends.cuda.runtime.signature import Signature

__all__ = ["digest"]

_SIMPLE = (int, float, complex, str, bytes, bool, type(None), np.dtype, np.generic)


def digest(py_func: Callable[..., Any], signature: Signature, checked: bool) -> str | None:
    """The name of a kernel's compiled code; None if the function depends on a thing that has no lasting name."""
    parts = _function(py_func, set())
    if parts is None:
        return None
    machine = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), sys.version)
    versions = (lowering.check_version(), llvmlite.__version__, numba.__version__)
    words = repr((parts, str(signature), checked, machine, versions))
    return hashlib.sha256(_compiler() + words.encode()).hexdigest()[:40]


@cache
def _compiler() -> bytes:
    """The source of what compiles kernels, this folder: when it changes, so may the code."""
    folder = Path(__file__).parent
    return b"".join(path.read_bytes() for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.ll")]))


def _function(py_func: Any, seen: set[int]) -> list[Any] | None:
    """What a function's compiled code depends on, in words that are the same in every process."""
    if id(py_func) in seen:
        return []
    seen.add(id(py_func))
    parts: list[Any] = [py_func.__name__, *_code(py_func.__code__)]
    for name, value in sorted(lowering.referenced(py_func).items()):
        part = _value(value, seen)
        if part is None:
            return None
        parts.append((name, part))
    return parts


def _value(value: Any, seen: set[int]) -> Any:
    """A global in words, or None."""
    if isinstance(value, _SIMPLE):
        return repr(value)
    if isinstance(value, tuple):
        parts = [_value(each, seen) for each in value]
        return None if None in parts else parts
    if isinstance(value, ModuleType):  # what is used of modules of the project is listed by itself
        return value.__name__
    py_func = getattr(value, "py_func", value)
    if hasattr(py_func, "__code__"):
        return _function(py_func, seen)
    words = repr(value)
    return None if " at 0x" in words else words


def _code(code: CodeType) -> list[Any]:
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]
