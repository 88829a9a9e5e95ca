"""What each CUDA kernel takes on real chips: registers, shared memory, spills; and the matrix product's inner loop.

    python benchmarks/codegen.py > benchmarks/codegen.md

Needs no GPU, but the CUDA toolkit's packages: pip install 'numba-cuda[cu13]' nvidia-cuda-nvcc nvidia-cuda-nvdisasm.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import minigrad.backends.cuda  # noqa: F401  (registers the kernels)
from minigrad.backends.cuda.emulator import assemble
from minigrad.backends.cuda.runtime.signature import REGISTRY, Kernel, Variant

NAMES = [f"sm_{major}{minor}" for major, minor in assemble.CHIPS]
PRODUCT = "product"  # the kernel whose inner loop is looked at


def kinds(variant: Variant) -> str:
    """The dtypes in short: "f4", "f4 i8"."""
    return " ".join(dtype.str[1:] for dtype in variant) or "-"


def usage(kernel: Kernel, variant: Variant, chip: tuple[int, int]) -> str:
    """Registers, with spills and stack where there are any."""
    found = assemble.assemble(kernel, variant, chip)
    extra = f" ({found.spills} B spilled)" if found.spills else f" ({found.stack} B stack)" if found.stack else ""
    return f"{found.registers}{extra}"


def row(kernel: Kernel, variant: Variant) -> str:
    """A line of the table of kernels."""
    shared = assemble.assemble(kernel, variant, assemble.CHIPS[0]).shared
    cells = [usage(kernel, variant, chip) for chip in assemble.CHIPS]
    return f"| {kernel.name} | {kinds(variant)} | {shared} | {' | '.join(cells)} |"


def loop(kernel: Kernel, variant: Variant, chip: tuple[int, int]) -> str:
    """Share of multiply-adds in the inner loop, and what else is in it."""
    counts = assemble.inner_loop(assemble.assemble(kernel, variant, chip).code)
    total = counts.total()
    products = sum(counts[name] for name in ("FFMA", "FFMA2", "DFMA"))
    rest = ", ".join(f"{count} {name}" for name, count in counts.most_common(5))
    share = f"{products / total:.0%}" if total else "-"
    return f"| {kinds(variant)} | sm_{chip[0]}{chip[1]} | {total} | {share} | {rest} |"


def main() -> int:
    """Print both tables as Markdown."""
    reason = assemble.missing()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    print("Registers per thread, and bytes of shared memory per block:\n")
    print(f"| kernel | elements | shared | {' | '.join(NAMES)} |")
    print("|---|---|---:|" + "---:|" * len(NAMES))
    jobs = [(kernel, variant) for kernel in REGISTRY for variant in assemble.usual_variants(kernel)]
    jobs = [(kernel, variant) for kernel, variant in jobs if all(dtype.kind == "f" for dtype in variant)]
    with ThreadPoolExecutor() as pool:
        for line in pool.map(lambda job: row(*job), jobs):
            print(line, flush=True)
    print("\nThe inner loop of the matrix product:\n")
    print("| elements | chip | instructions | multiply-adds | most of it |")
    print("|---|---|---:|---:|---|")
    for kernel in (each for each in REGISTRY if each.name == PRODUCT):
        for variant in kernel.variants():
            for chip in assemble.CHIPS:
                print(loop(kernel, variant, chip), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
