import pytest

from alexnet.data import DataError, open_dataset


@pytest.fixture
def caltech(tmp_path, save_image):
    """Three classes of 32, 40 and 35 pictures and the clutter, of 101 or 256."""

    def make(folder, names, clutter):
        for name, count in zip((*names, clutter), (32, 40, 35, 5), strict=True):
            for number in range(count):
                save_image(tmp_path / folder / name / f"image_{number:04}.jpg", size=(4, 4), colour=(number, count, 0))
        return tmp_path / folder

    return make


@pytest.mark.parametrize("inside", [True, False])
def test_caltech_101(caltech, inside):
    folder = caltech("101_ObjectCategories", ("ant", "car_side", "yin_yang"), "BACKGROUND_Google")
    data = open_dataset(folder.parent if inside else folder)
    assert (data.name, data.classes) == ("caltech-101", ("ant", "car side", "yin yang"))
    assert data.ids == ("ant", "car_side", "yin_yang")
    assert [int((data.train.labels == label).sum()) for label in range(3)] == [30, 30, 30]
    assert [int((data.val.labels == label).sum()) for label in range(3)] == [2, 10, 5]
    assert not set(data.train.files) & set(data.val.files)
    assert data.train.files == open_dataset(folder).train.files != open_dataset(folder, seed=1).train.files


def test_caltech_256_is_told_by_its_clutter(caltech):
    data = open_dataset(caltech("mine", ("001.ak47", "012.binoculars", "251.airplanes-101"), "257.clutter"))
    assert (data.name, data.classes) == ("caltech-256", ("ak47", "binoculars", "airplanes 101"))


def test_an_incomplete_class(caltech):
    folder = caltech("101_ObjectCategories", ("ant", "car_side", "yin_yang"), "BACKGROUND_Google")
    for number in range(2):
        (folder / "ant" / f"image_{number:04}.jpg").unlink()
    with pytest.raises(DataError, match=r"the class ant in .* has 30 pictures; the protocol trains on 30 and tests on"):
        open_dataset(folder)
