"""What is measured once on a training set: its mean image and the principal components of its colours."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm.auto import tqdm

from alexnet.data.ahead import made_ahead
from alexnet.data.splits import DataError

__all__ = ["Pictures", "Statistics", "cache_folder", "cached_statistics", "measure"]

_VERSION = 1  # part of a cached file's name; to be raised when what is measured changes
_CHUNK = 2**19  # pixels that a thread takes in at once: they stay in its core's cache


class Pictures(Protocol):
    """What can be measured: pictures of one size, handed out by index."""

    channels: int
    size: int

    def __len__(self) -> int:
        """The number of pictures."""

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """Pictures as uint8 (b, C, size, size)."""


@dataclass(frozen=True)
class Statistics:
    """Measured over a training set, on the scale 0-255.

    Attributes:
        mean: float32 (C, size, size), the mean picture, which is subtracted from every picture (section 2).
        component_std: float32 (3,), standard deviations along the principal components of RGB, largest first
            (section 4.1); None for grayscale.
        component_vectors: float32 (3, 3), the components as columns, each with its entry of largest size positive;
            None for grayscale.
    """

    mean: np.ndarray
    component_std: np.ndarray | None
    component_vectors: np.ndarray | None


def cached_statistics(pictures: Pictures, fingerprint: str, workers: int, progress: bool) -> Statistics:
    """`measure`, unless it was done before: then the cached file is read. A cache that fails is no error."""
    key = f"statistics {_VERSION} {fingerprint} {pictures.channels} {pictures.size}"
    path = cache_folder() / f"statistics-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    statistics = _load(path, (pictures.channels, pictures.size, pictures.size))
    if statistics is None:
        statistics = measure(pictures, workers, progress)
        _save(path, statistics)
    return statistics


def measure(pictures: Pictures, workers: int = 2, progress: bool = False) -> Statistics:
    """One pass over all pictures. Sums of bytes and of their products are whole numbers, so the result is exact and
    does not depend on the number or the timing of the threads.

    Raises:
        DataError: there are no pictures, or one cannot be read.
    """
    count, channels = len(pictures), pictures.channels
    if not count:
        raise DataError("there are no pictures to compute the mean image of; add some to the training set")
    total = np.zeros((channels, pictures.size, pictures.size), dtype=np.int64)
    products = np.zeros((channels, channels), dtype=np.int64)
    lock = threading.Lock()
    step = max(1, _CHUNK // total.size)

    def add(start: int) -> int:
        chunk = pictures.batch(np.arange(start, min(start + step, count))).astype(np.float64)
        planes = chunk.transpose(1, 0, 2, 3).reshape(channels, -1)
        part, part_products = chunk.sum(axis=0).astype(np.int64), (planes @ planes.T).astype(np.int64)
        with lock:
            np.add(total, part, out=total)
            np.add(products, part_products, out=products)
        return len(chunk)

    with tqdm(total=count, desc="mean image", unit="image", leave=False, disable=None if progress else True) as bar:
        for done in made_ahead(add, range(0, count, step), workers):
            bar.update(done)
    mean = (total / count).astype(np.float32)
    if channels == 1:
        return Statistics(mean, None, None)
    return Statistics(mean, *_components(total.sum(axis=(1, 2)), products, count * pictures.size**2))


def _components(sums: np.ndarray, products: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations and directions of the principal components of the pixels' colours, largest first."""
    means = sums / pixels
    variances, vectors = np.linalg.eigh(products / pixels - np.outer(means, means))  # ascending
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(3)]
    return np.sqrt(variances).astype(np.float32), (vectors * np.sign(largest)).astype(np.float32)


def cache_folder() -> Path:
    """Where derived data are kept: $XDG_CACHE_HOME/minigrad, else ~/.cache/minigrad (Windows: %LOCALAPPDATA%)."""
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    try:
        return (Path(base) if base else Path.home() / ".cache") / "minigrad"
    except RuntimeError:  # a user without a home, as in some containers
        return Path(tempfile.gettempdir()) / "minigrad"


def _load(path: Path, shape: tuple[int, int, int]) -> Statistics | None:
    """What a cached file holds, None where it is missing, damaged or of other shapes."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = [arrays[name] for name in ("mean", "component_std", "component_vectors")]
    except Exception:  # a damaged file can make every layer of its readers stumble, each with an exception of its own
        return None
    mean, std, vectors = found
    if mean.shape != shape or any(array.dtype != np.float32 or not np.isfinite(array).all() for array in found):
        return None
    if shape[0] == 1:
        return Statistics(mean, None, None)
    return Statistics(mean, std, vectors) if std.shape == (3,) and vectors.shape == (3, 3) else None


def _save(path: Path, statistics: Statistics) -> None:
    """Write beside and rename, so that a file with the final name is whole; give up silently where that fails."""
    none = np.zeros(0, dtype=np.float32)
    std, vectors = statistics.component_std, statistics.component_vectors
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".statistics-", delete=False) as file:
            temporary = Path(file.name)
            np.savez(
                file,
                mean=statistics.mean,
                component_std=none if std is None else std,
                component_vectors=none if vectors is None else vectors,
            )
        temporary.replace(path)
    except OSError:
        pass
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
