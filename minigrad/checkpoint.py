"""Named arrays in a file: a .npz without pickles, with a checksum inside, never half-written; or a .safetensors."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from minigrad.folders import rename

__all__ = ["load", "load_safetensors", "map_array", "read", "save", "save_safetensors"]

CHECKSUM = "sha256"  # the array that holds it; uint8 (32,)

# What np.savez writes in front of an array. Matched, not evaluated: numbers and text, no objects, no records.
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biufcSU][0-9]{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,18},? ?){0,32})\), \} *\n"
)


def save(path: str | Path, arrays: Mapping[str, npt.ArrayLike], previous: str | Path | None = None) -> None:
    """Write the arrays to a .npz file, beside it and onto the disk first; the file then takes its name in one step.

    The same arrays give the same bytes.

    Args:
        path: of the file.
        arrays: numbers or text, by name; "sha256" is taken by the checksum. Tensors too: each is copied to the host
            when its turn comes, so that there is one copy at a time.
        previous: what a file that is there already shall be called from then on; None to replace it.

    Raises:
        OSError: the file cannot be written; one of that name that was there before is untouched.
        TypeError: an array would need a pickle.
        ValueError: an array is called "sha256".
    """
    if CHECKSUM in arrays:
        raise ValueError(f"the name {CHECKSUM!r} is taken by the checksum of a checkpoint; choose another")
    with _beside(Path(path), previous) as file, zipfile.ZipFile(file, "w") as archive:
        _write(archive, arrays)


@contextmanager
def _beside(path: Path, previous: str | Path | None = None) -> Iterator[IO[bytes]]:
    """A file beside a path, which takes its name when all is written and on the disk, and is gone if that fails."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            rename(path, previous)
        rename(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _write(archive: zipfile.ZipFile, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Add the arrays in order of their names, and their checksum."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = np.asarray(arrays[name], order="C")
        if value.dtype.kind not in "biufcSU":
            raise TypeError(f"the array {name!r} is of dtype {value.dtype}; a checkpoint holds numbers and text")
        _update(digest, name, value)
        _write_array(archive, name, value)
    _write_array(archive, CHECKSUM, np.frombuffer(digest.digest(), dtype=np.uint8))


def _write_array(archive: zipfile.ZipFile, name: str, value: np.ndarray) -> None:
    """Add an array in C order, in NumPy's format; the day is always the first that archives know."""
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(value))
        file.write(_bytes(value))


def _flush_folder(folder: Path) -> None:
    """See the names in a folder onto the disk, where the system has a way to."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _bytes(value: np.ndarray) -> memoryview:
    """The elements in C order."""
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8).data


def _update(digest: hashlib._Hash, name: str, value: np.ndarray) -> None:
    """Add an array to the checksum: its name, dtype, shape and values."""
    digest.update(f"{name}\0{value.dtype.str}\0{value.shape}\0".encode())
    digest.update(_bytes(value))


def _checksum(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """SHA-256 of the arrays in order of their names: uint8 (32,)."""
    digest = hashlib.sha256()
    for name, value in sorted(arrays.items()):
        _update(digest, name, value)
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def load(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays that `save` wrote.

    Nothing is evaluated, and no more memory is asked for than the file is long.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or of another kind.
    """
    arrays = read(path)
    checksum = arrays.pop(CHECKSUM, None)
    if checksum is None:
        raise ValueError(f"{path} is not a checkpoint, or a damaged one (it has no checksum)")
    if not np.array_equal(checksum, _checksum(arrays)):
        raise ValueError(f"{path} is not a checkpoint, or a damaged one (its checksum differs)")
    return arrays


def read(path: str | Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a .npz that is not compressed, with the caution of `load` but without a checksum.

    Args:
        path: of the file.
        names: of the arrays to read, those of them that are there; None for all. The others stay on the disk.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or of another kind.
    """
    try:
        with Path(path).open("rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive, os.fstat(file.fileno()).st_size, names)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no checkpoint {path}") from None
    # zipfile lets out whatever a damaged directory makes of its fields
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, LookupError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"{path} is not a checkpoint, or a damaged one ({error})") from error


def save_safetensors(path: str | Path, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Write the arrays to a .safetensors file, which other libraries read too, in the way of `save`.

    Args:
        path: of the file.
        arrays: numbers by name, as `state_dict()` gives them.

    Raises:
        ImportError: the package safetensors is not installed.
        OSError: the file cannot be written; one of that name that was there before is untouched.
        TypeError: an array is not of numbers.
    """
    package, values = _safetensors(), {}
    for name, array in arrays.items():
        values[name] = np.asarray(array, order="C")  # others would be written in the order of their memory
        if values[name].dtype.kind not in "biuf":
            raise TypeError(f"the array {name!r} is of dtype {values[name].dtype}; a .safetensors file holds numbers")
    content = package.save(values)
    with _beside(Path(path)) as file:
        file.write(content)


def load_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays in a .safetensors file, from wherever it came: for `load_state_dict`. Nothing in it is evaluated.

    Raises:
        ImportError: the package safetensors is not installed.
        OSError: the file cannot be read.
        ValueError: it is damaged or of another kind, or has numbers that NumPy does not know, as bfloat16.
    """
    package, content = _safetensors(), Path(path).read_bytes()
    try:
        found: dict[str, np.ndarray] = package.load(content)
    except KeyError as error:
        raise ValueError(f"{path} has numbers of the type {error.args[0]}, which are none of NumPy's") from error
    except Exception as error:  # the package's own, which derives from nothing else
        raise ValueError(f"{path} is not a .safetensors file, or a damaged one ({error})") from error
    return found


def _safetensors() -> Any:
    """The package, with NumPy's arrays."""
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError as error:
        raise ImportError(
            'for .safetensors files the package safetensors is needed: pip install "minigrad[interchange]"'
        ) from error


def map_array(path: str | Path) -> np.ndarray:
    """The array in a .npy file, left on the disk: read-only, with numbers or bytes, and at least one.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or of another kind.
    """
    path = Path(path)
    with path.open("rb") as file:
        dtype, shape, order, start = _read_header(file, path.name)
        length = os.fstat(file.fileno()).st_size
    if not math.prod(shape) * dtype.itemsize == length - start > 0:
        raise ValueError(f"it claims the shape {shape}, which does not fit its length")
    return np.memmap(path, dtype, "r", start, shape, order)


def _read(archive: zipfile.ZipFile, length: int, names: Collection[str] | None) -> dict[str, np.ndarray]:
    """The arrays of these names, None for all, of an archive in a file of so many bytes."""
    members = archive.infolist()
    if any(each.compress_type != zipfile.ZIP_STORED or each.compress_size != each.file_size for each in members):
        raise ValueError("it is compressed")
    if sum(each.file_size for each in members) > length:
        raise ValueError("it claims to hold more than it is long")
    arrays: dict[str, np.ndarray] = {}
    for each in members:
        name = each.filename.removesuffix(".npy")
        if name in arrays:
            raise ValueError(f"it holds {name!r} twice")
        if names is not None and name not in names:
            continue
        with archive.open(each) as file:
            arrays[name] = _read_array(file, name, each.file_size)
    return arrays


def _read_array(file: IO[bytes], name: str, size: int) -> np.ndarray:
    """An array in NumPy's format that fills a member of so many bytes."""
    dtype, shape, order, start = _read_header(file, name)
    if math.prod(shape) * dtype.itemsize != size - start:
        raise ValueError(f"{name!r} claims the shape {shape}, which does not fit its length")
    return np.frombuffer(bytearray(file.read()), dtype).reshape(shape, order=order)


def _read_header(file: IO[bytes], name: str) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], int]:
    """Dtype, shape, order and place of the numbers that follow a header in NumPy's format, version 1.0."""
    start = file.read(10)
    header = file.read(int.from_bytes(start[8:], "little"))
    match = _HEADER.fullmatch(header)
    if start[:8] != b"\x93NUMPY\x01\x00" or match is None:
        raise ValueError(f"{name!r} is no array of numbers or text")
    try:
        dtype = np.dtype(match[1].decode())
    except TypeError:
        raise ValueError(f"{name!r} has the unknown dtype {match[1].decode()}") from None
    shape = tuple(int(number) for number in re.findall(rb"[0-9]+", match[3]))
    return dtype, shape, "F" if match[2] == b"True" else "C", len(start) + len(header)
