"""Judgement by statistics: intervals of differences paired by seed, of an error on n pictures, and verdicts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = [
    "NOT_SEEN",
    "SEEN",
    "TOO_SMALL",
    "Difference",
    "binomial_interval",
    "interval_of_combinations",
    "spread",
    "student_quantile",
    "verdict_of",
]

SEEN, NOT_SEEN, TOO_SMALL = "seen", "not seen", "too small to see here"
LEVEL = 0.95  # of intervals
MOST_SEEDS = 10_000  # that are asked for


def student_quantile(freedom: int, level: float = LEVEL) -> float:
    """The t that bounds the middle `level` of Student's distribution with so many degrees of freedom."""
    return float(special.stdtrit(freedom, (1 + level) / 2))


def binomial_interval(wrong: int, count: int) -> tuple[float, float]:
    """The exact 95 % interval of an error, a share, of `wrong` in `count` pictures (Clopper and Pearson, 1934)."""
    tail = (1 - LEVEL) / 2
    low = special.betaincinv(wrong, count - wrong + 1, tail) if wrong else 0.0
    high = special.betaincinv(wrong + 1, count - wrong, 1 - tail) if wrong < count else 1.0
    return float(low), float(high)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; nan where there is one value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def interval_of_combinations(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean over all combinations of nets, one of each kind, for other nets of these kinds.

    Combinations that share nets are not independent. The nets are: what those of a kind differ by, each averaged over
    the combinations that it is in, says how far the mean would move with others (the first term of Hoeffding's
    decomposition, 1948). The kinds are taken to vary alike, which makes a t interval of what all of them say.

    Args:
        values: one axis for each kind, as long as there are nets of it.

    Returns:
        everything, where a kind has one net.
    """
    if min(values.shape) < 2:
        return -math.inf, math.inf
    variance, freedom = 0.0, 0
    for axis, count in enumerate(values.shape):
        of_each = values.mean(axis=tuple(other for other in range(values.ndim) if other != axis))
        variance += float(of_each.var(ddof=1)) / count
        freedom += count - 1
    half, mean = student_quantile(freedom) * math.sqrt(variance), float(values.mean())
    return mean - half, mean + half


def verdict_of(low: float, high: float, paper: float | None) -> str:
    """SEEN: the interval lies above 0. NOT_SEEN: it does not, and leaves out the paper's value. Else TOO_SMALL.

    Where the paper gives only the sign, NOT_SEEN is an interval with nothing above 0.
    """
    if low > 0:
        return SEEN
    return TOO_SMALL if high >= (paper or 0.0) else NOT_SEEN


@dataclass(frozen=True)
class Difference:
    """What a claim says is larger than zero, measured once for each seed.

    For a ratio these are logarithms. All differences have the sign for which the paper's is above 0.

    Attributes:
        values: by seed.
        paper: the paper's, above 0; None where it gives only the sign.
        at_least: whether the true values may be larger, as where something was not waited for.
    """

    values: tuple[float, ...]
    paper: float | None
    at_least: bool = False

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % t interval of the mean; everything where one seed has no spread, and no end where `at_least`."""
        if len(self.values) < 2:
            return -math.inf, math.inf
        half = self._half_width(len(self.values))
        return self.mean - half, math.inf if self.at_least else self.mean + half

    def _half_width(self, seeds: int) -> float:
        """Of the interval of so many seeds that spread like these."""
        return student_quantile(seeds - 1) * statistics.stdev(self.values) / math.sqrt(seeds)

    @property
    def verdict(self) -> str:
        """Of its interval."""
        return verdict_of(*self.interval, self.paper)

    @property
    def seeds_needed(self) -> int:
        """How many seeds that spread like these would tell: no interval then holds both 0 and the paper's value.

        Where the paper gives only the sign: an interval around this mean leaves out 0.

        Returns:
            their number, 0 where nobody can know it, from one seed, or nobody would train so many.
        """
        if len(self.values) < 2:
            return 0
        widest = self.paper or 2 * abs(self.mean)
        low, high = 1, 2  # the second tells, or will
        while 2 * self._half_width(high) >= widest:
            low, high = high, 2 * high
            if high > MOST_SEEDS:
                return 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if 2 * self._half_width(middle) >= widest else (low, middle)
        return high

    @property
    def sentence(self) -> str:
        """The verdict; where it is seen at another size than the paper's, or more seeds would tell, that too."""
        low, high = self.interval
        if self.verdict == SEEN and self.paper is not None and not low <= self.paper <= high:
            return f"{SEEN}, {'smaller' if high < self.paper else 'larger'} than the paper's"
        if self.verdict != TOO_SMALL:
            return self.verdict
        if len(self.values) < 2:
            return f"{TOO_SMALL}: one seed has no spread"
        if self.at_least:
            return f"{TOO_SMALL}: longer trainings would tell"
        needed = self.seeds_needed
        return f"{TOO_SMALL}: {f'about {needed:,} seeds' if needed else 'no number of seeds anybody trains'} would tell"
