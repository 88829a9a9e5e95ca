"""LabelMe (Russell, Torralba, Murphy and Freeman, 2008): photographs with outlined and named objects, in XML.

The network learns to name single objects: each outline gives a picture, its bounding box.
"""

from __future__ import annotations

import hashlib
import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from alexnet.data.formats.images import read_image
from alexnet.data.sets.folders import held_out, val_count
from alexnet.data.splits import DataError, DataSet, Split, identity

__all__ = ["is_labelme", "open_labelme"]

SMALLEST = 32  # pixels of the shorter side of a crop
FEWEST = 10  # crops of a class
LARGEST = 2**22  # bytes of an annotation


@dataclass(frozen=True)
class Object:
    """An outlined object: the photograph, the name, and the box left, top, right, bottom in pixels."""

    file: str
    name: str
    box: tuple[int, int, int, int]


class CropSplit(Split):
    """Boxes cut out of photographs.

    Args:
        root: the folder that the objects' files are relative to.
        objects: what to cut out.
        labels: integers (n,).
    """

    def __init__(self, root: Path, objects: list[Object], labels: np.ndarray) -> None:
        self.root, self.objects, self.labels = root, objects, labels.astype(np.int64)

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Crop `index`: uint8 (H, W, 3)."""
        each = self.objects[index]
        image = read_image(self.root / each.file)
        left, top, right, bottom = each.box
        crop = image[max(0, top) : bottom, max(0, left) : right]
        if 0 in crop.shape:
            raise DataError(f"{self.name(index)} lies outside its photograph of {image.shape[1]} x {image.shape[0]}")
        return crop

    def name(self, index: int) -> str:
        """The photograph, the object and its box."""
        each = self.objects[index]
        return f"{each.file}, {each.name} at {each.box}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the objects and of the photographs' sizes and times of change."""
        digest = hashlib.sha256(repr(self.objects).encode())
        for file in dict.fromkeys(each.file for each in self.objects):
            digest.update(identity(self.root, file))
        return digest.hexdigest()


def is_labelme(folder: Path) -> bool:
    """Whether the folder holds Annotations/ and Images/."""
    return (folder / "Annotations").is_dir() and (folder / "Images").is_dir()


def open_labelme(folder: Path, seed: int = 0, *, smallest: int = SMALLEST, fewest: int = FEWEST) -> DataSet:
    """The objects of a LabelMe collection, class by name.

    One photograph of ten, drawn by the seed, is for validation, so that no photograph is on both sides.

    Args:
        folder: with Annotations/ and Images/, alike inside.
        seed: of the split.
        smallest: shorter side of a crop in pixels; smaller ones are left out.
        fewest: crops of a class; rarer ones are left out.

    Raises:
        DataError: an annotation is damaged, or fewer than two classes are left.
    """
    annotations = folder / "Annotations"
    objects = [each for path in sorted(annotations.rglob("*.xml")) for each in _read(path, annotations, smallest)]
    objects = [each for each in objects if os.path.isfile(folder / "Images" / each.file)]  # noqa: PTH113  any name
    photographs = sorted({each.file for each in objects})
    apart = set(held_out(photographs, val_count(len(photographs)), seed, 0)[0])
    often = Counter(each.name for each in objects if each.file not in apart)
    classes = tuple(sorted(name for name, number in often.items() if number >= fewest))
    if len(classes) < 2:
        raise DataError(
            f"{folder} has {len(classes)} classes with {fewest} objects or more of {smallest} pixels or more to "
            "train on; a classifier needs two"
        )
    labels = {name: label for label, name in enumerate(classes)}
    train, val = (
        CropSplit(folder / "Images", chosen, np.array([labels[each.name] for each in chosen], np.int64))
        for chosen in (
            [each for each in objects if each.name in labels and (each.file in apart) == side] for side in (False, True)
        )
    )
    if not len(val):
        raise DataError(f"{folder} has no objects of its classes left for validation; add photographs")
    return DataSet(folder.resolve().name, classes, 3, train, val)


def _read(path: Path, annotations: Path, smallest: int) -> list[Object]:
    """The objects in one file that are large enough and not deleted."""
    try:
        root = ElementTree.fromstring(_xml(path))
        file = (path.parent.relative_to(annotations) / _text(root, "filename")).as_posix()
        if ".." in Path(file).parts or Path(file).is_absolute():
            raise ValueError(f"its photograph {file!r} is outside the collection")
        result = []
        for element in root.iter("object"):
            points = [(float(_text(point, "x")), float(_text(point, "y"))) for point in element.iter("pt")]
            name = " ".join(_text(element, "name").lower().split())
            if not name or not points or element.findtext("deleted", "0").strip() == "1":
                continue
            corners = np.array(points)
            if not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
                raise ValueError(f"the outline of {name!r} has coordinates that are none")
            (left, top), (right, bottom) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
            if min(right - left, bottom - top) >= smallest:
                result.append(Object(file, name, (int(left), int(top), int(right), int(bottom))))
        return result
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DataError(f"{path} is no annotation of LabelMe ({error}); repair it or remove it") from error


def _xml(path: Path) -> str:
    """A file's text, without entities. As it is text when it is parsed, no encoding that it declares can hide them."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST:,} bytes")
    text = content.decode("utf-8-sig")
    if "\0" in text:  # the parser would take that for UTF-16 all the same
        raise ValueError("it is not in UTF-8")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities, which annotations have no use for")
    return text


def _text(element: ElementTree.Element, tag: str) -> str:
    found = element.findtext(tag)
    if found is None:
        raise ValueError(f"<{element.tag}> without <{tag}>")
    return found.strip()
