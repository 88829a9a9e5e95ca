"""Every kernel becomes code for real chips: through NVVM and ptxas, without spills, within what a block may have."""

from __future__ import annotations

import pytest

import minigrad.backends.cuda  # noqa: F401  (registers the kernels)
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import REGISTRY, Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler", allow_module_level=True)

from minigrad.backends.cuda.emulator import assemble

pytestmark = pytest.mark.codegen

# Kernels whose loops over a window or a tile are worth looking at once more, with their least share of multiply-adds.
LEAST_SHARE = {"product": 0.5}


@pytest.fixture(autouse=True)
def toolkit() -> None:
    reason = assemble.missing()
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize("chip", assemble.CHIPS, ids=lambda chip: f"sm_{chip[0]}{chip[1]}")
@pytest.mark.parametrize("kernel", REGISTRY, ids=lambda kernel: kernel.name)
def test_kernel_assembles_without_spills_and_within_limits(kernel: Kernel, chip: tuple[int, int]) -> None:
    for variant in assemble.usual_variants(kernel):
        found = assemble.assemble(kernel, variant, chip)
        what = f"{kernel.name} for {[dtype.str for dtype in variant]}"
        assert found.spills == 0, f"{what} spills {found.spills} bytes with {found.registers} registers"
        assert 0 < found.registers <= assemble.REGISTER_LIMIT, what
        assert found.shared <= assemble.SHARED_LIMIT, f"{what} takes {found.shared} bytes of shared memory"


@pytest.mark.parametrize("chip", assemble.CHIPS, ids=lambda chip: f"sm_{chip[0]}{chip[1]}")
@pytest.mark.parametrize("name", LEAST_SHARE)
def test_inner_loop_is_mostly_multiply_adds(name: str, chip: tuple[int, int]) -> None:
    kernel = next(each for each in REGISTRY if each.name == name)
    for variant in kernel.variants():
        counts = assemble.inner_loop(assemble.assemble(kernel, variant, chip).code)
        share = sum(counts[each] for each in ("FFMA", "FFMA2", "DFMA")) / counts.total()
        assert share >= LEAST_SHARE[name], f"{share:.0%} multiply-adds among {counts}"
