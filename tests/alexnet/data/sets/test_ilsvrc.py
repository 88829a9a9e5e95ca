"""ILSVRC in the forms it is distributed in, tiny: archives of archives, a flat validation archive, a devkit."""

import gzip
import io
import tarfile

import numpy as np
import pytest
import scipy.io
from PIL import Image

from alexnet.data import DataError, open_dataset
from alexnet.data.formats.archives import list_members
from alexnet.data.store.preparation import prepare

# wnids in the devkit's order of ids, which is not the sorted one; n09 has children and is no class
DEVKIT = {1: "n03", 2: "n01", 3: "n02", 4: "n09"}
WORDS = {"n01": "tench, Tinca tinca", "n02": "crane", "n03": "kit fox", "n09": "animal"}
SORTED = ("n01", "n02", "n03")


def jpeg(red, green=0):
    content = io.BytesIO()
    Image.new("RGB", (12, 10), (red, green, 0)).save(content, "JPEG", quality=95)
    return content.getvalue()


def tar(files, mode="w"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def colour(wnid, number):
    return 80 * SORTED.index(wnid) + 20, 40 * number


def class_images(wnid):
    return {f"{wnid}_{number}.JPEG": jpeg(*colour(wnid, number)) for number in range(2)}


def meta(year):
    kinds = [(f"ILSVRC{year}_ID", object), *((name, object) for name in ("WNID", "words", "gloss", "num_children"))]
    rows = np.array([(i, w, WORDS[w], "", 3 * (w == "n09")) for i, w in DEVKIT.items()], kinds)
    content = io.BytesIO()
    scipy.io.savemat(content, {"synsets": rows})
    return content.getvalue()


VAL = ["n02", "n03", "n01", "n03"]  # of pictures 1, 2, 3, 4
TEST = ["n01", "n01", "n02"]


def numbered(part, wnids):
    return {f"{part}_{number:08d}.JPEG": jpeg(*colour(wnid, 5)) for number, wnid in enumerate(wnids, 1)}


def truth(wnids):
    ids = {wnid: number for number, wnid in DEVKIT.items()}
    return "".join(f"{ids[wnid]}\n" for wnid in wnids).encode()


@pytest.fixture
def archives(tmp_path):
    """ILSVRC-2012 as distributed, with the classes in some order."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    train = {f"{wnid}.tar": tar(class_images(wnid)) for wnid in ("n02", "n03", "n01")}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar(train))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar(numbered("ILSVRC2012_val", VAL)))
    kit = {"meta.mat": meta(2012), "ILSVRC2012_validation_ground_truth.txt": truth(VAL)}
    kit = {f"ILSVRC2012_devkit_t12/data/{name}": content for name, content in kit.items()}
    (folder / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(gzip.compress(tar(kit)))
    return folder


def unpack(folder, name, into):
    with tarfile.open(folder / name) as archive:
        archive.extractall(into, filter="data")
    (folder / name).unlink()


def red(split):
    return [int(split.image(index)[4, 5, 0]) for index in range(len(split))]


def is_the_set(data):
    assert data.ids == SORTED and data.channels == 3
    assert data.classes == ("tench, Tinca tinca", "crane", "kit fox")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.val.labels.tolist() == [1, 2, 0, 2]
    assert np.allclose(red(data.train), [20, 20, 100, 100, 180, 180], atol=4)
    assert np.allclose(red(data.val), [100, 180, 20, 180], atol=4)
    assert data.val.name(2).endswith("ILSVRC2012_val_00000003.JPEG")


def test_archives_are_read_where_they_lie(archives):
    data = open_dataset(archives)
    is_the_set(data)
    assert data.name == "ilsvrc-2012" and data.test is None
    assert data.train.name(0) == "n01/n01_0.JPEG"
    assert {path.name.partition("_")[0] for path in archives.iterdir()} == {"ILSVRC2012"}  # nothing was unpacked


def test_extracted_in_part_or_whole(archives):
    unpack(archives, "ILSVRC2012_img_train.tar", archives / "train")  # the archives of classes
    is_the_set(open_dataset(archives))
    unpack(archives, "ILSVRC2012_devkit_t12.tar.gz", archives)
    unpack(archives, "ILSVRC2012_img_val.tar", archives / "val")
    is_the_set(open_dataset(archives))
    for path in list((archives / "train").iterdir()):
        unpack(archives / "train", path.name, archives / "train" / path.stem)
    is_the_set(open_dataset(archives))


def test_a_validation_set_sorted_into_folders(archives):
    unpack(archives, "ILSVRC2012_img_val.tar", archives / "all")
    for number, wnid in enumerate(VAL, 1):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        (archives / "val" / wnid).mkdir(parents=True, exist_ok=True)
        (archives / "all" / name).rename(archives / "val" / wnid / name)
    (archives / "all").rmdir()
    data = open_dataset(archives)
    assert data.val.labels.tolist() == [0, 1, 2, 2] and np.allclose(red(data.val), [20, 100, 180, 180], atol=4)


def text_lists(archives, **lists):
    (archives / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    for name, content in lists.items():
        (archives / f"{name}.txt").write_text(content)


WORDS_LIST = "n01 tench, Tinca tinca\nn02 crane\nn03 kit fox\n"


def test_text_lists_in_place_of_meta_mat(archives):
    lines = "n03 1 kit_fox\nn01 2 tench\nn02 3 crane\n"
    text_lists(
        archives, map_clsloc=lines, synset_words=WORDS_LIST, ILSVRC2012_validation_ground_truth=truth(VAL).decode()
    )
    is_the_set(open_dataset(archives))


def test_lists_of_wnids_and_of_sorted_numbers(archives):
    text_lists(archives, synset_words=WORDS_LIST, ILSVRC2012_validation_ground_truth="\n".join(VAL))
    is_the_set(open_dataset(archives))
    (archives / "ILSVRC2012_validation_ground_truth.txt").unlink()
    lines = [f"ILSVRC2012_val_{number:08d}.JPEG {SORTED.index(wnid)}" for number, wnid in enumerate(VAL, 1)]
    (archives / "val.txt").write_text("\n".join(lines))
    is_the_set(open_dataset(archives))


def test_2010_has_a_test_set(tmp_path):
    train = {f"{wnid}.tar": tar(class_images(wnid)) for wnid in SORTED}
    (tmp_path / "ILSVRC2010_images_train.tar").write_bytes(tar(train))
    for part, wnids in (("val", VAL), ("test", TEST)):
        images = {f"{part}/{name}": data for name, data in numbered(f"ILSVRC2010_{part}", wnids).items()}
        (tmp_path / f"ILSVRC2010_images_{part}.tar").write_bytes(tar(images))
    kit = {"meta.mat": meta(2010), "ILSVRC2010_validation_ground_truth.txt": truth(VAL)}
    kit = {f"devkit-1.0/data/{name}": content for name, content in kit.items()}
    (tmp_path / "ILSVRC2010_devkit-1.0.tar.gz").write_bytes(gzip.compress(tar(kit)))
    with pytest.raises(DataError, match=r"test.tar are missing: put the devkit or ILSVRC2010_test_ground_truth.txt"):
        open_dataset(tmp_path)
    (tmp_path / "ILSVRC2010_test_ground_truth.txt").write_bytes(truth(TEST))
    data = open_dataset(tmp_path)
    assert data.name == "ilsvrc-2010" and data.val.labels.tolist() == [1, 2, 0, 2]
    assert data.test.labels.tolist() == [0, 0, 1] and np.allclose(red(data.test), [20, 20, 100], atol=4)
    patches = {"patch_images/train/n01_1.JPEG": jpeg(250), "patch_images/val/ILSVRC2010_val_00000003.JPEG": jpeg(240)}
    (tmp_path / "patch_images.tar").write_bytes(tar(patches))
    data = open_dataset(tmp_path)
    assert np.allclose(red(data.train), [20, 250, 100, 100, 180, 180], atol=4)
    assert np.allclose(red(data.val), [100, 180, 240, 180], atol=4) and np.allclose(
        red(data.test), [20, 20, 100], atol=4
    )
    result = prepare(data, tmp_path / "store", 2, size=8)
    assert result.counts == {"train": 6, "val": 4, "test": 3}
    assert open_dataset(tmp_path / "store").test.labels.tolist() == [0, 0, 1]


def test_what_is_missing_is_named(archives):
    kit = archives / "ILSVRC2012_devkit_t12.tar.gz"
    content = kit.read_bytes()
    kit.unlink()
    with pytest.raises(DataError, match=r"labels of .*val.tar are missing: put the devkit or ILSVRC2012_validation_gr"):
        open_dataset(archives)
    (archives / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth(VAL))
    with pytest.raises(DataError, match=r"holds ids of the devkit; put its meta.mat \(or map_clsloc.txt\) beside"):
        open_dataset(archives)
    kit.write_bytes(content)
    (archives / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth(VAL[:3]))
    with pytest.raises(DataError, match=r"ground_truth.txt has 3 lines, none for ILSVRC2012_val_00000004.JPEG"):
        open_dataset(archives)
    (archives / "ILSVRC2012_img_val.tar").unlink()
    with pytest.raises(DataError, match=r"has none of ILSVRC2012_img_val.tar, ILSVRC2010_images_val.tar and val/"):
        open_dataset(archives)


def test_a_class_without_training_pictures(archives):
    train = {f"{wnid}.tar": tar(class_images(wnid)) for wnid in ("n01", "n02")}
    (archives / "ILSVRC2012_img_train.tar").write_bytes(tar(train))
    with pytest.raises(DataError, match=r"has pictures of n03, of which .* has no training pictures"):
        open_dataset(archives)


@pytest.mark.parametrize("length", [700, 3000, -12_000])
def test_a_truncated_archive(archives, length):
    path = archives / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(
        DataError, match=r"train.tar cannot be read as an uncompressed tar archive \(.*\); get it again"
    ):
        open_dataset(archives)


def test_a_compressed_archive(archives):
    path = archives / "ILSVRC2012_img_train.tar"
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(DataError, match=r"train.tar cannot be read as an uncompressed tar archive"):
        open_dataset(archives)


@pytest.mark.parametrize("content", [b"", b"no table", b"MATLAB 5.0" + bytes(200), meta(2012)[:-9]])
def test_a_damaged_meta_mat(archives, content):
    (archives / "meta.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"meta.mat in .* cannot be read"):
        open_dataset(archives)


def test_a_damaged_picture_in_an_archive_is_named(archives):
    (archives / "ILSVRC2012_img_val.tar").write_bytes(tar({**numbered("ILSVRC2012_val", VAL), "x_1.JPEG": b"junk"}))
    data = open_dataset(archives)
    with pytest.raises(DataError, match=r"val.tar, x_1.JPEG cannot be read as an image \(of no known format\)"):
        data.val.image(4)


def test_the_fingerprint_follows_the_archive(archives):
    before = open_dataset(archives).val.fingerprint
    assert open_dataset(archives).val.fingerprint == before
    (archives / "ILSVRC2012_img_val.tar").write_bytes(tar(numbered("ILSVRC2012_val", VAL[:3])))
    assert open_dataset(archives).val.fingerprint != before


def test_hidden_files_and_other_files_are_passed_over(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar({"x/._1.JPEG": b"apple", "x/1.JPEG": b"1", "x/notes.txt": b"2"}))
    assert list_members([tmp_path / "a.tar"]).names == ["x/1.JPEG"]
