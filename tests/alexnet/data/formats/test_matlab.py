"""The reader of MAT-files, against SciPy, which reads and writes all of the format."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.formats.matlab import read_structs


def saved(**arrays):
    content = io.BytesIO()
    scipy.io.savemat(content, arrays, do_compression=arrays.pop("compressed", False))
    return content.getvalue()


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=20)
numbers = st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False, width=64)


@given(st.lists(st.tuples(texts, numbers), min_size=1, max_size=5), st.booleans())
def test_texts_and_numbers(rows, compressed):
    kinds = [("words", object), ("number", object), ("children", object), ("nothing", object)]
    table = np.array([(words, number, np.arange(3.0), "") for words, number in rows], kinds)
    content = saved(first=np.arange(5), synsets=table, compressed=compressed)
    found = read_structs(content, "synsets")
    assert [(row["words"].rstrip(), row["number"]) for row in found] == [(words.rstrip(), n) for words, n in rows]
    assert all(row["children"] is None and not row["nothing"] for row in found)


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def head(rows, more):
    """A file whose table says that it has so many rows."""
    fields = struct.pack("<HHI", 5, 4, 8) + element(1, b"WNID".ljust(8, b"\0"))
    table = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<ii", rows, 1)) + element(1, b"synsets")
    return saved(x=1)[:128], element(14, table + fields + more)


@pytest.mark.parametrize("rows", [2**31 - 1, -1, -(2**31), 1])
def test_a_table_that_claims_rows_which_are_not_there(rows):
    start, table = head(rows, b"")
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"structs of 1 fields with 0 values"):
        read_structs(start + table, "synsets")
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_what_unpacks_to_more_than_any_table():
    start, table = head(1, bytes(2**25))
    packed = zlib.compress(table, 9)
    with pytest.raises(ValueError, match=r"unpacks to more than 16,777,216 bytes"):
        read_structs(start + struct.pack("<II", 15, len(packed)) + packed, "synsets")


def test_other_files():
    for content, words in ((b"", "no MAT-file"), (bytes(500), "no MAT-file"), (saved(x=1), "no array of structs syn")):
        with pytest.raises(ValueError, match=words):
            read_structs(content, "synsets")
