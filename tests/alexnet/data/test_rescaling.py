import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data import DataError, RescaledSplit, rescale
from alexnet.data.rescaling import rescaled_shape, width_normalised
from alexnet.data.splits import ArraySplit, Split

sides = st.integers(1, 70)


@given(sides, sides, st.sampled_from([1, 3]), st.integers(1, 40))
def test_shape_and_constant_colour(height, width, channels, size):
    colour = np.arange(50, 50 + 60 * channels, 60, dtype=np.uint8)
    result = rescale(np.broadcast_to(colour, (height, width, channels)).copy(), size)
    assert result.shape == (channels, size, size) and result.dtype == np.uint8 and result.flags.c_contiguous
    assert np.array_equal(result, np.broadcast_to(colour[:, None, None], result.shape))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 300))
def test_the_longer_side_is_rounded_to_the_nearest(height, width, size):
    new_height, new_width = rescaled_shape(height, width, size)
    assert min(new_height, new_width) == size
    exact = max(height, width) * size / min(height, width)
    assert abs(max(new_height, new_width) - exact) <= 0.5
    assert (new_height >= new_width) == (height >= width) or new_height == new_width


@given(st.integers(4, 30), st.integers(0, 20), st.booleans(), st.integers(0, 99))
def test_without_a_change_of_size_it_is_the_centre(size, excess, tall, seed):
    shape = (size + excess, size, 3) if tall else (size, size + excess, 3)
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    offset = excess // 2
    expected = image[offset : offset + size] if tall else image[:, offset : offset + size]
    assert np.array_equal(rescale(image, size), expected.transpose(2, 0, 1))


@given(st.integers(8, 60), st.integers(8, 60), st.integers(4, 40), st.integers(0, 99))
@settings(max_examples=50)
def test_transposing_before_or_after(height, width, size, seed):
    """Rows and columns are treated alike: within two grey levels, as Pillow rounds between its two passes."""
    image = np.random.default_rng(seed).integers(100, 156, (height, width, 3), dtype=np.uint8)
    turned = rescale(np.ascontiguousarray(image.transpose(1, 0, 2)), size).transpose(0, 2, 1)
    assert np.abs(rescale(image, size).astype(int) - turned).max() <= 2


def test_it_is_antialiased():
    checks = np.indices((128, 128)).sum(axis=0)[..., None].astype(np.uint8) % 2 * 255
    assert np.abs(rescale(checks, 32).astype(int) - 127.5).max() < 8


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture(image):
    with pytest.raises(DataError, match=r"a picture is uint8 of shape \(H, W, C\) with 1 to 3 channels, got "):
        rescale(image, 8)


class Counting(Split):
    """Pictures of two sizes that count how often they are asked for."""

    fingerprint = "counting"

    def __init__(self, count):
        self.labels = np.arange(count)
        self.asked = np.zeros(count, int)

    def image(self, index, size=0):
        self.asked[index] += 1
        return np.full((10, 12 + index % 2, 3), index, np.uint8)


def test_pictures_are_kept_where_they_fit():
    counting = Counting(6)
    split = RescaledSplit(counting, 8)
    for indices in ([3, 1], [1, 5, 3], [5, 0]):
        assert split.batch(np.array(indices))[:, 0, 0, 0].tolist() == indices
    assert counting.asked.tolist() == [1, 1, 0, 1, 0, 1]


def test_pictures_are_decoded_again_where_they_do_not_fit(monkeypatch):
    monkeypatch.setattr("alexnet.data.rescaling.MEMORY_LIMIT", 6 * 3 * 64 - 1)
    counting = Counting(6)
    split = RescaledSplit(counting, 8)
    assert [split.batch(np.array([4, 2]))[:, 0, 0, 0].tolist() for _ in range(2)] == [[4, 2]] * 2
    assert counting.asked.tolist() == [0, 0, 2, 0, 2, 0]


def test_a_size_beyond_all_numbers_asks_for_no_memory():
    split = RescaledSplit(Counting(6), 2**32)  # 18 * 2^64 bytes, which 64 bits count as 0
    assert split._kept is None


def test_two_threads_may_fill_it_together():
    split = RescaledSplit(Counting(200), 8)
    seen = []

    def read(seed):
        for _ in range(20):
            indices = np.random.default_rng(seed).permutation(200)[:50]
            seen.append(np.array_equal(split.batch(indices)[:, 2, 3, 3], indices))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 80 and all(seen)


def test_an_array_of_the_right_size_is_not_copied_but_its_batches_are():
    planes = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    split = RescaledSplit(ArraySplit(planes.transpose(0, 2, 3, 1), np.arange(5)), 8)
    assert np.shares_memory(split._pixels, planes)
    batch = split.batch(np.array([1, 4]))
    assert np.array_equal(batch, planes[[1, 4]]) and not np.shares_memory(batch, planes)


def test_bad_arrays_and_sizes():
    with pytest.raises(DataError, match=r"pictures are rescaled to a positive size, got 0"):
        RescaledSplit(Counting(3), 0)
    with pytest.raises(DataError, match=r"pictures are uint8 of shape .*, got float64 of shape \(2, 4, 4, 3\)"):
        ArraySplit(np.zeros((2, 4, 4, 3)), np.zeros(2))
    with pytest.raises(DataError, match=r"2 pictures need labels of shape \(2,\), got \(3,\)"):
        ArraySplit(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3))


def digit(height, width, top=3, left=4, size=28):
    """Noise on black, in a box of which no side is black."""
    image = np.zeros((1, size, size), np.uint8)
    noise = np.random.default_rng(width).integers(128, 256, (height, width), dtype=np.uint8)
    image[0, top : top + height, left : left + width] = noise
    return image


def box(image):
    """Top, left, height and width of what is not black."""
    rows, columns = (np.flatnonzero(image.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]


@pytest.mark.parametrize(
    ("width", "asked", "made"), [(14, 20, 20), (20, 10, 10), (12, 12, 12), (10, 20, 20), (5, 14, 10)]
)
def test_a_digit_is_as_wide_as_asked_or_twice_as_wide_as_it_was(width, asked, made):
    image = digit(17, width)
    found = width_normalised(image, asked)
    assert box(found) == ((28 - 17) // 2, (28 - made) // 2, 17, made) and image.any()
    if made == width:
        assert np.array_equal(found[0, 5:22, (28 - made) // 2 :][:, :made], image[0, 3:20, 4 : 4 + width])


def test_where_a_digit_stands_changes_nothing():
    same = [width_normalised(digit(9, 13, top, left), 18) for top, left in ((0, 0), (19, 15), (7, 3))]
    assert np.array_equal(same[0], same[1]) and np.array_equal(same[0], same[2])


def test_the_planes_of_a_pair_have_one_box():
    pair = np.concatenate([digit(10, 6, 2, 2), digit(10, 6, 8, 8)])
    assert box(width_normalised(pair, 24)) == (6, 2, 16, 24)  # 12 x 16 together


def test_a_black_picture_stays_black():
    assert not width_normalised(np.zeros((1, 8, 8), np.uint8), 5).any()


def test_a_split_of_digits_of_one_width_has_statistics_of_its_own():
    digits = np.concatenate([digit(17, width) for width in (12, 14, 20)])
    split = ArraySplit(digits[..., np.newaxis], np.arange(3))
    plain, narrow = RescaledSplit(split, 28), RescaledSplit(split, 28, digit_width=10)
    expected = np.stack([width_normalised(each[np.newaxis], 10) for each in digits])
    assert np.array_equal(narrow.batch(np.arange(3)), expected)
    assert np.array_equal(plain.batch(np.arange(3))[:, 0], digits)
    for _ in range(2):  # computed, then read from the cache folder
        np.testing.assert_array_equal(narrow.statistics().mean, expected.mean(axis=0, dtype=np.float64).astype("f4"))
        np.testing.assert_array_equal(plain.statistics().mean[0], digits.mean(axis=0, dtype=np.float64).astype("f4"))
