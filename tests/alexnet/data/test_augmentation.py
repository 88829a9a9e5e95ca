import numpy as np
import pytest
from alexnet_checks import (
    NO_MEAN,
    PLACES,
    SIZE,
    check_colour_noise,
    check_epochs_and_seeds_differ,
    check_random_crops,
    check_subtracted_mean,
    check_views,
    colour_statistics,
    crops,
)
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data import Augmentation, DataError, augment, centre_view
from alexnet.data.keyed import CROP, SHUFFLE, normals, permutation, words


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
    check_random_crops()


def test_epochs_and_seeds_differ():
    check_epochs_and_seeds_differ()


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
    check_subtracted_mean()


def test_colour_noise_follows_the_components():
    check_colour_noise()


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
    blocks = [words(9, 1, CROP, indices, block * np.ones(len(indices), int)) for block in range(3)]
    assert np.array_equal(blocks[0], words(9, 1, CROP, indices))
    assert len({row.tobytes() for block in blocks for row in block}) == 3 * len(indices)
    extremes = normals(np.array([[0, 0, 0, 0], [2**32 - 1] * 4], dtype=np.uint32))
    assert np.isfinite(extremes).all()
    drawn = normals(words(0, 0, CROP, np.arange(20_000)))
    assert np.abs(np.cov(drawn.T) - np.eye(4)).max() < 0.06


@pytest.mark.parametrize("count", [1, 9, 10])
def test_views_against_their_definition(count):
    check_views(count)


def test_shared_draws():
    draws = np.arange(40) // 8
    images = np.broadcast_to(PLACES, (40, 1, SIZE, SIZE))
    found = augment(images, np.arange(40), 0, 0, Augmentation(4), NO_MEAN, draws)
    groups = found.reshape(5, 8, -1)
    assert (groups == groups[:, :1]).all() and len(np.unique(groups[:, 0], axis=0)) > 1
