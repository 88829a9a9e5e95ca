"""Intervals against published tables and definitions, and verdicts as they are defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alexnet.experiments.statistics import (
    NOT_SEEN,
    SEEN,
    TOO_SMALL,
    Difference,
    binomial_interval,
    interval_of_combinations,
    spread,
    student_quantile,
)


def test_quantiles_are_those_of_the_tables() -> None:
    for freedom, quantile in ((1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (100_000, 1.960)):
        assert student_quantile(freedom) == pytest.approx(quantile, abs=5e-4)
    assert student_quantile(4, 0.99) == pytest.approx(4.604, abs=5e-4)


@given(st.integers(1, 20_000), st.data())
def test_the_interval_of_an_error(count: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, count))
    expected = stats.binomtest(wrong, count).proportion_ci(method="exact")
    assert binomial_interval(wrong, count) == pytest.approx(tuple(expected), abs=1e-9)


def test_the_interval_of_ten_errors_in_a_hundred() -> None:
    assert binomial_interval(10, 100) == pytest.approx((0.0490, 0.1762), abs=5e-5)  # as in published tables


def test_the_interval_of_no_error() -> None:
    low, high = binomial_interval(0, 100)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert binomial_interval(100, 100)[1] == 1


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_the_interval_of_differences(values: list[float]) -> None:
    mean, deviation = spread(values)
    low, high = Difference(tuple(values), 1.0).interval
    assert mean == pytest.approx((low + high) / 2, abs=1e-9)
    if deviation > 1e-6:
        sound = stats.t.interval(0.95, len(values) - 1, mean, deviation / math.sqrt(len(values)))
        assert (low, high) == pytest.approx(sound, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "paper", "verdict"),
    [
        ((1.4, 1.5, 1.6), 1.5, SEEN),
        ((0.4, 0.5, 0.6), 1.5, SEEN),  # smaller than the paper's, and there
        ((3.0, 3.1, 3.2), 1.5, SEEN),
        ((-0.1, 0.0, 0.1), 1.5, NOT_SEEN),
        ((-1.4, -1.5, -1.6), 1.5, NOT_SEEN),  # the other way round
        ((-1.0, 1.0, 1.5), 1.5, TOO_SMALL),
        ((1.5,), 1.5, TOO_SMALL),
    ],
)
def test_verdicts(values: tuple[float, ...], paper: float, verdict: str) -> None:
    difference = Difference(values, paper)
    assert difference.verdict == verdict and difference.sentence.startswith(verdict)


def test_where_the_paper_gives_only_the_sign() -> None:
    assert Difference((1.0, 1.1, 1.2), None).verdict == SEEN
    assert Difference((-1.0, -1.1, -1.2), None).verdict == NOT_SEEN
    unclear = Difference((-1.0, 1.0, 3.0), None)
    assert unclear.verdict == TOO_SMALL and unclear.seeds_needed == 18
    assert stats.t.ppf(0.975, 17) * 2 / math.sqrt(18) < 1 < stats.t.ppf(0.975, 16) * 2 / math.sqrt(17)


def test_lower_bounds_are_never_not_seen() -> None:
    assert Difference((1.0, 1.1, 1.2), 3.0, at_least=True).sentence == SEEN
    assert Difference((3.9, 4.0, 4.1), 3.0, at_least=True).sentence == "seen, larger than the paper's"
    assert Difference((-0.1, 0.0, 0.1), 3.0, at_least=True).sentence == f"{TOO_SMALL}: longer trainings would tell"
    assert Difference((1.0,), 3.0, at_least=True).sentence == f"{TOO_SMALL}: one seed has no spread"


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6), st.floats(0.2, 3))
def test_so_many_seeds_would_tell(values: list[float], paper: float) -> None:
    needed = Difference(tuple(values), paper).seeds_needed
    deviation = spread(values)[1]

    def tells(seeds: int) -> bool:
        return bool(2 * stats.t.ppf(0.975, seeds - 1) * deviation / math.sqrt(seeds) < paper)

    assert tells(needed) and (needed == 2 or not tells(needed - 1))


def test_the_sentence_says_how_many() -> None:
    assert Difference((-1.0, 1.0, 1.5), 1.5).sentence == "too small to see here: about 15 seeds would tell"
    assert Difference((1.0,), 1.5).sentence == "too small to see here: one seed has no spread"
    assert "no number" in Difference((-1.0, 1.0), 1e-4).sentence
    assert Difference((1.0, 1.1), 0.5).sentence == SEEN
    assert Difference((1.0, 1.1, 1.2), None).sentence == SEEN


def test_the_sentence_compares_with_the_paper() -> None:
    assert Difference((0.4, 0.5, 0.6), 1.5).sentence == "seen, smaller than the paper's"
    assert Difference((3.0, 3.1, 3.2), 1.5).sentence == "seen, larger than the paper's"


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9))
def test_combinations_of_one_kind_are_nets(values: list[float]) -> None:
    expected = Difference(tuple(values), None).interval
    assert interval_of_combinations(np.array(values)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_interval_of_combinations_holds_the_mean_of_other_nets_as_often_as_it_says() -> None:
    """Each net of three kinds adds its own part, and each combination something of its own."""
    draws = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        parts = draws.normal(0, 1, (3, 4))
        values = 5 + parts[0][:, None, None] + parts[1][:, None] + parts[2] + draws.normal(0, 0.1, (4, 4, 4))
        low, high = interval_of_combinations(values)
        held += low < 5 < high
    assert 925 < held < 975


def test_one_net_of_a_kind_has_no_spread() -> None:
    assert interval_of_combinations(np.ones((2, 1))) == (-math.inf, math.inf)
