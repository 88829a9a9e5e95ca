"""Judgement by statistics: intervals of differences that are paired by seed, of an error on n pictures, and verdicts.

Quantiles come from the regularised incomplete beta function, which Student's t and the binomial distribution share.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "NOT_SEEN",
    "SEEN",
    "TOO_SMALL",
    "Difference",
    "binomial_interval",
    "incomplete_beta",
    "interval_of_combinations",
    "spread",
    "student_quantile",
    "verdict_of",
]

SEEN, NOT_SEEN, TOO_SMALL = "seen", "not seen", "too small to see here"
LEVEL = 0.95  # of intervals
MOST_SEEDS = 10_000  # that are asked for
TERMS = 1000  # of the continued fraction
TINY = 1e-300  # instead of a denominator of 0


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b): the share of the integral of t^(a-1) (1-t)^(b-1) that lies between 0 and x.

    By its continued fraction (Abramowitz and Stegun 26.5.8), from the side on which that converges quickly.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))) by Lentz's method."""
    c, d = 1.0, 1.0 / _nonzero(1 - (a + b) / (a + 1) * x)
    value = d
    for m in range(1, TERMS):
        even = m * (b - m) / ((a + 2 * m - 1) * (a + 2 * m)) * x
        odd = -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1)) * x
        for term in (even, odd):
            d, c = 1 / _nonzero(1 + term * d), _nonzero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _beta_quantile(share: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = share, by bisection."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if incomplete_beta(middle, a, b) < share:
            low = middle
        else:
            high = middle


def student_quantile(freedom: int, level: float = LEVEL) -> float:
    """The t that bounds the middle `level` of Student's distribution with so many degrees of freedom."""
    x = _beta_quantile(1 - level, freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - x) / x)


def binomial_interval(wrong: int, count: int) -> tuple[float, float]:
    """The exact 95 % interval of an error, a share, of `wrong` in `count` pictures (Clopper and Pearson, 1934)."""
    tail = (1 - LEVEL) / 2
    low = _beta_quantile(tail, wrong, count - wrong + 1) if wrong else 0.0
    high = _beta_quantile(1 - tail, wrong + 1, count - wrong) if wrong < count else 1.0
    return low, high


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
    """

    values: tuple[float, ...]
    paper: float | None

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % t interval of the mean; everything where one seed has no spread."""
        if len(self.values) < 2:
            return -math.inf, math.inf
        half = self._half_width(len(self.values))
        return self.mean - half, self.mean + half

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
        """The verdict, and how many seeds would tell where these do not."""
        if self.verdict != TOO_SMALL:
            return self.verdict
        if len(self.values) < 2:
            return f"{TOO_SMALL}: one seed has no spread"
        needed = self.seeds_needed
        return f"{TOO_SMALL}: {f'about {needed:,} seeds' if needed else 'no number of seeds anybody trains'} would tell"
