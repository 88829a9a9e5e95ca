"""numba-cuda's compiler is used in the versions that are known, and left as it was."""

from __future__ import annotations

import numpy as np
import pytest
from checks import complains
from emulation import calls, inner, on_device, outer, result_of

from minigrad.backends.cuda.runtime import hardware

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator import lowering

pytestmark = pytest.mark.usefixtures("emulated")


@pytest.mark.parametrize("version", ["0.29.9", "0.30.3", "0.31.0", "1.0"])
def test_other_versions_of_numba_cuda_are_refused_in_a_sentence(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lowering.check_version()
    monkeypatch.setattr(lowering.numba_cuda, "__version__", version)
    with complains(version, "'numba-cuda>=0.30.4,<0.31'", error=RuntimeError):
        lowering.check_version()


def test_numba_cuda_is_left_as_it_was() -> None:
    before = lowering.dispatcher.get_current_device, lowering.arrayobj.load_item, lowering.cgutils.do_boundscheck
    result_of(calls, 4, 16, (50,), "f8", on_device(np.ones(50)))
    lowering.lower(calls.py_func, calls.signature(), checked=True)
    after = lowering.dispatcher.get_current_device, lowering.arrayobj.load_item, lowering.cgutils.do_boundscheck
    assert before == after
    assert not outer.overloads and not inner.overloads
