"""Every backend furnishes the whole kernel table, under the same names and parameters."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from minigrad.backends import KERNELS

BACKENDS = ["cpu", "cuda"]


def parameters_in_words(description: str) -> list[str]:
    """The names between the parentheses that open a kernel's description."""
    inside = re.match(r"\(([^)]*)\)", description)
    assert inside, f"a description opens with the parameters, this one with {description[:20]!r}"
    return [name.strip() for name in inside[1].split(",") if name.strip()]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", KERNELS)
def test_backend_has_the_kernel_with_its_parameters(backend: str, name: str) -> None:
    if backend == "cuda":
        pytest.importorskip("numba_cuda", reason="numba-cuda has no wheels for this platform")
    module = importlib.import_module(f"minigrad.backends.{backend}")
    kernel = getattr(module, name, None)
    assert callable(kernel), f"the {backend} backend has no kernel {name}"
    assert list(inspect.signature(kernel).parameters) == parameters_in_words(KERNELS[name])


@pytest.mark.parametrize("name", KERNELS)
def test_description_says_what_comes_out(name: str) -> None:
    assert re.match(r"\([^)]*\) -> .+", KERNELS[name])
