"""Pictures in class folders, one folder a class, as ImageNet is usually unpacked."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from alexnet.data.keyed import SPLIT, permutation
from alexnet.data.splits import DataError, DataSet, Split

__all__ = ["EXTENSIONS", "FolderSplit", "open_folders", "read_image"]

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".jp2", ".tga"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
VAL_SHARE = 10  # one picture of so many a class is kept for validation where the folders do not say which


class FolderSplit(Split):
    """Pictures that are decoded from their files each time.

    Args:
        root: the folder that `files` are relative to.
        files: paths of the pictures.
        labels: integers (n,).
    """

    def __init__(self, root: Path, files: list[str], labels: np.ndarray) -> None:
        self.root = root
        self.files = files
        self.labels = labels.astype(np.int64)

    def image(self, index: int) -> np.ndarray:
        """Picture `index`, decoded: uint8 (H, W, 3)."""
        return read_image(self.root / self.files[index])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files' relative paths, sizes and times of change."""
        digest = hashlib.sha256()
        for name in self.files:
            try:
                status = (self.root / name).stat()
            except OSError as error:
                raise DataError(f"{self.root / name} is gone ({error.strerror}); open the data set again") from error
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def open_folders(folder: Path, seed: int = 0) -> DataSet:
    """Class folders, either in `train/` and `val/`, or directly in `folder` and then split 9 : 1.

    The split is made class by class, by the seed; a class of two pictures or more has at least one on either side, a
    class of one picture gives it to training. Labels follow the sorted names of the class folders. Hidden files and
    files without one of `EXTENSIONS` are passed over.

    Raises:
        DataError: a folder is missing or empty, the two sides have different classes, or there is only one class.
    """
    train, val = folder / "train", folder / "val"
    if train.is_dir() and val.is_dir():
        found = _class_files(train)
        found_val = _class_files(val)
        _same_classes(train, found, val, found_val)
        return _data_set(folder, (train, found), (val, found_val))
    if train.is_dir() or val.is_dir():
        there, missing = (train, val) if train.is_dir() else (val, train)
        raise DataError(
            f"{folder} has {there.name}/ but no {missing.name}/; add it, or put the class folders directly in {folder}"
        )
    found = _class_files(folder)
    kept: dict[str, list[str]] = {}
    held_out: dict[str, list[str]] = {}
    for label, (name, files) in enumerate(found.items()):
        order = permutation(seed, label, SPLIT, len(files))
        count = 0 if len(files) == 1 else max(1, round(len(files) / VAL_SHARE))
        held_out[name] = [files[index] for index in sorted(order[:count])]
        kept[name] = [files[index] for index in sorted(order[count:])]
    if not any(held_out.values()):
        raise DataError(f"no class in {folder} has two images, so none is left for validation; add images")
    return _data_set(folder, (folder, kept), (folder, held_out))


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """One picture as RGB, turned upright as its EXIF data say: uint8 (H, W, 3).

    Grayscale, palettes and CMYK are converted by Pillow; transparency is dropped, not blended with a background; of an
    animation the first picture is taken; 16-bit grayscale keeps its upper 8 bits.

    Raises:
        DataError: the file cannot be read as an image, or is suspiciously large.
    """
    try:
        with Image.open(path) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit and image.width * image.height > limit:  # where Pillow only warns
                raise ValueError(f"{image.width} x {image.height} is above Pillow's limit of {limit} pixels")
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers let out whatever they stumble over, from OSError to struct.error
        raise DataError(f"{path} cannot be read as an image ({error}); replace it or remove it") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and nothing says which of them is white")
    if image.mode.startswith("I"):  # Pillow would clip 16 bits to 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:  # Pillow's own advice for such palettes
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _class_files(folder: Path) -> dict[str, list[str]]:
    """Image files (relative to `folder`) of each class folder, both sorted by name."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != ".")
        found = {name: _image_files(folder, name) for name in names}
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be listed ({error.strerror}); check its rights") from error
    if not any(found.values()):
        raise DataError(
            f"{folder} has no class folders with images; expected one folder a class with files such as .jpg or .png"
        )
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise DataError(f"the class folder {folder / empty[0]} holds no image; add images or remove it")
    if len(found) == 1:
        raise DataError(f"{folder} has only one class, {names[0]}; a classifier needs at least two class folders")
    return found


def _image_files(folder: Path, name: str) -> list[str]:
    return sorted(
        f"{name}/{entry.name}"
        for entry in os.scandir(folder / name)
        if entry.name[0] != "." and Path(entry.name).suffix.lower() in EXTENSIONS and entry.is_file()
    )


def _same_classes(train: Path, found: dict[str, list[str]], val: Path, found_val: dict[str, list[str]]) -> None:
    for folder, more, other, fewer in ((train, found, val, found_val), (val, found_val, train, found)):
        extra = [name for name in more if name not in fewer]
        if extra:
            raise DataError(f"{folder} has the class {extra[0]} but {other} has not; both need the same class folders")


def _data_set(folder: Path, *sides: tuple[Path, dict[str, list[str]]]) -> DataSet:
    splits = []
    for root, found in sides:
        labels = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
        splits.append(FolderSplit(root, [file for files in found.values() for file in files], labels))
    return DataSet(folder.resolve().name, tuple(sides[0][1]), 3, *splits)
