"""pad: a border of one number, on every axis."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_operation, complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import moderate, seeds, shapes

import minigrad as mg
import minigrad.functional as F


@given(shape=shapes(max_side=3), data=st.data(), value=st.sampled_from([None, 0, -1.5]), seed=seeds)
def test_pad(device: str, shape: tuple[int, ...], data: st.DataObject, value: float | None, seed: int) -> None:
    axes = data.draw(st.integers(0, len(shape)))
    lengths = data.draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes))
    width = [(0, 0)] * (len(shape) - axes) + [tuple(lengths[at : at + 2]) for at in range(0, 2 * axes, 2)][::-1]
    check_operation(
        lambda t: F.pad(t, lengths, value=value),
        lambda a: np.pad(a, width, constant_values=value or 0) if a.ndim else a,
        [moderate(shape, seed)],
        device,
    )


def test_pad_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = moderate((2, 3, 2, 3), 0)
    for lengths in ((1, 2), (0, 1, 2, 0), (1, 0, 0, 2, 1, 1), [1, 1, 1, 1]):
        theirs = torch.nn.functional.pad(torch.tensor(x), lengths, value=0.5)
        np.testing.assert_array_equal(F.pad(mg.tensor(x), lengths, value=0.5).numpy(), theirs.numpy())


def test_integers_stay_integers() -> None:
    mask = F.pad(mg.tensor([True]), (1, 0))
    assert mask.dtype == mg.bool and mask.tolist() == [False, True]
    y = F.pad(mg.tensor([1, 2]), (1, 0), value=7)
    assert y.dtype == np.int64 and y.numpy().tolist() == [7, 1, 2]
    with complains("float32", "int64", error=TypeError):
        F.pad(mg.tensor([1, 2]), (1, 0), value=0.5)


@pytest.mark.parametrize(
    "arguments, word",
    [
        (((1,),), "(1,)"),
        (((1, 1, 1, 1, 1, 1),), "(1, 1, 1, 1, 1, 1)"),
        ((1,), "got 1"),
        (((-1, 0),), "-1"),
        (((1, 0.5),), "0.5"),
        (((1, 1), "reflect"), "mode='reflect'"),
        (((1, 1), "constant", "a"), "'a'"),
    ],
)
def test_what_is_no_border_complains(arguments: tuple[object, ...], word: str) -> None:
    with complains("pad", word):
        F.pad(mg.ones(2, 2), *arguments)
