import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data import Augmentation, DataError, Statistics, augment, centre_view, views
from alexnet.data.keyed import CROP, SHUFFLE, normals, permutation, words

SIZE = 9
NO_MEAN = Statistics(np.zeros((1, SIZE, SIZE), np.float32), None, None)
# Each pixel is its own place, row * 16 + column: a crop shows where it was taken.
PLACES = (np.arange(SIZE)[:, None] * 16 + np.arange(SIZE)).astype(np.uint8)


def colour_statistics(mean=0.0):
    vectors = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0].astype(np.float32)
    return Statistics(np.full((3, SIZE, SIZE), mean, np.float32), np.array([120, 30, 15], np.float32), vectors)


def crops(count, augmentation, epoch=0, seed=0):
    images = np.broadcast_to(PLACES, (count, 1, SIZE, SIZE))
    return augment(images, np.arange(count), epoch, seed, augmentation, NO_MEAN)[:, 0].astype(int)


@given(st.integers(1, 12), st.integers(1, SIZE), st.integers(0, 2**63 - 1), st.integers(0, 90), st.data())
def test_a_picture_gets_the_same_bits_in_any_batch(count, crop, seed, epoch, data):
    images = np.random.default_rng(count).integers(0, 256, (count, 3, SIZE, SIZE), dtype=np.uint8)
    indices = np.random.default_rng(crop).permutation(1000)[:count]
    augmentation = Augmentation(crop, colour_noise=0.1)
    together = augment(images, indices, epoch, seed, augmentation, colour_statistics(99.5))
    assert together.shape == (count, 3, crop, crop) and together.dtype == np.float32
    order = np.array(data.draw(st.permutations(range(count))))[: data.draw(st.integers(1, count))]
    again = augment(images[order], indices[order], epoch, seed, augmentation, colour_statistics(99.5))
    assert again.tobytes() == together[order].tobytes()


def test_every_position_and_both_directions_occur():
    crop = 6
    found = crops(4000, Augmentation(crop))
    mirrored = found[:, 0, 0] > found[:, 0, -1]
    upright = np.where(mirrored[:, None, None], found[:, :, ::-1], found)
    top, left = upright[:, 0, 0] // 16, upright[:, 0, 0] % 16
    expected = top[:, None, None] * 16 + left[:, None, None] + PLACES[:crop, :crop]
    assert np.array_equal(upright, expected)  # a piece of the picture, not more
    counts = np.zeros((SIZE - crop + 1, SIZE - crop + 1), int)
    np.add.at(counts, (top, left), 1)
    assert counts.min() > 250 - 5 * 16 and counts.max() < 250 + 5 * 16
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
    assert abs(np.corrcoef(mirrored, top)[0, 1]) < 0.08 and abs(np.corrcoef(top, left)[0, 1]) < 0.08


def test_epochs_and_seeds_differ():
    first = crops(50, Augmentation(4))
    assert not np.array_equal(first, crops(50, Augmentation(4), epoch=1))
    assert not np.array_equal(first, crops(50, Augmentation(4), seed=1))
    assert not np.array_equal(first, crops(50, Augmentation(4), seed=2**40))


def test_a_mirrored_picture_is_the_flipped_one():
    plain, either = crops(40, Augmentation(5, mirror=False)), crops(40, Augmentation(5))
    flipped = (plain != either).any(axis=(1, 2))
    assert 5 < flipped.sum() < 35
    assert np.array_equal(either[flipped], plain[flipped][:, :, ::-1])


@pytest.mark.parametrize("crop", [4, 5, SIZE])
def test_the_centre(crop):
    offset = (SIZE - crop) // 2
    centre = PLACES[offset : offset + crop, offset : offset + crop]
    images = np.broadcast_to(PLACES, (20, 1, SIZE, SIZE))
    assert (centre_view(images, crop, NO_MEAN)[:, 0] == centre).all()
    assert (crops(20, Augmentation(crop, random_crop=False, mirror=False)) == centre).all()


def test_the_centre_of_the_mean_is_subtracted_wherever_the_crop_is():
    mean = np.random.default_rng(0).uniform(0, 255, (1, SIZE, SIZE)).astype(np.float32)
    images = np.full((30, 1, SIZE, SIZE), 100, np.uint8)
    result = augment(images, np.arange(30), 0, 0, Augmentation(4), Statistics(mean, None, None))
    assert np.array_equal(result, np.broadcast_to(100 - mean[:, 2:6, 2:6], result.shape))
    assert np.array_equal(centre_view(images, 4, Statistics(mean, None, None)), result)


def test_colour_noise_follows_the_components():
    statistics, count = colour_statistics(100), 20_000
    images = np.full((count, 3, SIZE, SIZE), 100, np.uint8)
    augmentation = Augmentation(2, colour_noise=0.1)
    result = augment(images, np.arange(count), 3, 7, augmentation, statistics)
    assert np.ptp(result, axis=(2, 3)).max() == 0  # one shift for the whole picture
    alphas = result[:, :, 0, 0].astype(float) @ statistics.component_vectors / statistics.component_std
    assert np.abs(alphas.mean(axis=0)).max() < 5 * 0.1 / np.sqrt(count)
    assert np.abs(np.cov(alphas.T) / 0.01 - np.eye(3)).max() < 0.06
    assert (np.abs(alphas / 0.1) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert not augment(images, np.arange(count), 3, 7, Augmentation(2), statistics).any()


def test_noise_ends_at_its_epoch_and_the_division_with_it():
    images = np.random.default_rng(0).integers(0, 256, (8, 3, SIZE, SIZE), dtype=np.uint8)
    plain = Augmentation(4)
    noisy, ending, dividing = (
        Augmentation(4, colour_noise=0.1, noise_off_epoch=off, noise_divides=divides)
        for off, divides in ((0, False), (67, False), (67, True))
    )

    def made(augmentation, epoch):
        return augment(images, np.arange(8), epoch, 0, augmentation, colour_statistics(100))

    for epoch in (1, 66):
        assert np.array_equal(made(ending, epoch), made(noisy, epoch))
        assert not np.array_equal(made(ending, epoch), made(plain, epoch))
        np.testing.assert_allclose(made(dividing, epoch) * 1.1, made(noisy, epoch), rtol=0, atol=1e-4)
    for epoch in (67, 90):
        assert np.array_equal(made(ending, epoch), made(plain, epoch))
        assert np.array_equal(made(dividing, epoch), made(plain, epoch))


def test_noise_does_not_move_the_crops():
    images = np.broadcast_to(PLACES, (20, 3, SIZE, SIZE))
    quiet, noisy = (
        augment(images, np.arange(20), 0, 0, Augmentation(4, colour_noise=noise), colour_statistics())
        for noise in (0, 0.1)
    )
    assert np.ptp(noisy - quiet, axis=(2, 3)).max() < 1e-3 < np.abs(noisy - quiet).max()


def test_bad_arguments():
    images = np.zeros((2, 1, SIZE, SIZE), np.uint8)
    for crop in (0, SIZE + 1):
        with pytest.raises(
            DataError, match=rf"a crop of {crop} does not fit pictures of 9 x 9; choose one from 1 to 9"
        ):
            augment(images, np.arange(2), 0, 0, Augmentation(crop), NO_MEAN)
    with pytest.raises(DataError, match=r"shape \(1, 9, 9\) need a mean image of the same shape, got \(3, 9, 9\)"):
        augment(images, np.arange(2), 0, 0, Augmentation(4), colour_statistics())


def test_keyed_numbers():
    assert sorted(permutation(1, 2, SHUFFLE, 500)) == list(range(500))
    assert permutation(1, 2, SHUFFLE, 500).tolist() != permutation(1, 3, SHUFFLE, 500).tolist()
    indices = np.array([5, 0, 2**31])
    assert not np.array_equal(words(9, 1, CROP, indices), words(9, 1, SHUFFLE, indices))
    assert np.array_equal(words(9, 1, CROP, indices)[1:], words(9, 1, CROP, indices[1:]))
    extremes = normals(np.array([[0, 0, 0, 0], [2**32 - 1] * 4], dtype=np.uint32))
    assert np.isfinite(extremes).all()
    drawn = normals(words(0, 0, CROP, np.arange(20_000)))
    assert np.abs(np.cov(drawn.T) - np.eye(4)).max() < 0.06


@pytest.mark.parametrize("count", [1, 10])
def test_views_against_their_definition(count):
    images = np.random.default_rng(0).integers(0, 256, (4, 3, SIZE, SIZE), dtype=np.uint8)
    statistics = Statistics(np.random.default_rng(1).uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32), None, None)
    found = list(views(images, 6, statistics, count))
    assert len(found) == count and found[0].dtype == np.float32
    assert np.array_equal(found[0], centre_view(images, 6, statistics))
    mean = statistics.mean[:, 1:7, 1:7]
    corners = [images[:, :, top : top + 6, left : left + 6] for top in (0, 3) for left in (0, 3)]
    expected = [patch[..., ::step] - mean for patch in [images[:, :, 1:7, 1:7], *corners] for step in (1, -1)]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=False))
    with pytest.raises(DataError, match=r"tested on 1 view or on 10, got 5"):
        next(views(images, 6, statistics, 5))


def test_shared_draws():
    draws = np.arange(40) // 8
    images = np.broadcast_to(PLACES, (40, 1, SIZE, SIZE))
    found = augment(images, np.arange(40), 0, 0, Augmentation(4), NO_MEAN, draws)
    groups = found.reshape(5, 8, -1)
    assert (groups == groups[:, :1]).all() and len(np.unique(groups[:, 0], axis=0)) > 1
