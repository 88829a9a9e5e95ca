"""numba-cuda beside a NumPy that is newer than it knows."""

from __future__ import annotations

from emulation import in_a_process


def test_numba_cuda_works_with_a_numpy_that_has_no_row_stack() -> None:
    program = """if True:
        import numpy as np
        if vars(np).pop("row_stack", None):
            np.__all__.remove("row_stack")
        import minigrad as mg
        assert (mg.ones(2, device="cuda:0") + 1).numpy().tolist() == [2, 2]
        assert not hasattr(np, "row_stack")
    """
    done = in_a_process(program)
    assert done.returncode == 0, done.stderr
