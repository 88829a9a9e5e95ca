"""What is retargeted: NVVM's names in a kernel's LLVM IR become names that the host knows.

Special registers (`threadIdx` and its kind) become loads from a table, `@sreg`. libdevice's functions become LLVM's,
those of the host's libm or, where neither has them, those of `llvm/libdevice.ll`. A barrier becomes a call of
`mg_barrier`. `__shared__` memory is a global: blocks run one after another in one compiled instance, so it serves as it
is.
"""

from __future__ import annotations

import ctypes
import re
import sys

import llvmlite.binding as llvm

from minigrad.backends.cuda.emulator.llvm import text

__all__ = ["DEFINED", "LIBDEVICE", "SPECIAL_REGISTERS", "add_mathematics", "retargeted"]

# The place of each in the table `@sreg`.
SPECIAL_REGISTERS = {
    f"{register}.{axis}": 3 * number + place
    for number, register in enumerate(("tid", "ctaid", "ntid", "nctaid"))
    for place, axis in enumerate("xyz")
}

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

# What a function of libdevice is called on the host.
LIBDEVICE = {"__nv_" + name: "llvm." + whole for name, whole in _INTEGER.items()}
LIBDEVICE |= {"__nv_" + name: f"llvm.{whole}.f64" for name, whole in _INTRINSICS.items()}
LIBDEVICE |= {f"__nv_{name}f": f"llvm.{whole}.f32" for name, whole in _INTRINSICS.items()}
LIBDEVICE |= {"__nv_" + name: name for name in _LIBM} | {f"__nv_{name}f": name + "f" for name in _LIBM}
LIBDEVICE |= {f"__nv_fast_{name}f": name + "f" for name in ("exp", "log", "pow", "sin", "cos", "tan")}
LIBDEVICE |= {"__nv_powi": "llvm.powi.f64.i32", "__nv_powif": "llvm.powi.f32.i32"}

# Those that `llvm/libdevice.ll` defines.
DEFINED = frozenset(re.findall(r"define \w+ \w+ @(__nv_\w+)", text("libdevice")))


def add_mathematics() -> None:
    """Let compiled kernels find the functions of the host's libm."""
    library = ctypes.CDLL({"linux": "libm.so.6", "win32": "ucrtbase"}.get(sys.platform))
    for name in (*_LIBM, *(f"{name}f" for name in _LIBM)):
        function = getattr(library, name, None)
        if function is not None:
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)


def retargeted(module: str) -> str:
    """The text of a module for the host."""
    module = re.sub(r"target triple = .*", f'target triple = "{llvm.get_process_triple()}"', module)
    module = re.sub(r"target datalayout = .*", "", module)
    module = re.sub(r'declare [^\n]*@"?llvm\.nvvm\.(read\.ptx\.sreg|membar)[^\n]*', "", module)
    module = re.sub(r'call void @"?llvm\.nvvm\.membar\.\w+"?\(\)', "", module)
    module = re.sub(r'@"?llvm\.nvvm\.barrier0"?(?=\()', "@mg_barrier", module)
    module = re.sub(r'call i32 @"?llvm\.nvvm\.read\.ptx\.sreg\.warpsize"?\(\)', "add i32 32, 0", module)
    module = re.sub(
        r'call i32 @"?llvm\.nvvm\.read\.ptx\.sreg\.(\w+\.[xyz])"?\(\)',
        lambda match: f"load i32, ptr getelementptr (i32, ptr @sreg, i64 {SPECIAL_REGISTERS[match[1]]})",
        module,
    )
    module = re.sub(r'@"(__nv_\w+)"', lambda match: f'@"{LIBDEVICE.get(match[1], match[1])}"', module)
    # As on a GPU, a product and a sum may be one rounding.
    module = re.sub(r" = (fadd|fsub|fmul) (?=float|double)", r" = \1 contract ", module)
    return f"{module}\n@sreg = external global [12 x i32]\n" if "@sreg" in module else module
