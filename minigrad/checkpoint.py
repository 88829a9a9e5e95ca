"""Named arrays in a file: a .npz without pickles, never half-written."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["load", "save"]


def save(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the arrays to a .npz file, beside it first; the file then takes its name in one step.

    Raises:
        OSError: the file cannot be written; one of that name that was there before is untouched.
        TypeError: an array would need a pickle.
    """
    path = Path(path)
    values = {name: np.asarray(value) for name, value in arrays.items()}
    for name, value in values.items():
        if value.dtype.hasobject:
            raise TypeError(f"the array {name!r} holds Python objects; a checkpoint holds numbers and text")
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            np.savez(file, **values)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays that `save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or of another kind.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no checkpoint {path}") from None
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, OSError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a checkpoint, or a damaged one ({error})") from error
