"""The experiments themselves: what they train, and how they judge what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pretended import never, pretend

import minigrad as mg
import minigrad.functional as F
from alexnet import evaluate, figures
from alexnet.data import Augmentation, Split, Statistics, open_dataset
from alexnet.experiments import averaging, colour, comparisons, mnist, nearest, normalisation, parts, specialise, views
from alexnet.experiments.averaging import AVERAGING
from alexnet.experiments.biases import BIASES
from alexnet.experiments.catalogue import EXPERIMENTS
from alexnet.experiments.colour import COLOUR, LIGHT, Relit, light
from alexnet.experiments.comparisons import differences, trained
from alexnet.experiments.crops import CROPS
from alexnet.experiments.decay import DECAY
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Trial
from alexnet.experiments.figure1 import FIGURE1, FIGURE1_VARIANTS, POINTS
from alexnet.experiments.figure3 import FIGURE3, chroma, selectivity, slow_colour
from alexnet.experiments.grid import train
from alexnet.experiments.mnist import MNIST, PAPER
from alexnet.experiments.nearest import NEAREST
from alexnet.experiments.normalisation import NORMALISATION
from alexnet.experiments.parameters import PARAMETERS
from alexnet.experiments.parts import COLUMNS, MIDDLE, POOLING
from alexnet.experiments.specialise import SPECIALISE, by_chance
from alexnet.experiments.statistics import NOT_SEEN, SEEN, TOO_SMALL
from alexnet.experiments.views import VIEWS
from alexnet.recipes import RECIPES, build_network, parameter_groups
from alexnet.run.folder import RunError
from alexnet.scores import Errors
from minigrad import optim


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_arm_is_a_recipe(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    for arm in experiment.arms:
        assert list(arm.rates) == sorted(arm.rates)
        for rate in arm.rates or (None,):
            recipe = arm.trained(rate)
            assert not recipe.too_late() and (rate is None or recipe.rate(1) == rate)


@pytest.mark.parametrize("experiment", [FIGURE1, *FIGURE1_VARIANTS], ids=lambda each: each.name)
def test_the_nets_of_figure_1_differ_in_their_activation_alone(experiment: Experiment) -> None:
    relu, tanh = (arm.trained(0.001) for arm in experiment.arms)
    activations = [section["neuron"] for section in tanh.layers.values() if "neuron" in section]
    assert len(set(activations)) == 1 and activations[0].startswith("tanh[") and len(activations) in (3, 4)
    for layer, section in relu.layers.items():
        expected = {**section, **({"neuron": activations[0]} if section.get("neuron") == "relu" else {})}
        assert tanh.layers[layer] == expected
    assert relu.layer_params == tanh.layer_params and not any(rule.weight_decay for rule in relu.rules.values())
    pictures = relu.augmentation
    assert pictures == tanh.augmentation == Augmentation(crop=32, random_crop=False, mirror=False)
    assert build_network(tanh, 10, 3, ["cpu:0"]).layers["conv2"].neuron.startswith("tanh")


def test_a_lower_rate_of_layer_1_is_a_net_on_standardised_pixels() -> None:
    """Ten steps on pixels of deviation 62, and on the same divided by 62 with weights on them 62 times as large."""
    recipe = EXPERIMENTS["figure1-standardised"].arms[1].trained(0.01)
    net = RECIPES["cifar10-19pct"]
    tanh = [(f"layers.{layer}.neuron", "tanh[1,1]") for layer in ("pool1", "conv2", "conv3")]
    decay = [(f"layer_params.{layer}.wc", 0) for layer in ("conv1", "conv2", "conv3", "fc10")]
    ordinary = Arm("tanh", net.name, (*tanh, *decay)).trained(0.01)
    pixels = np.random.default_rng(0).normal(0, 62, (10, 8, 3, 32, 32)).astype(np.float32)
    moved = []
    for each, scale in ((recipe, 1), (ordinary, 62)):
        mg.manual_seed(0)
        model = build_network(each, 10, 3, ["cpu:0"])
        state = dict(model.state_dict())
        before = np.array(state["conv1.weight"]) * scale
        model.load_state_dict({**state, "conv1.weight": before})
        optimizer = optim.SGD(parameter_groups(each, model), lr=each.lr)
        for batch in pixels:
            optimizer.zero_grad()
            F.cross_entropy(model(mg.tensor(batch / scale)), mg.tensor(np.arange(8))).backward()
            optimizer.step()
        moved.append((np.array(model.state_dict()["conv1.weight"]) - before) / scale)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-2, atol=1e-2 * np.abs(moved[0]).max())
    assert np.abs(moved[0]).max() > 1e-7


def filled(points: dict[int, float]) -> list[float]:
    """An error for every epoch, where some are known; the first epoch below 25 % is the last of them."""
    epochs = np.arange(1, max(points) + 1)
    return (np.interp(epochs, list(points), list(points.values()))).tolist()


def figure1(seeds: int, ratio: str = "tanh", edge: bool = False) -> Runs:
    """The runs of Figure 1 as the paper drew them, at one rate of each activation; the others are hopeless."""
    runs = Runs(FIGURE1, Path("out"), "nowhere", seeds)
    for arm, name in zip(FIGURE1.arms, ("relu", ratio), strict=True):
        while not runs.swept(arm):
            for trial in runs.sweep(arm):
                sound = trial.rate <= arm.rates[0] if edge else trial.rate == arm.rates[1]
                pretend(trial, filled(POINTS[name]) if sound else [90.0] * 5)
        for number, trial in enumerate(runs.seeded(arm)):
            errors = filled(POINTS[name])
            pretend(trial, [errors[0]] * number * (arm.name == "tanh") + errors)
    return runs


def test_figure_1_as_in_the_paper_is_seen() -> None:
    judgement = FIGURE1.judge(figure1(3))
    (found,) = judgement.findings
    assert found.verdict == SEEN and found.measured.startswith("6.17 (95 %: 5.") and found.measured.endswith("3 seeds")
    rates, seeds = judgement.tables
    assert len(rates.rows) == 8 and len(seeds.rows) == 6
    assert [row[-1] for row in rates.rows].count("best") == 2
    assert [row[-1] for row in rates.rows].count("dropped after 5 epochs") == len(rates.rows) - 2
    assert list(judgement.figures) == ["curves"]


def test_figure_1_without_a_difference_is_not_seen() -> None:
    (found,) = FIGURE1.judge(figure1(2, ratio="relu")).findings
    assert not found.verdict.startswith(SEEN)
    (found,) = FIGURE1.judge(figure1(1)).findings
    assert found.verdict == f"{TOO_SMALL}: one seed has no spread"


def test_where_tanh_never_came_down_the_ratio_is_a_lower_bound() -> None:
    runs = figure1(3)
    relu, tanh = (runs.seeded(arm) for arm in FIGURE1.arms)
    pretend(tanh[0], [40.0] * 60)
    (found,) = FIGURE1.judge(runs).findings
    ratio = (60 / 6 * 37 / 6 * 38 / 6) ** (1 / 3)
    assert found.measured.startswith(f"at least {ratio:.2f} (95 %: ") and "or more); 6.0 +- 0.0" in found.measured
    assert found.measured.endswith("3 seeds; tanh did not come to 25 % with 1 of them") and found.verdict == SEEN
    pretend(relu[0], [40.0] * 20)  # neither came down
    pretend(tanh[1], [40.0] * 9, {"event": "failed", "diverged": True})
    (found,) = FIGURE1.judge(runs).findings
    assert found.measured == "6.33; 6.0 and 38.0 epochs, 1 seed; 2 of 3 pairs cannot be compared"


def test_a_best_rate_at_the_edge_is_told() -> None:
    (found,) = FIGURE1.judge(figure1(2, edge=True)).findings
    assert found.measured.endswith("; the best rate of relu and tanh is at the edge of those tried")


def test_the_search_says_what_became_of_each_rate() -> None:
    runs = Runs(FIGURE1, Path("out"), "nowhere", 1)

    def fates(*errors: list[float]) -> list[str]:
        for rate, values in zip(FIGURE1.arms[0].rates, errors, strict=True):
            trial = runs.trial(FIGURE1.arms[0], rate, 0)
            pretend(trial, values, *([] if values else [{"event": "failed", "diverged": True}]))
        return [row[-1] for row in FIGURE1.judge(runs).tables[0].rows if row[0] == "relu"]

    best, slower, hopeless = [50.0, 45, 40, 35, 30, 25], [50.0, 45, 40, 35, 30, 26], [50.0] * 5
    assert fates(hopeless, slower, best, []) == ["dropped after 5 epochs", "slower", "best", "diverged"]
    assert fates(hopeless, slower[:5], best, [50.0] * 3) == [
        *("dropped after 5 epochs", "not finished", "at its end", "not finished"),
    ]
    quick = [40.0, 20, 3]  # over so early that the others look hopeless
    assert fates(hopeless, quick, slower, best) == ["slower", "best", "slower", "slower"]
    for rate in (0.00025, 0.000125, 0.0000625):
        pretend(runs.trial(FIGURE1.arms[0], rate, 0), quick)
    assert fates(quick, slower, best, []) == [
        *("best; at the edge of the rates tried", "slower", "slower", "slower"),
        *("slower", "slower", "diverged"),
    ]


def test_before_a_pair_is_at_its_end_there_is_no_finding() -> None:
    runs = Runs(FIGURE1, Path("out"), "nowhere", 2)
    judgement = FIGURE1.judge(runs)
    assert not judgement.findings and not judgement.figures and judgement.tables[0].rows[0][-1] == "not finished"


def test_the_parameters() -> None:
    judgement = PARAMETERS.judge(Runs(PARAMETERS, Path("out"), "", 0))
    found = {each.what: each for each in judgement.findings}
    assert found["parameters"].measured == "60,965,224" and found["parameters"].verdict == SEEN
    assert found["units"].measured == "659,272" and found["units"].verdict == SEEN
    assert found["units of conv1"].verdict == NOT_SEEN and found["units of conv2"].verdict == SEEN
    assert found["share of the parameters in each convolution"].verdict == f"{NOT_SEEN}: 2 have more"


def test_the_views_are_those_of_evaluate(cifar_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = (("epochs", 1), ("batch_size", 7))
    brief = replace(VIEWS, arms=(replace(VIEWS.arms[0], changes=changes),))
    runs = Runs(brief, Path("out"), str(cifar_folder), 2)
    assert not VIEWS.judge(runs).findings
    assert train(runs, never)
    for trial in runs.all_trials():
        trial.folder.best.unlink()  # which was chosen
    judgement = brief.judge(runs)
    (table,) = judgement.tables
    capsys.readouterr()
    for row in table.rows:
        for cell, number in zip(row[1:3], ("1", "10"), strict=True):
            flags = "--checkpoint", "latest", "--views", number
            assert evaluate.main([f"out/13pct-seed-{row[0]}", *flags]) == 0
            assert f"top-1 error {float(cell.split()[0]):6.2f} %" in capsys.readouterr().out
    errors = [[float(cell.split()[0]) for cell in row[1:]] for row in table.rows]
    assert f"{np.mean([one - ten for one, ten in errors]):.2f} +-" in judgement.findings[0].measured


def errors_of(wrong: dict[str, int]) -> Callable[..., dict[int, Errors]]:
    """Instead of measured errors, so many of a hundred pictures by the name of the trial and the number of views."""

    def found(runs: Runs, arm: Arm, views: int = 1) -> dict[int, Errors]:
        numbers = {trial.seed: wrong[f"{trial.name} {views}"] for trial in trained(runs, arm)}
        return {seed: Errors(number, 0, 100) for seed, number in numbers.items()}

    return found


def test_ten_views_that_help_are_seen(monkeypatch: pytest.MonkeyPatch, cifar_folder: Path) -> None:
    wrong = {1: (40, 41, 39), 10: (35, 36, 33)}
    numbers = {f"13pct-seed-{seed} {count}": each[seed] for count, each in wrong.items() for seed in range(3)}
    monkeypatch.setattr(views, "test_errors", errors_of(numbers))
    runs = Runs(VIEWS, Path("out"), str(cifar_folder), 3)
    for trial in runs.all_trials():
        pretend(trial, [50.0] * trial.recipe.epochs)
    (found,) = VIEWS.judge(runs).findings
    assert found.verdict == f"{SEEN}, larger than the paper's" and found.measured.startswith("5.33 +- 0.58 points")


def test_only_seeds_that_both_have_are_compared() -> None:
    worse, better = {0: Errors(9, 0, 100), 1: Errors(8, 0, 100)}, {1: Errors(5, 0, 100)}
    assert differences(worse, better) == [3.0]


def short(experiment: Experiment, *changes: tuple[str, object]) -> Experiment:
    """The same with an epoch of a few pictures, instead of the three changes that make a schedule of sixteen."""
    few = (("epochs", 1), ("batch_size", 7), *changes)
    arms = tuple(replace(arm, changes=(*arm.changes[3:], *few)) for arm in experiment.arms)
    return replace(experiment, arms=arms)


def test_crops_are_compared_seed_by_seed(cifar_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"crops-seed-0 1": 30, "centres-seed-0 1": 41, "crops-seed-1 1": 35, "centres-seed-1 1": 47}
    runs = Runs(short(CROPS), Path("out"), str(cifar_folder), 2)
    assert not CROPS.judge(runs).findings and train(runs, never)
    judgement = CROPS.judge(runs)
    assert [row[:2] for row in judgement.tables[0].rows] == [[a, s] for a in ("crops", "centres") for s in "01"]
    assert len({row[3] for row in judgement.tables[0].rows}) > 1
    monkeypatch.setattr(comparisons, "test_errors", errors_of(wrong))
    (found,) = CROPS.judge(runs).findings
    assert found.measured.startswith("11.50 +- 0.71 points") and found.verdict == SEEN


def test_fives_are_averaged(cifar_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = open_dataset(str(cifar_folder), 0).val.labels

    def said(runs: Runs, trial: Trial, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """Each net of a five is wrong about one picture, and the others outvote it."""
        scores = np.eye(10)[labels]
        scores[trial.seed % 5] = np.roll(scores[trial.seed % 5], 1)
        return scores, np.ones(7, bool)

    monkeypatch.setattr(averaging, "test_probabilities", said)
    runs = Runs(AVERAGING, Path("out"), str(cifar_folder), 12)
    assert not AVERAGING.judge(runs).findings
    for trial in runs.all_trials():
        pretend(trial, [50.0] * trial.recipe.epochs)
    judgement = AVERAGING.judge(runs)
    assert [row[0] for row in judgement.tables[0].rows] == ["0 to 4", "5 to 9"]
    assert all(row[2].startswith("0.00 %") for row in judgement.tables[0].rows)
    assert judgement.findings[0].measured.startswith(f"{100 / 7:.2f} +- 0.00 points")


def said_of_digits(labels: np.ndarray, wrong: Callable[[Trial], list[int]]) -> Callable[..., tuple[np.ndarray, ...]]:
    """Instead of what columns say: each is wrong about some digits, and as sure as when it is right."""

    def said(runs: Runs, trial: Trial, split: Split) -> tuple[np.ndarray, np.ndarray]:
        scores = np.eye(10)[labels]
        scores[wrong(trial)] = np.roll(scores[wrong(trial)], 1, axis=1)
        return scores, np.ones(len(labels), bool)

    return said


def test_all_committees_of_a_column_for_each_width(mnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column is wrong about the first digit, those with seed 1 about the second; a vote of four decides."""
    labels = open_dataset(str(mnist_folder), 0).val.labels
    monkeypatch.setattr(mnist, "test_probabilities", said_of_digits(labels, lambda trial: [0, 1][: 1 + trial.seed]))
    runs = Runs(MNIST, Path("out"), str(mnist_folder), 2)
    assert not MNIST.judge(runs).findings
    for trial in runs.all_trials():
        pretend(trial, [1.0] * trial.recipe.epochs)
    judgement = MNIST.judge(runs)
    (found,) = judgement.findings
    assert f"{sum(PAPER.values()) / 7:.3f}" == "0.436"
    one = 100 / len(labels)  # of the 128 committees, in 64 four or more have seed 1
    assert found.measured.startswith(f"{1.5 * one:.3f} +- {np.std([one, 2 * one] * 64, ddof=1):.3f} %")
    assert f"lowest {one:.2f}, highest {2 * one:.2f}) over the 128 committees of 14 columns" in found.measured
    assert found.verdict == NOT_SEEN
    rows = judgement.tables[0].rows
    assert [row[0] for row in rows] == [*(f"width-{width}" for width in range(10, 21, 2)), "original"]
    assert rows[1] == ["width-12", f"{one:.2f}, {2 * one:.2f}", f"{1.5 * one:.2f} %", "0.44 %"]


def test_before_there_is_a_column_of_each_width_there_is_no_finding(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = open_dataset(str(mnist_folder), 0).val.labels
    monkeypatch.setattr(mnist, "test_probabilities", said_of_digits(labels, lambda trial: [trial.seed]))
    runs = Runs(MNIST, Path("out"), str(mnist_folder), 1)
    trials = runs.all_trials()
    for trial in trials[1:]:
        pretend(trial, [1.0] * trial.recipe.epochs)
    assert not MNIST.judge(runs).findings and MNIST.judge(runs).tables[0].rows[0][1:3] == ["", ""]
    pretend(trials[0], [1.0] * trials[0].recipe.epochs)
    (found,) = MNIST.judge(runs).findings
    assert "one committee" in found.measured
    assert found.verdict == f"{TOO_SMALL}: one column of a width has no spread"


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        ((4, 4), SEEN),
        ((3, 4), SEEN),
        ((2, 6), f"{TOO_SMALL}: about 79 columns of each width would tell"),
        ((4, 5), f"{TOO_SMALL}: about 9 columns of each width would tell"),
        ((5, 5), NOT_SEEN),
        ((5, 6), NOT_SEEN),
    ],
)
def test_committees_are_judged_by_the_spread_of_their_columns(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[float, float], verdict: str
) -> None:
    """Of ten thousand digits a committee errs in as many as its columns say together, each by its seed."""

    def said(runs: Runs, trial: Trial, split: Split) -> tuple[np.ndarray, np.ndarray]:
        return np.full((len(split), 10), wrong[trial.seed]), np.ones(len(split), bool)

    monkeypatch.setattr(mnist, "test_probabilities", said)
    monkeypatch.setattr(mnist, "errors", lambda scores, labels: Errors(round(scores[0, 0]), 0, 10_000))
    runs = Runs(MNIST, Path("out"), str(mnist_folder), 2)
    for trial in runs.all_trials():
        pretend(trial, [1.0] * trial.recipe.epochs)
    (found,) = MNIST.judge(runs).findings
    assert found.measured.startswith(f"{7 * np.mean(wrong) / 100:.3f} +-") and found.verdict == verdict


def test_columns_are_trained_on_digits_of_their_width(mnist_folder: Path) -> None:
    few = (("epochs", 2), ("batch_size", 7))
    arms = tuple(replace(arm, changes=(*arm.changes, *few)) for arm in (MNIST.arms[0], MNIST.arms[-1]))
    brief = replace(MNIST, arms=arms)
    runs = Runs(brief, Path("out"), str(mnist_folder), 1)
    assert train(runs, never)
    narrow, original = (trial.folder.load(False)["statistics/mean"] for trial in runs.all_trials())
    assert narrow.any(axis=(0, 1)).sum() == 10 and original.any(axis=(0, 1)).sum() == 14
    for trial in runs.all_trials():  # what is asked of the trained column is what its validation asked
        probabilities, _ = comparisons.test_probabilities(runs, trial, runs.data().val)
        wrong = 100 * np.mean(probabilities.argmax(axis=1) != runs.data().val.labels)
        assert trial.errors()[-1] == pytest.approx(wrong)


def test_the_nearest_are_of_the_class_that_was_learned(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "NEIGHBOURS", 12)
    monkeypatch.setattr(nearest, "SHOWN", 2)
    runs = Runs(short(NEAREST), Path("out"), str(pictures), 1)
    assert not NEAREST.judge(runs).findings and train(runs, never)
    judgement = NEAREST.judge(runs)
    (row,) = judgement.tables[0].rows
    assert row[2] == "100.0 %"  # dark pictures are nearest to the dark ones
    assert list(judgement.figures) == ["nearest-by-activations", "nearest-by-pixels"]
    rows = [axes.get_title() for axes in judgement.figures["nearest-by-pixels"].axes]
    assert len(rows) == 2 * (2 + 12) and all(set(rows[at + 2 : at + 14]) == {rows[at]} for at in (0, 14))
    monkeypatch.setattr(nearest, "NEIGHBOURS", 24)
    (row,) = NEAREST.judge(runs).tables[0].rows
    assert row[1:] == ["50.0 %", "50.0 %"]  # all pictures there are


def test_the_middle_arm_has_normalisation_alone() -> None:
    before, middle, _ = (arm.trained(None) for arm in NORMALISATION.arms)
    around = {"rnorm1": "pool1", "rnorm2": "conv2"}
    without = {
        name: {key: around.get(value, value) for key, value in section.items()}
        for name, section in middle.layers.items()
        if name not in around
    }
    assert without == before.layers and middle.rules == before.rules
    assert middle.drop_epochs == before.drop_epochs and middle.bias_lr_falls == before.bias_lr_falls


def test_normalisation_is_judged_alone_too(monkeypatch: pytest.MonkeyPatch, cifar_folder: Path) -> None:
    numbers = {"13pct": (20, 21, 22), "normalised": (20, 21, 22), "11pct": (17, 18, 20)}
    wrong = {f"{name}-seed-{seed} 10": each[seed] for name, each in numbers.items() for seed in range(3)}
    monkeypatch.setattr(normalisation, "test_errors", errors_of(wrong))
    runs = Runs(NORMALISATION, Path("out"), str(cifar_folder), 3)
    for trial in runs.all_trials():
        pretend(trial, [50.0] * trial.recipe.epochs)
    alone, whole = NORMALISATION.judge(runs).findings
    assert alone.verdict == NOT_SEEN and whole.verdict == SEEN and whole.measured.startswith("2.67")


def test_decay_is_judged_by_training_errors() -> None:
    runs = Runs(DECAY, Path("out"), "nowhere", 2)
    last = {"decay-seed-0": 20.0, "without-seed-0": 21.0, "decay-seed-1": 20.5, "without-seed-1": 21.25}
    for trial in runs.all_trials():
        pretend(trial, [*[50.0] * (trial.recipe.epochs - 1), last[trial.name]])
    (found,) = DECAY.judge(runs).findings
    assert found.measured.startswith("0.88 +- 0.18 points") and found.verdict.startswith(TOO_SMALL)


def test_chroma() -> None:
    grey = np.ones((1, 3, 2, 2)) * np.random.default_rng(0).standard_normal((1, 1, 2, 2))
    red_less_green = np.array([1.0, -1, 0]).reshape(1, 3, 1, 1) * np.ones((1, 3, 2, 2))
    red = np.array([1.0, 0, 0]).reshape(1, 3, 1, 1) * np.ones((1, 3, 2, 2))
    found = chroma(np.concatenate([grey, red_less_green, red]))
    assert found == pytest.approx([0, 1, 2 / 3], abs=1e-12)


def test_gratings_are_selective_and_blobs_are_slow_colour() -> None:
    place = np.arange(5.0)
    grating = np.cos(2 * np.pi * place / 2.5) * np.ones((1, 3, 5, 1))
    bump = np.exp(-((place - 2) ** 2) / 2)
    blob = np.array([1.0, 0, -1]).reshape(1, 3, 1, 1) * bump * bump[:, np.newaxis]
    checks = np.array([1.0, 0, -1]).reshape(1, 3, 1, 1) * (-1) ** (place + place[:, np.newaxis])
    whole = selectivity(grating)
    assert whole > 80 and selectivity(grating.swapaxes(2, 3)) == pytest.approx(whole)
    assert selectivity(blob) < 0.01
    assert selectivity(np.concatenate([grating, blob])) == pytest.approx(whole / 2, abs=0.01)
    assert slow_colour(blob) > 75 > 25 > slow_colour(checks)
    assert slow_colour(blob + 3 * grating) == pytest.approx(slow_colour(blob))


def test_figure_3_draws_and_measures_the_filters_of_each_seed(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(short(FIGURE3), Path("out"), str(pictures), 2)
    assert not FIGURE3.judge(runs).figures and train(runs, never)
    judgement = FIGURE3.judge(runs)
    assert list(judgement.figures) == ["filters-seed-0", "filters-seed-1"] and len(judgement.tables[0].rows) == 2
    assert all(found.verdict.startswith(TOO_SMALL) for found in judgement.findings)  # nothing is learned in an epoch
    assert judgement.tables == FIGURE3.judge(runs).tables
    learned = np.cos(2 * np.pi * np.arange(5) / 2.5) * np.random.default_rng(0).standard_normal((32, 3, 1, 1))
    monkeypatch.setattr(figures, "first_filters", lambda model: [("conv1", learned * np.ones((1, 1, 5, 1)))])
    selective, _ = FIGURE3.judge(runs).findings
    assert selective.verdict == SEEN


def test_figure_3_needs_colours(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(short(FIGURE3), Path("out"), str(pictures), 1)
    assert train(runs, never)
    monkeypatch.setattr(figures, "first_filters", lambda model: [("conv1", np.ones((8, 1, 5, 5)))])
    with pytest.raises(RunError, match="no red, green and blue"):
        FIGURE3.judge(runs)


# parts of the net, on photographs


def photographed(experiment: Experiment, wrong: dict[str, tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs at their end, with so many of a hundred test pictures wrong and a training error of 20 %."""
    numbers = {f"{arm}-seed-{seed} 1": each for arm, seeds in wrong.items() for seed, each in enumerate(seeds)}
    for module in (parts, colour):
        monkeypatch.setattr(module, "test_errors", errors_of(numbers))
    runs = Runs(experiment, Path("out"), "nowhere", len(next(iter(wrong.values()))))
    for trial in runs.all_trials():
        pretend(trial, [20.0] * trial.recipe.epochs)
    return runs


def test_columns_are_compared_with_the_half_net_and_with_columns_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"columns": (30, 31, 32), "half": (34, 35, 37), "apart": (28, 30, 33)}
    half, apart = COLUMNS.judge(photographed(COLUMNS, wrong, monkeypatch)).findings
    assert half.verdict == SEEN and half.measured.startswith("4.33 +- 0.58 points")
    assert apart.verdict.startswith(TOO_SMALL) and apart.measured.startswith("-0.67")
    whole, one, unmet = (arm.trained(None) for arm in COLUMNS.arms)
    assert one == replace(whole, network_options={**whole.network_options, "columns": 1})
    assert unmet == replace(whole, network_options={**whole.network_options, "cross_columns": False})


def test_every_layer_in_the_middle_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"whole": (30, 31), "without-conv3": (35, 36), "without-conv4": (30, 31), "without-conv5": (20, 21)}
    judgement = MIDDLE.judge(photographed(MIDDLE, wrong, monkeypatch))
    assert [found.measured.split()[0] for found in judgement.findings] == ["5.00", "0.00", "-10.00"]
    assert [found.verdict.partition(":")[0] for found in judgement.findings] == [SEEN, TOO_SMALL, NOT_SEEN]
    assert len(judgement.tables[0].rows) == 8 and judgement.tables[0].rows[0][3] == "20.00 %"


def test_pooling_is_judged_by_the_gap_too(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = photographed(POOLING, {"overlapping": (30, 31), "apart": (31, 32)}, monkeypatch)
    for trial in runs.seeded(runs.arm("apart")):
        pretend(trial, [16.0] * trial.recipe.epochs)
    error, gap = POOLING.judge(runs).findings
    assert error.measured.startswith("1.00") and gap.measured.startswith("5.00") and gap.verdict == SEEN


def test_colour_noise_is_judged_in_another_light_too(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = photographed(COLOUR, {"noise": (30, 31), "without": (31, 32)}, monkeypatch)
    wrong = {"noise-seed-0 1": 40, "noise-seed-1 1": 41, "without-seed-0 1": 60, "without-seed-1 1": 61}
    monkeypatch.setattr(colour, "_relit", errors_of(wrong))
    same, changed = COLOUR.judge(runs).findings
    assert same.measured.startswith("1.00 +- 0.00") and changed.measured.startswith("20.00 +- 0.00")
    assert "light changed" in changed.what


def test_pictures_in_another_light(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    std, vectors = np.array([50, 20, 10], np.float32), np.eye(3, dtype=np.float32)[:, [2, 1, 0]]
    shifts = light(4000, Statistics(np.zeros((3, 8, 8)), std, vectors))
    assert shifts.std(axis=0) == pytest.approx(LIGHT * np.array([10, 20, 50]), rel=0.05)
    with pytest.raises(RunError, match="in colour"):
        light(4, Statistics(np.zeros((1, 8, 8)), None, None))
    split = open_dataset(str(pictures)).val
    moved = Relit(split, np.array([[300.0, -300, 7]] * len(split))).image(0)
    assert moved.dtype == np.uint8 and np.all(moved[..., 0] == 255) and not moved[..., 1].any()
    np.testing.assert_array_equal(moved[..., 2], np.minimum(split.image(0)[..., 2].astype(int) + 7, 255))


def test_the_light_alone_makes_a_difference(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = (("epochs", 1), ("drop_epochs", ()), ("batch_size", 7), ("network_options.width", 1 / 16))
    arms = tuple(replace(arm, changes=(*arm.changes, *few)) for arm in COLOUR.arms)
    runs = Runs(replace(COLOUR, arms=arms), Path("out"), str(pictures), 1)
    assert not COLOUR.judge(runs).findings and train(runs, never)
    monkeypatch.setattr(colour, "LIGHT", 0.0)
    rows = COLOUR.judge(runs).tables[0].rows
    assert [row[:3] for row in rows] == [
        [arm, how, "0"] for arm in ("noise", "without") for how in ("as it is", "changed")
    ]
    assert rows[0][3] == rows[1][3] and rows[2][3] == rows[3][3]


def test_columns_that_specialise_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    grey = rng.standard_normal((12, 1, 11, 11)) * np.ones((1, 3, 1, 1)) + 0.2 * rng.standard_normal((12, 3, 11, 11))
    coloured = rng.standard_normal((12, 3, 11, 11))
    monkeypatch.setattr(specialise, "load_predictor", lambda *arguments: SimpleNamespace(model=None))
    runs = Runs(SPECIALISE, Path("out"), "nowhere", 3)
    for trial in runs.all_trials():
        pretend(trial, [20.0] * trial.recipe.epochs)

    def judged(one: np.ndarray, other: np.ndarray) -> Judgement:
        monkeypatch.setattr(figures, "first_filters", lambda model: [("one", one), ("other", other)])
        return SPECIALISE.judge(runs)

    judgement = judged(grey, coloured)
    assert judgement.findings[0].verdict == SEEN and len(judgement.figures) == 3
    assert all(row[-1] == "0.0 %" for row in judgement.tables[0].rows)
    mixed = np.stack([grey, coloured], axis=1).reshape(24, 3, 11, 11)
    assert not judged(mixed[:12], mixed[12:]).findings[0].verdict.startswith(SEEN)
    with pytest.raises(RunError, match="no red, green and blue"):
        judged(grey[:, :1], coloured)


def test_chance_deals_kernels_to_columns() -> None:
    dealt = by_chance(np.ones(2), np.zeros(2), 0)
    assert set(dealt) == {0.0, 1.0} and dealt.mean() == pytest.approx(1 / 3, abs=0.02)  # 2 of 6 ways keep them apart


def test_biases_are_judged_by_epochs_to_the_threshold() -> None:
    runs = Runs(BIASES, Path("out"), "nowhere", 3)
    assert not BIASES.judge(runs).findings
    ones, zeros = (runs.seeded(arm) for arm in BIASES.arms)
    for one, other in zip(ones, zeros, strict=True):
        pretend(one, [80.0, 60, 40])
        pretend(other, [90.0, 80, 70, 50])
    judgement = BIASES.judge(runs)
    assert judgement.findings[0].measured.startswith("1.50 +- 0.00 epochs") and judgement.findings[0].verdict == SEEN
    pretend(zeros[0], [90.0] * 12)
    judgement = BIASES.judge(runs)
    assert judgement.findings[0].measured.startswith(f"{(9.5 + 1.5 + 1.5) / 3:.2f} ")
    assert [row[2] for row in judgement.tables[0].rows] == ["2.50", "2.50", "2.50", "never", "4.00", "4.00"]


def test_nets_that_have_learned_each_others_test_pictures_are_not_averaged(pictures: Path) -> None:
    runs = Runs(AVERAGING, Path("out"), str(pictures / "train"), 5)  # split anew for each seed
    for trial in runs.all_trials():
        pretend(trial, [50.0] * trial.recipe.epochs)
    with pytest.raises(RunError, match="in its own way"):
        AVERAGING.judge(runs)
