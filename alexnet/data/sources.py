"""`open_dataset`: a data set from a word or a path, whose kind is told by what lies there."""

from __future__ import annotations

from pathlib import Path

from alexnet.data.cifar import ARCHIVE_SUFFIXES, is_cifar, open_cifar
from alexnet.data.folders import open_folders
from alexnet.data.ilsvrc import is_ilsvrc, open_ilsvrc
from alexnet.data.mnist import is_mnist, open_mnist
from alexnet.data.shapes import open_shapes
from alexnet.data.splits import DataError, DataSet
from alexnet.data.store import is_store, open_store

__all__ = ["open_dataset"]


def open_dataset(source: str | Path, seed: int = 0, *, counts: tuple[int, int] = (6000, 1000)) -> DataSet:
    """Open a data set.

    Args:
        source: "shapes" for the pictures that the project draws itself, or a path: a folder with CIFAR-10's binary
            files or their tar archive, a folder with MNIST's idx files, or a folder of class folders of images.
        seed: of the pictures drawn, and of the split where class folders come without `train/` and `val/`.
        counts: how many shapes to draw for training and for validation; files hold what they hold.

    Raises:
        DataError: there is no such data set, or it is damaged.

    Example:
        >>> open_dataset("shapes").train.image(0).shape[2]
        3
    """
    if source == "shapes":
        return open_shapes(seed, *counts)
    path = Path(source).expanduser()
    if path.is_dir():
        if is_store(path):
            return open_store(path)
        if is_ilsvrc(path):
            return open_ilsvrc(path)
        if is_cifar(path):
            return open_cifar(path)
        if (path / "data_batch_1").is_file():
            raise DataError(
                f"{path} holds CIFAR-10's Python version, which is made of pickles; "
                "get the binary version, cifar-10-binary.tar.gz"
            )
        return open_mnist(path) if is_mnist(path) else open_folders(path, seed)
    if path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES):
        return open_cifar(path)
    if path.is_file():
        raise DataError(f"{path} is a file of no known kind; give a folder, CIFAR-10's tar archive, or the word shapes")
    raise DataError(f"there is no folder or file {path}; give the path of a data set, or the word shapes")
