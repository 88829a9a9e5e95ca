"""Pictures of any size brought to one size, as section 2 of the paper says, and kept in memory where they fit."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from alexnet.data.ahead import made_ahead
from alexnet.data.reading import Rejected, check_share, read_batch
from alexnet.data.splits import DataError, Pixels, Split
from alexnet.data.statistics import Statistics, cached_statistics, load_statistics

__all__ = ["MEMORY_LIMIT", "RescaledSplit", "rescale", "rescaled_shape", "width_normalised"]

LONGEST = 8  # sides of a picture up to this ratio are resized whole
WIDEST = 2  # times as wide as it was: what a digit is made at most
READ_TOGETHER = 32  # pictures
MEMORY_LIMIT = 4 * 2**30  # bytes; a split whose rescaled pictures take more is decoded anew in each epoch


def rescaled_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width after the shorter side became `size`; the longer one is rounded to the nearest pixel."""
    shorter = min(height, width)
    return (2 * height * size + shorter) // (2 * shorter), (2 * width * size + shorter) // (2 * shorter)


def rescale(image: np.ndarray, size: int, digit_width: int = 0) -> np.ndarray:
    """The picture with its shorter side at `size`, and of that the centre (section 2; there 256).

    "Given a rectangular image, we first rescaled the image such that the shorter side was of length 256, and then
    cropped out the central 256 x 256 patch from the resulting image." Bicubic, antialiased when it gets smaller.

    Args:
        image: uint8 (H, W, C) with C = 1, 2 or 3.
        size: positive.
        digit_width: of what is drawn on black, see `width_normalised`; 0 leaves it as it is.

    Returns:
        uint8 (C, size, size), C order.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 2, 3) or 0 in image.shape:
        raise DataError(
            f"a picture is uint8 of shape (H, W, C) with 1 to 3 channels, got {image.dtype} of shape {image.shape}"
        )
    image = _middle(image)
    height, width = rescaled_shape(image.shape[0], image.shape[1], size)
    if (height, width) != image.shape[:2]:
        planes = [image] if image.shape[2] == 3 else [image[:, :, plane] for plane in range(image.shape[2])]
        resized = [
            np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)) for plane in planes
        ]
        image = np.stack(resized, axis=2).reshape(height, width, -1)
    top, left = (height - size) // 2, (width - size) // 2
    result = np.ascontiguousarray(image[top : top + size, left : left + size].transpose(2, 0, 1))
    return width_normalised(result, digit_width) if digit_width else result


def width_normalised(image: np.ndarray, width: int) -> np.ndarray:
    """A digit on black brought to a width, with its height kept, and to the centre of its picture.

    Ciresan, Meier and Schmidhuber (2012) train columns on digits of six widths and as they are. Its width is that of
    the box around all pixels above 0. A narrow digit, as most ones are, is made at most WIDEST times as wide as it is:
    the width asked for would make a block of a stroke. That depends on the box alone, never on what the digit is.

    Args:
        image: uint8 (C, size, size).
        width: from 1 to size.

    Returns:
        the same shape; black stays black.
    """
    rows, columns = (np.flatnonzero(image.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not rows.size:
        return image
    box = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, wide = box.shape[1], min(width, WIDEST * box.shape[2])
    result = np.zeros_like(image)
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - wide) // 2
    for plane, digit in zip(result, box, strict=True):
        resized = Image.fromarray(digit).resize((wide, height), Image.Resampling.BICUBIC)
        plane[top : top + height, left : left + wide] = resized
    return result


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle of a very long picture: what lies far outside the centre need not be resized, and may not fit."""
    height, width = image.shape[:2]
    longest = LONGEST * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return image[top : height - top, left : width - left]


class RescaledSplit:
    """A split whose pictures all have one size.

    They are rescaled when first asked for and kept where all of them fit into MEMORY_LIMIT. Methods may be called from
    several threads at once.

    Args:
        split: the pictures.
        size: height and width to bring them to.
        keep: False where each is asked for once.
        digit_width: as for `rescale`.
    """

    def __init__(self, split: Split, size: int, keep: bool = True, digit_width: int = 0) -> None:
        if size < 1:
            raise DataError(f"pictures are rescaled to a positive size, got {size}")
        self.split = split
        self.size = size
        self.digit_width = digit_width
        self.labels = split.labels
        self.channels = split.channels
        shape = (len(split), split.channels, size, size)
        self._pixels: Pixels | None = None if digit_width else split.pixels(size)
        self._kept: np.ndarray | None = None
        if keep and self._pixels is None and prod(shape) <= MEMORY_LIMIT:
            self._kept = np.empty(shape, dtype=np.uint8)
            self._ready = np.zeros(len(split), dtype=bool)

    def __len__(self) -> int:
        """The number of pictures, n."""
        return len(self.labels)

    def name(self, index: int) -> str:
        """What to call picture `index` in a report."""
        return self.split.name(index)

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """The pictures of the given indices, a copy: integers (b,) -> uint8 (b, C, size, size)."""
        indices = np.asarray(indices)
        if self._pixels is not None:
            return self._pixels[indices]
        if self._kept is None:
            pictures = np.empty((len(indices), self.channels, self.size, self.size), dtype=np.uint8)
            for row, index in enumerate(indices):
                pictures[row] = self._rescaled(int(index))
            return pictures
        for index in indices[~self._ready[indices]]:
            # Two threads may come here with the same picture: both write the same bytes, and then set the mark.
            self._kept[index] = self._rescaled(int(index))
            self._ready[index] = True
        return self._kept[indices]

    def _rescaled(self, index: int) -> np.ndarray:
        return rescale(self.split.image(index, self.size), self.size, self.digit_width)

    def read(
        self,
        workers: int = 2,
        progress: bool = False,
        left_out: Callable[[Rejected], object] = lambda rejected: None,
    ) -> None:
        """Decode all pictures now, if they will be kept in memory: damaged ones are found before the work starts.

        Args:
            workers: threads.
            progress: whether to show a bar.
            left_out: told of each picture that cannot be read.

        Raises:
            DataError: too many pictures cannot be read.
        """
        if self._kept is None or self._ready.all():
            return
        starts, unread = range(0, len(self), READ_TOGETHER), 0
        what, disable = "validation pictures", None if progress else True
        with tqdm(total=len(self), desc=what, unit=" images", leave=False, disable=disable) as bar:
            for _, readable, rejected in made_ahead(
                lambda i: read_batch(self, np.arange(i, min(i + READ_TOGETHER, len(self)))), starts, workers
            ):
                for each in rejected:
                    unread += 1
                    left_out(each)
                    check_share(unread, len(self), each, what)
                bar.update(len(readable))

    def statistics(
        self,
        workers: int = 2,
        progress: bool = False,
        left_out: Callable[[Rejected], object] = lambda rejected: None,
    ) -> Statistics:
        """Mean image and colour components of the split: those of its store, else computed once and then read from the
        user's cache folder.

        Args:
            workers: threads; the result is the same for any number.
            progress: whether to show a bar.
            left_out: told of each picture that cannot be read, where they are computed.

        Raises:
            DataError: there are no pictures, or too many cannot be read.
        """
        prepared = None if self.digit_width else self.split.statistics_file(self.size)
        if prepared is not None:
            return load_statistics(prepared, (self.channels, self.size, self.size))
        digits = f" {self.digit_width}" if self.digit_width else ""
        return cached_statistics(self, self.split.fingerprint + digits, workers, progress, left_out)
