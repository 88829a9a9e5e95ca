"""Lowering a kernel to NVVM's dialect of LLVM IR, by numba-cuda, without a CUDA driver.

This is the only module that touches the internals of numba-cuda's compiler, and only while a kernel is lowered: what it
replaces there is put back before it returns, so that hardware use in the same process stays clean. Only the versions of
numba-cuda that are known to work are accepted.
"""

from __future__ import annotations

import dis
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple
from unittest.mock import PropertyMock, patch

import numba_cuda
from llvmlite import ir
from numba import types
from numba.cuda import cgutils, compiler, dispatcher, target  # type: ignore[attr-defined]
from numba.cuda.cudadrv import nvvm
from numba.cuda.np import arrayobj

from minigrad.backends.cuda.runtime.signature import Signature

__all__ = ["CHECKS", "COMPUTE_CAPABILITY", "Lowered", "check_nvvm", "check_version", "device_functions", "lower", "ptx"]

KNOWN_VERSIONS = ((0, 30, 4), (0, 31))  # numba-cuda from, and before
COMPUTE_CAPABILITY = (9, 0)  # of an emulated GPU
CHECKS = ("mg_bounds", "mg_read", "mg_write")  # what a kernel of the checked mode calls, of `llvm/checks.ll`

_lock = threading.RLock()


class Lowered(NamedTuple):
    """A kernel as LLVM IR: the module with the kernel, those of its device functions, and the kernel's name there."""

    main: str
    others: tuple[str, ...]
    entry: str


def check_version() -> str:
    """The version of numba-cuda, if the emulator knows it."""
    version = str(numba_cuda.__version__)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    first, bound = (".".join(map(str, each)) for each in KNOWN_VERSIONS)
    if not KNOWN_VERSIONS[0] <= numbers < KNOWN_VERSIONS[1]:
        raise RuntimeError(
            f"the CUDA emulator reads numba-cuda's LLVM text and knows versions {first} up to, not with, {bound}; "
            f"this is numba-cuda {version}: install one of those (pip install 'numba-cuda>={first},<{bound}')"
        )
    return version


def lower(py_func: Callable[..., None], signature: Signature, checked: bool = False) -> Lowered:
    """The LLVM IR of a kernel.

    With `checked`, accesses call `mg_bounds(base, index, length, axis)` before they leave a thread that would go out of
    bounds, and `mg_read(address, bytes)` and `mg_write(address, bytes)`.
    """
    check_version()
    with _lock, _no_gpu(py_func), _instrumented() if checked else ExitStack():
        result = compiler.compile_cuda(py_func, types.void, signature, cc=COMPUTE_CAPABILITY, fastmath=False)
    entry = result.fndesc.llvm_func_name
    head = re.compile(rf'^define [^\n]*@"?{re.escape(entry)}"?\(', re.M)
    texts = [str(text) for text in result.library.llvm_strs]
    main = next(text for text in texts if head.search(text))
    return Lowered(main, tuple(text for text in texts if text is not main), entry)


def ptx(py_func: Callable[..., None], signature: Signature, capability: tuple[int, int]) -> str:
    """The PTX of a kernel for a chip, by NVVM, which comes with the CUDA toolkit."""
    with _lock, _no_gpu(py_func):
        text, _ = compiler.compile_ptx(py_func, signature, cc=capability)
    return str(text)


def check_nvvm() -> None:
    """Raise whatever NVVM raises if it is not there."""
    nvvm.NVVM()


def device_functions(py_func: Callable[..., Any]) -> list[dispatcher.CUDADispatcher]:
    """The device functions that a function calls, and those that they call."""
    found: list[dispatcher.CUDADispatcher] = []
    pending = [py_func]
    while pending:
        for value in referenced(pending.pop()).values():
            if isinstance(value, dispatcher.CUDADispatcher) and value not in found:
                found.append(value)
                pending.append(value.py_func)
    return found


def referenced(py_func: Callable[..., Any]) -> dict[str, Any]:
    """What a function mentions of its globals and its closure, by name, and of modules what it takes from them."""
    assert isinstance(py_func, FunctionType)
    codes = [py_func.__code__]
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    instructions = [each for code in codes for each in dis.get_instructions(code)]
    names = {str(each.argval) for each in instructions if each.opname == "LOAD_GLOBAL"}
    attributes = {str(each.argval) for each in instructions if each.opname in ("LOAD_ATTR", "LOAD_METHOD")}
    known = {name: py_func.__globals__[name] for name in names if name in py_func.__globals__}
    cells = zip(py_func.__code__.co_freevars, py_func.__closure__ or (), strict=True)
    known |= {name: cell.cell_contents for name, cell in cells}
    for name, value in list(known.items()):
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in ("numba", "numpy", "math"):
            known |= {f"{name}.{each}": getattr(value, each) for each in attributes if hasattr(value, each)}
    return known


class _NoDevice:
    """Stands for the current device, which device functions ask for its capability."""

    compute_capability = COMPUTE_CAPABILITY


@contextmanager
def _no_gpu(py_func: Callable[..., Any]) -> Iterator[None]:
    """Let device functions be compiled without a GPU, and forget what was compiled so."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(dispatcher, "get_current_device", _NoDevice))
        for function in device_functions(py_func):
            stack.enter_context(patch.object(function, "overloads", OrderedDict()))
        yield


@contextmanager
def _instrumented() -> Iterator[None]:
    """Let array accesses call the checks of the emulator's checked mode."""
    indexing, fix_index = arrayobj.basic_indexing, arrayobj.fix_integer_index
    load, store = arrayobj.load_item, arrayobj.store_item
    bases: list[Any] = []  # the array that is being indexed

    def basic_indexing(context: Any, builder: Any, kind: Any, array: Any, *rest: Any, **options: Any) -> Any:
        bases.append(array.data)
        try:
            return indexing(context, builder, kind, array, *rest, **options)
        finally:
            bases.pop()

    def fix_integer_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        """A negative index stays negative: Numba would wrap it around, and hide a mistake."""
        if kind.signed:
            return context.cast(builder, index, kind, types.intp)
        return fix_index(context, builder, kind, index, size)

    def do_boundscheck(context: Any, builder: Any, index: Any, length: Any, axis: Any = None) -> None:
        outside = builder.icmp_unsigned(">=", index, length)
        with cgutils.if_unlikely(builder, outside):
            _call(builder, "mg_bounds", bases[-1], index, length, ir.Constant(ir.IntType(64), axis or 0))
            context.fndesc.call_conv.return_user_exc(builder, IndexError, ("index is out of bounds",))

    def load_item(context: Any, builder: Any, kind: Any, pointer: Any) -> Any:
        _call(builder, "mg_read", pointer, ir.Constant(ir.IntType(64), kind.dtype.bitwidth // 8))
        return load(context, builder, kind, pointer)

    def store_item(context: Any, builder: Any, kind: Any, value: Any, pointer: Any) -> Any:
        _call(builder, "mg_write", pointer, ir.Constant(ir.IntType(64), kind.dtype.bitwidth // 8))
        return store(context, builder, kind, value, pointer)

    with ExitStack() as stack:
        checks = PropertyMock(return_value=True)
        stack.enter_context(patch.object(target.CUDATargetContext, "enable_boundscheck", checks))
        stack.enter_context(patch.object(cgutils, "do_boundscheck", do_boundscheck))
        for replacement in (basic_indexing, fix_integer_index, load_item, store_item):
            stack.enter_context(patch.object(arrayobj, replacement.__name__, replacement))
        yield


def _call(builder: Any, name: str, pointer: Any, *numbers: Any) -> None:
    """Call a check with the pointer as i8* and the numbers as i64."""
    word = ir.IntType(64)
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte] + [word] * len(numbers))
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(function, [builder.bitcast(pointer, byte), *numbers])
