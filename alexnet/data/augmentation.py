"""How the training set is enlarged: crops with mirroring and colour noise (section 4.1), and distortions of digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alexnet.data.distortion import distort
from alexnet.data.keyed import COLOUR, CROP, normals, words
from alexnet.data.splits import DataError
from alexnet.data.statistics import Statistics

__all__ = ["VIEWS", "Augmentation", "augment", "centre_view", "views"]

VIEWS = (1, 9, 10)


@dataclass(frozen=True)
class Augmentation:
    """What is done to training pictures; of others only the centre is taken, or the ten views.

    Section 4.1: "We do this by extracting random 224 x 224 patches (and their horizontal reflections) from the
    256 x 256 images and training our network on these extracted patches." And: "to each training image, we add
    multiples of the found principal components, with magnitudes proportional to the corresponding eigenvalues times a
    random variable drawn from a Gaussian with mean zero and standard deviation 0.1." Taken to the letter the first
    component would move by far more than the range 0-255; standard deviations (the eigenvalues' roots) are meant.

    Attributes:
        crop: height and width of what the network sees.
        random_crop: a random position, not the centre.
        mirror: turn left to right with probability 1/2.
        colour_noise: standard deviation of the multiples; 0.1 in the paper, 0 for none. Grayscale gets none.
        crop_group: how many pictures of a batch, one after the other, share the draw of position and mirroring: 1 as
            the paper says, 32 as its authors' program did.
        noise_off_epoch: the epoch from which on there is no colour noise, counted from 1; 0 for never.
        noise_divides: divide the pictures that got noise by 1 + colour_noise. The authors' program did, so that their
            values stay about as large as those of test pictures, which get no noise and are not divided; nor are
            training pictures once the noise is off.
        rotation, scaling, translation: by how many degrees, by which share and by how many pixels a picture is turned,
            scaled and moved at most before it is cropped; see `distort`.
        elastic_alpha, elastic_sigma: strength and smoothness of elastic distortion; see `distort`.
    """

    crop: int
    random_crop: bool = True
    mirror: bool = True
    colour_noise: float = 0.0
    crop_group: int = 1
    noise_off_epoch: int = 0
    noise_divides: bool = False
    rotation: float = 0.0
    scaling: float = 0.0
    translation: float = 0.0
    elastic_alpha: float = 0.0
    elastic_sigma: float = 0.0

    @property
    def distorts(self) -> bool:
        """Whether pictures are distorted before they are cropped."""
        return any((self.rotation, self.scaling, self.translation, self.elastic_alpha))

    def noise(self, epoch: int) -> float:
        """The colour noise of an epoch."""
        return 0.0 if 0 < self.noise_off_epoch <= epoch else self.colour_noise


def augment(
    images: np.ndarray,
    indices: np.ndarray,
    epoch: int,
    seed: int,
    augmentation: Augmentation,
    statistics: Statistics,
    draws: np.ndarray | None = None,
) -> np.ndarray:
    """Crops to train on, minus the centre of the mean image, distorted and with colour noise, on the scale 0-255.

    Whatever is random depends on (seed, epoch, index of the picture) alone, not on the batch it comes in; where `draws`
    are given, position and mirroring depend on them in place of the index.

    Args:
        images: uint8 (b, C, S, S).
        indices: integers (b,), the pictures' places in their split.
        epoch: its number, counted from 1; the same number gives the same crops.
        seed: a non-negative integer below 2^63.
        augmentation: what to do.
        statistics: of the training set; its mean has the shape (C, S, S).
        draws: integers (b,); pictures with the same number are cut and mirrored alike. The indices if not given.

    Returns:
        float32 (b, C, crop, crop).
    """
    size, crop = images.shape[-1], augmentation.crop
    mean, centre = _centre_of_mean(images, crop, statistics)
    random_words = words(seed, epoch, CROP, indices if draws is None else draws)
    corners = np.full((len(images), 2), centre)
    if augmentation.random_crop:
        corners = (random_words[:, :2].astype(np.uint64) * np.uint64(size - crop + 1) >> np.uint64(32)).astype(np.int64)
    mirrored = (random_words[:, 2] >> 31).astype(bool) & augmentation.mirror

    if augmentation.distorts:
        images = distort(
            images,
            indices,
            epoch,
            seed,
            rotation=augmentation.rotation,
            scaling=augmentation.scaling,
            translation=augmentation.translation,
            elastic_alpha=augmentation.elastic_alpha,
            elastic_sigma=augmentation.elastic_sigma,
        )
    result = np.empty((len(images), images.shape[1], crop, crop), dtype=np.float32)
    for image, (top, left), mirror, out in zip(images, corners.tolist(), mirrored.tolist(), result, strict=True):
        patch = image[:, top : top + crop, left : left + crop]
        np.subtract(patch[:, :, ::-1] if mirror else patch, mean, out=out)
    noise, std, vectors = augmentation.noise(epoch), statistics.component_std, statistics.component_vectors
    if noise and std is not None and vectors is not None:
        alphas = noise * normals(words(seed, epoch, COLOUR, indices))[:, :3]
        shifts = (alphas * std) @ vectors.T  # for each picture, what its red, green and blue move by
        result += shifts.astype(np.float32)[:, :, np.newaxis, np.newaxis]
        if augmentation.noise_divides:
            result /= 1 + noise
    return result


def _centre_of_mean(images: np.ndarray, crop: int, statistics: Statistics) -> tuple[np.ndarray, int]:
    """What is subtracted from every crop, and the place of the centre."""
    size = images.shape[-1]
    if not 1 <= crop <= size:
        raise DataError(f"a crop of {crop} does not fit pictures of {size} x {size}; choose one from 1 to {size}")
    if statistics.mean.shape != images.shape[1:]:
        raise DataError(
            f"pictures of shape {images.shape[1:]} need a mean image of the same shape, got {statistics.mean.shape}; "
            "take the statistics of the training set, rescaled to the same size"
        )
    centre = (size - crop) // 2
    return statistics.mean[:, centre : centre + crop, centre : centre + crop], centre


def centre_view(images: np.ndarray, crop: int, statistics: Statistics) -> np.ndarray:
    """The centre of each picture, minus that of the mean image: uint8 (b, C, S, S) -> float32 (b, C, crop, crop)."""
    return next(views(images, crop, statistics, 1))


def views(images: np.ndarray, crop: int, statistics: Statistics, count: int) -> Iterator[np.ndarray]:
    """The crops that a network is tested on, one after the other, minus the centre of the mean image.

    Section 4.1: "At test time, the network makes a prediction by extracting five 224 x 224 patches (the four corner
    patches and the center patch) as well as their horizontal reflections (hence ten patches in all), and averaging the
    predictions made by the network's softmax layer on the ten patches."

    Args:
        images: uint8 (b, C, S, S).
        crop: side of a view.
        statistics: of the training set; its mean has the shape (C, S, S).
        count: 1 for the centre, 10 for the centre and the corners, each followed by its mirror image; 9 for 3 x 3
            places, none mirrored, as cuda-convnet came to test nets of CIFAR-10.

    Yields:
        float32 (b, C, crop, crop).

    Raises:
        DataError: there are no such views.
    """
    if count not in VIEWS:
        raise DataError(f"a network is tested on 1 view, on 9 or on 10, got {count}")
    if count > 1 and crop == images.shape[-1]:
        raise DataError(
            f"a network that sees the whole {crop} x {crop} pixels of a picture has one view, not {count}: ten are the "
            "corners and the centre of a larger picture, with their mirror images"
        )
    mean, centre = _centre_of_mean(images, crop, statistics)
    end = images.shape[-1] - crop
    places = [(centre, centre), (0, 0), (0, end), (end, 0), (end, end)]
    if count == 9:
        places = [(top, left) for top in (0, centre, end) for left in (0, centre, end)]
    for top, left in places[:1] if count == 1 else places:
        patch = images[:, :, top : top + crop, left : left + crop]
        yield patch - mean
        if count == 10:
            yield patch[:, :, :, ::-1] - mean
