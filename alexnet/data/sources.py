"""`open_dataset`: a data set from a word or a path, whose kind is told by what lies there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alexnet.data.formats.download import DOWNLOADS, fetch
from alexnet.data.sets.caltech import is_caltech, open_caltech
from alexnet.data.sets.cifar import ARCHIVE_SUFFIXES, is_cifar, open_cifar
from alexnet.data.sets.folders import open_folders
from alexnet.data.sets.ilsvrc import is_ilsvrc, open_ilsvrc
from alexnet.data.sets.labelme import is_labelme, open_labelme
from alexnet.data.sets.mnist import is_mnist, open_mnist
from alexnet.data.sets.norb import is_norb, open_norb
from alexnet.data.sets.shapes import open_shapes
from alexnet.data.splits import DataError, DataSet
from alexnet.data.store.layout import is_store, open_store
from alexnet.terminal import suggestion

__all__ = ["SOURCES", "WORDS", "open_dataset"]

WORDS = ("shapes", *DOWNLOADS)
SOURCES = (
    "'shapes'; 'cifar-10', 'cifar-100' or 'mnist' to download; a store made by alexnet.prepare; a folder with the "
    "files of CIFAR-10 or CIFAR-100 (or their tar archive), MNIST, small NORB, LabelMe, Caltech-101, Caltech-256 or "
    "ILSVRC's archives; or a folder of class folders of images, with or without train/ and val/"
)

# What a folder may be: how to tell, and how to open it with the seed. Class folders are what is left.
_KINDS: tuple[tuple[Callable[[Path], bool], Callable[[Path, int], DataSet]], ...] = (
    (is_store, lambda path, seed: open_store(path)),
    (is_cifar, lambda path, seed: open_cifar(path)),
    (is_mnist, lambda path, seed: open_mnist(path)),
    (is_norb, lambda path, seed: open_norb(path)),
    (is_labelme, open_labelme),
    (is_caltech, open_caltech),
    (is_ilsvrc, lambda path, seed: open_ilsvrc(path)),
)


def open_dataset(source: str | Path, seed: int = 0, *, counts: tuple[int, int] = (6000, 1000)) -> DataSet:
    """Open a data set.

    Args:
        source: "shapes" for the pictures that the project draws itself; "cifar-10", "cifar-100" or "mnist" to download
            those; or a path: a store, a folder with the files of a known data set, a tar archive of CIFAR-10 or
            CIFAR-100, or a folder of class folders of images.
        seed: of the pictures drawn, and of the split where a data set comes without one.
        counts: how many shapes to draw for training and for validation; files hold what they hold.

    Raises:
        DataError: there is no such data set, or it is damaged.

    Example:
        >>> open_dataset("shapes").train.image(0).shape[2]
        3
    """
    if source == "shapes":
        return open_shapes(seed, *counts)
    path = fetch(source) if isinstance(source, str) and source in DOWNLOADS else Path(source).expanduser()
    if path.is_dir():
        return next((opened for known, opened in _KINDS if known(path)), open_folders)(path, seed)
    if path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES):
        return open_cifar(path)
    if path.is_file():
        raise DataError(f"{path} is a file of no known kind; give a folder, CIFAR's tar archive, or a word: {_words()}")
    meant = suggestion([path.name.lower()], WORDS) or f"; give the path of a data set, or a word: {_words()}"
    raise DataError(f"there is no folder or file {path}{meant}")


def _words() -> str:
    return ", ".join(WORDS)
