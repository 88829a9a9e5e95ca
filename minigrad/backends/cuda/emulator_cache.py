"""Compiled kernels on disk, so that a second process need not compile them again.

A file's name is a digest of everything that the code depends on: the kernel's bytecode, constants, the globals and
device functions that it mentions, the types, the host's processor and the versions of the packages involved. When a
file was last used is its time of modification; what has not been used for a month goes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np

from minigrad.backends.cuda import lowering

__all__ = ["digest", "load", "save"]

KEPT = 30 * 24 * 3600  # seconds after its last use

_SIMPLE = (int, float, complex, str, bytes, bool, type(None), np.dtype, np.generic)


def folder() -> Path:
    """Where the files are: `$NUMBA_CACHE_DIR` or `$XDG_CACHE_HOME`, as Numba's own, or ~/.cache."""
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "minigrad" / "cuda"


def digest(py_func: Callable[..., Any], signature: tuple[Any, ...], checked: bool) -> str | None:
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
    """The source of what compiles kernels: when it changes, so may the code."""
    files = ("lowering.py", "emulator_ir.py", "emulator_runtime.py", "emulator.py")
    return b"".join((Path(__file__).parent / name).read_bytes() for name in files)


def load(name: str) -> bytes | None:
    """The object code of that name, if there is one."""
    path = folder() / f"{name}.o"
    try:
        code = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)
    return code


def save(name: str, code: bytes) -> None:
    """Keep object code under that name; a cache that cannot be written is done without."""
    with suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(code)
        Path(temporary).replace(folder() / f"{name}.o")
        _prune()


@cache
def _prune() -> None:
    """Remove what has not been used for long, once a process; another process may be removing it too."""
    oldest = time.time() - KEPT
    for path in folder().iterdir():
        with suppress(OSError):
            if path.suffix in (".o", ".part") and path.stat().st_mtime < oldest:
                path.unlink()


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
