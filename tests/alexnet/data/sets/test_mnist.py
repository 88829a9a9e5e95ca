import gzip
import struct

import numpy as np
import pytest

from alexnet.data import DataError, RescaledSplit, open_dataset


def test_pictures_and_labels(mnist_folder):
    data = open_dataset(mnist_folder)
    assert (data.name, data.classes, data.channels) == ("mnist", tuple("0123456789"), 1)
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4] and data.val.labels.tolist() == [0, 1, 2]
    content = (mnist_folder / "train-images-idx3-ubyte").read_bytes()
    assert data.train.image(1).shape == (28, 28, 1)
    assert data.train.image(1).tobytes() == content[16 + 784 : 16 + 2 * 784]
    assert RescaledSplit(data.val, 32).batch(np.array([2, 0])).shape == (2, 1, 32, 32)


def test_names_with_a_dot(mnist_folder):
    path = mnist_folder / "train-images-idx3-ubyte"
    path.rename(mnist_folder / "train-images.idx3-ubyte")
    assert len(open_dataset(mnist_folder).train) == 5


def test_a_missing_file(mnist_folder):
    (mnist_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"mnist has no t10k-labels-idx1-ubyte \(or the same with .gz\)"):
        open_dataset(mnist_folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\x03\0", r"is truncated: 5 bytes, its header alone has 16"),
        (struct.pack(">4I", 2049, 1, 28, 28) + bytes(784), r"starts with the number 2049, an idx .* with 2051"),
        (struct.pack(">4I", 2051, 5, 28, 28) + bytes(784), r"should hold 5 x 28 x 28 = 3,920 bytes .*, but holds 784"),
        (struct.pack(">4I", 2051, 4, 28, 28) + bytes(4 * 784), r"holds 4 pictures but .* 5 labels; take both"),
        (
            struct.pack(">4I", 2051, 2**32 - 1, 2**32 - 1, 2**31) + bytes(9),
            r"should hold .* bytes after its header, but holds 9",
        ),
    ],
)
def test_damaged_pictures(mnist_folder, content, message):
    (mnist_folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte {message}"):
        open_dataset(mnist_folder)


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: b""])
def test_a_damaged_gzip(mnist_folder, damage):
    path = mnist_folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz (cannot be unpacked|is truncated)"):
        open_dataset(mnist_folder)


def test_a_label_out_of_range(mnist_folder):
    path = mnist_folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">2I", 2049, 3) + bytes([1, 2, 10])))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz, record 2: the label is 10, labels go from 0"):
        open_dataset(mnist_folder)
