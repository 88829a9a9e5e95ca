"""Numbers that are not finite, traced to where they began, and the flat start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_runs import cifar, log, run, state_of

import minigrad as mg
import minigrad.functional as F
from alexnet import train
from alexnet.cuda_convnet import cifar10_80sec
from alexnet.data import augmentation, loader
from alexnet.guards import FLAT_STEPS, FlatStart, first_fault, gradient_fault, state_fault
from alexnet.model import AlexNet
from alexnet.training import Trainer


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def set_weight(parameter: mg.Tensor, value: float) -> None:
    values = parameter.numpy()
    values.flat[values.size // 2] = value
    parameter.array = mg.tensor(values, parameter.device).array


LAYERS = ("conv1", "conv2", "conv3", "fc64", "fc10")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_weight_is_named(layer: str, kind: str, value: float) -> None:
    model = cifar10_80sec()
    set_weight(dict(model.named_parameters())[f"{layer}.{kind}"], value)
    assert first_fault(model, mg.randn(4, 3, 32, 32)) == f"{layer}.{kind} is not finite"


@pytest.mark.parametrize("layer", LAYERS)
def test_the_first_layer_whose_output_overflows_is_named(layer: str) -> None:
    """Its weights and what it reads are finite."""
    model = cifar10_80sec()
    weight = dict(model.named_parameters())[f"{layer}.weight"]
    weight.array = mg.tensor(np.full(weight.shape, 3e38, np.float32)).array
    found = first_fault(model, mg.randn(4, 3, 32, 32) * 1e6)
    assert found.startswith(f"the first layer whose output is not finite is {layer}, ")


def test_a_bad_batch_is_named_and_a_good_one_has_no_fault() -> None:
    images = np.zeros((5, 3, 32, 32), np.float32)
    images[3, 1, 2, 2] = np.nan
    assert first_fault(cifar10_80sec(), mg.tensor(images)).endswith("not finite, the first in its picture 3")
    model = cifar10_80sec()
    assert "only the loss is not" in first_fault(model, mg.zeros(2, 3, 32, 32))
    assert not any(layer._hooks for layer in model.modules())


@pytest.mark.parametrize("column", [0, 1])
def test_layers_of_two_columns_are_named_with_their_column(column: int) -> None:
    net = AlexNet(5, width=1 / 16, image_size=64)
    set_weight(getattr(net, f"column{column}").conv2.weight, np.inf)
    assert first_fault(net, mg.randn(2, 3, 64, 64)) == f"column{column}.conv2.weight is not finite"


@pytest.mark.parametrize("layer", LAYERS)
def test_a_gradient_that_is_not_finite_is_named_where_the_way_back_meets_it_first(layer: str) -> None:
    """A root of 0 after a layer adds nothing to its output, and infinity to its gradient and to all before it."""
    model = cifar10_80sec()
    dict(model.named_modules())[layer].register_forward_hook(lambda m, inputs, y: y + (y - y.detach()) ** 0.5)
    loss = F.cross_entropy(model(mg.randn(4, 3, 32, 32)), mg.tensor(range(4)))
    loss.backward()
    assert gradient_fault(model) == f"the gradient of {layer}.bias is not finite, the first on the way back"


def test_gradients_that_are_finite_have_no_fault() -> None:
    model = cifar10_80sec()
    F.cross_entropy(model(mg.randn(4, 3, 32, 32)), mg.tensor(range(4))).backward()
    assert gradient_fault(model) == ""


def test_the_state_is_looked_at_where_it_should_be_finite() -> None:
    good = {"model/a": np.ones(3), "velocity/0": np.ones(3), "progress/best_top1": np.array(np.inf)}
    assert state_fault(good) == ""
    assert state_fault({**good, "velocity/0": np.array([1, np.nan])}) == "velocity/0"


# whole runs


@pytest.fixture
def begun(pictures: Path) -> bytes:
    """A run with a checkpoint after step 2, and the bytes of that."""
    assert cifar(pictures, "--epochs", 3, "--steps", 2, "--out", "run") == 0
    return Path("run/checkpoint.npz").read_bytes()


def in_step(number: int, action: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something to the trainer and the images of a step."""
    step = Trainer._step

    def patched(self: Trainer, images: np.ndarray, labels: np.ndarray) -> float:
        if self.progress.step + 1 == number:
            action(self, images)
        return step(self, images, labels)

    monkeypatch.setattr(Trainer, "_step", patched)


def assert_stopped(begun: bytes, error: str, *words: str) -> None:
    """One sentence with these words, the last good checkpoint as it was, and the reason in the log."""
    last = error.splitlines()[-1]
    assert last.startswith("python -m alexnet.train: error: ") and all(word in last for word in words), last
    assert "the checkpoint of step 2 is untouched" in last
    assert Path("run/checkpoint.npz").read_bytes() == begun
    failed = log(Path("run"))[-1]
    assert failed["event"] == "failed" and all(word in failed["reason"] for word in words)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_image_stops_the_run(
    value: float, pictures: Path, begun: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    augment = augmentation.augment

    def damaged(images: np.ndarray, indices: np.ndarray, epoch: int, *more: object) -> np.ndarray:
        result = augment(images, indices, epoch, *more)
        if epoch == 2 and len(result) == 5:
            result[4, 0, 3, 3] = value
        return result

    monkeypatch.setattr(loader, "augment", damaged)
    assert run("--resume", "--out", "run", "--checkpoint-minutes", 1000) == 2
    error = capsys.readouterr().err
    assert "at step 6, in epoch 2" in error and "the batch itself has values that are not finite" in error
    assert state_of(Path("run"))["progress/step"] == 5  # the end of epoch 1


def test_a_bad_weight_stops_the_run_at_the_next_loss(
    pictures: Path, begun: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_step(4, lambda trainer, images: set_weight(trainer.model.conv3.weight, np.nan), monkeypatch)
    assert run("--resume", "--out", "run") == 2
    assert_stopped(begun, capsys.readouterr().err, "the loss became nan at step 4, in epoch 1", "conv3.weight is not")


def test_a_bad_weight_is_never_saved(
    pictures: Path, begun: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes with the update of the very step that a checkpoint follows."""
    finish = Trainer._save

    def damaged(self: Trainer) -> None:
        set_weight(self.model.fc64.weight, np.inf)
        finish(self)

    monkeypatch.setattr(Trainer, "_save", damaged)
    assert run("--resume", "--out", "run", "--steps", 1) == 2
    assert_stopped(begun, capsys.readouterr().err, "fc64.weight is not finite after step 3")


def test_a_bad_gradient_stops_the_run_before_the_update(
    pictures: Path, begun: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_step(
        *(
            4,
            lambda trainer, images: trainer.model.conv2.register_forward_hook(
                lambda m, inputs, y: y + (y - y.detach()) ** 0.5
            ),
            monkeypatch,
        ),
    )
    assert run("--resume", "--out", "run") == 2
    assert_stopped(begun, capsys.readouterr().err, "the loss of step 4", "the gradient of conv2.bias is not finite")


def test_a_rate_far_too_high_stops_the_run_and_names_a_layer(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(train.RECIPES, "cifar10-80sec", replace(train.RECIPES["cifar10-80sec"], lr=1e30))
    assert cifar(pictures, "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the loss became nan at step 2" in error and "the first layer whose output is not finite is conv" in error
    assert "the rate 1e+30 may be too high" in error and "nothing was saved" in error
    assert not Path("run/checkpoint.npz").exists()


def test_a_validation_that_overflows_stops_the_run_before_its_line(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = Trainer._evaluate

    def damaged(self: Trainer, stop: object) -> object:
        set_weight(self.model.fc10.bias, np.nan)
        return evaluate(self, stop)

    monkeypatch.setattr(Trainer, "_evaluate", damaged)
    assert cifar(pictures, "--out", "run") == 2
    assert "the loss of validation batch 1 became nan: fc10.bias is not finite" in capsys.readouterr().err
    assert [line["event"] for line in log(Path("run"))] == ["failed"] and not Path("run/checkpoint.npz").exists()


def test_the_same_units_are_dropped_when_the_batch_goes_through_again(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked for must not hide behind another mask."""
    shapes = train.RECIPES["shapes"]
    options = {**shapes.network_options, "image_size": 64, "width": 1 / 16}
    monkeypatch.setitem(train.RECIPES, "shapes", replace(shapes, network_options=options, batch_size=8))
    seen = []

    def watch(trainer: Trainer, images: np.ndarray) -> None:
        set_weight(trainer.model.fc8.bias, np.nan)
        drop = trainer.model.column0.fc7_drop
        drop.register_forward_hook(lambda m, inputs, y: seen.append(y.numpy()))

    in_step(2, watch, monkeypatch)
    assert run("--data", pictures, "--out", "run") == 2
    assert len(seen) == 2 and (seen[0] == 0).any() and np.array_equal(*seen)


# the flat start


def told(guard: FlatStart, losses: np.ndarray) -> list[int]:
    return [step for step, loss in enumerate(losses.tolist(), 1) if guard.step(step, loss)]


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_chance_is_the_entropy_of_the_labels() -> None:
    assert FlatStart(labels(*[7] * 10)).chance == pytest.approx(np.log(10))
    assert FlatStart(labels(3, 0, 1)).chance == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


@pytest.mark.parametrize(("classes", "step"), [(10, FLAT_STEPS), (1000, 2000)])
def test_a_flat_start_is_told_once(classes: int, step: int) -> None:
    guard = FlatStart(labels(*[2] * classes))
    noise = np.random.default_rng(0).normal(0, 0.02, 5000)
    assert told(guard, guard.chance + noise) == [step]
    sentence = FlatStart(labels(*[2] * classes)).step(step, guard.chance)
    assert f"{step:,} steps" in sentence and "standard deviation of 0.01" in sentence and "normalised" in sentence


@pytest.mark.parametrize("above", [1.0, 1.05, 3.0])
def test_a_net_that_is_stuck_above_chance_is_told_too(above: float) -> None:
    guard = FlatStart(labels(4, 4))
    assert told(guard, np.full(1500, above * guard.chance)) == [FLAT_STEPS]


def test_a_net_that_learns_is_left_alone() -> None:
    """Falling losses, from far above or from chance itself, to 5 % below chance."""
    steps = np.arange(2000)
    noise = np.random.default_rng(1).normal(0, 0.02, 2000)
    for start in (1.0, 1.5, 8.0):
        guard = FlatStart(labels(*[1] * 10))
        fall = guard.chance * (0.95 + (start - 0.95) * 0.99**steps)
        assert told(guard, fall + noise) == [], start


def test_a_run_that_starts_flat_says_so(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper's initial weights in a narrow net; and those that cuda-convnet chose for its own."""
    monkeypatch.setattr("alexnet.guards.FLAT_STEPS", 10)
    monkeypatch.setattr("alexnet.guards.FLAT_WINDOW", 5)
    options = {"image_size": 64, "width": 1 / 16, "weight_std": 0.01}
    narrow = replace(train.RECIPES["shapes"], network_options=options, batch_size=4, lr=0.0005)
    monkeypatch.setitem(train.RECIPES, "shapes", narrow)
    assert run("--data", pictures, "--epochs", 2, "--out", "flat") == 0
    (flat,) = [line for line in log(Path("flat")) if line.get("event") == "flat"]
    assert flat["step"] == 10 and capsys.readouterr().out.count(flat["reason"]) == 1
    assert cifar(pictures, "--epochs", 2, "--out", "learns") == 0
    assert [line.get("event") for line in log(Path("learns"))] == [None, None]
