"""What is refused: things in a kernel that have no counterpart here, by the name that the kernel's author knows."""

from __future__ import annotations

import re

from minigrad.backends.cuda.emulator.lowering import CHECKS, Lowered
from minigrad.backends.cuda.emulator.retargeted import DEFINED, LIBDEVICE, SPECIAL_REGISTERS

__all__ = ["SHARED_LIMIT", "UnsupportedKernelError", "refuse", "shared_arrays"]

SHARED_LIMIT = 48 * 1024  # bytes of static shared memory that a block may have, on every CUDA GPU

# What a name in the IR means to a kernel's author. The first that matches is named.
_MEANINGS = (
    (r"barrier0\.(popc|and|or)|barrier\.cta", "cuda.syncthreads_count, _and or _or"),
    (r"shfl|vote|match\.|bar\.warp|laneid|lanemask|activemask|nanosleep|\basm\b", "a warp intrinsic"),
    (r"atomic|cmpxchg|___numba_cas", "an atomic operation"),
    (r"cudaCG|cooperative|grid_?sync|\bcg_", "a cooperative group"),
    (r"printf", "print"),
    (r"__nv_(half|float2half)|half", "half precision"),
)

_WIDTHS = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "float": 4, "i64": 8, "double": 8}


class UnsupportedKernelError(NotImplementedError):
    """A kernel uses what the emulator does not have."""


def refuse(name: str, lowered: Lowered, checked: bool) -> None:
    """Complain about the first thing in the IR that the emulator cannot carry out."""
    modules = (lowered.main, *lowered.others)
    for module in modules:
        if re.search(r"addrspace\(3\) (external )?global \[0 x|external addrspace\(3\)", module):
            raise UnsupportedKernelError(f"kernel {name} uses dynamic shared memory, which the CUDA emulator has not")
    if any("llvm.nvvm.barrier0" in module for module in lowered.others):
        raise UnsupportedKernelError(
            f"kernel {name} has a barrier inside a device function, which the CUDA emulator has not; "
            "move it into the kernel, or let Numba inline the function with cuda.jit(device=True, inline='always')"
        )
    defined = {found for module in modules for found in re.findall(r'^define [^@\n]*@"?([^"(]+)"?\(', module, re.M)}
    for module in modules:
        names = [each for each in re.findall(r'^declare [^@\n]*@"?([^"(]+)"?\(', module, re.M) if each not in defined]
        for found in (*names, *re.findall(r"\basm [^\n]*|\batomicrmw\b|\bcmpxchg\b", module)):
            if not _known(found, checked):
                meanings = [meaning for pattern, meaning in _MEANINGS if re.search(pattern, found)]
                what = f"{meanings[0]} ({found})" if meanings else found
                raise UnsupportedKernelError(f"kernel {name} uses {what}, which the CUDA emulator has not")
    used = sum(size for module in modules for size in shared_arrays(module).values())
    if used > SHARED_LIMIT:
        raise UnsupportedKernelError(
            f"kernel {name} wants {used} bytes of shared memory for a block; a GPU has {SHARED_LIMIT}"
        )


def shared_arrays(module: str) -> dict[str, int]:
    """The module's arrays in shared memory, by their names in the IR, and how many bytes each takes."""
    found = re.findall(r"^(@\S+) = [^\n]*addrspace\(3\) global \[(\d+) x (\w+)\]", module, re.M)
    return {name: int(count) * _WIDTHS[element] for name, count, element in found}


def _known(name: str, checked: bool) -> bool:
    """Whether the emulator knows what a declared function does."""
    if name.startswith("llvm.nvvm.read.ptx.sreg."):
        register = name.removeprefix("llvm.nvvm.read.ptx.sreg.")
        return register in SPECIAL_REGISTERS or register == "warpsize"
    if name.startswith("llvm.nvvm."):
        return name == "llvm.nvvm.barrier0" or name.startswith("llvm.nvvm.membar.")
    known = name in LIBDEVICE or name in DEFINED or (checked and name in CHECKS)
    return known or name.startswith("llvm.")
