import numpy as np
import pytest
from PIL import Image

from alexnet.data import DataError, open_dataset, read_image


def test_train_and_val(tmp_path, save_image):
    for part, count in (("train", 3), ("val", 2)):
        for name in ("dog", "cat"):
            for number in range(count):
                save_image(tmp_path / part / name / f"{number}.PNG", colour=(number, len(part), len(name)))
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / "train" / "cat" / ".hidden.png").write_text("not an image")
    (tmp_path / "train" / ".thumbnails").mkdir()
    data = open_dataset(tmp_path)
    assert (data.classes, data.channels, data.name) == (("cat", "dog"), 3, tmp_path.name)
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1] and data.val.labels.tolist() == [0, 0, 1, 1]
    assert data.train.labels.dtype == np.int64
    assert data.train.image(4).shape == (10, 12, 3) and data.train.image(4)[0, 0].tolist() == [1, 5, 3]


def test_split_by_class_and_seed(class_folders, save_image):
    save_image(class_folders / "eel" / "only.png")
    data = open_dataset(class_folders, seed=1)
    assert data.classes == ("cat", "dog", "eel")
    assert np.bincount(data.val.labels).tolist() == [2, 1] and np.bincount(data.train.labels).tolist() == [18, 2, 1]
    assert not set(data.train.files) & set(data.val.files)
    assert open_dataset(class_folders, seed=1).val.files == data.val.files
    assert len({tuple(open_dataset(class_folders, seed=seed).val.files) for seed in range(5)}) > 1


def test_the_fingerprint_follows_names_sizes_and_times(class_folders, save_image):
    def fingerprint():
        return open_dataset(class_folders).train.fingerprint

    first = fingerprint()
    assert fingerprint() == first
    data = open_dataset(class_folders)
    path = class_folders / data.train.files[0]
    save_image(path, size=(40, 40))
    assert fingerprint() != first
    path.unlink()
    with pytest.raises(DataError, match=rf"{path.name} is gone \(.*\); open the data set again"):
        _ = data.train.fingerprint


@pytest.mark.parametrize(
    ("mode", "colour", "ending", "expected"),
    [
        ("RGB", (200, 100, 50), "png", (200, 100, 50)),
        ("L", 90, "png", (90, 90, 90)),
        ("L", 90, "jpg", (90, 90, 90)),
        ("1", 1, "png", (255, 255, 255)),
        ("LA", (90, 0), "png", (90, 90, 90)),
        ("RGBA", (200, 100, 50, 0), "png", (200, 100, 50)),
        ("CMYK", (55, 155, 205, 0), "tif", (200, 100, 50)),
        ("I;16", 90 * 256 + 17, "png", (90, 90, 90)),
        ("RGB", (200, 100, 50), "bmp", (200, 100, 50)),
        ("RGB", (200, 100, 50), "ppm", (200, 100, 50)),
        ("L", 90, "gif", (90, 90, 90)),
    ],
)
def test_everything_becomes_rgb(tmp_path, save_image, mode, colour, ending, expected):
    image = read_image(save_image(tmp_path / f"a.{ending}", mode=mode, colour=colour))
    assert image.dtype == np.uint8 and image.shape == (10, 12, 3)
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_a_palette_with_transparency(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [200, 100, 50]


def test_exif_orientation(tmp_path):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15] = 255  # white upper left quarter
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (30, 20, 3)
    assert image[4, 15].min() > 200 and image[4, 4].max() < 50 and image[25, 15].max() < 50


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff\xe0" + bytes(30)])
def test_an_unreadable_image_is_named(class_folders, content):
    data = open_dataset(class_folders)
    (class_folders / data.train.files[3]).write_bytes(content)
    with pytest.raises(DataError, match=rf"{data.train.files[3]} cannot be read as an image \(.*\); replace it"):
        data.train.image(3)


def test_a_truncated_image(tmp_path, save_image):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"a.jpg cannot be read as an image .*truncated"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [119, 50])  # Pillow warns above its limit and refuses above twice that
def test_a_decompression_bomb(tmp_path, save_image, monkeypatch, limit):
    path = save_image(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=r"big.png cannot be read as an image"):
        read_image(path)


def test_a_folder_without_val(tmp_path, save_image):
    save_image(tmp_path / "train" / "cat" / "1.png")
    with pytest.raises(DataError, match=r"has train/ but no val/; add it, or put the class folders directly in"):
        open_dataset(tmp_path)


def test_other_classes_in_val(tmp_path, save_image):
    for path in ("train/a", "train/b", "val/a", "val/c", "val/b"):
        save_image(tmp_path / path / "1.png")
    with pytest.raises(DataError, match=r"val has the class c but .*train has not; both need the same class folders"):
        open_dataset(tmp_path)


def test_folders_that_hold_nothing_to_learn_from(tmp_path, save_image):
    with pytest.raises(DataError, match=r"has no class folders with images; expected one folder a class with files"):
        open_dataset(tmp_path)
    save_image(tmp_path / "cat" / "1.png")
    with pytest.raises(DataError, match=r"has only one class, cat; a classifier needs at least two class folders"):
        open_dataset(tmp_path)
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match=r"the class folder .*dog holds no image; add images or remove it"):
        open_dataset(tmp_path)
    save_image(tmp_path / "dog" / "1.png")
    with pytest.raises(DataError, match=r"no class in .* has two images, so none is left for validation; add images"):
        open_dataset(tmp_path)
