"""A reader for pickles that hold numbers, text, lists, tables and NumPy arrays, and builds nothing else.

A pickle is a program, and can call whatever it names. This reader knows the few names that a pickled array consists of,
and answers to them with functions of its own: none of NumPy's is called, and any other name ends the reading.
"""

from __future__ import annotations

import io
import math
import pickle
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
        return _finished(_Reader(io.BytesIO(content), encoding="bytes").load())
    except UnpicklingError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can make the reader stumble anywhere
        raise UnpicklingError(f"a damaged pickle: {error!r}") from error


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


def _encode(text: str, encoding: str) -> bytes:
    """Stands for codecs.encode, with which Python 3 writes bytes into old pickles."""
    if encoding != "latin1":
        raise UnpicklingError(f"text encoded as {encoding!r}")
    return text.encode("latin1")


NAMES: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        if (module, name) not in NAMES:
            raise UnpicklingError(f"it asks for {module}.{name}, and only arrays are built")
        return NAMES[module, name]

    def persistent_load(self, pid: object) -> Any:
        """Nothing is kept elsewhere."""
        raise UnpicklingError("it refers to objects outside")


def _finished(value: Any) -> Any:
    """Arrays in the place of what stands for them, in lists and tables."""
    if isinstance(value, _Array):
        if value.value is None:
            raise UnpicklingError("an array without content")
        return value.value
    if isinstance(value, dict):
        return {key: _finished(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finished(each) for each in value]
    return value
