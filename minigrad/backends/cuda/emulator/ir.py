"""From NVVM's dialect of LLVM IR to a program for the host that runs the blocks of a grid.

numba-cuda's IR is ordinary LLVM apart from a handful of names:

- special registers (`threadIdx` and its kind) become loads from a small table, `@sreg`;
- `__shared__` memory is a global: blocks run one after another in one compiled instance, so it serves as it is;
- libdevice's functions become LLVM's own or the host's libm;
- a barrier is the hard one. A kernel with barriers becomes an LLVM coroutine and the barrier a suspend point: a block
  starts all its threads, each up to the first barrier, then resumes them in rounds. LLVM keeps what is alive over a
  barrier in the coroutine's frame.

What has no counterpart here is refused by the name that a kernel's author knows.
"""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any

import llvmlite.binding as llvm

from minigrad.backends.cuda.emulator import runtime
from minigrad.backends.cuda.emulator.lowering import Lowered

__all__ = ["MAX_THREADS", "SHARED_LIMIT", "UnsupportedKernelError", "add_mathematics", "host_modules", "program"]

MAX_THREADS = 1024  # of a block, on every CUDA GPU
SHARED_LIMIT = 48 * 1024  # bytes of static shared memory a block

_SREG = {
    f"{register}.{axis}": index
    for index, (register, axis) in enumerate(
        (register, axis) for register in ("tid", "ctaid", "ntid", "nctaid") for axis in "xyz"
    )
}

# What a name in the IR means to a kernel's author. The first that matches is named.
_UNSUPPORTED = (
    (r"barrier0\.(popc|and|or)|barrier\.cta", "cuda.syncthreads_count, _and or _or"),
    (r"shfl|vote|match\.|bar\.warp|laneid|lanemask|activemask|nanosleep|\basm\b", "a warp intrinsic"),
    (r"atomic|cmpxchg|___numba_cas", "an atomic operation"),
    (r"cudaCG|cooperative|grid_?sync|\bcg_", "a cooperative group"),
    (r"printf", "print"),
    (r"__nv_(half|float2half)|half", "half precision"),
)

_INTRINSICS = {  # libdevice's name: LLVM's
    **{name: name for name in ("sqrt", "fabs", "floor", "ceil", "trunc", "rint", "round", "fma", "copysign")},
    **{"fmin": "minnum", "fmax": "maxnum"},
}
_LIBM = re.findall(
    r"\w+",
    "exp exp2 exp10 expm1 log log2 log10 log1p pow sin cos tan sinh cosh tanh asin acos atan atan2 asinh acosh atanh "
    "erf erfc tgamma lgamma hypot fmod remainder cbrt ldexp",
)
_INTEGER = {"min": "smin.i32", "max": "smax.i32", "umin": "umin.i32", "umax": "umax.i32"}
_INTEGER |= {"ll" + name: whole.replace("32", "64") for name, whole in _INTEGER.items() if name[0] != "u"}
_INTEGER |= {"ull" + name[1:]: whole.replace("32", "64") for name, whole in _INTEGER.items() if name[0] == "u"}

_LIBDEVICE = {"__nv_" + name: "llvm." + whole for name, whole in _INTEGER.items()}
_LIBDEVICE |= {"__nv_" + name: f"llvm.{whole}.f64" for name, whole in _INTRINSICS.items()}
_LIBDEVICE |= {f"__nv_{name}f": f"llvm.{whole}.f32" for name, whole in _INTRINSICS.items()}
_LIBDEVICE |= {"__nv_" + name: name for name in _LIBM} | {f"__nv_{name}f": name + "f" for name in _LIBM}
_LIBDEVICE |= {f"__nv_fast_{name}f": name + "f" for name in ("exp", "log", "pow", "sin", "cos", "tan")}
_LIBDEVICE |= {"__nv_powi": "llvm.powi.f64.i32", "__nv_powif": "llvm.powi.f32.i32"}

_WIDTHS = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "float": 4, "i64": 8, "double": 8}


class UnsupportedKernelError(NotImplementedError):
    """A kernel uses what the emulator does not have."""


def add_mathematics() -> None:
    """Let compiled kernels find the functions of the host's libm."""
    library = ctypes.CDLL({"linux": "libm.so.6", "win32": "ucrtbase"}.get(sys.platform))
    for name in (*_LIBM, *(f"{name}f" for name in _LIBM)):
        function = getattr(library, name, None)
        if function is not None:
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)


def host_modules(name: str, lowered: Lowered, checked: bool) -> tuple[str, ...]:
    """The kernel and its device functions as modules for the host, to be linked and optimised.

    The kernel is still a function of one thread, named `kernel`, and a barrier a call of a function that nobody knows.
    """
    _refuse(name, lowered, checked)
    table = "\n@sreg = external global [12 x i32]\n"
    modules = [_retarget(text) for text in (lowered.main, *lowered.others)]
    modules = [text + table if "@sreg" in text else text for text in modules]
    modules[0] = re.sub(rf'@"?{re.escape(lowered.entry)}"?(?=\()', "@kernel", modules[0])
    if any(f"@{name}" in text or f'@"{name}"' in text for text in modules for name in runtime.DEFINED_NAMES):
        modules.append(runtime.DEFINED)
    return _short_names(tuple(modules))


def program(name: str, optimised: Any, checked: bool) -> str:
    """The module that runs the blocks of a grid, `run_blocks(args, dims, first, last)`, from the optimised kernel."""
    text = str(optimised)
    found = re.search(r"^define [^\n]*@kernel\([^\n]*\{\n(.*?)\n\}", text, re.S | re.M)
    if not found:
        raise RuntimeError(f"kernel {name}: numba-cuda's LLVM text is not of the form that the emulator reads")
    pairs = [(str(each.type), each.name) for each in optimised.get_function("kernel").arguments]
    # Only types and names: what LLVM found out about the plain function need not hold for the coroutine.
    parameters = ", ".join(f'{kind} %"{each}"' for kind, each in pairs)
    waits = "@mg_barrier()" in found[1]
    if waits:
        kernel = f"define internal ptr @kernel({parameters}) presplitcoroutine {{\n{_coroutine(found[1])}\n}}"
    else:
        kernel = f"define internal i32 @kernel({parameters}) alwaysinline {{\n{found[1]}\n}}"
    others = text[: found.start()] + text[found.end() :]
    others = re.sub(r"^@sreg = external[^\n]*", "", others, flags=re.M)
    defined = ("mg_barrier", *runtime.CHECKS) if checked else ("mg_barrier",)
    others = re.sub(rf"^declare [^\n]*@({'|'.join(defined)})\([^\n]*", "", others, flags=re.M)
    kinds = [kind for kind, _ in pairs[1:]]  # the first is the status
    unpack = "\n".join(
        f"  %p{i} = getelementptr i8, ptr %args, i64 {8 * i}\n  %v{i} = load {kind}, ptr %p{i}"
        for i, kind in enumerate(kinds)
    )
    block = (runtime.COROUTINE if waits else runtime.PLAIN).format(
        coro_end=runtime.CORO_END,
        unpack=unpack,
        values="".join(f", {kind} %v{i}" for i, kind in enumerate(kinds)),
        poison=_poison(others) if checked else "",
        diverged=runtime.DIVERGED if checked else "",
    )
    whole = runtime.RUNTIME + block + (runtime.CHECK_RUNTIME if checked else "")
    declared = set(re.findall(r"^declare [^@\n]*@([\w.]+)\(", others, re.M))
    lines = whole.split("\n")
    heads = [re.match(r"declare [^@]*@([\w.]+)\(", line) for line in lines]
    kept = [line for line, head in zip(lines, heads, strict=True) if not (head and head[1] in declared)]
    return "\n".join([others, kernel, *kept])


def shared_bytes(text: str) -> int:
    """How much shared memory the module's globals take."""
    arrays = re.findall(r"addrspace\(3\) global \[(\d+) x (\w+)\]", text)
    return sum(int(count) * _WIDTHS[element] for count, element in arrays)


def _poison(text: str) -> str:
    """Fill the shared memory with NaN, so that what a block reads without having written it shows."""
    found = re.findall(r"^(@\S+) = [^\n]*addrspace\(3\) global \[(\d+) x (\w+)\]", text, re.M)
    return "\n".join(
        f"  call void @llvm.memset.p0.i64(ptr addrspacecast (ptr addrspace(3) {name} to ptr), i8 -1, "
        f"i64 {int(count) * _WIDTHS[element]}, i1 false)"
        for name, count, element in found
    )


def _refuse(name: str, lowered: Lowered, checked: bool) -> None:
    """Complain about the first thing in the IR that the emulator cannot carry out."""
    texts = (lowered.main, *lowered.others)
    for text in texts:
        if re.search(r"addrspace\(3\) (external )?global \[0 x|external addrspace\(3\)", text):
            raise UnsupportedKernelError(f"kernel {name} uses dynamic shared memory, which the CUDA emulator has not")
    if any("llvm.nvvm.barrier0" in text for text in lowered.others):
        raise UnsupportedKernelError(
            f"kernel {name} has a barrier inside a device function, which the CUDA emulator has not; "
            "move it into the kernel, or let Numba inline the function with cuda.jit(device=True, inline='always')"
        )
    defined = {found for text in texts for found in re.findall(r'^define [^@\n]*@"?([^"(]+)"?\(', text, re.M)}
    for text in texts:
        names = [each for each in re.findall(r'^declare [^@\n]*@"?([^"(]+)"?\(', text, re.M) if each not in defined]
        for found in (*names, *re.findall(r"\basm [^\n]*|\batomicrmw\b|\bcmpxchg\b", text)):
            if not _known(found, checked):
                meanings = [meaning for pattern, meaning in _UNSUPPORTED if re.search(pattern, found)]
                what = f"{meanings[0]} ({found})" if meanings else found
                raise UnsupportedKernelError(f"kernel {name} uses {what}, which the CUDA emulator has not")
    used = sum(shared_bytes(text) for text in texts)
    if used > SHARED_LIMIT:
        raise UnsupportedKernelError(
            f"kernel {name} wants {used} bytes of shared memory for a block; a GPU has {SHARED_LIMIT}"
        )


def _known(name: str, checked: bool) -> bool:
    """Whether the emulator knows what a declared function does."""
    if name.startswith("llvm.nvvm.read.ptx.sreg."):
        register = name.removeprefix("llvm.nvvm.read.ptx.sreg.")
        return register in _SREG or register == "warpsize"
    if name.startswith("llvm.nvvm."):
        return name == "llvm.nvvm.barrier0" or name.startswith("llvm.nvvm.membar.")
    known = name in _LIBDEVICE or name in runtime.DEFINED_NAMES or (checked and name in runtime.CHECKS)
    return known or name.startswith("llvm.")


def _retarget(text: str) -> str:
    """The text for the host: its triple and layout, special registers from the table, libm for libdevice."""
    text = re.sub(r"target triple = .*", f'target triple = "{llvm.get_process_triple()}"', text)
    text = re.sub(r"target datalayout = .*", "", text)
    text = re.sub(r'declare [^\n]*@"?llvm\.nvvm\.(read\.ptx\.sreg|membar)[^\n]*', "", text)
    text = re.sub(r'call void @"?llvm\.nvvm\.membar\.\w+"?\(\)', "", text)
    text = re.sub(r'@"?llvm\.nvvm\.barrier0"?(?=\()', "@mg_barrier", text)
    text = re.sub(r'call i32 @"?llvm\.nvvm\.read\.ptx\.sreg\.warpsize"?\(\)', "add i32 32, 0", text)
    text = re.sub(
        r'call i32 @"?llvm\.nvvm\.read\.ptx\.sreg\.(\w+\.[xyz])"?\(\)',
        lambda match: f"load i32, ptr getelementptr (i32, ptr @sreg, i64 {_SREG[match[1]]})",
        text,
    )
    text = re.sub(r'@"(__nv_\w+)"', lambda match: f'@"{_LIBDEVICE.get(match[1], match[1])}"', text)
    # As on a GPU, a product and a sum may be one rounding.
    return re.sub(r" = (fadd|fsub|fmul) (?=float|double)", r" = \1 contract ", text)


def _coroutine(body: str) -> str:
    """Make every barrier of a function's body a suspend point."""
    lines, allocations = [], []
    block, ends = "entry", {"entry": "co.begin"}  # where a block that is split ends, for the phis after it
    count = 0
    for line in body.split("\n"):
        label = re.match(r'("?)([^\s";]+)\1:', line)
        if label:
            block = label[2]
        if re.search(r"call void @mg_barrier\(\)", line):
            count += 1
            ends[block] = f"co.r{count}"
            lines += [
                f"  %co.s{count} = call i8 @llvm.coro.suspend(token none, i1 false)",
                f"  switch i8 %co.s{count}, label %co.out [i8 0, label %co.r{count} i8 1, label %co.free]",
                f"co.r{count}:",
            ]
        elif " = alloca " in line:
            allocations.append(line)
        else:
            lines.append(re.sub(r"\bret i32 .*", "br label %co.end", line))
    text = "\n".join(lines)
    for before, after in ends.items():
        text = re.sub(rf'%"?{re.escape(before)}"? \]', f"%{after} ]", text)
    start = "entry:\n" + "\n".join(allocations) + runtime.FRAME
    return re.sub(r"^entry:[^\n]*", lambda _: start, text, count=1) + runtime.FRAME_END


def _short_names(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Numba's mangled names hold a count of this process; numbered in order they are the same in every process."""
    short: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        return f'@"{short.setdefault(match[1], f"f{len(short)}")}"'

    renamed = [re.sub(r'@"?(_ZN[\w$.]+)"?', rename, text) for text in modules]
    return tuple(re.sub(r"; ModuleID = [^\n]*", "", text) for text in renamed)
