"""Distortions against a slow definition with SciPy, and by what they must do to known pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from alexnet.data import Augmentation, Statistics, augment
from alexnet.data.distortion import distort, smoothing
from alexnet.data.keyed import DISTORTION, words

SIZE = 12


def pictures(count: int, channels: int = 1, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def drawn(seed: int, epoch: int, index: int, block: int) -> list[float]:
    """The sixteen numbers of a block, lowest byte of the first word first."""
    four = words(seed, epoch, DISTORTION, np.array([index]), np.array([block]))[0].tolist()
    return [(word >> shift & 255) / 127.5 - 1 for word in four for shift in (0, 8, 16, 24)]


def slowly(image: np.ndarray, index: int, epoch: int, seed: int, settings: dict[str, float]) -> np.ndarray:
    """The definition, for a plane of one picture, in float64."""
    size = len(image)
    turn, high, wide, down, right = drawn(seed, epoch, index, 0)[:5]
    angle = math.radians(settings.get("rotation", 0)) * turn
    centre, places = (size - 1) / 2, np.empty((2, size, size))
    for i in range(size):
        for j in range(size):
            row = i - centre - settings.get("translation", 0) * down
            column = j - centre - settings.get("translation", 0) * right
            before = math.cos(angle) * row + math.sin(angle) * column, math.cos(angle) * column - math.sin(angle) * row
            for place, factor in enumerate((high, wide)):
                places[place, i, j] = centre + before[place] / (1 + settings.get("scaling", 0) * factor)
    alpha = settings.get("elastic_alpha", 0)
    if alpha:
        count = 2 * size * size
        noise = [each for block in range(1, 1 + -(-count // 16)) for each in drawn(seed, epoch, index, block)][:count]
        for place, field in zip(places, np.reshape(noise, (2, size, size)), strict=True):
            place += alpha * ndimage.gaussian_filter(field, settings["elastic_sigma"], mode="constant")
    return ndimage.map_coordinates(image.astype(float), places, order=1, mode="nearest")


STRENGTHS = {
    "rotation": st.floats(0, 180),
    "scaling": st.floats(0, 0.9),
    "translation": st.floats(0, 5),
    "elastic_alpha": st.floats(1, 40),
    "elastic_sigma": st.floats(0.5, 8),
}


@given(st.integers(1, 14), st.integers(1, 3), st.integers(0, 2**63 - 1), st.integers(1, 900), st.data())
def test_the_definition(size: int, channels: int, seed: int, epoch: int, data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(["rotation", "scaling", "translation", "elastic"]), min_size=1))
    settings = {name: data.draw(each) for name, each in STRENGTHS.items() if name.partition("_")[0] in names}
    images, indices = pictures(3, channels, size), np.array([7, 59_999, 2**31])
    found = distort(images, indices, epoch, seed, **settings)
    assert found.dtype == np.float32 and found.shape == images.shape
    for each, image, index in zip(found, images, indices.tolist(), strict=True):
        for plane, pixels in zip(each, image, strict=True):
            # neighbours differ by up to 255, and places by rounding to float32
            np.testing.assert_allclose(plane, slowly(pixels, index, epoch, seed, settings), rtol=0, atol=0.05)


def test_no_distortion_leaves_pictures_as_they_are() -> None:
    images = pictures(5, 3)
    assert np.array_equal(distort(images, np.arange(5), 1, 0), images)


@given(st.integers(2, 12), st.integers(0, 2**63 - 1), st.integers(1, 90), st.data())
def test_a_picture_gets_the_same_bits_in_any_batch(count: int, seed: int, epoch: int, data: st.DataObject) -> None:
    images, indices = pictures(count), np.random.default_rng(0).permutation(100)[:count]
    settings = {"rotation": 15.0, "scaling": 0.15, "translation": 1.0, "elastic_alpha": 36.0, "elastic_sigma": 6.0}
    together = distort(images, indices, epoch, seed, **settings)
    some = np.array(data.draw(st.permutations(range(count))))[: data.draw(st.integers(1, count))]
    assert distort(images[some], indices[some], epoch, seed, **settings).tobytes() == together[some].tobytes()


@pytest.mark.parametrize("settings", [{"rotation": 9.0}, {"elastic_alpha": 9.0, "elastic_sigma": 2.0}])
def test_epochs_seeds_and_pictures_differ(settings: dict[str, float]) -> None:
    images = np.repeat(pictures(1), 2, axis=0)
    made = [distort(images, np.array([3, 4]), epoch, seed, **settings) for epoch, seed in ((1, 0), (2, 0), (1, 1))]
    assert len({each.tobytes() for pair in made for each in pair}) == 6


@pytest.mark.parametrize(("size", "sigma"), [(28, 6.0), (9, 6.0), (30, 1.5), (5, 0.4), (1, 3.0)])
def test_smoothing_is_a_gaussian_with_zeros_outside(size: int, sigma: float) -> None:
    expected = ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0, mode="constant")
    np.testing.assert_allclose(smoothing(size, sigma), expected, rtol=0, atol=1e-7)


def bar() -> np.ndarray:
    """An upright bar in the middle: uint8 (1, 1, 41, 41)."""
    image = np.zeros((1, 1, 41, 41), np.uint8)
    image[:, :, 8:33, 13:28] = 200
    return image


def moments(plane: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Where the middle of what is drawn is, row and column, and how it extends about it: the covariances."""
    weights = plane / plane.sum()
    places = np.indices(plane.shape)
    middle = (places * weights).sum(axis=(1, 2))
    apart = places - middle[:, np.newaxis, np.newaxis]
    return middle[0], middle[1], np.einsum("aij,bij,ij->ab", apart, apart, weights)


def test_a_bar_is_turned_either_way_and_no_further_than_asked() -> None:
    made = distort(np.repeat(bar(), 200, axis=0), np.arange(200), 1, 0, rotation=30)[:, 0]
    angles = []
    for plane in made:
        row, column, extent = moments(plane)
        assert (row, column) == pytest.approx((20, 20), abs=0.1)
        angles.append(math.degrees(0.5 * math.atan2(2 * extent[0, 1], extent[0, 0] - extent[1, 1])))
    assert 28 < max(angles) < 30.5 and -30.5 < min(angles) < -28 and abs(np.mean(angles)) < 3


def test_a_bar_is_scaled_in_each_direction_by_itself() -> None:
    upright = np.sqrt(np.diag(moments(bar()[0, 0])[2]))
    made = distort(np.repeat(bar(), 200, axis=0), np.arange(200), 1, 0, scaling=0.2)[:, 0]
    factors = np.array([np.sqrt(np.diag(moments(plane)[2])) for plane in made]) / upright
    assert (factors.min(axis=0) > 0.78).all() and (factors.min(axis=0) < 0.9).all()
    assert (factors.max(axis=0) > 1.15).all() and (factors.max(axis=0) < 1.25).all()
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


def test_a_bar_is_moved_in_each_direction_by_itself() -> None:
    made = distort(np.repeat(bar(), 200, axis=0), np.arange(200), 1, 0, translation=3)[:, 0]
    moved = np.array([moments(plane)[:2] for plane in made]) - 20
    assert (np.abs(moved).max(axis=0) < 3.01).all() and (moved.max(axis=0) > 2.7).all()
    assert (moved.min(axis=0) < -2.7).all() and abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_elastic_displacements_have_the_deviation_of_smoothed_noise() -> None:
    """On a ramp, what a pixel reads is where it comes from."""
    ramp = np.broadcast_to(np.arange(100, 128, dtype=np.uint8)[:, np.newaxis], (400, 1, 28, 28))
    made = distort(ramp, np.arange(400), 1, 0, elastic_alpha=36, elastic_sigma=6)[:, 0]
    moved = (made - ramp[:, 0])[:, 8:20, 8:20]
    expected = 36 * math.sqrt(1 / 3) / (2 * math.sqrt(math.pi) * 6)
    assert moved.std() == pytest.approx(expected, rel=0.1) and abs(moved.mean()) < 0.1
    twice = distort(ramp, np.arange(400), 1, 0, elastic_alpha=72, elastic_sigma=6)[:, 0]
    inside = np.abs(moved) < 3
    np.testing.assert_allclose((twice - ramp[:, 0])[:, 8:20, 8:20][inside], 2 * moved[inside], atol=1e-4)


def test_pictures_are_distorted_before_the_mean_is_subtracted_and_they_are_cropped() -> None:
    images, indices = pictures(6), np.arange(6)
    mean = np.random.default_rng(1).uniform(0, 255, (1, SIZE, SIZE)).astype(np.float32)
    settings = {"rotation": 20.0, "scaling": 0.2, "translation": 2.0, "elastic_alpha": 30.0, "elastic_sigma": 4.0}
    augmentation = Augmentation(8, random_crop=False, mirror=False, **settings)
    assert augmentation.distorts and not Augmentation(8).distorts
    found = augment(images, indices, 5, 9, augmentation, Statistics(mean, None, None))
    distorted = distort(images, indices, 5, 9, **settings)
    assert np.array_equal(found, distorted[:, :, 2:10, 2:10] - mean[:, 2:10, 2:10])
