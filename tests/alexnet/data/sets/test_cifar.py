import os
import pickle
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data import DataError, open_dataset
from alexnet.data.formats.unpickling import UnpicklingError, read_pickle


def test_pictures_labels_and_names(cifar_folder):
    data = open_dataset(cifar_folder)
    assert (data.name, data.channels, len(data.train), len(data.val)) == ("cifar-10", 3, 35, 7)
    assert data.train.data_batches == (7,) * 5 and data.val.data_batches == (7,)
    assert data.classes[0] == "airplane" and data.classes[9] == "truck"
    assert data.train.labels.dtype == np.int64 and data.train.labels.tolist() == [*range(7)] * 5

    record = np.frombuffer((cifar_folder / "data_batch_2.bin").read_bytes(), np.uint8)[3073 * 3 :][:3073]
    image = data.train.image(7 + 3)
    assert image.dtype == np.uint8 and image.shape == (32, 32, 3)
    assert np.array_equal(image[:, :, 1], record[1 + 1024 : 1 + 2048].reshape(32, 32))
    assert np.array_equal(data.train.pixels(32)[10], image.transpose(2, 0, 1)) and data.train.pixels(31) is None


def test_names_come_from_the_folder(cifar_folder):
    (cifar_folder / "batches.meta.txt").write_text("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n")
    assert open_dataset(cifar_folder).classes == tuple("abcdefghij")
    (cifar_folder / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"batches.meta.txt should name 10 classes, but names 2; get the archive again"):
        open_dataset(cifar_folder)


@pytest.mark.parametrize(
    ("ending", "mode"),
    [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.xz", "w:xz"), (".TAR.BZ2", "w:bz2")],
)
def test_an_archive_reads_like_its_folder(cifar_folder, cifar_archive, ending, mode):
    packed, plain = open_dataset(cifar_archive(ending, mode)), open_dataset(cifar_folder)
    assert np.array_equal(packed.train.pixels(32), plain.train.pixels(32))
    assert np.array_equal(packed.val.labels, plain.val.labels)
    assert packed.train.fingerprint == plain.train.fingerprint != plain.val.fingerprint


def test_the_fingerprint_follows_the_content(cifar_folder):
    before = open_dataset(cifar_folder).train.fingerprint
    path = cifar_folder / "data_batch_3.bin"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert open_dataset(cifar_folder).train.fingerprint != before


def test_missing_batches_are_named(cifar_folder):
    (cifar_folder / "data_batch_2.bin").unlink()
    (cifar_folder / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"cifar has no data_batch_2.bin, test_batch.bin, which CIFAR-10's binary"):
        open_dataset(cifar_folder)


@pytest.mark.parametrize("length", [0, 1, 3072, 3074])
def test_a_truncated_batch(cifar_folder, length):
    (cifar_folder / "data_batch_4.bin").write_bytes(bytes(length))
    with pytest.raises(DataError, match=r"data_batch_4.bin is truncated: [\d,]+ bytes are not a whole number of rec"):
        open_dataset(cifar_folder)


def test_a_label_out_of_range(cifar_folder):
    content = bytearray((cifar_folder / "test_batch.bin").read_bytes())
    content[3073 * 5] = 10
    (cifar_folder / "test_batch.bin").write_bytes(content)
    with pytest.raises(DataError, match=r"test_batch.bin, record 5: the label is 10, labels go from 0 to 9"):
        open_dataset(cifar_folder)


def test_a_broken_archive(cifar_archive, tmp_path):
    path = cifar_archive(".tar.gz", "w:gz")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz cannot be read as a tar archive"):
        open_dataset(path)
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(DataError, match=r"text.tar cannot be read as a tar archive"):
        open_dataset(tmp_path / "text.tar")


@pytest.fixture
def cifar100_folder(tmp_path):
    """The binary version: 30 training and 10 test pictures with superclass and class."""
    folder = tmp_path / "cifar100"
    folder.mkdir()
    for name, count in (("train", 30), ("test", 10)):
        records = np.random.default_rng(count).integers(0, 256, (count, 3074), dtype=np.uint8)
        records[:, 0], records[:, 1] = np.arange(count) % 20, 99 - np.arange(count)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    (folder / "fine_label_names.txt").write_text("".join(f"class{number}\n" for number in range(100)))
    return folder


def test_cifar_100(cifar100_folder):
    data = open_dataset(cifar100_folder)
    assert (data.name, len(data.train), len(data.val)) == ("cifar-100", 30, 10)
    assert data.classes[3] == "class3" and data.train.labels.tolist() == [99 - number for number in range(30)]
    record = np.frombuffer((cifar100_folder / "train.bin").read_bytes(), np.uint8)[3074 * 2 :][:3074]
    assert np.array_equal(data.train.image(2).transpose(2, 0, 1).ravel(), record[2:])
    (cifar100_folder / "test.bin").unlink()
    with pytest.raises(DataError, match=r"has no test.bin, which CIFAR-100's binary version consists of"):
        open_dataset(cifar100_folder)


def python_version(binary, version):
    """The files of the Python version, with the content of the binary version, as Python 2 or Python 3 pickle them."""
    data, write = open_dataset(binary), {2: pickle_of_python_2, 3: pickle.dumps}[version]
    folder = binary.with_name(f"{binary.name}-py{version}")
    folder.mkdir()
    fine = b"fine_labels" if data.name == "cifar-100" else b"labels"
    names = b"fine_label_names" if data.name == "cifar-100" else b"label_names"

    def table(part, first, last):
        pixels = np.ascontiguousarray(part.pixels(32)[first:last]).reshape(-1, 3072)
        return {b"batch_label": b"a batch", fine: part.labels[first:last].tolist(), b"data": pixels}

    if data.name == "cifar-100":
        files = {"train": table(data.train, 0, 30), "test": table(data.val, 0, 10)}
    else:
        files = {f"data_batch_{number + 1}": table(data.train, 7 * number, 7 * number + 7) for number in range(5)}
        files["test_batch"] = table(data.val, 0, 7)
    files["meta" if data.name == "cifar-100" else "batches.meta"] = {names: [name.encode() for name in data.classes]}
    for name, content in files.items():
        (folder / name).write_bytes(write(content))
    return folder


def pickle_of_python_2(value):
    """What cPickle wrote with protocol 2: text is bytes, arrays name numpy.core.multiarray."""

    def text(content):
        return b"T" + struct.pack("<i", len(content)) + content  # BINSTRING

    def number(content):
        return b"J" + struct.pack("<i", content)

    def write(value):
        if isinstance(value, bytes):
            return text(value)
        if isinstance(value, int):
            return number(value)
        if isinstance(value, list):
            return b"](" + b"".join(map(write, value)) + b"e"
        if isinstance(value, dict):
            return b"}(" + b"".join(write(key) + write(each) for key, each in value.items()) + b"u"
        assert isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.flags.c_contiguous
        make = (
            b"cnumpy.core.multiarray\n_reconstruct\n"
            + b"cnumpy\nndarray\n"
            + number(0)
            + b"\x85"
            + text(b"b")
            + b"\x87R"
        )
        kind = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R"
        kind += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
        shape = b"".join(map(number, value.shape)) + b"\x86"
        return make + b"(" + number(1) + shape + kind + b"\x89" + text(value.tobytes()) + b"tb"

    return b"\x80\x02" + write(value) + b"."


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", ["cifar_folder", "cifar100_folder"])
def test_the_python_version_is_the_same_set(request, name, version):
    binary = request.getfixturevalue(name)
    found, expected = open_dataset(python_version(binary, version)), open_dataset(binary)
    assert (found.name, found.classes) == (expected.name, expected.classes)
    for one, other in zip(found.splits().values(), expected.splits().values(), strict=True):
        assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_pickles_of_all_protocols(protocol):
    value = {"a": [1, b"x"], b"b": np.arange(6, dtype=np.int32).reshape(2, 3), 3: np.asfortranarray(np.eye(3))}
    found = read_pickle(pickle.dumps(value, protocol))
    assert found.keys() in ({b"a", b"b", 3}, {"a", b"b", 3}) and found.get("a", found.get(b"a")) == [1, b"x"]
    assert np.array_equal(found[b"b"], value[b"b"]) and np.array_equal(found[3], np.eye(3))


class Command:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Command(os.system, "touch harmed"),
        Command(eval, "open('harmed', 'w')"),
        Command(getattr, "", "join"),
        {"labels": [1], "data": Command(exec, "open('harmed', 'w')")},
        np.array([Command(os.system, "touch harmed")], dtype=object),
        np.zeros(2, dtype=[("a", "u1")]),
        np.array(["2026-01-01"], dtype="M8[D]"),
        pickle,
    ],
)
def test_a_pickle_that_does_something_is_refused(cifar_folder, tmp_path, monkeypatch, evil):
    monkeypatch.chdir(tmp_path)
    folder = python_version(cifar_folder, 3)
    try:
        content = pickle.dumps(evil, 2)
    except TypeError:
        content = b"\x80\x02cos\nsystem\n(U\x0ctouch harmedtR."
    (folder / "data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match=r"data_batch_3 is not what CIFAR's Python version consists of \("):
        open_dataset(folder)
    assert not (tmp_path / "harmed").exists()


def test_damaged_pickles(cifar_folder):
    folder = python_version(cifar_folder, 2)
    path = folder / "data_batch_2"
    whole = path.read_bytes()
    damaged = [b"", b"text", whole[:-1], whole[:1000], whole[:-4000]]
    damaged += [pickle.dumps(value) for value in (3, {}, {"data": np.zeros((2, 5), np.uint8), "labels": [0, 1]})]
    damaged += [
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": labels}) for labels in ([0], [0, "x"], 5)
    ]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"data_batch_2 (is not what|holds)"):
            open_dataset(folder)
    path.write_bytes(
        whole.replace(
            struct.pack("<i", 7) + b"J" + struct.pack("<i", 3072),
            struct.pack("<ii", 7, 9)[:4] + b"J" + struct.pack("<i", 3073),
        )
    )
    with pytest.raises(DataError, match=r"an array of the shape"):
        open_dataset(folder)


@given(st.data())
@settings(max_examples=150)
def test_a_pickle_with_flipped_bytes_gives_data_or_one_error(data):
    content = bytearray(pickle_of_python_2({b"labels": [1, 2], b"data": np.zeros((2, 4), np.uint8)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnpicklingError, MemoryError):
        read_pickle(bytes(content))
