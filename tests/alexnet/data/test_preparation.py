import csv
import io

import numpy as np
import pytest
from PIL import Image

from alexnet import prepare as command
from alexnet.data import Augmentation, DataError, Loader, RescaledSplit, open_dataset, rescale
from alexnet.data import preparation as module
from alexnet.data.preparation import prepare


@pytest.fixture
def photographs(tmp_path):
    """Two classes of JPEGs of many sizes, in train/ (12) and val/ (4)."""
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 2)):
        for name in ("n02", "n01"):
            folder = tmp_path / "photographs" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                shape = (*random.integers(9, 60, 2), 3)
                pixels = random.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).resize((90, 70)).save(folder / f"{number}.JPEG")
    (tmp_path / "photographs" / "synset_words.txt").write_text("n01 a cat, a big one\nn02 a dog\n")
    return tmp_path / "photographs"


def files_of(store):
    return {path.name: path.read_bytes() for path in store.iterdir() if path.suffix != ".npz"}


def test_a_store_holds_what_the_rule_makes_of_each_picture(photographs, tmp_path):
    source = open_dataset(photographs)
    result = prepare(source, tmp_path / "store", 1, size=16, shard=5)
    assert result.counts == {"train": 12, "val": 4} and not result.rejected and not result.continued
    store = open_dataset(tmp_path / "store")
    assert (store.name, store.ids, store.classes) == ("photographs", ("n01", "n02"), ("a cat, a big one", "a dog"))
    for name, split in source.splits().items():
        found = store.splits()[name]
        assert found.labels.tolist() == split.labels.tolist()
        for index in range(len(split)):
            assert found.name(index) == split.name(index)
            expected = rescale(split.image(index, 16), 16)
            assert np.array_equal(found.image(index).transpose(2, 0, 1), expected)
            assert np.array_equal(found.pixels(16)[np.array([index])][0], expected)
    sizes = [(tmp_path / "store" / f"train-0000{number}.bin").stat().st_size for number in range(3)]
    assert sizes == [5 * 768, 5 * 768, 2 * 768]
    assert (tmp_path / "store" / "rejected.csv").read_text().split() == ["part,picture,reason"]


def test_its_statistics_are_those_of_its_pictures(photographs, tmp_path):
    source = open_dataset(photographs)
    prepare(source, tmp_path / "store", 1, size=16, shard=5)
    kept = RescaledSplit(open_dataset(tmp_path / "store").train, 16).statistics()
    measured = RescaledSplit(source.train, 16).statistics()
    for name, value in measured.arrays().items():
        assert np.array_equal(kept.arrays()[name], value)
    assert RescaledSplit(open_dataset(tmp_path / "store").train, 8).statistics().mean.shape == (3, 8, 8)


def test_training_sees_the_same_from_files_and_from_the_store(photographs, tmp_path):
    source = open_dataset(photographs)
    prepare(source, tmp_path / "store", 1, size=16, shard=5)
    seen = []
    for data, workers in ((source, 1), (open_dataset(tmp_path / "store"), 3)):
        split = RescaledSplit(data.train, 16)
        loader = Loader(split, Augmentation(9, colour_noise=0.1), split.statistics(), 5, seed=3, workers=workers)
        seen.append([(images.tobytes(), labels.tobytes()) for images, labels in loader.batches(2)])
    assert seen[0] == seen[1]


def test_any_number_of_workers_makes_the_same_store(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 2)
    (photographs / "train" / "n01" / "3.JPEG").write_bytes(b"nothing")
    for workers in (1, 2):
        prepare(open_dataset(photographs), tmp_path / f"store{workers}", workers, size=16, shard=5)
    assert files_of(tmp_path / "store1") == files_of(tmp_path / "store2")


@pytest.mark.parametrize("stop_after", [0, 1, 4, 5, 6, 11, 12, 14, 16])
def test_interrupted_it_goes_on_to_the_same_store(photographs, tmp_path, monkeypatch, stop_after):
    (photographs / "train" / "n01" / "1.JPEG").write_bytes(b"")
    monkeypatch.setattr(module, "TOGETHER", 1)
    prepare(open_dataset(photographs), tmp_path / "whole", 1, size=16, shard=5)
    calls = []

    def interrupted(image, size):
        if len(calls) == stop_after:
            raise KeyboardInterrupt
        calls.append(image)
        return rescale(image, size)

    with monkeypatch.context() as patch:
        patch.setattr(module, "rescale", interrupted)
        if stop_after < 15:
            with pytest.raises(KeyboardInterrupt):
                prepare(open_dataset(photographs), tmp_path / "parts", 1, size=16, shard=5)
            assert not (tmp_path / "parts").exists()
            with pytest.raises(DataError, match=r"parts.part is a store that is not finished; python -m alexnet.prep"):
                open_dataset(tmp_path / "parts.part")
    result = prepare(open_dataset(photographs), tmp_path / "parts", 1, size=16, shard=5)
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "parts")
    assert result.rejected == [("train", "n01/1.JPEG", result.rejected[0].reason)]
    assert (result.continued > 0) == (5 < stop_after < 15)
    assert not list(tmp_path.glob("*.part"))


def test_interrupted_behind_a_last_shard_without_pictures_it_goes_on(photographs, tmp_path, monkeypatch):
    for number in (4, 5):
        (photographs / "train" / "n02" / f"{number}.JPEG").write_bytes(b"")
    calls = []

    def interrupted(image, size):
        if len(calls) == 11:  # ten of train and one of val are done
            raise KeyboardInterrupt
        calls.append(image)
        return rescale(image, size)

    with monkeypatch.context() as patch:
        patch.setattr(module, "rescale", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    assert not (tmp_path / "store.part" / "train-00002.bin").exists()
    result = prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    assert result.counts == {"train": 10, "val": 4} and len(result.rejected) == 2


def bomb():
    content = io.BytesIO()
    Image.new("1", (20000, 20000)).save(content, "PNG")
    return content.getvalue()


DAMAGE = {
    "empty": (b"", "the file is empty"),
    "text": (b"<html>404</html>", "of no known format"),
    "bomb": (bomb(), "exceeds limit|above Pillow's limit"),
    "header": (b"\xff\xd8\xff\xe0" + bytes(40), "of no known format"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", [*DAMAGE, "cut"])
def test_what_is_no_picture_is_rejected_with_its_reason(photographs, tmp_path, kind):
    path = photographs / "val" / "n02" / "1.JPEG"
    content, reason = DAMAGE.get(kind, (path.read_bytes()[:-200], "truncated"))
    path.write_bytes(content)
    result = prepare(open_dataset(photographs), tmp_path / "store", 1, size=16)
    assert result.counts == {"train": 12, "val": 3} and result.many
    with (tmp_path / "store" / "rejected.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["part"], row["picture"]) == ("val", "n02/1.JPEG")
    assert any(words in row["reason"] for words in reason.split("|")), row["reason"]


def test_the_last_pictures_may_all_be_rejected(photographs, tmp_path):
    for number in (4, 5):
        (photographs / "train" / "n02" / f"{number}.JPEG").write_bytes(b"")
    result = prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    assert result.counts["train"] == 10 == len(open_dataset(tmp_path / "store").train)
    assert not (tmp_path / "store" / "train-00002.bin").exists() and not result.empty


def test_what_cannot_be_prepared(photographs, tmp_path, mnist_folder):
    (tmp_path / "taken").mkdir()
    with pytest.raises(DataError, match=r"taken is there already, and stores are not changed; remove it or choose"):
        prepare(open_dataset(photographs), tmp_path / "taken", 1)
    with pytest.raises(DataError, match=r"a store holds RGB pictures; those of mnist have 1 channel"):
        prepare(open_dataset(mnist_folder), tmp_path / "store", 1)
    for path in (photographs / "val").rglob("*.JPEG"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no picture of the part val can be used"):
        prepare(open_dataset(photographs), tmp_path / "store", 1, size=16)
    with pytest.raises(DataError, match=r"store.part was begun from another source, or the source has changed since"):
        prepare(open_dataset(photographs), tmp_path / "store", 1, size=17)


def test_the_command(photographs, tmp_path, capsys):
    store = tmp_path / "store"
    for path in (photographs / "train" / "n02").iterdir():
        path.write_bytes(b"")
    assert command.main([str(photographs), str(store), "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert "6 train, 4 val pictures" in printed.out and f"--data {store}" in printed.out
    assert (
        "WARNING: 6 pictures (37.50 %; 6 of train) could not be used" in printed.err and "rejected.csv" in printed.err
    )
    assert "WARNING: 1 classes have no training picture left: n02" in printed.err
    assert command.main(["--verify", str(store)]) == 0
    assert command.main([str(photographs), str(store)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert command.main([str(store)]) == 2
    assert "takes two paths" in capsys.readouterr().err
