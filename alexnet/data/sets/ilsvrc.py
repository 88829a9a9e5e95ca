"""ILSVRC-2010 and ILSVRC-2012 as they are distributed: archives, or what was extracted from them, and the devkit.

Three orders are around: the devkit's ids (1 is the kit fox in 2012), the wnids, and the wnids' sorted numbers. Labels
here are the places of the wnids in sorted order, from 0; ids are translated on the way in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet.data.formats.archives import ArchiveSplit, Members, list_members
from alexnet.data.formats.matlab import read_structs
from alexnet.data.formats.unpacking import read_members
from alexnet.data.sets.folders import FolderSplit, class_files, folder_split, image_files
from alexnet.data.splits import DataError, DataSet, Split

__all__ = ["is_ilsvrc", "open_ilsvrc"]

# Where a part may be: the archive as distributed, or a folder. The test set of 2012 has no published labels.
PLACES = {
    "train": ("ILSVRC2012_img_train", "ILSVRC2010_images_train", "train"),
    "val": ("ILSVRC2012_img_val", "ILSVRC2010_images_val", "val"),
    "test": ("ILSVRC2010_images_test", "test"),
}
TRUTHS = {
    "val": ("ILSVRC2012_validation_ground_truth.txt", "ILSVRC2010_validation_ground_truth.txt", "val.txt"),
    "test": ("ILSVRC2010_test_ground_truth.txt", "test.txt"),
}
PATCHES = "patch_images.tar"  # of 2010: the right pictures for some that are blank in the archives
META, MAP, WORDS = "meta.mat", "map_clsloc.txt", "synset_words.txt"
_NUMBER = re.compile(r"(\d{1,9})\.\w+$")  # ILSVRC2012_val_00000001.JPEG


def is_ilsvrc(folder: Path) -> bool:
    """Whether the folder holds one of the archives, class archives in `train/`, or a `val/` that is not in classes."""
    places = {part: _place(folder, part) for part in PLACES}
    train, val = places["train"], places["val"]
    return (
        any(place is not None and place.suffix == ".tar" for place in places.values())
        or (train is not None and any(train.glob("*.tar")))
        or (val is not None and bool(image_files(val, ".")))
    )


def open_ilsvrc(folder: Path) -> DataSet:
    """ILSVRC from a folder with train, val, for 2010 test, and the devkit; nothing is unpacked.

    Raises:
        DataError: a part or a list is missing or damaged, or they do not fit each other.
    """
    files = _devkit(folder)
    synsets = _synsets(files, folder)
    train_place, val_place, test_place = (_place(folder, part) for part in PLACES)
    if train_place is None or val_place is None:
        missing = PLACES["val" if train_place else "train"]
        raise DataError(f"{folder} has none of {missing[0]}.tar, {missing[1]}.tar and {missing[2]}/; add one of them")
    ids, train = _open_train(train_place)
    val = _open_flat(val_place, "val", ids, synsets, files)
    test = None if test_place is None else _open_flat(test_place, "test", ids, synsets, files)
    name = "ilsvrc-2010" if any("2010" in place.name for place in (train_place, val_place)) else "ilsvrc-2012"
    return DataSet(name, tuple(synsets.words.get(wnid, wnid) for wnid in ids), 3, train, val, test, ids)


def _place(folder: Path, part: str) -> Path | None:
    for stem in PLACES[part]:
        for path in (folder / f"{stem}.tar", folder / stem):
            if path.is_file() or path.is_dir():
                return path
    return None


# lists


def _devkit(folder: Path) -> dict[str, bytes]:
    """The lists that are there, by name: beside the archives, in a devkit's folder, or in its archive."""
    wanted = {META, MAP, WORDS, *TRUTHS["val"], *TRUTHS["test"]}
    files: dict[str, bytes] = {}
    for archive in sorted(folder.glob("*devkit*.tar*")):
        files |= read_members(archive, wanted)
    kits = [kit for kit in sorted(folder.glob("*devkit*")) if kit.is_dir()]
    for place in [*(kit / "data" for kit in kits), *kits, folder / "data", folder]:
        files |= {name: (place / name).read_bytes() for name in wanted if (place / name).is_file()}
    return files


@dataclass
class _Synsets:
    """Words for each wnid, and the wnid of each id of the devkit."""

    words: dict[str, str] = field(default_factory=dict)
    wnids: dict[int, str] = field(default_factory=dict)


def _synsets(files: dict[str, bytes], folder: Path) -> _Synsets:
    result = _Synsets()
    if MAP in files:  # "n02119789 1 kit_fox"
        for line in _lines(files[MAP]):
            wnid, number, words = [*line.split(), "", ""][:3]
            if not _is_number(number):
                raise DataError(f"{MAP} in {folder} has the line {line!r}; expected a wnid, an id and words")
            result.words[wnid], result.wnids[int(number)] = words.replace("_", " "), wnid
    elif META in files:
        result = _read_meta(files[META], folder)
    if WORDS in files:
        result.words |= {wnid: words for wnid, _, words in (line.partition(" ") for line in _lines(files[WORDS]))}
    return result


def _lines(content: bytes) -> list[str]:
    return [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


def _read_meta(content: bytes, folder: Path) -> _Synsets:
    """The devkit's table of synsets, of which those without children are the classes."""
    result = _Synsets()
    try:
        for row in read_structs(content, "synsets"):
            number = row.get("ILSVRC2012_ID", row.get("ILSVRC2010_ID"))
            wnid, words, children = row.get("WNID"), row.get("words"), row.get("num_children")
            if not isinstance(wnid, str) or not isinstance(words, str) or not isinstance(number, (int, float)):
                raise ValueError("a synset without WNID, words or ID")
            if children == 0:
                result.words[wnid], result.wnids[int(number)] = words, wnid
    except (ValueError, OverflowError) as error:
        raise DataError(f"{META} in {folder} cannot be read ({error}); take it from the devkit again") from error
    return result


# parts


def _open_train(place: Path) -> tuple[tuple[str, ...], Split]:
    """The wnids in order, and the training pictures, sorted by wnid."""
    archives = [place] if place.is_file() else sorted(place.glob("*.tar"))
    if not archives:
        found = class_files(place)
        return tuple(found), folder_split(place, found)
    members = _list(archives, place)
    groups = members.groups()
    if place.is_dir():
        groups = [name.partition("/")[0] for name in members.names]
    ids = tuple(sorted(set(groups)))
    if len(ids) < 2 or "" in ids:
        raise DataError(
            f"{place} should hold an archive or a folder for each class, and holds {len(ids)}; get it again"
        )
    numbers = {wnid: label for label, wnid in enumerate(ids)}
    labels = np.array([numbers[group] for group in groups], np.int64)
    order = np.argsort(labels, kind="stable")
    return ids, ArchiveSplit(members, labels[order], order)


def _list(archives: list[Path], place: Path) -> Members:
    """The pictures of a part, with 2010's corrections where their archive lies beside."""
    members = list_members(archives)
    patches = place.parent / PATCHES
    if patches.is_file():
        members.replace(list_members([patches]))
    return members


def _open_flat(place: Path, part: str, ids: tuple[str, ...], synsets: _Synsets, files: dict[str, bytes]) -> Split:
    """A part whose pictures are numbered and whose labels are in a list; or that was sorted into class folders."""
    numbers = {wnid: label for label, wnid in enumerate(ids)}
    if place.is_dir() and not image_files(place, "."):
        found = class_files(place)
        extra = [wnid for wnid in found if wnid not in numbers]
        if extra:
            raise DataError(f"{place} has the class {extra[0]}, of which there are no training pictures")
        split = folder_split(place, found)
        own = np.array([numbers[wnid] for wnid in found])
        return FolderSplit(place, split.files, own[split.labels])
    members = _list([place], place) if place.is_file() else None
    names = members.names if members else [name.removeprefix("./") for name in image_files(place, ".")]
    truth = _Truth(part, place, synsets, ids, files)
    order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    wnids = [truth.wnid(names[index].rpartition("/")[2]) for index in order]
    unknown = [wnid for wnid in wnids if wnid not in numbers]
    if unknown:
        raise DataError(f"{truth.name} has pictures of {unknown[0]}, of which {place.parent} has no training pictures")
    labels = np.array([numbers[wnid] for wnid in wnids], np.int64)
    if members:
        return ArchiveSplit(members, labels, order)
    return FolderSplit(place, [names[index] for index in order], labels)


class _Truth:
    """The labels of a flat part, in whichever of the known forms they come."""

    def __init__(
        self, part: str, place: Path, synsets: _Synsets, ids: tuple[str, ...], files: dict[str, bytes]
    ) -> None:
        self.name = next((name for name in TRUTHS[part] if name in files), "")
        if not self.name:
            raise DataError(
                f"the labels of {place} are missing: put the devkit or {TRUTHS[part][0]} beside it"
                + (f", or move {place.name} away" if part == "test" else "")
            )
        lines = _lines(files[self.name])
        self._by_name: dict[str, str] = {}
        if lines and all(_is_number(line) for line in lines):  # the devkit's ids
            if not synsets.wnids:
                raise DataError(f"{self.name} holds ids of the devkit; put its {META} (or {MAP}) beside {place}")
            unknown = [line for line in lines if int(line) not in synsets.wnids]
            if unknown:
                raise DataError(f"{self.name} has the id {unknown[0]}, which the devkit gives to no class")
            self._in_order = [synsets.wnids[int(line)] for line in lines]
        elif lines and all(len(line.split()) == 2 for line in lines):  # name and sorted number, as Caffe has them
            wnids = sorted(synsets.words) or list(ids)
            pairs = [line.split() for line in lines]
            if not all(_is_number(number) and int(number) < len(wnids) for _, number in pairs):
                raise DataError(f"{self.name} should hold file names and numbers below {len(wnids)}")
            self._by_name = {name.rpartition("/")[2]: wnids[int(number)] for name, number in pairs}
            self._in_order = []
        else:
            self._in_order = lines  # a wnid a line

    def wnid(self, file: str) -> str:
        """The class of a picture by its name, of which the number is the line in the list."""
        if self._by_name:
            if file not in self._by_name:
                raise DataError(f"{self.name} has no line for {file}")
            return self._by_name[file]
        match = _NUMBER.search(file)
        if not match or not 1 <= int(match[1]) <= len(self._in_order):
            raise DataError(f"{self.name} has {len(self._in_order):,} lines, none for {file}")
        return self._in_order[int(match[1]) - 1]
