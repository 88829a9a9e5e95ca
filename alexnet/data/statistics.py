"""What is measured once on a training set: its mean image and the principal components of its colours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from alexnet.data.ahead import made_ahead
from alexnet.data.reading import Pictures, Rejected, check_share, read_batch
from alexnet.data.splits import DataError
from alexnet.files import cached_file, keep
from minigrad import checkpoint

__all__ = [
    "Statistics",
    "Sums",
    "cached_statistics",
    "load_statistics",
    "measure",
    "save_statistics",
]

_VERSION = 1  # part of a cached file's name; to be raised when what is measured changes
_CHUNK = 2**19  # pixels that a thread takes in at once: they stay in its core's cache


@dataclass(frozen=True)
class Statistics:
    """Measured over a training set, on the scale 0-255.

    Attributes:
        mean: float32 (C, size, size), the mean picture, which is subtracted from every picture (section 2).
        component_std: float32 (3,), standard deviations along the principal components of RGB, largest first
            (section 4.1); None for pictures without colour.
        component_vectors: float32 (3, 3), the components as columns, each with its entry of largest size positive;
            None for pictures without colour.
    """

    mean: np.ndarray
    component_std: np.ndarray | None
    component_vectors: np.ndarray | None

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, for a file; what is missing is empty."""
        none = np.zeros(0, dtype=np.float32)
        std, vectors = self.component_std, self.component_vectors
        return {
            "mean": self.mean,
            "component_std": none if std is None else std,
            "component_vectors": none if vectors is None else vectors,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> Statistics:
        """What `arrays` gave.

        Raises:
            KeyError, ValueError: an array is missing or has another shape or kind.
        """
        mean, std, vectors = (arrays[name] for name in ("mean", "component_std", "component_vectors"))
        if mean.shape != shape or any(a.dtype != np.float32 or not np.isfinite(a).all() for a in (mean, std, vectors)):
            raise ValueError(f"the statistics are those of other pictures; expected a mean image of shape {shape}")
        if shape[0] != 3:
            return cls(mean, None, None)
        if std.shape != (3,) or vectors.shape != (3, 3):
            raise ValueError("the colour components are incomplete")
        return cls(mean, std, vectors)


def cached_statistics(
    pictures: Pictures, fingerprint: str, workers: int, progress: bool, left_out: Callable[[Rejected], object]
) -> Statistics:
    """`measure`, unless it was done before: then the cached file is read. A cache that fails is no error."""
    key = f"statistics {_VERSION} {fingerprint} {pictures.channels} {pictures.size}"
    path = cached_file("statistics", hashlib.sha256(key.encode()).hexdigest())
    statistics = _load(path, (pictures.channels, pictures.size, pictures.size))
    if statistics is None:
        rejected: list[Rejected] = []
        statistics = measure(pictures, workers, progress, rejected.append)
        for each in rejected:
            left_out(each)
        if not rejected:  # else they are measured again next time, when all can perhaps be read
            keep(path, statistics.arrays())
    return statistics


class Sums:
    """What the statistics are computed from: sums over pictures, of which parts can be added up.

    Sums of bytes and of their products are whole numbers, below 2^53 in each chunk that is added and below 2^63 in all,
    so that the result is exact and does not depend on the order.

    Attributes:
        count: pictures so far.
        total: int64 (C, size, size), their sum.
        products: int64 (C, C), sums of products of two channels over all pixels.
    """

    def __init__(self, channels: int, size: int) -> None:
        self.count = 0
        self.total = np.zeros((channels, size, size), dtype=np.int64)
        self.products = np.zeros((channels, channels), dtype=np.int64)

    def take(self, pictures: np.ndarray) -> None:
        """Take in some pictures, uint8 (b, C, size, size), at most `step` of them."""
        chunk = pictures.astype(np.float64)
        planes = chunk.transpose(1, 0, 2, 3).reshape(len(self.products), -1)
        self.add(len(chunk), chunk.sum(axis=0).astype(np.int64), (planes @ planes.T).astype(np.int64))

    @property
    def step(self) -> int:
        """Pictures to take in at once."""
        return max(1, _CHUNK // self.total.size)

    def add(self, count: int | np.ndarray, total: np.ndarray, products: np.ndarray) -> None:
        """Take in the sums over other pictures."""
        self.count += int(count)
        self.total += total
        self.products += products

    def statistics(self) -> Statistics:
        """Mean and colour components of all pictures so far.

        Raises:
            DataError: there are none.
        """
        if not self.count:
            raise DataError("there are no pictures to compute the mean image of; add some to the training set")
        mean = (self.total / self.count).astype(np.float32)
        if len(self.total) != 3:
            return Statistics(mean, None, None)
        pixels = self.count * self.total[0].size
        return Statistics(mean, *_components(self.total.sum(axis=(1, 2)), self.products, pixels))


def measure(
    pictures: Pictures,
    workers: int = 2,
    progress: bool = False,
    left_out: Callable[[Rejected], object] = lambda rejected: None,
) -> Statistics:
    """One pass over all pictures; the result is the same for any number of threads.

    Args:
        pictures: those of a training set.
        workers: threads.
        progress: whether to show a bar.
        left_out: told of each picture that cannot be read, in order; the statistics are of the others.

    Raises:
        DataError: there are no pictures, or too many cannot be read.
    """
    count = len(pictures)
    sums = Sums(pictures.channels, pictures.size)

    def part(start: int) -> tuple[Sums, list[Rejected]]:
        result = Sums(pictures.channels, pictures.size)
        images, _, rejected = read_batch(pictures, np.arange(start, min(start + sums.step, count)))
        result.take(images)
        return result, rejected

    what, disable = "measuring pictures, once", None if progress else True
    with tqdm(total=count, desc=what, unit=" images", leave=False, disable=disable) as bar:
        unread = 0
        for done, rejected in made_ahead(part, range(0, count, sums.step), workers):
            for each in rejected:
                unread += 1
                left_out(each)
                check_share(unread, count, each, "training pictures")
            sums.add(done.count, done.total, done.products)
            bar.update(done.count + len(rejected))
    return sums.statistics()


def _components(sums: np.ndarray, products: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations and directions of the principal components of the pixels' colours, largest first."""
    means = sums / pixels
    variances, vectors = np.linalg.eigh(products / pixels - np.outer(means, means))  # ascending
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(3)]
    return np.sqrt(variances).astype(np.float32), (vectors * np.sign(largest)).astype(np.float32)


def _load(path: Path, shape: tuple[int, int, int]) -> Statistics | None:
    """What a cached file holds, None where it is missing, damaged or of other shapes."""
    try:
        return Statistics.from_arrays(checkpoint.read(path), shape)
    except (OSError, ValueError, KeyError):
        return None


def load_statistics(path: Path, shape: tuple[int, int, int]) -> Statistics:
    """What `save_statistics` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    statistics = _load(path, shape)
    if statistics is None:
        raise DataError(f"{path} is missing or damaged; prepare the store again")
    return statistics


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Write a file that `load_statistics` reads.

    Raises:
        OSError: it cannot be written.
    """
    checkpoint.save(path, statistics.arrays())
