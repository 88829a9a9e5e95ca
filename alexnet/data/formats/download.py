"""Data sets that are fetched by name, on request: over https, checked against published checksums, resumable."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tqdm.auto import tqdm

from alexnet.data.splits import DataError
from alexnet.files import claimed
from minigrad.folders import cache_folder, rename

__all__ = ["DOWNLOADS", "Remote", "fetch"]

TIMEOUT = 30  # seconds without an answer
_CHUNK = 2**18  # bytes


class Remote(NamedTuple):
    """A file, and the MD5 that its publisher gives (of CIFAR, on its page; of MNIST, in every library that has it)."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """Of the file."""
        return PurePosixPath(self.url).name


_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
DOWNLOADS = {
    "cifar-10": (Remote(f"{_CIFAR}cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
    "cifar-100": (Remote(f"{_CIFAR}cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),),
    "mnist": (
        Remote(f"{_MNIST}train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        Remote(f"{_MNIST}train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        Remote(f"{_MNIST}t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        Remote(f"{_MNIST}t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
}


def fetch(name: str) -> Path:
    """The files of a data set in the user's cache folder, downloaded where they are missing.

    Args:
        name: a key of `DOWNLOADS`.

    Returns:
        The file, or the folder with the files.

    Raises:
        DataError: there is no network, or what came is not what was published.
        ClaimError: another process fetches it, or the cache folder cannot be written.
    """
    folder = cache_folder() / name
    remotes = DOWNLOADS[name]
    for remote in remotes:
        if not (folder / remote.name).exists():
            with claimed(folder / remote.name):
                _download(remote, folder)
    return folder / remotes[0].name if len(remotes) == 1 else folder


def _download(remote: Remote, folder: Path) -> None:
    """Fetch a file, from where an earlier attempt stopped; it has its name only when its checksum is right."""
    beside = folder / f"{remote.name}.part"
    print(f"fetching {remote.url} into {folder}", flush=True)
    try:
        _append(remote, beside)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(
            f"{remote.url} cannot be fetched ({reason}); try again later, which goes on from here, or put the file, "
            f"from elsewhere, into {folder}"
        ) from error
    with beside.open("rb") as file:
        digest = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != remote.md5:
        beside.unlink()
        raise DataError(
            f"{remote.url} is not the file that was published: its MD5 is {digest.hexdigest()}, not {remote.md5}; try "
            f"again, or put the file, from elsewhere, into {folder}"
        )
    rename(beside, folder / remote.name)


def _append(remote: Remote, path: Path) -> None:
    """Add to a file what it lacks; start over where the server does not go on."""
    have = path.stat().st_size if path.exists() else 0
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking; if it is wrong all the same, the checksum tells
        raise
    with response:
        goes_on = response.status == http.client.PARTIAL_CONTENT
        have = have if goes_on else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            path.open("ab" if goes_on else "wb") as file,
            tqdm(
                total=total, initial=have, desc=remote.name, unit="B", unit_scale=True, leave=False, disable=None
            ) as bar,
        ):
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and path.stat().st_size < total:
        raise http.client.HTTPException(f"the connection broke after {path.stat().st_size:,} of {total:,} bytes")
