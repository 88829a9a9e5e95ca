"""The experiments themselves: what they train, and how they judge what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pretended import never, pretend

import minigrad as mg
import minigrad.functional as F
from alexnet import evaluate
from alexnet.data import Augmentation, Split, open_dataset
from alexnet.experiments import averaging, comparisons, mnist, nearest, normalisation, views
from alexnet.experiments.averaging import AVERAGING
from alexnet.experiments.catalogue import EXPERIMENTS
from alexnet.experiments.comparisons import differences, trained
from alexnet.experiments.crops import CROPS
from alexnet.experiments.decay import DECAY
from alexnet.experiments.experiment import Arm, Experiment, Runs, Trial
from alexnet.experiments.figure1 import FIGURE1, FIGURE1_VARIANTS, POINTS
from alexnet.experiments.figure3 import FIGURE3, chroma
from alexnet.experiments.grid import train
from alexnet.experiments.mnist import MNIST, PAPER
from alexnet.experiments.nearest import NEAREST
from alexnet.experiments.normalisation import NORMALISATION
from alexnet.experiments.parameters import PARAMETERS
from alexnet.experiments.statistics import NOT_SEEN, SEEN, TOO_SMALL
from alexnet.experiments.views import VIEWS
from alexnet.recipes import RECIPES, build_network, parameter_groups
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


def figure1(seeds: int, ratio: str = "tanh", best: float = 0.001) -> Runs:
    """The runs of Figure 1 as the paper drew them, at one rate of each activation; the others are hopeless."""
    runs = Runs(FIGURE1, Path("out"), "nowhere", seeds)
    for arm, name in zip(FIGURE1.arms, ("relu", ratio), strict=True):
        for trial in runs.sweep(arm):
            pretend(trial, filled(POINTS[name]) if trial.rate == best else [90.0] * 5)
        for number, trial in enumerate(runs.seeded(arm)):
            errors = filled(POINTS[name])
            pretend(trial, [errors[0]] * number * (arm.name == "tanh") + errors)
    return runs


def test_figure_1_as_in_the_paper_is_seen() -> None:
    judgement = FIGURE1.judge(figure1(3))
    (found,) = judgement.findings
    assert found.verdict == SEEN and found.measured.startswith("6.17 (95 %: 5.") and "3 seeds" in found.measured
    rates, seeds = judgement.tables
    assert len(rates.rows) == sum(len(arm.rates) for arm in FIGURE1.arms) and len(seeds.rows) == 6
    assert [row[-1] for row in rates.rows].count("best") == 2
    assert [row[-1] for row in rates.rows].count("dropped after 5 epochs") == len(rates.rows) - 2
    assert list(judgement.figures) == ["curves"]


def test_figure_1_without_a_difference_is_not_seen() -> None:
    (found,) = FIGURE1.judge(figure1(2, ratio="relu")).findings
    assert not found.verdict.startswith(SEEN)
    (found,) = FIGURE1.judge(figure1(1)).findings
    assert found.verdict == f"{TOO_SMALL}: one seed has no spread"


def test_a_best_rate_at_the_edge_is_told() -> None:
    (found,) = FIGURE1.judge(figure1(2, best=0.00025)).findings
    assert found.measured.endswith("; the best rate of relu and tanh is at the edge of those tried")
    (found,) = FIGURE1.judge(figure1(2)).findings
    assert "edge" not in found.measured


def test_the_search_says_what_became_of_each_rate() -> None:
    runs = Runs(FIGURE1, Path("out"), "nowhere", 1)

    def fates(*errors: list[float]) -> list[str]:
        for trial, values in zip(runs.sweep(FIGURE1.arms[0]), errors, strict=True):
            pretend(trial, values, *([] if values else [{"event": "failed", "diverged": True}]))
        return [row[-1] for row in FIGURE1.judge(runs).tables[0].rows[: len(errors)]]

    best, slower, hopeless = [50.0, 45, 40, 35, 30, 25], [50.0, 45, 40, 35, 30, 26], [50.0] * 5
    assert fates(hopeless, slower, best, [], [50.0] * 3, slower[:5]) == [
        *("dropped after 5 epochs", "at its end", "at its end", "diverged", "not finished", "not finished"),
    ]
    assert fates(hopeless, slower, best, [], hopeless, slower) == [
        *("dropped after 5 epochs", "slower", "best", "diverged", "dropped after 5 epochs", "slower"),
    ]
    quick = [40.0, 20, 3]  # over so early that the others look hopeless
    assert fates(quick, slower, best, [], hopeless, hopeless)[:3] == [
        "best; at the edge of the rates tried",
        *("slower", "slower"),
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

    def found(runs: Runs, arm: Arm, split: Split, views: int = 1) -> dict[int, Errors]:
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
    assert found.verdict == SEEN and found.measured.startswith("5.33 +- 0.58 points")


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
    runs = Runs(short(NEAREST), Path("out"), str(pictures), 1)
    assert not NEAREST.judge(runs).findings and train(runs, never)
    (row,) = NEAREST.judge(runs).tables[0].rows
    assert row[2] == "100.0 %"  # dark pictures are nearest to the dark ones
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


def test_figure_3_draws_the_filters_of_each_seed(pictures: Path) -> None:
    runs = Runs(short(FIGURE3), Path("out"), str(pictures), 1)
    assert not FIGURE3.judge(runs).figures and train(runs, never)
    judgement = FIGURE3.judge(runs)
    assert list(judgement.figures) == ["filters-seed-0"] and "32 filters" in judgement.findings[0].measured
