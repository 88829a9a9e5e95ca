"""Code for real chips, without one: kernels through NVVM to PTX and through ptxas, and what came out.

The tools come as packages: pip install 'numba-cuda[cu13]' nvidia-cuda-nvcc nvidia-cuda-nvdisasm.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minigrad.backends.cuda.emulator import lowering
from minigrad.backends.cuda.emulator.refused import SHARED_LIMIT
from minigrad.backends.cuda.runtime.signature import Kernel, Variant

__all__ = [
    "CHIPS",
    "REGISTER_LIMIT",
    "SHARED_LIMIT",
    "Assembled",
    "assemble",
    "inner_loop",
    "missing",
    "usual_variants",
]

CHIPS = ((7, 5), (8, 0), (8, 6), (9, 0), (10, 0))  # Turing, Ampere twice, Hopper, Blackwell
REGISTER_LIMIT = 255

# Of kernels that copy or convert elements of any type, those that tell widths and kinds apart.
USUAL = ("f4", "f8", "i8", "i4", "u1", "b1")


class Assembled(NamedTuple):
    """What ptxas says of a kernel: registers a thread, bytes of shared memory, of stack and of spills; and its code."""

    registers: int
    shared: int
    stack: int
    spills: int
    code: bytes


@cache
def tool(name: str) -> Path | None:
    """A program of the CUDA toolkit: of NVIDIA's Python packages, whose versions fit together, or on the path."""
    packages = importlib.util.find_spec("nvidia")
    folders = list(packages.submodule_search_locations or ()) if packages else []
    for folder in folders:
        for path in (*Path(folder).glob(f"*/bin/{name}"), *Path(folder).glob(f"*/bin/**/{name}.exe")):
            return path
    found = shutil.which(name)
    return Path(found) if found else None


@cache
def missing() -> str | None:
    """Why kernels cannot be assembled here, or None."""
    remedy = "pip install 'numba-cuda[cu13]' nvidia-cuda-nvcc nvidia-cuda-nvdisasm"
    absent = [name for name in ("ptxas", "nvdisasm") if tool(name) is None]
    if absent:
        return f"{' and '.join(absent)} of the CUDA toolkit not found: {remedy}"
    try:
        lowering.check_version()
        lowering.check_nvvm()
    except Exception as error:  # the toolkit's packages fail in many ways
        return f"NVVM of the CUDA toolkit does not work ({error}): {remedy}"
    return None


def usual_variants(kernel: Kernel) -> list[Variant]:
    """The variants that are launched: all floating types, and of any elements those that differ in kind."""
    return [variant for variant in kernel.variants() if all(dtype.str[1:] in USUAL for dtype in variant)]


def assemble(kernel: Kernel, variant: Variant, chip: tuple[int, int]) -> Assembled:
    """Compile a kernel for a chip. A kernel that ptxas refuses raises RuntimeError with what it says."""
    text = lowering.ptx(kernel.py_func, kernel.signature(*variant), chip)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(text)
        command = [str(tool("ptxas")), f"-arch=sm_{chip[0]}{chip[1]}", "-v", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ptxas refuses kernel {kernel.name} for sm_{chip[0]}{chip[1]}: {done.stderr}")
        code = target.read_bytes()
    return Assembled(
        _number(r"Used (\d+) registers", done.stderr),
        _number(r"(\d+) bytes smem", done.stderr),
        _number(r"(\d+) bytes stack frame", done.stderr),
        _number(r"(\d+) bytes spill stores", done.stderr) + _number(r"(\d+) bytes spill loads", done.stderr),
        code,
    )


def inner_loop(code: bytes) -> Counter[str]:
    """How often each instruction stands in the loop that has the most multiply-adds, by name without modifiers."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        command = [str(tool("nvdisasm")), "-c", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names: list[str] = []
    labels: dict[str, int] = {}
    loops: list[tuple[int, int]] = []
    for line in text.splitlines():
        label = re.match(r"(\.L\w+):", line)
        if label:
            labels[label[1]] = len(names)
        instruction = re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?\w+\s+)?([A-Z][A-Z0-9]*)", line)
        if instruction:
            names.append(instruction[1])
            target = re.search(r"\bBRA\b.*\(?(\.L\w+)\)?", line)
            if target and target[1] in labels:
                loops.append((labels[target[1]], len(names)))
    counts = [Counter(names[start:stop]) for start, stop in loops]
    # An outer loop holds its inner ones: of those with the most multiply-adds, the shortest.
    most = max((_products(count) for count in counts), default=0)
    candidates = [count for count in counts if _products(count) * 2 > most]
    return min(candidates, key=lambda count: count.total(), default=Counter())


def _products(count: Counter[str]) -> int:
    return count["FFMA"] + count["DFMA"] + count["FFMA2"]


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0
