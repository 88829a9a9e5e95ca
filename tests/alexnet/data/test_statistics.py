import numpy as np
import pytest
from alexnet_checks import check_statistics

from alexnet.data import DataError, RescaledSplit, open_dataset
from alexnet.data.sets.folders import FolderSplit
from alexnet.data.splits import ArraySplit
from alexnet.data.statistics import measure


def same(a, b):
    pairs = ((a.mean, b.mean), (a.component_std, b.component_std), (a.component_vectors, b.component_vectors))
    return all(np.array_equal(x, y) if x is not None else y is None for x, y in pairs)


def test_against_the_definition():
    check_statistics()


def test_sums_are_exact():
    """Bright and nearly flat: the variance is a small difference of large sums."""
    pixels = np.random.default_rng(0).integers(254, 256, (700, 16, 16, 3), dtype=np.uint8)
    found = RescaledSplit(ArraySplit(pixels, np.zeros(700)), 16).statistics()
    assert np.array_equal(found.mean, pixels.mean(axis=0).transpose(2, 0, 1).astype(np.float32))
    expected = np.linalg.eigvalsh(np.cov(pixels.reshape(-1, 3).T.astype(float) - 254, bias=True))[::-1]
    assert np.allclose(found.component_std, np.sqrt(expected), rtol=1e-6)


def test_any_number_of_workers_gives_the_same_bits(random_split, monkeypatch):
    monkeypatch.setattr("alexnet.data.statistics._CHUNK", 3 * 64 * 5)
    split = random_split(count=93)
    results = [measure(split, workers) for workers in (1, 2, 7)]
    assert same(results[0], results[1]) and same(results[0], results[2])
    monkeypatch.setattr("alexnet.data.statistics._CHUNK", 1)
    assert same(results[0], measure(split, 3))


def test_it_says_what_it_does_and_that_it_is_done_once(random_split, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    measure(random_split(count=50), progress=True)
    assert "measuring pictures, once:" in capsys.readouterr().err


def test_grayscale_has_no_colour_components(random_split):
    split = random_split(channels=1)
    first, cached = split.statistics(), split.statistics()
    assert first.mean.shape == (1, 8, 8) and first.component_std is None and first.component_vectors is None
    assert same(first, cached)


def test_one_colour(tmp_path):
    split = RescaledSplit(ArraySplit(np.full((3, 8, 8, 3), 255, np.uint8), np.zeros(3)), 8)
    found = split.statistics()
    assert (found.mean == 255).all() and (found.component_std == 0).all() and np.isfinite(found.component_vectors).all()


def test_the_second_time_it_is_read_from_the_cache(random_split, cache, monkeypatch):
    first = random_split().statistics()
    (path,) = cache.iterdir()
    monkeypatch.setattr("alexnet.data.statistics.measure", None)
    assert same(random_split().statistics(), first)
    for other in (random_split(seed=1), random_split(count=9), random_split(size=9), random_split(channels=1)):
        with pytest.raises(TypeError):  # other pictures or another size: not what was measured
            other.statistics()
    assert path.suffix == ".npz"


def test_a_damaged_cache_is_passed_over(random_split, cache):
    first = random_split().statistics()
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    damaged = [b"", b"junk", whole[:100], whole[:-1], bytes(len(whole))]
    for position in range(0, len(whole), 61):
        damaged.append(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
    for content in damaged:
        path.write_bytes(content)
        assert same(random_split().statistics(), first)
    assert list(cache.iterdir()) == [path]  # repaired, and no temporary file is left


def test_a_cache_of_other_contents_is_passed_over(random_split, cache):
    first = random_split().statistics()
    (path,) = cache.iterdir()
    good = {"mean": first.mean, "component_std": first.component_std, "component_vectors": first.component_vectors}
    bad = [{"mean": first.mean[:2]}, {"mean": first.mean * np.float32("nan")}, {"mean": first.mean.astype(float)}]
    bad += [{"component_std": np.zeros(0, np.float32)}, {"component_vectors": np.zeros(9, np.float32)}]
    for change in bad:
        np.savez(path, **(good | change))
        assert same(random_split().statistics(), first)
    with path.open("wb") as file:
        np.save(file, first.mean)
    assert same(random_split().statistics(), first)


def test_a_cache_folder_that_cannot_be_written(random_split, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert same(random_split().statistics(), random_split().statistics())


def test_what_was_measured_without_a_picture_is_not_kept(class_folders, monkeypatch):
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.2)
    data = open_dataset(class_folders)
    decoded, told = FolderSplit.image, []

    def fails(self, index, size=0):
        if index == 5:
            raise DataError("the disk is tired")
        return decoded(self, index, size)

    with monkeypatch.context() as patch:
        patch.setattr(FolderSplit, "image", fails)
        without = RescaledSplit(data.train, 8).statistics(left_out=told.append)
    assert [each.image for each in told] == [data.train.files[5]]
    assert not same(RescaledSplit(data.train, 8).statistics(), without)


def test_an_unreadable_picture_and_no_pictures(class_folders):
    data = open_dataset(class_folders)
    (class_folders / data.train.files[5]).write_bytes(b"")
    with pytest.raises(
        DataError, match=rf"1 of \d+ training pictures .*{data.train.files[5]} cannot be read as an image"
    ):
        RescaledSplit(data.train, 8).statistics()
    with pytest.raises(
        DataError, match=r"there are no pictures to compute the mean image of; add some to the training"
    ):
        measure(RescaledSplit(ArraySplit(np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0)), 8))
