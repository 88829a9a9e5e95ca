import csv
import errno
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from alexnet import prepare as command
from alexnet.data import Augmentation, DataError, DataSet, Loader, RescaledSplit, open_dataset, rescale
from alexnet.data.splits import ArraySplit
from alexnet.data.store import preparation as module
from alexnet.data.store.layout import verify
from alexnet.data.store.preparation import prepare


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


@pytest.mark.parametrize("channels", [1, 2], ids=["grey", "stereo"])
def test_pictures_without_colour_are_prepared_too(tmp_path, channels):
    random = np.random.default_rng(0)
    train, val = (
        ArraySplit(random.integers(0, 256, (count, 20, 24, channels), np.uint8), np.arange(count) % 2)
        for count in (7, 3)
    )
    source = DataSet("grey", ("a", "b"), channels, train, val)
    prepare(source, tmp_path / "store", 1, size=16, shard=5)
    store = open_dataset(tmp_path / "store")
    assert store.channels == store.train.channels == channels
    assert (tmp_path / "store" / "train-00000.bin").stat().st_size == 5 * channels * 256
    pictures = RescaledSplit(store.train, 16)
    for index in range(7):
        assert np.array_equal(pictures.batch(np.array([index]))[0], rescale(train.image(index), 16))
    kept, measured = pictures.statistics(), RescaledSplit(train, 16).statistics()
    assert np.array_equal(kept.mean, measured.mean) and kept.component_std is None
    verify(tmp_path / "store")


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
        patch.setattr("alexnet.data.store.workers.rescale", interrupted)
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
        patch.setattr("alexnet.data.store.workers.rescale", interrupted)
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


def test_what_cannot_be_prepared(photographs, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(DataError, match=r"taken is there already, and stores are not changed; remove it or choose"):
        prepare(open_dataset(photographs), tmp_path / "taken", 1)
    for path in (photographs / "val").rglob("*.JPEG"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no picture of the part val can be used"):
        prepare(open_dataset(photographs), tmp_path / "store", 1, size=16)
    with pytest.raises(DataError, match=r"store.part was begun from another source or by another version, or the"):
        prepare(open_dataset(photographs), tmp_path / "store", 1, size=17)


@pytest.mark.parametrize(("many", "recipe"), [(command.MANY, "small"), (12, "paper")])
def test_the_recipe_that_is_recommended_fits_the_number_of_pictures(
    photographs, tmp_path, capsys, monkeypatch, many, recipe
):
    monkeypatch.setattr(command, "MANY", many)
    assert command.main([str(photographs), str(tmp_path / "store"), "--workers", "1"]) == 0
    assert f"Next, train on it: python -m alexnet.train --recipe {recipe} --data" in capsys.readouterr().out


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


def test_what_the_command_says_fits_the_terminal(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((50, 20)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert command.main([photographs.name, "store", "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "store: 12 train, 4 val pictures; its files are" in lines and "  read-only from now on" in lines
    assert lines[-1].startswith("  python -m alexnet.train --recipe small")  # whole, so that it can be pasted


@pytest.mark.parametrize("place", ["photographs", "photographs/store", "photographs/train/new/store", "link/store"])
def test_a_store_lies_outside_its_source(photographs, tmp_path, monkeypatch, capsys, place):
    """Where its folder would be one of the classes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(photographs)
    before = sorted(tmp_path.rglob("*"))
    assert command.main([photographs.name, place, "--workers", "1"]) == 2
    assert f"{place} lies in the source photographs, and would be taken for data" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="Control-C for a group of processes")
def test_control_c_while_the_workers_start_is_one_sentence(photographs, tmp_path):
    words = [sys.executable, "-m", "alexnet.prepare", str(photographs), str(tmp_path / "store"), "--workers", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, text=True, start_new_session=True) as process:
        process.stdout.readline()
        time.sleep(0.2)  # the workers import what they need
        os.killpg(process.pid, signal.SIGINT)
        error = process.stderr.read()
        assert process.wait() in (0, 130)  # 0 on a machine that is done by then
    assert "Traceback" not in error


def test_one_process_at_a_time_makes_a_store(photographs, tmp_path, capsys):
    store = tmp_path / "store"
    program = (
        "import sys, pathlib; from alexnet.data.store.preparation import preparing\n"
        "with preparing(pathlib.Path(sys.argv[1])): print('claimed', flush=True); sys.stdin.read()"
    )
    command_of_other = [sys.executable, "-c", program, str(store)]
    with subprocess.Popen(command_of_other, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "claimed\n"
        for _ in range(2):  # being refused takes nothing away from the other
            assert command.main([str(photographs), str(store), "--workers", "1"]) == 2
            assert f"process {other.pid} is making {store}; wait for it" in capsys.readouterr().err
        other.kill()
    assert (tmp_path / "store.lock").exists()  # the killed one could not remove it
    assert command.main([str(photographs), str(store), "--workers", "1"]) == 0
    assert [path.name for path in tmp_path.glob("store*")] == ["store"]


@pytest.mark.parametrize("place", ["file/store", "file/more/store"])
def test_where_nothing_can_be_written_it_says_so_before_any_work(tmp_path, monkeypatch, capsys, place):
    (tmp_path / "file").write_text("where a folder should be")
    monkeypatch.setattr(command, "open_dataset", None)
    assert command.main(["source", str(tmp_path / place)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{place} cannot be written (" in error and error.endswith("; make its folder writable, or choose another")


def test_a_full_disk_is_one_sentence_and_it_goes_on_from_there(photographs, tmp_path, monkeypatch):
    prepare(open_dataset(photographs), tmp_path / "whole", 1, size=16, shard=5)
    saved, save = [], module.checkpoint.save

    def full(path, arrays):
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(path)
        save(path, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(module.checkpoint, "save", full)
        with pytest.raises(
            DataError, match=r"store cannot be written \(No space left on device\); make room there, an"
        ):
            prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    result = prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    assert result.continued == 5 and files_of(tmp_path / "whole") == files_of(tmp_path / "store")
    expected, found = (
        RescaledSplit(open_dataset(tmp_path / name).train, 16).statistics() for name in ("whole", "store")
    )
    assert np.array_equal(expected.mean, found.mean) and np.array_equal(expected.component_std, found.component_std)


def test_what_an_unfinished_store_keeps_does_not_grow_with_the_pictures(photographs, tmp_path, monkeypatch):
    """The sums, which are as large as a picture of integers, are there once."""
    monkeypatch.setattr(module.shutil, "rmtree", lambda folder: None)
    prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=2)
    kept = [path.name for path in (tmp_path / "store" / "preparing").iterdir()]
    assert sorted(name for name in kept if "sums" in name) == ["train-sums-00006.npz", "val-sums-00002.npz"]
    records = [path for path in (tmp_path / "store" / "preparing").iterdir() if path.name[-9:-4].isdecimal()]
    assert len(records) == 10 and all(path.stat().st_size < 6144 for path in records if "sums" not in path.name)


def test_a_damaged_record_of_an_unfinished_store(photographs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", None)
        with pytest.raises(TypeError):
            prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)
    path = tmp_path / "store.part" / "preparing" / "train-sums-00003.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"store.part cannot be gone on with \(.*damaged.*\); remove it to begin anew"):
        prepare(open_dataset(photographs), tmp_path / "store", 1, size=16, shard=5)


def test_verifying_what_is_no_store(photographs, tmp_path, capsys):
    for path in (photographs, tmp_path / "nothing"):
        assert command.main(["--verify", str(path)]) == 2
        error = capsys.readouterr().err
        assert f"there is no store {path}; python -m alexnet.prepare SOURCE STORE makes one" in error
    assert command.main(["--verify", str(photographs), str(tmp_path / "store")]) == 2
    assert "--verify takes one path, STORE" in capsys.readouterr().err


def test_printed_commands_can_be_pasted(photographs, tmp_path, capsys):
    store = tmp_path / "my store; it's new"
    assert command.main([str(photographs), str(store), "--workers", "1"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(line.partition(": ")[2])[-2:] == ["--data", str(store)]


def test_words_are_sources_and_stores_are_not(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "open_dataset", lambda source, seed: open_dataset(source, seed, counts=(20, 10)))
    store = tmp_path / "store"
    assert command.main(["shapes", str(store), "--workers", "1"]) == 0
    assert len(open_dataset(store).train) == 20
    assert command.main([str(store), str(tmp_path / "again")]) == 2
    assert "the source shapes is a store already; train on it as it is" in capsys.readouterr().err
    assert not list(tmp_path.glob("again*"))
