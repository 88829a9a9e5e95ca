"""Files that have their names only once they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minigrad import checkpoint

__all__ = ["whole"]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path`, to be written in the block; it takes the name at the end, or goes if the block fails.

    Raises:
        OSError: it cannot be written. The error names the file, also where the system does not, as on a full disk.
    """
    beside = path.with_name(path.name + ".part")
    try:
        yield beside
        checkpoint.rename(beside, path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
