"""The data set that needs no download: pictures of ten shapes, drawn when they are asked for.

Each picture is drawn from (seed, split, index) alone. Colour, size, pose and light of the shape vary, and so do the
texture behind it, the clutter before it and the sides of the picture: too much for a linear classifier on the pixels,
little enough for a small convolutional net.
"""

from __future__ import annotations

import colorsys
import hashlib
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from alexnet.data.splits import DataError, DataSet, Split

__all__ = ["CLASSES", "ShapesSplit", "open_shapes"]

_VERSION = 1  # to be raised when the pictures change
_SIDES = (72, 128)  # pixels; height and width are drawn apart
_FINE = 3  # masks are drawn so many times larger and then reduced, for smooth edges

Colour = tuple[int, int, int]


def _turn(count: int, start: float = 0.0, stop: float = 1.0) -> np.ndarray:
    """Points of the unit circle between two fractions of a turn, clockwise from the top: float64 (count, 2)."""
    angles = 2 * np.pi * np.linspace(start, stop, count)
    return np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def _star() -> np.ndarray:
    points = _turn(11)[:-1] * 1.1
    points[1::2] *= 0.42
    return points


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 48)
    x, y = 16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y - 2], axis=1) / 16


def _crescent() -> np.ndarray:
    outer, inner = _turn(40, 0.64, 1.36), _turn(40, 1.289, 0.711) * 0.79 + [0, 0.45]  # both end in the same tips
    return np.concatenate([outer, inner])[:, ::-1] + [0.1, 0]


# Outlines in a frame where the shape reaches about 1 from its centre; x to the right, y down.
OUTLINES = {
    "circle": _turn(48),
    "square": np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.84,
    "triangle": (_turn(4)[:-1] * 1.2) + [0, 0.2],
    "star": _star(),
    "heart": _heart(),
    "cross": np.array(
        [[-3, -9], [3, -9], [3, -3], [9, -3], [9, 3], [3, 3], [3, 9], [-3, 9], [-3, 3], [-9, 3], [-9, -3], [-3, -3]]
    )
    / 9,
    "ring": _turn(48),
    "crescent": _crescent(),
    "arrow": np.array([[0, -10], [9, -1], [3.5, -1], [3.5, 10], [-3.5, 10], [-3.5, -1], [-9, -1]]) / 10,
    "bolt": np.array([[3, -11], [-7, 2], [-1, 2], [-4, 11], [7, -3], [1, -3]]) / 10,
}
HOLES = {"ring": _turn(32) * 0.55}
CLASSES = tuple(OUTLINES)


def open_shapes(seed: int = 0, train: int = 6000, val: int = 1000) -> DataSet:
    """The ten shapes, with the given numbers of pictures; the two splits share none.

    Raises:
        DataError: a number of pictures is below 1 or the seed is negative.
    """
    return DataSet("shapes", CLASSES, 3, ShapesSplit("train", train, seed), ShapesSplit("val", val, seed))


class ShapesSplit(Split):
    """Pictures 0 ... count - 1 of one part; picture i shows the shape i modulo 10.

    Args:
        part: "train" or "val".
        count: how many pictures.
        seed: from 0 to 2^63 - 1.
    """

    def __init__(self, part: str, count: int, seed: int = 0) -> None:
        if count < 1:
            raise DataError(f"shapes are drawn in a positive number, got {count} for {part}; ask for 1 or more")
        if not 0 <= seed < 2**63:
            raise DataError(f"the seed of shapes is an integer from 0 to 2^63 - 1, got {seed}")
        self.part = part
        self.seed = seed
        self.labels = np.arange(count, dtype=np.int64) % len(CLASSES)

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index`, drawn: uint8 (H, W, 3), sides from 72 to 128."""
        stream = 2**63 + 2 * index + (self.part == "val")  # apart from the streams of initial weights, which are small
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, stream], dtype=np.uint64)))
        return _picture(CLASSES[self.labels[index]], rng)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that the pictures depend on."""
        return hashlib.sha256(f"shapes {_VERSION} {self.part} {self.seed} {len(self)}".encode()).hexdigest()


def _picture(name: str, rng: np.random.Generator) -> np.ndarray:
    """A textured ground, on it the shadow and the shape, before it the clutter; uint8 (H, W, 3)."""
    width, height = rng.integers(_SIDES[0], _SIDES[1] + 1, size=2).tolist()
    size = (width, height)
    # The shape is clearly darker or lighter than the ground, so that its outline shows whatever the hues.
    gap = rng.uniform(0.34, 0.48)
    dark = rng.uniform(0.12, 0.94 - gap)
    ground, light = (dark, dark + gap) if rng.random() < 0.5 else (dark + gap, dark)
    contrast = rng.uniform(0.02, 0.08)

    mask = _shape_mask(name, size, rng)
    image = Image.composite(
        Image.new("RGB", size, _colour(ground + contrast, rng)),
        Image.new("RGB", size, _colour(ground - contrast, rng)),
        _texture(size, rng),
    )
    if rng.random() < 0.5:
        offset = rng.integers(-5, 6, size=2).tolist()
        shadow = Image.new("L", size)
        shadow.paste(mask.point(_HALF), offset)
        image.paste((0, 0, 0), None, shadow.filter(ImageFilter.BoxBlur(2)))
    hue = rng.random()
    shade = Image.composite(
        Image.new("RGB", size, _colour(light + 0.09, rng, hue)),
        Image.new("RGB", size, _colour(light - 0.09, rng, hue)),
        _gradient(size, rng),
    )
    image.paste(shade, None, mask)
    for _ in range(2):
        image.paste(_colour(rng.uniform(0.1, 0.9), rng), None, _clutter_mask(size, rng))
    return np.asarray(image)


_HALF = [value // 2 for value in range(256)]


def _colour(luminance: float, rng: np.random.Generator, hue: float | None = None) -> Colour:
    """A colour of the given luminance (0-1) and a random saturation; of a random hue unless one is given."""
    pure = colorsys.hsv_to_rgb(rng.random() if hue is None else hue, 1.0, 1.0)
    grey = 0.299 * pure[0] + 0.587 * pure[1] + 0.114 * pure[2]
    saturation = rng.uniform(0.1, 0.5)
    red, green, blue = (min(255, max(0, int(255 * (luminance + saturation * (part - grey))))) for part in pure)
    return red, green, blue


def _shape_mask(name: str, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Where the shape covers the picture ("L"): turned, sheared, a little off the centre."""
    width, height = size
    radius = _FINE * min(size) * rng.uniform(0.3, 0.42)
    angle, shear, stretch = rng.uniform(-0.4, 0.4), rng.uniform(-0.2, 0.2), rng.uniform(0.88, 1.12)
    cos, sin = math.cos(angle), math.sin(angle)
    pose = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, shear], [0, 1 / stretch]]) * radius
    centre = _FINE * (np.array(size) / 2 + min(size) * rng.uniform(-0.06, 0.06, size=2))

    mask = Image.new("L", (_FINE * width, _FINE * height))
    draw = ImageDraw.Draw(mask)
    draw.polygon((OUTLINES[name] @ pose.T + centre).ravel().tolist(), fill=255)
    if name in HOLES:
        draw.polygon((HOLES[name] @ pose.T + centre).ravel().tolist(), fill=0)
    return mask.reduce(_FINE)


def _clutter_mask(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A few thin lines and small discs ("L")."""
    width, height = _FINE * size[0], _FINE * size[1]
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for x, y, dx, dy, thickness in rng.random((int(rng.integers(0, 3)), 5)).tolist():
        start, end = (x * width, y * height), ((x + dx - 0.5) * width, (y + dy - 0.5) * height)
        draw.line((*start, *end), fill=255, width=round(_FINE * (1 + 1.5 * thickness)))
    for x, y, radius in (rng.random((int(rng.integers(0, 4)), 3)) * [width, height, 1]).tolist():
        radius = _FINE * (1.5 + 3 * radius)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return mask.reduce(_FINE)


def _phase(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Distance of each pixel along a random direction, float32 (H, W)."""
    angle = rng.uniform(0, 2 * np.pi)
    x = np.arange(size[0], dtype=np.float32) * np.float32(math.cos(angle))
    return x + np.arange(size[1], dtype=np.float32)[:, np.newaxis] * np.float32(math.sin(angle))


def _gradient(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """From black to white along a random direction ("L")."""
    phase = _phase(size, rng)
    low, high = phase.min(), phase.max()
    return Image.fromarray(((phase - low) * np.float32(255 / (high - low))).astype(np.uint8))


def _waves(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Stripes with soft edges, float32 (H, W) in -1 ... 1."""
    period = rng.uniform(7, 24)
    wave = np.sin(_phase(size, rng) * np.float32(2 * np.pi / period) + np.float32(rng.uniform(0, 6)))
    return np.clip(wave * np.float32(rng.uniform(1, 4)), -1, 1)


def _texture(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """How much of either ground colour each pixel has ("L"): one of five kinds."""
    kind = rng.integers(5)
    if kind == 0:
        return _gradient(size, rng)
    if kind == 1:
        return Image.fromarray((_waves(size, rng) * 127 + 128).astype(np.uint8))
    if kind == 2:  # checks
        return Image.fromarray((_waves(size, rng) * _waves(size, rng) * 127 + 128).astype(np.uint8))
    if kind == 3:  # grain
        return Image.frombytes("L", size, rng.bytes(size[0] * size[1]))
    cells = rng.integers(4, 14, size=2).tolist()  # clouds
    return Image.frombytes("L", cells, rng.bytes(cells[0] * cells[1])).resize(size, Image.Resampling.BICUBIC)
