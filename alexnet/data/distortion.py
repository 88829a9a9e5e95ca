"""Pictures as if they had been written a little differently: turned, stretched, moved, and bent elastically.

After Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual document
analysis" (2003), as Ciresan, Meier and Schmidhuber used it for the nets of handwritten digits that section 1 cites.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from alexnet.data.keyed import DISTORTION, words

__all__ = ["distort", "smoothing"]

BYTES = 16  # of the four words that are drawn at once
REACH = 4  # standard deviations, beyond which a Gaussian is cut off


def distort(
    images: np.ndarray,
    indices: np.ndarray,
    epoch: int,
    seed: int,
    *,
    rotation: float = 0.0,
    scaling: float = 0.0,
    translation: float = 0.0,
    elastic_alpha: float = 0.0,
    elastic_sigma: float = 0.0,
) -> np.ndarray:
    """Pictures distorted at random, by (seed, epoch, index of the picture) alone.

    They are scaled and turned about the centre, then moved. A pixel is read where it comes from: linearly between the
    four around that place, and outside the picture as at the nearest place of its edge.

    Args:
        images: uint8 (b, C, S, S).
        indices: integers (b,), the pictures' places in their split.
        epoch: counted from 1.
        seed: a non-negative integer below 2^63.
        rotation: degrees by which a picture is turned at most, either way.
        scaling: the share, below 1, by which it gets wider or narrower at most, and apart from that higher or lower.
        translation: pixels by which it is moved at most, in each direction.
        elastic_alpha: what the elastic displacements are multiplied by: for each pixel and direction a number is drawn
            between -1 and 1, and these are smoothed by a Gaussian, with zeros outside the picture.
        elastic_sigma: the Gaussian's standard deviation in pixels, above 0 where there is an elastic_alpha.

    Returns:
        float32 (b, C, S, S), from 0 to 255.
    """
    size = images.shape[-1]
    angle, high, wide, down, right = _drawn(seed, epoch, indices, 0, 1).T[:5]
    places = _affine_places(
        size,
        np.float32(np.deg2rad(rotation)) * angle,
        np.stack([high, wide], axis=1) * np.float32(scaling) + 1,
        np.stack([down, right], axis=1) * np.float32(translation),
    )
    if elastic_alpha:
        count = 2 * size * size
        noise = _drawn(seed, epoch, indices, 1, -(-count // BYTES))[:, :count].reshape(-1, 2, size, size)
        smooth = smoothing(size, elastic_sigma)
        # a product of matrices for each field, so that a picture gets the same bits in any batch
        places += np.float32(elastic_alpha) * np.matmul(np.matmul(smooth, noise), smooth.T)
    return _read(images, np.clip(places, 0, size - 1))


def _drawn(seed: int, epoch: int, indices: np.ndarray, first: int, blocks: int) -> np.ndarray:
    """Numbers between -1 and 1 for each picture, in steps of 1 / 127.5: float32 (b, BYTES * blocks).

    Args:
        seed, epoch, indices: as for `distort`.
        first, blocks: of the blocks of four words that a picture has, from which on, and how many.
    """
    numbers = np.tile(np.arange(first, first + blocks), len(indices))
    drawn = words(seed, epoch, DISTORTION, np.repeat(indices, blocks), numbers)
    as_bytes = drawn.astype("<u4").view(np.uint8).reshape(len(indices), -1)
    return (as_bytes - np.float32(127.5)) / np.float32(127.5)


def _affine_places(size: int, angles: np.ndarray, factors: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Where the pixels of pictures come from that are scaled and turned about the centre, then moved.

    Args:
        size: S, the pictures' height and width.
        angles: float32 (b,), in radians, from the rows' axis to that of columns.
        factors: float32 (b, 2), by which they get higher and wider.
        moves: float32 (b, 2), down and to the right.

    Returns:
        float32 (b, 2, S, S), row and column.
    """
    centre = np.float32(size - 1) / 2
    along = np.arange(size, dtype=np.float32) - centre - moves[:, :, np.newaxis]
    row, column = along[:, 0, :, np.newaxis], along[:, 1, np.newaxis, :]
    sine, cosine = (each[:, np.newaxis, np.newaxis] for each in (np.sin(angles), np.cos(angles)))
    turned = np.stack([cosine * row + sine * column, cosine * column - sine * row], axis=1)
    return turned / factors[:, :, np.newaxis, np.newaxis] + centre


@cache
def smoothing(size: int, sigma: float) -> np.ndarray:
    """The matrix that smooths columns of `size` numbers by a Gaussian, with zeros outside: float32 (size, size)."""
    reach = int(REACH * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    distances = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    weights = np.exp(-0.5 * (distances / sigma) ** 2) / kernel.sum()
    return np.where(distances <= reach, weights, 0.0).astype(np.float32)


def _read(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values of pictures, uint8 (b, C, S, S), at places within them, float32 (b, 2, S, S): float32 (b, C, S, S)."""
    size = images.shape[-1]
    first = size * size * np.arange(len(images))[:, np.newaxis, np.newaxis]  # pixels of the pictures before
    top, left = places.astype(np.int64).transpose(1, 0, 2, 3)
    down, right = places[:, 0] - top.astype(np.float32), places[:, 1] - left.astype(np.float32)
    above, below = (first + size * row for row in (top, np.minimum(top + 1, size - 1)))
    after = np.minimum(left + 1, size - 1)
    result = np.empty(images.shape, np.float32)
    for channel in range(images.shape[1]):
        pixels = images[:, channel].ravel()
        upper = pixels[above + left] * (1 - right) + pixels[above + after] * right
        lower = pixels[below + left] * (1 - right) + pixels[below + after] * right
        result[:, channel] = upper * (1 - down) + lower * down
    return result
