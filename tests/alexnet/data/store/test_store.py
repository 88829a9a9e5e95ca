import os
import subprocess
import sys

import numpy as np
import pytest

from alexnet.data import DataError, RescaledSplit, Statistics, open_dataset
from alexnet.data.splits import ArraySplit, DataSet
from alexnet.data.statistics import save_statistics
from alexnet.data.store.layout import Part, StoreInfo, digest, index_name, shard_name, verify
from alexnet.data.store.preparation import prepare

SIZE = 8


@pytest.fixture
def store(tmp_path):
    """11 training and 3 validation pictures in shards of 4."""
    pixels = np.random.default_rng(0).integers(0, 256, (14, SIZE, SIZE, 3), dtype=np.uint8)
    train, val = ArraySplit(pixels[:11], np.arange(11) % 2), ArraySplit(pixels[11:], np.arange(3) % 2)
    prepare(DataSet("noise", ("a", "b"), 3, train, val), tmp_path / "store", 1, size=SIZE, shard=4)
    for path in (tmp_path / "store").iterdir():
        path.chmod(0o644)  # the tests damage it
    return tmp_path / "store"


def test_batches_come_from_all_shards_in_any_order(store):
    pixels = np.random.default_rng(0).integers(0, 256, (14, SIZE, SIZE, 3), dtype=np.uint8)
    split = RescaledSplit(open_dataset(store).train, SIZE)
    indices = np.array([10, 3, 4, 0, 7, 8, 3])
    assert np.array_equal(split.batch(indices), pixels[indices].transpose(0, 3, 1, 2))
    for outside in (11, -1):
        with pytest.raises(IndexError):
            split.batch(np.array([outside]))
    assert RescaledSplit(open_dataset(store).val, 4).batch(np.array([2])).shape == (1, 3, 4, 4)


def test_the_files_are_read_only_and_so_are_the_pictures(tmp_path):
    split = ArraySplit(np.zeros((2, SIZE, SIZE, 3), np.uint8), np.arange(2))
    prepare(DataSet("noise", ("a", "b"), 3, split, split), tmp_path / "store", 1, size=SIZE)
    assert all(path.stat().st_mode & 0o222 == 0 for path in (tmp_path / "store").iterdir())
    assert not open_dataset(tmp_path / "store").train.labels.flags.writeable


@pytest.mark.parametrize(
    "name", ["train-00001.bin", "val-00000.bin", "val-labels.npy", "train-names.npy", "statistics.npz"]
)
@pytest.mark.parametrize("how", ["missing", "short", "long"])
def test_a_damaged_store_says_so_when_opened(store, name, how):
    path = store / name
    content = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(content[:-1] if how == "short" else content + b"x")
    with pytest.raises(DataError, match=rf"{name} (is damaged|cannot be read).*; prepare the store again, or restore"):
        open_dataset(store)


@pytest.mark.parametrize("name", ["train-labels.npy", "val-names.npy", "statistics.npz"])
def test_a_flipped_bit_in_the_index_is_found_when_opened(store, name):
    path = store / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} is damaged: its SHA-256 is not the one in store.json"):
        open_dataset(store)


def test_a_flipped_bit_in_a_shard_is_found_by_verify(store):
    seen = []
    verify(store, seen.append)
    assert sorted(seen) == sorted(path.name for path in store.iterdir() if path.suffix in (".bin", ".npy", ".npz"))
    path = store / "train-00001.bin"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    open_dataset(store)
    with pytest.raises(DataError, match=r"train-00001.bin is damaged: its SHA-256 is not the one in store.json"):
        verify(store)


@pytest.mark.parametrize(
    ("before", "after"),
    [("{", "["), ('"format": 1', '"format": 2'), ('"size": 8', '"size": 0'), ('"shard"', '"shards"'), ('"val"', '"x"')],
)
def test_a_damaged_store_json(store, before, after):
    path = store / "store.json"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(DataError, match=r"store.json is damaged \(.*\); prepare the store again"):
        open_dataset(store)


COUNT = 1_281_167  # the training pictures of ILSVRC-2012

PROGRAM = """
import sys, time
import numpy as np
from pathlib import Path
from alexnet.data import RescaledSplit, open_dataset
def own():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("RssAnon"))
RescaledSplit(open_dataset(sys.argv[2]).train, 256).batch(np.arange(4))
before, start = own(), time.perf_counter()
data = open_dataset(sys.argv[1])
seconds = time.perf_counter() - start
split = RescaledSplit(data.train, 256)
for number in range(0, len(split), 40_000):
    split.batch(np.array([number]))
print(len(split), seconds, own() - before)
"""


def sparse_store(folder, count):
    """A store of black pictures that take no room on the disk."""
    folder.mkdir()
    shard, parts = 4096, {}
    for part, rows in (("train", count), ("val", 4)):
        for number in range(-(-rows // shard)):
            with (folder / shard_name(part, number)).open("wb") as file:
                file.truncate(min(shard, rows - number * shard) * 3 * 256 * 256)
        for what, dtype in (("labels", np.dtype(np.int64)), ("names", np.dtype("S40"))):
            with (folder / index_name(part, what)).open("wb") as file:
                header = {"descr": dtype.str, "fortran_order": False, "shape": (rows,)}
                np.lib.format.write_array_header_1_0(file, header)
                file.truncate(file.tell() + rows * dtype.itemsize)
        names = [index_name(part, what) for what in ("labels", "names")]
        shards = {shard_name(part, number): "" for number in range(-(-rows // shard))}  # too long to be read here
        parts[part] = Part(rows, shards | {name: digest(folder / name) for name in names})
    black = Statistics(np.zeros((3, 256, 256), np.float32), np.zeros(3, np.float32), np.eye(3, dtype=np.float32))
    save_statistics(folder / "statistics.npz", black)
    info = StoreInfo("sparse", 256, 3, shard, ("a", "b"), ("a", "b"), parts, digest(folder / "statistics.npz"))
    (folder / "store.json").write_text(info.to_json())
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    try:
        large = sparse_store(tmp_path / "large", COUNT)
    except OSError as error:
        pytest.skip(f"no sparse files of this size here: {error}")
    assert sum(path.stat().st_size for path in large.glob("*.bin")) > 250e9
    command = [sys.executable, "-c", PROGRAM, str(large), str(sparse_store(tmp_path / "small", 8))]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    count, seconds, kilobytes = result.stdout.split()
    print(f"opened in {float(seconds):.2f} s, {kilobytes} kB more memory")
    assert int(count) == COUNT and int(kilobytes) < 16_000  # labels and names alone would take 61 MB
