"""A reader for pickles that hold numbers, text, lists, tables and NumPy arrays, and builds nothing else.

A pickle is a program, and can call whatever it names. This reader knows the few names that a pickled array consists of,
and answers to them with functions of its own: none of NumPy's is called, and any other name ends the reading. Nor can a
pickle ask for more memory than a small multiple of its own length.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

__all__ = ["UnpicklingError", "read_pickle"]

UnpicklingError = pickle.UnpicklingError
KINDS = {"u1": np.uint8, "i1": np.int8, "i4": np.int32, "i8": np.int64, "f4": np.float32, "f8": np.float64}


def read_pickle(content: bytes) -> Any:
    """What a pickle holds; text of Python 2 comes as bytes.

    Raises:
        UnpicklingError: it is damaged, or holds something else.
    """
    try:
        _check_lengths(content)
        return _finished(_Reader(content).load(), {})
    except UnpicklingError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can make the reader stumble anywhere
        raise UnpicklingError(f"a damaged pickle: {error!r}") from error


def _check_lengths(content: bytes) -> None:
    """See that no instruction has a length, or a number to keep something under, beyond what the pickle itself has.

    The reader would make room for as much before it looks. Decoding the instructions finds lengths that are too large.
    """
    for opcode, argument, _ in pickletools.genops(content):
        if isinstance(argument, int):
            if abs(argument) >= 2**63:
                raise UnpicklingError("a number of more than 64 bits")
            if opcode.name.endswith("PUT") and not 0 <= argument <= len(content):
                raise UnpicklingError(f"something is kept under the number {argument}")


class _Kind:
    """Stands for numpy.dtype: pickled as a call with the kind, and then a state with the order of bytes."""

    def __init__(self, name: str | bytes, align: object = False, copy: object = False) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else name
        if self.name not in KINDS:
            raise UnpicklingError(f"an array of the kind {self.name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in (">", b">") and KINDS[self.name]().itemsize > 1:
            raise UnpicklingError("an array in big-endian order")


class _Array:
    """Stands for numpy.ndarray: pickled as a call that makes an empty one, and then a state with shape and bytes."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Kind) or not isinstance(content, bytes):
            raise UnpicklingError("an array without numbers")
        array = np.frombuffer(content, KINDS[kind.name])
        if not all(type(side) is int and side >= 0 for side in shape) or math.prod(shape) != len(array):
            raise UnpicklingError(f"an array of the shape {shape} with {len(array):,} numbers")
        self.value = array.reshape(shape, order="F" if fortran else "C")


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    """Stands for numpy's function of that name."""
    return _Array()


NAMES: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
}


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._room = len(content)  # for what is encoded; a text can be named again and again

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        if (module, name) == ("_codecs", "encode"):
            return self._encode
        if (module, name) not in NAMES:
            raise UnpicklingError(f"it asks for {module}.{name}, and only arrays are built")
        return NAMES[module, name]

    def _encode(self, text: str, encoding: str) -> bytes:
        """Stands for codecs.encode, with which Python 3 writes bytes into old pickles."""
        if encoding != "latin1":
            raise UnpicklingError(f"text encoded as {encoding!r}")
        self._room -= len(text)
        if self._room < 0:
            raise UnpicklingError("more text than the pickle is long")
        return text.encode("latin1")

    def persistent_load(self, pid: object) -> Any:
        """Nothing is kept elsewhere."""
        raise UnpicklingError("it refers to objects outside")


def _finished(value: Any, done: dict[int, Any]) -> Any:
    """Arrays in the place of what stands for them, in lists and tables; each of which is gone through once."""
    if id(value) in done:
        return done[id(value)]
    result = value
    if isinstance(value, _Array):
        if value.value is None:
            raise UnpicklingError("an array without content")
        result = value.value
    elif isinstance(value, dict):
        result = {key: _finished(each, done) for key, each in value.items()}
    elif isinstance(value, list):
        result = [_finished(each, done) for each in value]
    if result is not value:
        done[id(value)] = result
    return result
