import pytest

from alexnet.data import DataError, open_dataset


def test_the_word_shapes_and_its_counts():
    data = open_dataset("shapes", seed=3, counts=(20, 10))
    assert (data.name, data.channels, len(data.classes), len(data.train), len(data.val)) == ("shapes", 3, 10, 20, 10)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder or file .*nowhere; give the path of a data set, or a"):
        open_dataset(tmp_path / "nowhere")


def test_a_file_of_no_known_kind(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"data.zip is a file of no known kind; give a folder, CIFAR's tar archive"):
        open_dataset(str(tmp_path / "data.zip"))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("cifar10", "cifar-10"),
        ("CIFAR10", "cifar-10"),
        ("mnst", "mnist"),
        ("shape", "shapes"),
        ("cifar100", "cifar-100"),
    ],
)
def test_a_word_that_is_nearly_one_suggests_it(tmp_path, name, word):
    with pytest.raises(DataError, match=rf"there is no folder or file .*{name}; did you mean {word}\?$"):
        open_dataset(tmp_path / name)
