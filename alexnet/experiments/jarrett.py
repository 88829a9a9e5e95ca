"""Rectification, contrast normalisation and average pooling on Caltech-101, as Jarrett et al. have them (3.1).

Nothing is trained but a logistic regression: the filters are random, the same for all arms. What is computed is a
*cell*: an arm, with one or two stages, in a draw of training pictures. Each is kept in a file of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import minigrad as mg
from alexnet.data import Split
from alexnet.experiments.comparisons import difference_in
from alexnet.experiments.experiment import Experiment, Finding, Judgement, Runs, Table, Work
from alexnet.experiments.regression import EPOCHS, classify
from alexnet.experiments.statistics import NOT_SEEN, SEEN, Difference, spread
from alexnet.experiments.timing import once, quickest
from alexnet.files import whole
from alexnet.model.jarrett import WINDOW, ContrastNorm, Extractor
from alexnet.recipes.typed import read_dataclass
from alexnet.run.folder import RunError
from alexnet.terminal import counted, say

__all__ = ["ARMS", "JARRETT", "Arm", "Cell", "picture", "pieces"]

# The longer one. The paper's is 151, which makes maps of the same sizes after pooling. Pictures that were made small
# before, as a copy of Caltech-101 with longer sides of 152, are then not resized again.
SIDE = 152
TOGETHER = 32  # pictures
STAGES = 1, 2
NAME = "caltech-101"  # of the data set
PRODUCT = 1000  # rows and columns of matrices that are multiplied to see how long it takes
PICTURES, CLASSES, TRAINING = 8677, 101, 30  # without its clutter; training pictures of each class


@dataclass(frozen=True)
class Arm:
    """What follows the filters.

    Attributes:
        nonlinearity, normalised: as of an `Extractor`.
        paper: percent that are right with one stage and with two, of random filters; none where it has no such row.
    """

    nonlinearity: str
    normalised: bool
    paper: tuple[float, ...] = ()


ARMS = {
    "R_abs-N-P_A": Arm("abs", True, (53.3, 62.9)),
    "N-P_A": Arm("tanh", True, (15.3, 19.6)),
    "ReLU-N-P_A": Arm("relu", True),
    "R_abs-P_A": Arm("abs", False, (31.7, 33.7)),
    "P_A": Arm("tanh", False, (12.1, 8.8)),
    "ReLU-P_A": Arm("relu", False),
}
BEST = "R_abs-N-P_A"
PAIRS = (BEST, "N-P_A"), ("R_abs-P_A", "P_A"), (BEST, "ReLU-N-P_A")  # the second of which is said to be worse


@dataclass(frozen=True)
class Cell:
    """What is kept of a cell.

    Attributes:
        percent: of the test pictures that are right, the mean of the classes' own.
        epochs: after which the regression was stopped.
        seconds: since the cell before was kept, with the features of the arm where this needed them.
        pictures: a digest of the names of all.
    """

    percent: float
    epochs: int
    seconds: float
    pictures: str


def _path(runs: Runs, name: str, stages: int, draw: int) -> Path:
    return runs.place / f"{name}-stages-{stages}-draw-{draw}.json"


def _kept(path: Path) -> Cell | None:
    """A cell that was computed; None where it was not.

    Raises:
        RunError: its file is damaged.
    """
    try:
        return read_dataclass(json.loads(path.read_text(encoding="utf-8")), Cell)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); remove it and run the experiment again") from error


# computing


def picture(image: np.ndarray) -> np.ndarray:
    """A picture as the first stage sees it.

    Grey, its longer side at SIDE, standardised, contrast-normalised with c = 1; then without a border of half a window,
    and with zeros on both sides of the shorter side.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        float32 (n, n), with n = SIDE - WINDOW + 1.
    """
    grey = Image.fromarray(image).convert("L")
    width, height = (max(1, round(side * SIDE / max(grey.size))) for side in grey.size)
    if (width, height) != grey.size:
        grey = grey.resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(grey, np.float32)
    pixels = (pixels - pixels.mean()) / max(float(pixels.std()), 1.0)  # one grey level at least: some are blank
    border = WINDOW // 2
    normalised = ContrastNorm(1.0)(mg.tensor(pixels[None, None])).numpy()[0, 0, border:-border, border:-border]
    result = np.zeros((SIDE - 2 * border,) * 2, np.float32)
    top, left = ((whole - part) // 2 for whole, part in zip(result.shape, normalised.shape, strict=True))
    result[top : top + normalised.shape[0], left : left + normalised.shape[1]] = normalised
    return result


class _Pictures:
    """All pictures, which are the same in each draw, in the order of their names."""

    def __init__(self, runs: Runs) -> None:
        data = runs.data()
        if data.name != NAME:
            raise RunError(f"{runs.experiment.name} is about Caltech-101, but {runs.source} is {data.name}")
        self._found = {
            split.name(index): (split, index) for split in (data.train, data.val) for index in range(len(split))
        }
        self._rows = {name: row for row, name in enumerate(sorted(self._found))}
        self.digest = hashlib.sha256("\n".join(self._rows).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.labels = np.array([split.labels[index] for split, index in map(self._found.__getitem__, self._rows)])
        self._images: list[np.ndarray] = []

    def rows(self, split: Split) -> np.ndarray:
        """Where those of a split are."""
        return np.array([self._rows[split.name(index)] for index in range(len(split))])

    def features(self, extractor: Extractor, device: str) -> Generator[bool, None, list[np.ndarray]]:
        """Those of one stage and of two, float32 (n, d) each; yields False after each batch."""
        if not self._images:
            for split, index in map(self._found.__getitem__, self._rows):
                self._images.append(picture(split.image(index, SIDE)))
                yield False
        parts: list[list[np.ndarray]] = [[] for _ in STAGES]
        for start in range(0, len(self._images), TOGETHER):
            batch = mg.tensor(np.stack(self._images[start : start + TOGETHER])[:, None], device)
            with mg.no_grad():
                found = extractor(batch)
            for part, features in zip(parts, found, strict=True):
                part.append(features.numpy())
            yield False
        return [np.concatenate(part) for part in parts]


def pieces(runs: Runs) -> Iterator[bool]:
    """Compute the cells that are missing, arm by arm, for the features of an arm are the same in each draw."""
    pictures = _Pictures(runs)
    draws = [runs.data(draw) for draw in range(runs.seeds)]
    splits = [(pictures.rows(data.train), pictures.rows(data.val)) for data in draws]
    for name in ARMS:
        yield from _arm(runs, name, pictures, splits)


def _arm(runs: Runs, name: str, pictures: _Pictures, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[bool]:
    """The cells of an arm that are missing; pictures for training and for testing are given for each draw."""
    features: list[np.ndarray] = []
    for draw, (train, test) in enumerate(splits):
        for stages in STAGES:
            path = _path(runs, name, stages, draw)
            cell = _kept(path)
            if cell is not None:
                if cell.pictures != pictures.digest:
                    raise RunError(f"{path} was computed on other pictures; choose another --out")
                continue
            yield True
            start = time.monotonic()
            if not features:
                say(f"{runs.experiment.name}: features of {name}")
                extractor = Extractor(ARMS[name].nonlinearity, ARMS[name].normalised, runs.devices[0])
                features = yield from pictures.features(extractor, runs.devices[0])
            percent, epochs = classify(features[stages - 1], pictures.labels, train, test, draw, runs.devices[0])
            cell = Cell(percent, epochs, time.monotonic() - start, pictures.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as beside:
                beside.write_text(json.dumps(asdict(cell)) + "\n", encoding="utf-8")
            say(f"{runs.experiment.name}: {name}, {counted(stages, 'stage')}, draw {draw}: {percent:.1f} % right")


def seconds(runs: Runs) -> float:
    """What all cells take: by the time of a batch, and of a product of matrices such as regressions consist of."""
    device, side = runs.devices[0], SIDE - WINDOW + 1
    extractor = Extractor("abs", True, device)
    batch = mg.zeros(TOGETHER, 1, side, side, device=device)
    square = mg.zeros(PRODUCT, PRODUCT, device=device)

    def extract() -> list[np.ndarray]:
        with mg.no_grad():
            return [features.numpy() for features in extractor(batch)]

    def multiply() -> np.ndarray:
        return (square @ square).numpy()

    lengths = [features.shape[1] for features in extract()]
    extracted = once(f"jarrett {device}", "random filters", lambda: quickest(extract)) / TOGETHER
    multiplied = once(f"product {device}", "a product of matrices", lambda: quickest(multiply)) / PRODUCT**3
    learned = sum((CLASSES * TRAINING) ** 2 * (length + 2 * EPOCHS * CLASSES) for length in lengths) * multiplied
    return len(ARMS) * (PICTURES * extracted + runs.seeds * learned)


# judging


def _percents(runs: Runs, name: str, stages: int) -> dict[int, float]:
    """What was measured of an arm, by draw."""
    cells = {draw: _kept(_path(runs, name, stages, draw)) for draw in range(runs.seeds)}
    return {draw: cell.percent for draw, cell in cells.items() if cell is not None}


def judge(runs: Runs) -> Judgement:
    """What rectification adds, by draw, whether the paper's rates are reached, and the table of all rows.

    As in the paper, draws share pictures: their spread is somewhat less than that of other pictures would be.
    """
    findings: list[Finding] = []
    rows = []
    for stages in STAGES:
        found = {name: _percents(runs, name, stages) for name in ARMS}
        words = counted(stages, "stage")
        for better, worse in PAIRS:
            papers = [ARMS[name].paper[stages - 1] for name in (better, worse) if ARMS[name].paper]
            paper = papers[0] - papers[1] if len(papers) == 2 else None
            said = f"{paper:.1f} points" if paper is not None else '"works particularly well": more'
            values = [value - found[worse][draw] for draw, value in found[better].items() if draw in found[worse]]
            what = f"{words}: {better} less {worse}"
            findings += difference_in("points", what, said, paper, values, each="draw")
        for name, arm in ARMS.items():
            findings += _reached(f"{words}: {name}", arm.paper[stages - 1], found[name]) if name == BEST else []
            rows.append(_row(runs, name, stages))
    head = ("stages", "arm", "the paper", "measured, mean and deviation", "by draw", "epochs", "minutes")
    return Judgement(findings, [Table("Right in percent, the mean of the rates of the classes", head, rows)])


def _reached(what: str, paper: float, percents: Mapping[int, float]) -> list[Finding]:
    """Whether the mean is the paper's, or above it, as far as its interval tells; none before there are two draws."""
    if len(percents) < 2:
        return []
    low, high = Difference(tuple(percents.values()), None).interval
    mean, deviation = spread(list(percents.values()))
    measured = f"{mean:.1f} +- {deviation:.1f} % (95 %: {low:.1f} to {high:.1f}), {len(percents)} draws"
    return [Finding(what, f"{paper:.1f} %", measured, SEEN if high >= paper else f"{NOT_SEEN}: lower")]


def _row(runs: Runs, name: str, stages: int) -> list[str]:
    """Of the table."""
    cells = [cell for draw in range(runs.seeds) if (cell := _kept(_path(runs, name, stages, draw))) is not None]
    paper = ARMS[name].paper
    mean, deviation = spread([cell.percent for cell in cells]) if cells else (math.nan, math.nan)
    return [
        str(stages),
        name,
        f"{paper[stages - 1]:.1f} %" if paper else "",
        f"{mean:.1f} +- {deviation:.1f} %" if len(cells) > 1 else f"{mean:.1f} %" if cells else "",
        ", ".join(f"{cell.percent:.1f}" for cell in cells),
        ", ".join(str(cell.epochs) for cell in cells),
        f"{sum(cell.seconds for cell in cells) / 60:.1f}",
    ]


JARRETT = Experiment(
    name="jarrett",
    claim="|tanh| works well with contrast normalisation and average pooling",
    section="3.1",
    paper='|tanh(x)| "works particularly well with their type of contrast normalization followed by local average '
    'pooling on the Caltech-101 dataset". Jarrett et al. (2009) learn from 30 pictures a class. Of random filters and '
    "a logistic regression, 53.3 % are right with one stage, 15.3 % without the absolute value; with two stages 62.9 "
    "and 19.6 %. They have no row of ReLU, which here takes the place of |tanh|.",
    arms=(),
    judge=judge,
    seeds=5,
    work=Work(pieces, seconds),
)
