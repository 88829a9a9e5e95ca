import numpy as np
import pytest

from alexnet.data import DataError, open_dataset


def test_pictures_labels_and_names(cifar_folder):
    data = open_dataset(cifar_folder)
    assert (data.name, data.channels, len(data.train), len(data.val)) == ("cifar-10", 3, 35, 7)
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
    with pytest.raises(DataError, match=r"batches.meta.txt should name 10 classes, but names 2; get the binary"):
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


def test_the_python_version_is_refused(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"a pickle")
    with pytest.raises(DataError, match=r"holds CIFAR-10's Python version, which is made of pickles; get the binary"):
        open_dataset(tmp_path)
