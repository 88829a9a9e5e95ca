"""Files changed at random, thrown at every reader: only the project's own errors come out, soon, and for little memory.

What comes in is what a user may be sent: a data set, an archive, a store, a picture. The short run is part of every
test run; `pytest -m slow` throws fifty times as much. The files of a reader share its number of throws.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mutations import mutated, timed, watched
from samples import (
    Subject,
    cifar_archive,
    cifar_binary,
    cifar_python,
    ilsvrc,
    ilsvrc_devkit,
    ilsvrc_meta,
    labelme,
    lists,
    mnist,
    norb,
    pictures,
    store,
    write,
)

from alexnet.data import DataError

TIMES = 40  # a reader may ask for so many times the bytes of the file, and for the subject's room

SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "cifar": lambda folder: cifar_binary(),
    "cifar, python 2": lambda folder: cifar_python(2),
    "cifar, python 4": lambda folder: cifar_python(4),
    "cifar, tar": lambda folder: cifar_archive(""),
    "cifar, tar.gz": lambda folder: cifar_archive(":gz"),
    "cifar, tar.xz": lambda folder: cifar_archive(":xz"),
    "mnist": lambda folder: mnist(False),
    "mnist, gz": lambda folder: mnist(True),
    "norb": lambda folder: norb(),
    "labelme": lambda folder: labelme(),
    "ilsvrc": lambda folder: ilsvrc(),
    "ilsvrc, meta.mat": lambda folder: ilsvrc_meta(compressed=False),
    "ilsvrc, meta.mat compressed": lambda folder: ilsvrc_meta(compressed=True),
    "ilsvrc, devkit.tar.gz": lambda folder: ilsvrc_devkit(),
    "ilsvrc, lists": lambda folder: lists(),
    "store": lambda folder: store(False, folder),
    "store, with checksums": lambda folder: store(True, folder),
    "picture, jpeg": lambda folder: pictures("JPEG", "jpg"),
    "picture, jpeg progressive": lambda folder: pictures("JPEG", "jpg", progressive=True),
    "picture, png": lambda folder: pictures("PNG", "png"),
    "picture, gif": lambda folder: pictures("GIF", "gif"),
    "picture, webp": lambda folder: pictures("WEBP", "webp"),
    "picture, tiff": lambda folder: pictures("TIFF", "tif", compression="tiff_lzw"),
    "picture, bmp": lambda folder: pictures("BMP", "bmp"),
    "picture, jpeg 2000": lambda folder: pictures("JPEG2000", "jp2"),
    "picture, tga": lambda folder: pictures("TGA", "tga"),
    "picture, ppm": lambda folder: pictures("PPM", "ppm"),
}


def thrown(subject: Subject, folder: Path, count: int, random: np.random.Generator) -> Iterator[tuple[str, bytes, str]]:
    """Throw so many changed files at a reader: what was changed, to what, and what came out."""
    write(folder, subject.files)
    subject.read(folder)
    names = list(subject.changed or subject.files)
    for _ in range(count):
        name, other = (names[random.integers(len(names))] for _ in range(2))
        content = mutated(subject.files[name], random, subject.files[other])
        (folder / name).write_bytes(content)
        subject.settle(folder)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            with timed():
                subject.read(folder)
            result = "read"
        except DataError as error:
            result = "refused" if "\n" not in str(error) else f"refused in {str(error)!r}"
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        if tracemalloc.get_traced_memory()[1] - before > TIMES * len(content) + subject.room:
            result = f"{tracemalloc.get_traced_memory()[1] - before:,} bytes of memory"
        yield name, content, result
        write(folder, subject.files if subject.settle(folder) else {name: subject.files[name]})


@pytest.mark.parametrize("count", [200, pytest.param(4_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.filterwarnings("ignore")
def test_changed_files_are_read_or_refused(name: str, count: int, tmp_path: Path) -> None:
    count //= sum(other.partition(",")[0] == name.partition(",")[0] for other in SUBJECTS)
    subject = SUBJECTS[name](tmp_path / "made")
    random = np.random.default_rng([count, list(SUBJECTS).index(name)])
    results: Counter[str] = Counter()
    (tmp_path / "read").mkdir()
    with watched():
        for file, content, result in thrown(subject, tmp_path / "read", count, random):
            results[result] += 1
            if result not in ("read", "refused") and results[result] == 1:
                (tmp_path / f"{len(results)}-{Path(file).name}").write_bytes(content)
    print(f"{name}: {dict(results)}")
    assert set(results) <= {"read", "refused"} and results["refused"] > count / 20
