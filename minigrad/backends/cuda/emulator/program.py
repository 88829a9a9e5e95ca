"""From a kernel's LLVM IR to a program for the host that runs the blocks of a grid.

It is done in two steps, with LLVM's optimiser between them: `host_modules` makes the kernel a function of one thread,
`program` adds what calls it for each thread of each block.
"""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from minigrad.backends.cuda.emulator.barriers import CORO_END, coroutine
from minigrad.backends.cuda.emulator.llvm import text
from minigrad.backends.cuda.emulator.lowering import CHECKS, Lowered
from minigrad.backends.cuda.emulator.refused import refuse, shared_arrays
from minigrad.backends.cuda.emulator.retargeted import DEFINED, retargeted

__all__ = ["host_modules", "program", "waits"]


def waits(module: str) -> bool:
    """Whether the text of a module, made for the host, has a barrier."""
    return "@mg_barrier" in module


def host_modules(name: str, lowered: Lowered, checked: bool) -> tuple[str, ...]:
    """The kernel and its device functions as modules for the host, to be linked and optimised.

    The kernel is still a function of one thread, named `kernel`, and a barrier a call of a function that nobody knows.
    """
    refuse(name, lowered, checked)
    modules = [retargeted(module) for module in (lowered.main, *lowered.others)]
    modules[0] = re.sub(rf'@"?{re.escape(lowered.entry)}"?(?=\()', "@kernel", modules[0])
    if any(f"@{each}" in module or f'@"{each}"' in module for module in modules for each in DEFINED):
        modules.append(text("libdevice"))
    return _short_names(modules)


def _short_names(modules: list[str]) -> tuple[str, ...]:
    """Numba's mangled names hold a count of this process; numbered in order they are the same in every process."""
    short: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        return f'@"{short.setdefault(match[1], f"f{len(short)}")}"'

    renamed = [re.sub(r'@"?(_ZN[\w$.]+)"?', rename, module) for module in modules]
    return tuple(re.sub(r"; ModuleID = [^\n]*", "", module) for module in renamed)


def program(name: str, optimised: llvm.ModuleRef, checked: bool) -> str:
    """The module that runs the blocks of a grid, `run_blocks(args, dims, start, stop)`, from the optimised kernel.

    Args:
        name: the kernel's name, for messages.
        optimised: LLVM's module with the function `kernel`, as llvmlite gives it.
        checked: whether the kernel calls the checks.
    """
    module = str(optimised)
    found = re.search(r"^define [^\n]*@kernel\([^\n]*\{\n(.*?)\n\}", module, re.S | re.M)
    if not found:
        raise RuntimeError(f"kernel {name}: numba-cuda's LLVM text is not of the form that the emulator reads")
    arguments = [(str(each.type), each.name) for each in optimised.get_function("kernel").arguments]
    others = _without_declarations(module[: found.start()] + module[found.end() :], checked)
    parts = [_kernel(found[1], arguments), text("grid"), _block(found[1], arguments[1:], others, checked)]
    if checked:
        parts.append(text("checks"))
    return "\n".join([others, *_declared_once("\n".join(parts), others)])


def _kernel(body: str, arguments: list[tuple[str, str]]) -> str:
    """The kernel as a function of one thread, which starts it where it has barriers."""
    # Only types and names: what LLVM found out about the plain function need not hold for the coroutine.
    parameters = ", ".join(f'{kind} %"{each}"' for kind, each in arguments)
    if waits(body):
        return f"define internal ptr @kernel({parameters}) presplitcoroutine {{\n{coroutine(body)}\n}}"
    return f"define internal i32 @kernel({parameters}) alwaysinline {{\n{body}\n}}"


def _block(body: str, arguments: list[tuple[str, str]], others: str, checked: bool) -> str:
    """What runs the threads of a block; the arguments are the kernel's own, without the status in front."""
    kinds = [kind for kind, _ in arguments]
    parts = {
        "load_arguments": "\n".join(
            f"  %p{i} = getelementptr i8, ptr %args, i64 {8 * i}\n  %v{i} = load {kind}, ptr %p{i}"
            for i, kind in enumerate(kinds)
        ),
        "arguments": "".join(f", {kind} %v{i}" for i, kind in enumerate(kinds)),
        "fill_shared_memory": _filled_with_nan(others) if checked else "",
    }
    if waits(body):
        return text("coroutines", coro_end=CORO_END, diverged=text("diverged") if checked else "", **parts)
    return text("threads", **parts)


def _filled_with_nan(module: str) -> str:
    """Fill the shared memory with NaN, so that what a block reads without having written it shows."""
    return "\n".join(
        f"  call void @llvm.memset.p0.i64(ptr addrspacecast (ptr addrspace(3) {name} to ptr), i8 -1, "
        f"i64 {size}, i1 false)"
        for name, size in shared_arrays(module).items()
    )


def _without_declarations(module: str, checked: bool) -> str:
    """The module without the declarations of what the program defines."""
    module = re.sub(r"^@sreg = external[^\n]*", "", module, flags=re.M)
    defined = ("mg_barrier", *CHECKS) if checked else ("mg_barrier",)
    return re.sub(rf"^declare [^\n]*@({'|'.join(defined)})\([^\n]*", "", module, flags=re.M)


def _declared_once(parts: str, others: str) -> list[str]:
    """The lines of the parts without those that declare what the others declare."""
    declared = set(re.findall(r"^declare [^@\n]*@([\w.]+)\(", others, re.M))
    heads = [(line, re.match(r"declare [^@]*@([\w.]+)\(", line)) for line in parts.split("\n")]
    return [line for line, head in heads if not (head and head[1] in declared)]
