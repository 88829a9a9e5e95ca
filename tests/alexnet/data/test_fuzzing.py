"""Files changed at random, thrown at every reader: only the project's own errors come out, soon, and for little memory.

What comes in is what a user may be sent: a data set, an archive, a store, a picture. The short run is part of every
test run; `pytest -m slow` throws fifty times as much. The files of a reader share its number of throws.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from mutations import mutated, timed, watched
from PIL import Image

from alexnet.data import DataError, RescaledSplit, open_dataset, read_image
from alexnet.data.preparation import prepare
from alexnet.data.splits import ArraySplit, DataSet
from alexnet.data.store import digest

TIMES, ROOM = 40, 2**26  # a reader may ask for so many times the bytes of the file, and for so many bytes
NOISE = np.random.default_rng(0)
Files = dict[str, bytes]


def everything(data: DataSet) -> None:
    """Look at all that a data set hands out."""
    for split in data.splits().values():
        _ = split.fingerprint, [data.classes[label] for label in split.labels.tolist()]
        for index in range(min(len(split), 4)):
            picture = split.image(index)
            assert picture.dtype == np.uint8 and picture.ndim == 3, split.name(index)


def opened(folder: Path) -> None:
    everything(open_dataset(folder))


@dataclass
class Subject:
    """A reader with files that it reads well.

    Attributes:
        files: by path.
        read: takes the folder, and raises nothing but DataError.
        changed: which of the files are changed; all if empty.
        settle: makes a changed folder consistent again, as somebody would who means harm.
    """

    files: Files
    read: Callable[[Path], object] = opened
    changed: tuple[str, ...] = ()
    settle: Callable[[Path], None] = field(default=lambda folder: None)


def tar(files: Files, mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def picture(kind: str, size: tuple[int, int] = (17, 13), **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(NOISE.integers(0, 256, (*size, 3), dtype=np.uint8)).save(content, kind, **options)
    return content.getvalue()


def cifar_records(label: int) -> bytes:
    return bytes([label]) + NOISE.bytes(3072)


BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def cifar_binary() -> Subject:
    return Subject({f"{name}.bin": cifar_records(3) for name in BATCHES} | {"batches.meta.txt": b"a b c d e f g h i j"})


def cifar_python(protocol: int) -> Subject:
    table = {b"labels": [4], b"data": NOISE.integers(0, 256, (1, 3072), dtype=np.uint8), b"filenames": [b"a.png"]}
    files = {name: pickle.dumps(table, protocol) for name in BATCHES}
    files["batches.meta"] = pickle.dumps({b"label_names": [b"abcdefghij"[i : i + 1] for i in range(10)]}, protocol)
    return Subject(files, changed=("data_batch_2", "test_batch", "batches.meta"))


def cifar_archive(mode: str) -> Subject:
    content = tar({f"cifar/{name}": data for name, data in cifar_binary().files.items()}, f"w{mode}")
    name = f"cifar.tar{mode.replace(':', '.')}"
    return Subject({name: content}, lambda folder: everything(open_dataset(folder / name)))


def mnist(packed: bool) -> Subject:
    files = {}
    for part in ("train", "t10k"):
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4I", 2051, 2, 28, 28) + NOISE.bytes(2 * 28 * 28)
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">2I", 2049, 2) + bytes(2)
    if packed:
        files = {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    return Subject(files)


def norb() -> Subject:
    files = {}
    for part in ("training", "testing"):
        pairs = struct.pack("<6i", 0x1E3D4C55, 4, 2, 2, 96, 96) + NOISE.bytes(2 * 2 * 96 * 96)
        labels = struct.pack("<5i", 0x1E3D4C54, 1, 2, 1, 1) + struct.pack("<2i", 0, 4)
        files |= {f"smallnorb-x-{part}-dat.mat": pairs, f"smallnorb-x-{part}-cat.mat": labels}
    return Subject(files)


def labelme() -> Subject:
    shape = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((1, 1), (40, 2), (38, 44)))
    found = "".join(f"<object><name>{name}</name>{shape}</object>" for name in ("car", "tree") * 10)
    files = {}
    for number in range(2):
        text = f"<annotation><filename>{number}.jpg</filename>{found}</annotation>"
        files |= {f"Annotations/{number}.xml": text.encode(), f"Images/{number}.jpg": picture("JPEG", (50, 48))}
    return Subject(files)


def ilsvrc(compressed: bool = True) -> Subject:
    images = picture("JPEG"), picture("PNG")
    train = {f"n0{c}.tar": tar({f"n0{c}_{i}.JPEG": image for i, image in enumerate(images)}) for c in (1, 2)}
    kinds = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")]
    rows = np.array([(1, "n02", "a cat", "", 0), (2, "n01", "a dog", "", 0), (3, "n09", "animal", "", 2)], kinds)
    meta = io.BytesIO()
    scipy.io.savemat(meta, {"synsets": rows}, do_compression=compressed)
    devkit = {"devkit/data/meta.mat": meta.getvalue(), "devkit/data/ILSVRC2012_validation_ground_truth.txt": b"2\n1\n"}
    files = {
        "ILSVRC2012_img_train.tar": tar(train),
        "ILSVRC2012_img_val.tar": tar({f"ILSVRC2012_val_0000000{i + 1}.JPEG": each for i, each in enumerate(images)}),
        "patch_images.tar": tar({"patch_images/n01_1.JPEG": images[0]}),
    }
    return Subject(files | devkit)


def ilsvrc_meta(compressed: bool) -> Subject:
    return Subject(ilsvrc(compressed).files, changed=("devkit/data/meta.mat",))


def ilsvrc_devkit() -> Subject:
    files = ilsvrc().files
    devkit = {name: files.pop(name) for name in list(files) if name.startswith("devkit/")}
    files["ILSVRC2012_devkit_t12.tar.gz"] = tar(devkit, "w:gz")
    return Subject(files, changed=("ILSVRC2012_devkit_t12.tar.gz",))


def lists() -> Subject:
    files = ilsvrc().files
    del files["devkit/data/meta.mat"], files["devkit/data/ILSVRC2012_validation_ground_truth.txt"]
    texts = {"map_clsloc.txt": b"n02 1 a_cat\nn01 2 a_dog\n", "synset_words.txt": b"n01 dog\nn02 cat\n"}
    texts["ILSVRC2012_validation_ground_truth.txt"] = b"2\n1\n"
    return Subject(files | texts, changed=tuple(texts))


def store(settled: bool, folder: Path) -> Subject:
    pixels = NOISE.integers(0, 256, (5, 6, 6, 3), dtype=np.uint8)
    train, val = ArraySplit(pixels[:3], np.arange(3) % 2), ArraySplit(pixels[3:], np.arange(2))
    prepare(DataSet("noise", ("a", "b"), 3, train, val), folder, 1, size=6, shard=2)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".csv"}

    def settle(folder: Path) -> None:
        try:
            info = json.loads((folder / "store.json").read_bytes())
            for part in info["parts"].values():
                part["files"] = {name: digest(folder / name) for name in part["files"]}
            info["statistics"] = digest(folder / "statistics.npz")
            (folder / "store.json").write_text(json.dumps(info))
        except (ValueError, LookupError, TypeError, AttributeError, OSError):
            return  # no harm that is done with store.json needs the others to fit it

    def read(folder: Path) -> None:
        data = open_dataset(folder)
        everything(data)
        _ = data.train.name(0), RescaledSplit(data.train, 6).statistics()

    return Subject(files, read, settle=settle if settled else lambda folder: None)


def pictures(kind: str, ending: str, **options: object) -> Subject:
    name = f"a.{ending}"

    def read(folder: Path) -> None:
        for size in (0, 4):
            assert read_image(folder / name, size).shape[2] == 3

    return Subject({name: picture(kind, **options)}, read)


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


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


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
        if tracemalloc.get_traced_memory()[1] - before > TIMES * len(content) + ROOM:
            result = f"{tracemalloc.get_traced_memory()[1] - before:,} bytes of memory"
        yield name, content, result
        write(folder, subject.files if subject.settle(folder) else {name: subject.files[name]})


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
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
