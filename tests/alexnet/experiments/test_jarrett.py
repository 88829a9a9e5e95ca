"""The experiment on Caltech-101: what it computes, once, and how that is judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pretended import never

import minigrad as mg
from alexnet.experiments import __main__ as command
from alexnet.experiments import jarrett, regression, timing
from alexnet.experiments.experiment import Runs
from alexnet.experiments.grid import train
from alexnet.experiments.jarrett import ARMS, JARRETT, picture
from alexnet.experiments.statistics import NOT_SEEN, SEEN
from alexnet.model.jarrett import ContrastNorm, Extractor
from alexnet.run.folder import RunError

# pictures


def test_a_picture_is_standardised_normalised_and_padded() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 152, 1), np.uint8).repeat(3, 2)
    grey = image[:, :, 0].astype(np.float64)
    expected = ContrastNorm(1.0)(mg.tensor(((grey - grey.mean()) / grey.std())[None, None])).numpy()[0, 0]
    found = picture(image)
    assert found.shape == (144, 144) and found.dtype == np.float32
    np.testing.assert_allclose(found[26:118], expected[4:-4, 4:-4], atol=1e-5)
    assert not found[:26].any() and not found[118:].any()
    np.testing.assert_allclose(picture(image.transpose(1, 0, 2))[:, 26:118], expected.T[4:-4, 4:-4], atol=1e-5)


def test_contrast_and_light_make_no_difference() -> None:
    image = np.random.default_rng(0).integers(0, 100, (152, 120, 1), np.uint8).repeat(3, 2)
    np.testing.assert_allclose(picture(image), picture(image * 2 + 50), atol=1e-5)


def test_pictures_of_other_sizes_are_resized() -> None:
    image = np.random.default_rng(0).integers(0, 256, (75, 152, 3), np.uint8)
    twice = np.asarray(Image.fromarray(image).resize((304, 150), Image.Resampling.BICUBIC))
    found = picture(twice)
    assert np.corrcoef(found.ravel(), picture(image).ravel())[0, 1] > 0.9
    assert found[38:105].all(1).any() and not found[:38].any() and not found[105:].any()


@pytest.mark.parametrize("shape", [(152, 152), (3, 1000), (1000, 3)])
def test_blank_and_narrow_pictures(shape: tuple[int, int]) -> None:
    found = picture(np.full((*shape, 3), 77, np.uint8))
    assert found.shape == (144, 144) and not found.any()


# cells


@pytest.fixture
def gratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Caltech-101 of two classes, slanted and upright gratings of any phase; two arms, of few maps and epochs."""
    monkeypatch.setattr(jarrett, "SIDE", 91)
    monkeypatch.setattr(jarrett, "ARMS", {name: ARMS[name] for name in ("R_abs-N-P_A", "N-P_A")})
    monkeypatch.setattr(jarrett, "PAIRS", jarrett.PAIRS[:1])
    monkeypatch.setattr(regression, "EPOCHS", 3)
    monkeypatch.setattr("alexnet.model.jarrett.MAPS", (16, 32))
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[:91, :80]
    for name, slope in (("slanted", 0.5), ("upright", 0.0)):
        folder = tmp_path / "101_ObjectCategories" / name
        folder.mkdir(parents=True)
        for number in range(34):
            waves = np.sin(0.6 * (columns + slope * rows) + draw.uniform(0, 6)) + draw.normal(0, 1.5, rows.shape)
            Image.fromarray((128 + 30 * waves).clip(0, 255).astype(np.uint8)).save(folder / f"image_{number:04}.png")
    return tmp_path


def runs(place: Path, seeds: int = 2) -> Runs:
    return Runs(JARRETT, Path("out/jarrett"), str(place), seeds)


def kept() -> dict[str, tuple[float, int]]:
    """All that was computed, but how long it took."""
    cells = {path.name: json.loads(path.read_text()) for path in Path("out/jarrett").glob("*.json")}
    return {name: (cell["percent"], cell["epochs"]) for name, cell in cells.items() if name != "result.json"}


def test_cells_are_computed_once(gratings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(runs(gratings), never)
    cells = kept()
    assert sorted(cells) == sorted(
        f"{name}-stages-{stages}-draw-{draw}.json" for name in jarrett.ARMS for stages in (1, 2) for draw in (0, 1)
    )
    assert cells["R_abs-N-P_A-stages-1-draw-0.json"][0] > 80
    monkeypatch.setattr(Extractor, "forward", lambda *inputs: pytest.fail("it is computed again"))
    assert train(runs(gratings), never) and kept() == cells


def test_what_was_stopped_goes_on_to_the_same(gratings: Path) -> None:
    calls = iter(range(1000))
    assert not train(runs(gratings), lambda: next(calls) == 40)  # while pictures are read
    assert not kept()
    assert not train(runs(gratings), lambda: len(kept()) == 3)
    assert not train(runs(gratings), never, deadline=0.0)
    assert len(kept()) == 3
    assert train(runs(gratings), never)
    stopped = kept()
    Path("out").rename("before")
    assert train(runs(gratings), never) and kept() == stopped


def test_each_budget_brings_a_cell(gratings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that ends while features are computed is not lost."""
    clock = iter(range(1000))
    monkeypatch.setattr("alexnet.experiments.grid.time.monotonic", lambda: next(clock))
    assert not train(runs(gratings), never, deadline=0.5)
    assert len(kept()) == 1


def test_cells_of_other_pictures_are_refused(gratings: Path) -> None:
    assert not train(runs(gratings), lambda: len(kept()) == 1)
    (gratings / "101_ObjectCategories" / "upright" / "image_0000.png").unlink()
    with pytest.raises(RunError, match=r"R_abs-N-P_A-stages-1-draw-0.json was computed on other pictures; choose"):
        train(runs(gratings), never)


@pytest.mark.parametrize("content", ["", "[]", "3", "{}", '{"percent": 3}', "\udcff"])
def test_a_damaged_cell_is_told(content: str) -> None:
    path = Path("out/jarrett/R_abs-N-P_A-stages-1-draw-0.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=r"draw-0.json is damaged \(.*\); remove it and run the experiment again"):
        JARRETT.judge(runs(Path("nowhere")))


def test_other_data_are_refused(class_folders: Path) -> None:
    with pytest.raises(RunError, match=r"jarrett is about Caltech-101, but .*pets is pets"):
        train(runs(class_folders), never)


def test_the_command(gratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["jarrett"]) == 2
    assert "jarrett brings no data; say where yours is with --data PATH" in capsys.readouterr().err
    flags = ["jarrett", "--data", str(gratings), "--seeds", "2", "--out", "out"]
    assert command.main(flags) == 0
    printed = capsys.readouterr().out
    assert "1 stage: R_abs-N-P_A less N-P_A: " in printed and "go on with" not in printed
    assert (Path("out") / "jarrett" / "result.json").exists()


# what it costs, and how it is judged


def test_the_estimate_has_all_arms_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jarrett, "SIDE", 91)
    monkeypatch.setattr(jarrett, "once", lambda key, what, measure: 32.0 if "filters" in what else 1e9 / 3030**2)
    lengths = sum(each + 2 * 50 * 101 for each in (64 * 14 * 14, 256))
    assert timing.estimated_seconds(runs(Path("nowhere"), 4)) == pytest.approx(6 * (8677 + 4 * lengths))


def pretend(name: str, stages: int, *percents: float) -> None:
    for draw, percent in enumerate(percents):
        path = Path(f"out/jarrett/{name}-stages-{stages}-draw-{draw}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"percent": percent, "epochs": 7, "seconds": 90.0, "pictures": "some"}))


def test_rectification_is_judged_draw_by_draw() -> None:
    nothing = JARRETT.judge(runs(Path("nowhere")))
    assert not nothing.findings and len(nothing.tables[0].rows) == 12
    pretend("R_abs-N-P_A", 1, 52.5, 53.5, 53.8)
    pretend("N-P_A", 1, 15.0, 16.0)
    pretend("ReLU-N-P_A", 1, 54.0, 55.0, 55.4)
    judgement = JARRETT.judge(runs(Path("nowhere"), 3))
    found = {each.what: each for each in judgement.findings}
    assert list(found) == [f"1 stage: R_abs-N-P_A less {each}" for each in ("N-P_A", "ReLU-N-P_A")] + [
        "1 stage: R_abs-N-P_A"
    ]
    jump, relu, level = found.values()
    assert jump.paper == "38.0 points" and jump.measured.startswith("37.50 +- 0.00 points") and SEEN in jump.verdict
    assert relu.measured.startswith("-1.53 +- 0.06 points") and relu.verdict == NOT_SEEN
    assert level.measured.startswith("53.3 +- 0.7 % (95 %: 51.6 to 55.0), 3 draws") and level.verdict == SEEN
    assert judgement.tables[0].rows[0] == [
        "1",
        "R_abs-N-P_A",
        "53.3 %",
        "53.3 +- 0.7 %",
        "52.5, 53.5, 53.8",
        "7, 7, 7",
        "4.5",
    ]
    pretend("R_abs-N-P_A", 1, 50.5, 50.6, 50.7)
    assert JARRETT.judge(runs(Path("nowhere"), 3)).findings[-1].verdict == f"{NOT_SEEN}: lower"
