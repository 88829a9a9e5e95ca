import numpy as np
import pytest
from PIL import Image

from alexnet.data import DataError, open_dataset
from alexnet.data.sets.labelme import open_labelme


def outline(left, top, right, bottom):
    points = ((left, top), (right, top), (right, bottom), (left, bottom))
    return "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points)


def annotation(file, *objects, deleted=0):
    found = "".join(
        f"<object><name>{name}\n</name><deleted>{deleted}</deleted><verified>0</verified><polygon><username>a</username>"
        f"{outline(*box)}</polygon></object>"
        for name, box in objects
    )
    return f"<annotation><filename>\n{file}\n</filename><folder>\nstreet\n</folder>{found}</annotation>"


@pytest.fixture
def labelme(tmp_path):
    """20 photographs, each with a car, a tree and a small dog; a lamp is in one."""
    folder = tmp_path / "labelme"
    for part in ("Annotations", "Images"):
        (folder / part / "street").mkdir(parents=True)
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (80, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "Images" / "street" / f"p{number}.jpg", quality=100)
        objects = [("Car ", (10, 20, 60, 70)), ("tree", (-5, 5, 40, 95)), ("dog", (0, 0, 20, 90))]
        objects += [("lamp", (0, 0, 50, 50))] * (number == 0)
        text = annotation(f"p{number}.jpg", *objects)
        (folder / "Annotations" / "street" / f"p{number}.xml").write_text(text)
    return folder


def test_objects_are_cut_out(labelme):
    data = open_dataset(labelme)
    assert (data.name, data.classes, data.channels) == ("labelme", ("car", "tree"), 3)
    assert (len(data.train), len(data.val)) == (36, 4)
    photographs = [{split.objects[index].file for index in range(len(split))} for split in data.splits().values()]
    assert len(photographs[0]) == 18 and not photographs[0] & photographs[1]
    index = next(index for index in range(36) if data.train.labels[index] == 0)
    file = data.train.objects[index].file
    whole = np.asarray(Image.open(labelme / "Images" / file))
    assert data.train.name(index) == f"{file}, car at (10, 20, 60, 70)"
    assert np.array_equal(data.train.image(index), whole[20:70, 10:60])
    assert data.train.image(index + 1).shape == (75, 40, 3)  # what lies outside the photograph is cut off


def test_sizes_and_numbers(labelme):
    assert open_labelme(labelme, smallest=20, fewest=18).classes == ("car", "dog", "tree")
    assert open_labelme(labelme, seed=1).val.objects != open_labelme(labelme).val.objects
    with pytest.raises(DataError, match=r"has 0 classes with 19 objects or more of 32 pixels or more to train on"):
        open_labelme(labelme, fewest=19)


def test_deleted_objects_and_missing_photographs(labelme):
    path = labelme / "Annotations" / "street"
    (path / "p3.xml").write_text(annotation("p3.jpg", ("car", (10, 20, 60, 70)), deleted=1))
    (labelme / "Images" / "street" / "p4.jpg").unlink()
    data = open_dataset(labelme)
    assert len(data.train) + len(data.val) == 36


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no element found"),
        ("<annotation>", "no element found"),
        ("<annotation></annotation>", "<annotation> without <filename>"),
        (annotation("../../p1.jpg", ("car", (1, 2, 3, 4))), "outside the collection"),
        (annotation("p1.jpg", ("car", (1, 2, 3, 4))).replace("<x>1<", "<x>nan<"), "coordinates that are none"),
        (annotation("p1.jpg", ("car", (1, 2, 3, 4))).replace("<x>1<", "<x>left<"), "could not convert"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + annotation("p1.jpg"), "declares entities"),
    ],
)
def test_damaged_annotations_are_named(labelme, text, words):
    (labelme / "Annotations" / "street" / "p7.xml").write_text(text)
    with pytest.raises(DataError, match=rf"p7.xml is no annotation of LabelMe \(.*{words}.*\); repair it or remove it"):
        open_dataset(labelme)


def test_the_fingerprint_follows_the_names_of_the_objects(labelme):
    before = open_dataset(labelme).train.fingerprint
    assert open_dataset(labelme).train.fingerprint == before
    path = labelme / "Annotations" / "street"
    texts = {name: (path / f"{name}.xml").read_text() for name in ("p1", "p2")}
    for name, text in texts.items():  # what was a car is a tree: files and boxes stay
        swapped = text.replace("Car ", "?").replace("tree", "Car ").replace("?", "tree")
        (path / f"{name}.xml").write_text(swapped)
    assert open_dataset(labelme).train.fingerprint != before


def test_a_photograph_that_is_gone_is_named(labelme):
    data = open_dataset(labelme)
    (labelme / "Images" / data.train.objects[0].file).unlink()
    with pytest.raises(DataError, match=r"p\d+.jpg is gone \(No such file or directory\); open the data set again"):
        _ = data.train.fingerprint
