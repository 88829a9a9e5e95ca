"""From the bytes of an image file to pixels: whatever the file holds becomes upright RGB."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from alexnet.data.splits import DataError

__all__ = ["EXTENSIONS", "decode", "read_image", "read_start"]

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".jp2", ".tga"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
# What a file may be, whatever its name; some of Pillow's other formats start a program, as EPS does Ghostscript.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "TGA", "PPM")
LARGEST = 2**28  # bytes of a file


def read_image(path: str | os.PathLike[str], size: int = 0) -> np.ndarray:
    """One picture from a file, as `decode`."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  any path-like
            content = read_start(file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); restore it or remove it") from error
    return decode(content, str(path), size)


def read_start(file: BinaryIO, length: int) -> bytes:
    """`length` bytes of an image file, or what is enough of them for `decode` to see that it is too long."""
    return file.read(min(length, LARGEST + 1))


def decode(content: bytes, name: str, size: int = 0) -> np.ndarray:
    """One picture as RGB, turned upright as its EXIF data say: uint8 (H, W, 3).

    Grayscale, palettes and CMYK are converted by Pillow; transparency is dropped, not blended with a background; of an
    animation the first picture is taken; 16-bit grayscale keeps its upper 8 bits.

    Args:
        content: of the file.
        name: what an error calls it.
        size: what the shorter side will be brought to, 0 if it will stay. A JPEG is then decoded at 1/2, 1/4 or 1/8 of
            its scale where the shorter side stays at least twice that long: the decoder leaves out the frequencies that
            rescaling would throw away, and is faster for it.

    Raises:
        DataError: it cannot be read as an image, or is suspiciously large.
    """
    try:
        if not content:
            raise ValueError("the file is empty")
        if len(content) > LARGEST:
            raise ValueError(f"the file is longer than {LARGEST:,} bytes")
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit and image.width * image.height > limit:  # where Pillow only warns
                raise ValueError(f"{image.width} x {image.height} is above Pillow's limit of {limit} pixels")
            if size:
                image.draft(None, (2 * size, 2 * size))  # the largest reduction that leaves both sides as long as this
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{name} cannot be read as an image (of no known format); replace it or remove it") from None
    except Exception as error:  # Pillow's readers let out whatever they stumble over, from OSError to struct.error
        raise DataError(f"{name} cannot be read as an image ({error}); replace it or remove it") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and nothing says which of them is white")
    if image.mode.startswith("I"):  # Pillow would clip 16 bits to 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:  # Pillow's own advice for such palettes
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")
