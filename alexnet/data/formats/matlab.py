"""A reader for the one table that ILSVRC's devkit keeps as a MAT-file: an array of structs, with texts and numbers.

The format is MATLAB's "MAT-File Format", level 5. A file of a few hundred bytes can claim an array of any size; here
nothing is made before its bytes are there.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np

__all__ = ["read_structs"]

LARGEST = 2**24  # bytes, unpacked
MATRIX, COMPRESSED = 14, 15  # kinds of elements, besides those below
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
STRUCT, CHARACTERS = 2, 4  # classes of arrays

Value = str | int | float | None


def read_structs(content: bytes, name: str) -> list[dict[str, Value]]:
    """The elements of an array of structs.

    Args:
        content: of the file, which may be compressed inside.
        name: of the array.

    Returns:
        For each struct its fields: text and single numbers; None for whatever else there is.

    Raises:
        ValueError: the file is damaged, of another kind, or has no such array.
    """
    if content[124:128] != b"\x00\x01IM":
        raise ValueError("it is no MAT-file of level 5, as MATLAB writes it on a PC")
    for kind, data in _elements(memoryview(content)[128:]):
        if kind == COMPRESSED:
            kind, data = next(_elements(_unpacked(data)), (0, data))
        if kind == MATRIX and data:
            found, rows = _structs(data)
            if found == name:
                return rows
    raise ValueError(f"it has no array of structs {name}")


def _unpacked(data: memoryview) -> memoryview:
    unpacking = zlib.decompressobj()
    try:
        result = unpacking.decompress(data, LARGEST)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked: {error}") from None
    if not unpacking.eof:
        raise ValueError(f"it is cut off, or unpacks to more than {LARGEST:,} bytes")
    return memoryview(result)


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The elements that lie one after the other: kind and content."""
    place = 0
    while place < len(data):
        kind, size = struct.unpack("<II", data[place : place + 8].tobytes().ljust(8, b"\0"))
        start = place + 8
        if kind >> 16:  # four bytes or less, inside the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(data):
            raise ValueError("it is cut off")
        yield kind, data[start : start + size]
        place = start + size if kind == COMPRESSED else place + 8 * math.ceil((start - place + size) / 8)


def _array(data: memoryview) -> tuple[int, int, str, list[tuple[int, memoryview]]]:
    """The class of an array, how many numbers (or structs) it has, its name, and the elements that it consists of."""
    (_, flags), (_, shape), (_, name), *content = [*_elements(data), *[(0, memoryview(b""))] * 3]
    if len(flags) != 8 or len(shape) % 4:
        raise ValueError("an array without a class or a shape")
    count = math.prod(np.frombuffer(shape, "<i4").tolist())
    return flags[0], count, name.tobytes().decode("ascii", "replace"), content[:-3]


def _structs(data: memoryview) -> tuple[str, list[dict[str, Value]]]:
    """The name of an array, and its structs; none where it is an array of something else."""
    kind, count, name, content = _array(data)
    if kind != STRUCT or len(content) < 2:
        return name, []
    (_, width), (_, names), *values = content
    length = int.from_bytes(width, "little")
    if not 0 < length <= len(names) or len(names) % length:
        raise ValueError("structs without names of their fields")
    fields = [
        names[start : start + length].tobytes().rstrip(b"\0").decode("ascii", "replace")
        for start in range(0, len(names), length)
    ]
    if len(values) != count * len(fields):
        raise ValueError(f"{count} structs of {len(fields)} fields with {len(values)} values")
    cells = [_value(kind, value) for kind, value in values]
    return name, [
        dict(zip(fields, cells[at : at + len(fields)], strict=True)) for at in range(0, len(cells), len(fields))
    ]


def _value(kind: int, data: memoryview) -> Value:
    """A field: text, a number, or None."""
    if kind != MATRIX or not data:
        return None
    kind, count, _, content = _array(data)
    if not content:
        return None
    stored, numbers = content[0]
    if kind == CHARACTERS and stored in TEXTS:
        return numbers.tobytes().decode(TEXTS[stored], "replace")
    if count == 1 and stored in NUMBERS and len(numbers) == np.dtype(NUMBERS[stored]).itemsize:
        return np.frombuffer(numbers, NUMBERS[stored])[0].item()
    return None
