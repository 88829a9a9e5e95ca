"""Small data sets of every kind in files, for tests that damage them."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from alexnet.data import DataSet, RescaledSplit, open_dataset, read_image
from alexnet.data.splits import ArraySplit
from alexnet.data.store.layout import digest
from alexnet.data.store.preparation import prepare

NOISE = np.random.default_rng(0)
PIXELS = 2**29  # bytes: room for the largest picture that is decoded, of 89 million pixels, and a copy
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
        room: bytes of memory that reading may take whatever the length of the files.
        settle: makes a changed folder consistent again, as somebody would who means harm.
    """

    files: Files
    read: Callable[[Path], object] = opened
    changed: tuple[str, ...] = ()
    room: int = 2**26
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
    return Subject(files, room=PIXELS)


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
    return Subject(files | devkit, room=PIXELS)


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

    return Subject({name: picture(kind, **options)}, read, room=PIXELS)


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
