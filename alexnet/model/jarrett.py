"""The feature extractor of Jarrett, Kavukcuoglu, Ranzato and LeCun (ICCV 2009), which section 3.1 speaks of.

A stage is filters, a nonlinearity, contrast normalisation and average pooling. All are compositions of operations that
minigrad has; nothing but the experiment `jarrett` needs them, so they are not in `minigrad.nn`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import Tensor, nn
from minigrad.random import stream

__all__ = ["NONLINEARITIES", "ContrastNorm", "Extractor", "Stage", "random_filters"]

WINDOW, SIGMA = 9, 1.591  # of the Gaussian
TINY = 1e-12  # keeps the gradient of the square root finite where a picture is blank
FILTER = 9  # height and width
MAPS = 64, 256  # of the two stages
READ = 16  # maps of the first stage that each of the second reads
POOLING = (10, 5), (6, 4)  # side of the window and step
NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": lambda x: x.tanh().abs(),
    "tanh": mg.tanh,
    "relu": F.relu,
}


class ContrastNorm(nn.Module):
    """Subtractive and divisive normalisation in a Gaussian window over all maps: the layer N.

    v = x - sum of w x;  s = sqrt(sum of w v^2);  y = v / max(c, s). Both sums go over the window and all maps, so that
    they are the same for each map; the weights w sum to 1. At the border those inside the picture do.

    Args:
        c: the least number that is divided by; None for the mean of s over the picture.
    """

    def __init__(self, c: float | None = None) -> None:
        self.c = c
        bell = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
        self.window = np.outer(bell, bell)[None, None]

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        centred = input - self._local_mean(input)
        deviation = (self._local_mean(centred * centred) + TINY).sqrt()
        if self.c is None:
            return centred / deviation.maximum(deviation.mean((2, 3), keepdim=True))
        return centred / deviation.clamp(self.c)

    def _local_mean(self, x: Tensor) -> Tensor:
        """Of all maps: (N, C, H, W) to (N, 1, H, W)."""
        window = mg.tensor(self.window, x.device, x.dtype)
        inside = F.conv2d(mg.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device), window, padding=WINDOW // 2)
        return F.conv2d(x.mean(1, keepdim=True), window, padding=WINDOW // 2) / inside


def random_filters(maps: int, channels: int, read: int, stream_number: int) -> np.ndarray:
    """Filters of a stage: normal, of deviation 1 / sqrt(n) with n the numbers that each reads, so that tanh bends.

    Args:
        maps: of the stage.
        channels: of the maps before it.
        read: how many of them each map reads, drawn for each; the filters of the others are 0.
        stream_number: of the random numbers.

    Returns:
        float32 (maps, channels, FILTER, FILTER), always the same.
    """
    draw = stream(0, stream_number)
    table = draw.permuted(np.tile(np.arange(channels) < read, (maps, 1)), axis=1)
    filters = draw.standard_normal((maps, channels, FILTER, FILTER)) * table[:, :, None, None]
    return (filters / (FILTER * sqrt(read))).astype(np.float32)


class Stage(nn.Module):
    """Filters, a nonlinearity, contrast normalisation or none, and average pooling.

    Args:
        filters: float32 (K, C, FILTER, FILTER).
        nonlinearity: a name of NONLINEARITIES.
        normalised: whether there is contrast normalisation.
        pooling: side of the windows, and step.
        device: where the filters are.
    """

    def __init__(
        self, filters: np.ndarray, nonlinearity: str, normalised: bool, pooling: tuple[int, int], device: str
    ) -> None:
        self.filters = nn.Parameter(mg.tensor(filters, device))
        self.nonlinearity, self.pooling = nonlinearity, pooling
        self.norm = ContrastNorm() if normalised else nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        maps = NONLINEARITIES[self.nonlinearity](F.conv2d(input, self.filters))
        return F.avg_pool2d(self.norm(maps), *self.pooling)


class Extractor(nn.Module):
    """Two stages of random filters. For a picture of 144 x 144: 64 maps of 26 x 26, then 256 of 4 x 4.

    The second stage has a sparse table of connections, and computes it as a dense convolution with zeros, for that is
    quicker here than 256 convolutions of 16 maps.

    Args:
        nonlinearity: a name of NONLINEARITIES, for both stages.
        normalised: whether both have contrast normalisation.
        device: where it computes.
    """

    def __init__(self, nonlinearity: str, normalised: bool, device: str = "cpu") -> None:
        first, second = MAPS
        self.first = Stage(random_filters(first, 1, 1, 0), nonlinearity, normalised, POOLING[0], device)
        self.second = Stage(random_filters(second, first, READ, 1), nonlinearity, normalised, POOLING[1], device)

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, H, W) to the features of one stage, (N, n), and of two, (N, m)."""
        one = self.first(input)
        return one.flatten(1), self.second(one).flatten(1)
