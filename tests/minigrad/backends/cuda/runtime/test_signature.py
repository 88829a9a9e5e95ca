"""What a kernel declares becomes the types of its launches."""

from __future__ import annotations

import numpy as np
from checks import complains
from emulation import all_signatures, convert, scale

from minigrad.backends.cuda.runtime.signature import Kernel


def test_declarations_become_signatures() -> None:
    signatures = [str(signature) for signature in all_signatures(scale)]
    assert len(signatures) == 2 and "float32" in signatures[0] and "float64" in signatures[1]
    assert scale.signature("f4") == scale.signature(np.float32) == all_signatures(scale)[0]
    assert len(all_signatures(convert)) == len(convert.variants()) > 100
    fixed = Kernel(lambda a, b: None, "u1[:,:], i8")
    assert all_signatures(fixed) == [fixed.signature()]
    assert fixed.signature()[0].layout == "A" and fixed.signature()[0].ndim == 2
    assert scale.name == "scale" and "float[::1]" in repr(scale)


def test_declarations_that_do_not_fit_complain() -> None:
    with complains("2", "1", error=TypeError):
        Kernel(lambda a, b: None, "f4[::1]")
    with complains("f4[", error=TypeError):
        Kernel(lambda a: None, "f4[")
    with complains("float", error=TypeError):
        scale.signature()
