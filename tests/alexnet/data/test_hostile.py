"""Files made to do harm: to write elsewhere, to run a program, to fill the memory. Each is refused in one sentence."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from mutations import timed, watched
from PIL import Image
from samples import cifar_binary, ilsvrc, labelme, mnist, store, write

from alexnet.data import DataError, open_dataset, read_image
from alexnet.data.formats import archives, images
from alexnet.data.formats.archives import list_members
from alexnet.data.formats.unpickling import UnpicklingError, read_pickle
from alexnet.data.splits import ArraySplit, DataSet

TERABYTE = 2**40


@contextmanager
def frugal(limit: int = 2**25) -> Iterator[None]:
    """No more memory than this, and a second at most."""
    with watched(), timed():
        yield
        assert tracemalloc.get_traced_memory()[1] < limit


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """The header of a member of a tar archive, whatever follows it."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def record(key: str, value: object) -> bytes:
    """A line of an extended header."""
    text = f" {key}={value}\n"
    length = len(text) + 1
    while len(str(length)) + len(text) != length:
        length += 1
    return f"{length}{text}".encode()


def extended(**values: object) -> bytes:
    lines = b"".join(record(key.replace("__", "."), value) for key, value in values.items())
    return header("extension", len(lines), tarfile.XHDTYPE) + padded(lines)


END = bytes(1024)


def hostile(name: str) -> dict[str, bytes]:
    """Archives whose member of that name is not what it says."""
    return {
        "a size that is not there": header(name, TERABYTE) + bytes(512),
        "a size in an extended header": extended(size=TERABYTE) + header(name, 5) + bytes(512),
        "a negative size": extended(size=-1024) + header(name, 5) + bytes(512),
        "a size that leads back to itself": header("a") + extended(size=-1536) + header(name, 5) + bytes(512),
        "an extended header without end": header("x", TERABYTE, tarfile.XHDTYPE) + record("path", "a") + bytes(512),
        "a long name without end": header("././@LongLink", TERABYTE, tarfile.GNUTYPE_LONGNAME) + bytes(512),
        "headers of headers": (header("././@LongLink", 5, tarfile.GNUTYPE_LONGNAME) + padded(b"long")) * 3000,
        "a file of holes": extended(GNU__sparse__major=1, GNU__sparse__minor=0, GNU__sparse__realsize=TERABYTE)
        + header(name, 512)
        + padded(b"1\n%d\n0\n" % TERABYTE)
        + END,
        "an older file of holes": extended(GNU__sparse__size=TERABYTE, GNU__sparse__map=f"{TERABYTE},0")
        + header(name, 0)
        + END,
        "a link": header(name, 0, tarfile.SYMTYPE, "/etc/passwd") + END,
        "a link to itself": header(name, 0, tarfile.LNKTYPE, name) + END,
        "links in a circle": header(name, 0, tarfile.SYMTYPE, "b")
        + header("cifar/b", 0, tarfile.SYMTYPE, Path(name).name),
        "a device": header(name, 0, tarfile.CHRTYPE) + END,
        "a folder": header(name, 0, tarfile.DIRTYPE) + END,
    }


ARCHIVES = hostile("cifar/data_batch_1.bin")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_of_cifar(kind: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / f"cifar.tar{'.gz' * packed}"
    path.write_bytes(gzip.compress(ARCHIVES[kind]) if packed else ARCHIVES[kind])
    with frugal(), pytest.raises(DataError):
        open_dataset(path)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_of_pictures(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(hostile("n01/n01_1.JPEG")[kind])
    with frugal():
        try:
            assert list_members([tmp_path / "a.tar"]).names == []
        except DataError as error:
            assert str(error).startswith(f"{tmp_path / 'a.tar'} cannot be read as an uncompressed tar archive (")


def test_a_header_of_any_length_is_not_taken_into_memory(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(extended(comment="a" * 70_000) + header("a.JPEG", 0) + END)
    with frugal(), pytest.raises(DataError, match=r"a\.tar cannot be read .* \(a header of 70,\d\d\d bytes\)"):
        list_members([tmp_path / "a.tar"])


def test_an_archive_in_an_archive_in_an_archive_is_left_closed(tmp_path: Path) -> None:
    inner = header("a.JPEG", 3) + padded(b"abc") + END
    for depth in range(40):
        inner = header(f"{depth}.tar", len(inner)) + padded(inner) + END
    (tmp_path / "a.tar").write_bytes(inner)
    with frugal():
        assert list_members([tmp_path / "a.tar"]).names == []


def test_names_that_lead_outside_are_only_names(tmp_path: Path) -> None:
    names = ("../../n01/x_1.JPEG", "/n02/x_2.JPEG", "../../../n01/../n01/x_3.JPEG", "C:\\n02/n02/x_4.JPEG")
    folder = tmp_path / "in" / "here"
    content = b"".join(header(name, 3) + padded(b"abc") for name in names) + END
    write(folder, {**ilsvrc().files, "ILSVRC2012_img_train.tar": content})
    before = sorted(tmp_path.rglob("*"))
    data = open_dataset(folder)
    assert [data.train.name(index) for index in range(4)] == [
        *("n01/x_1.JPEG", "n01/x_3.JPEG", "n02/x_2.JPEG", "n02/x_4.JPEG"),
    ]
    with pytest.raises(DataError, match="cannot be read as an image"):
        data.train.image(0)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_without_end(tmp_path: Path) -> None:
    """A list keeps a row as long as the longest name for every picture."""
    name = "a" * 60_000 + ".JPEG"
    long = header("././@LongLink", len(name) + 1, tarfile.GNUTYPE_LONGNAME) + padded(name.encode() + b"\0")
    (tmp_path / "a.tar").write_bytes(long + header("a", 0) + END)
    with frugal(), pytest.raises(DataError, match=r"the name of an image has 60,0\d\d characters"):
        list_members([tmp_path / "a.tar"])


def test_what_unpacks_to_more_than_its_size_can_hold(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(2**26))  # 65 kB
    files = mnist(True).files
    write(tmp_path / "mnist", {**files, "t10k-images-idx3-ubyte.gz": bomb})
    (tmp_path / "cifar.tar.gz").write_bytes(gzip.compress(header("x", 2**26) + bytes(2**26)))
    for path in (tmp_path / "mnist", tmp_path / "cifar.tar.gz"):
        with frugal(2**25), pytest.raises(DataError, match=r"\(it unpacks to more than 32 times its size\)"):
            open_dataset(path)


def frame(*instructions: bytes) -> bytes:
    return b"\x80\x04" + b"".join(instructions) + b"."


ENCODE = b"c_codecs\nencode\n"
PICKLES = {
    "a place far away": frame(b"Nr" + struct.pack("<I", 2**31)),
    "a place in text": frame(b"Np9223372036854775807\n"),
    "bytes that are not there": frame(b"\x8e" + struct.pack("<Q", TERABYTE)),
    "an array of bytes that are not there": frame(b"\x96" + struct.pack("<Q", TERABYTE)),
    "a text that is not there": frame(b"\x8d" + struct.pack("<Q", TERABYTE)),
    "a frame that is not there": frame(b"\x95" + struct.pack("<Q", TERABYTE)),
    "a number of a million digits": frame(b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6),
    "a number in text": frame(b"L" + b"9" * 5000 + b"L\n"),
    "texts out of one text": frame(
        ENCODE + b"q\x00X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x01X\x06\x00\x00\x00latin1q\x02",
        b"(" + b"h\x00h\x01h\x02\x86R" * 2000 + b"l",
    ),
    "lists in lists": frame(b"]" * 20_000 + b"a" * 19_999),
    "another name": frame(b"cos\nsystem\nX\x04\x00\x00\x00true\x85R"),
    "a name by attributes": frame(b"\x8c\x08builtins\x8c\x04eval\x93"),
    "an extension": frame(b"\x82\x01"),
    "something outside": frame(b"X\x01\x00\x00\x00aQ"),
}


@pytest.mark.parametrize("kind", PICKLES)
def test_pickles(kind: str) -> None:
    with frugal(), pytest.raises(UnpicklingError):
        read_pickle(PICKLES[kind])


def test_a_list_that_is_named_again_and_again_is_gone_through_once() -> None:
    value: list[object] = []
    for _ in range(60):
        value = [value] * 10
    with frugal():
        found = read_pickle(pickle.dumps({b"data": value}))
    assert found[b"data"][0] is found[b"data"][9]


LAUGHS = (
    "<!DOCTYPE a [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    + "]><annotation><filename>&a11;</filename></annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><filename>&a;</filename></annotation>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp037", "utf-7"])
@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE], ids=["laughs", "outside"])
def test_entities(tmp_path: Path, text: str, encoding: str) -> None:
    """Whatever the encoding that a declaration claims, nothing is expanded and nothing is fetched."""
    write(tmp_path, labelme().files)
    declared = codecs.encode(
        f'<?xml version="1.0" encoding="{encoding}"?>', "ascii" if encoding != "utf-16" else encoding
    )
    for content in (text.encode(encoding), declared + text.encode(encoding)):
        (tmp_path / "Annotations" / "0.xml").write_bytes(content)
        with frugal(), pytest.raises(DataError, match=r"0\.xml is no annotation of LabelMe \(") as caught:
            open_dataset(tmp_path)
        assert "root:" not in str(caught.value) and len(str(caught.value)) < 500


def test_an_annotation_without_end(tmp_path: Path) -> None:
    write(tmp_path, labelme().files)
    (tmp_path / "Annotations" / "0.xml").write_bytes(b"<a>" * 2_000_000)
    with frugal(), pytest.raises(DataError, match=r"it is longer than 4,194,304 bytes"):
        open_dataset(tmp_path)


def test_a_photograph_of_any_name(tmp_path: Path) -> None:
    files = labelme().files
    files["Annotations/0.xml"] = files["Annotations/0.xml"].replace(b"0.jpg", b"a" * 5000)
    write(tmp_path, files)
    with pytest.raises(DataError, match=r"has no objects of its classes|has 0 classes"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", b"icns" + bytes(99)]
)
def test_a_picture_that_would_start_a_program(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"a.jpg cannot be read as an image \(of no known format\)"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("sides", [(9000, 10_000), (65_535, 65_535), (65_535, 2000)])
def test_sides_are_looked_at_before_pixels_are_made(tmp_path: Path, sides: tuple[int, int]) -> None:
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "JPEG")
    data = bytearray(content.getvalue())
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", *sides)
    (tmp_path / "a.jpg").write_bytes(data)
    with (
        frugal(),
        pytest.raises(DataError, match=r"a.jpg cannot be read as an image \(.*(above Pillow's|exceeds) limit"),
    ):
        read_image(tmp_path / "a.jpg")


def test_a_file_that_is_too_long_for_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(TERABYTE)
    monkeypatch.setattr(images, "LARGEST", 10_000)
    with frugal(), pytest.raises(DataError, match=r"a.jpg cannot be read as an image \(the file is longer than 10,000"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 2**62}, "a number is not positive or too large"),
        ({"shard": True}, "a number is not positive or too large"),
        ({"channels": 10**9}, "a number is not positive or too large"),
        ({"count": 2**39}, "it does not list the files of the part train"),
        ({"count": 10**30}, "a number is not positive or too large"),
        ({"files": {"../../secret": ""}}, "it does not list the files of the part train"),
        ({"parts": {"train": {}, "val": {}, "../x": {}}}, "required positional arguments|one too many"),
        ({"classes": ["a"]}, "words and identifiers of the classes do not fit"),
        ({"classes": [1, 2]}, "a text is missing"),
    ],
)
def test_a_store_that_claims_what_it_has_not(tmp_path: Path, change: dict[str, object], words: str) -> None:
    store(False, tmp_path / "store")
    (tmp_path / "store" / "store.json").chmod(0o644)
    info = json.loads((tmp_path / "store" / "store.json").read_text())
    (info if set(change) <= set(info) else info["parts"]["train"]).update(change)
    (tmp_path / "store" / "store.json").write_text(json.dumps(info))
    with frugal(), pytest.raises(DataError, match=rf"store.json is damaged \(.*({words})"):
        open_dataset(tmp_path / "store")


def test_a_store_of_brackets(tmp_path: Path) -> None:
    write(tmp_path, {"store.json": b"[" * 1_000_000})
    with pytest.raises(DataError, match=r"store.json is damaged \("):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "labels", [np.array([0, 1, 2]), np.array([0, -1, 1]), np.zeros(3, object), np.zeros((3, 1), int)]
)
def test_a_store_with_an_index_that_does_harm(tmp_path: Path, labels: np.ndarray) -> None:
    """The checksums are right: whoever made the index made them too."""
    subject = store(True, tmp_path / "store")
    path = tmp_path / "store" / "train-labels.npy"
    for each in (path, path.with_name("store.json")):
        each.chmod(0o644)
    np.save(path, labels, allow_pickle=True)
    subject.settle(tmp_path / "store")
    with pytest.raises(DataError, match=r"a label that is no class|is damaged|has .* rows"):
        open_dataset(tmp_path / "store")


def test_a_set_without_pictures() -> None:
    some, none = (ArraySplit(np.zeros((n, 4, 4, 3), np.uint8), np.zeros(n)) for n in (1, 0))
    with pytest.raises(DataError, match=r"x has no pictures in its part val; add some, or get the data set again"):
        DataSet("x", ("a", "b"), 3, some, none)


def test_a_long_list_is_kept_until_its_archive_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LONG", 2)
    path = tmp_path / "ä.tar"
    names = [os.fsdecode(b"n1/\xff_1.JPEG"), "n1/b_2.JPEG"]
    path.write_bytes(b"".join(header(name, 3) + padded(b"abc") for name in names) + END)
    first = list_members([path])
    (kept,) = cache.glob("listing-*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(archives, "_list", None)
        second = list_members([path])
    assert first.names == second.names == names and vars(first) == vars(second)
    kept.write_bytes(kept.read_bytes()[:-1])
    assert vars(list_members([path])) == vars(first)  # and kept anew
    path.write_bytes(path.read_bytes() + END)
    assert list_members([path]).names == names and len(list(cache.glob("listing-*.npz"))) == 2


def test_a_short_file_of_cifar_is_no_long_one(tmp_path: Path) -> None:
    files = cifar_binary().files
    write(tmp_path, files)
    with (tmp_path / "data_batch_1.bin").open("ab") as file:
        file.truncate(TERABYTE)
    with (
        frugal(),
        pytest.raises(DataError, match=r"data_batch_1.bin has 1,099,5\d\d,\d\d\d,\d\d\d bytes"),
    ):
        open_dataset(tmp_path)
