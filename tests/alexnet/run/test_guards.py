"""Numbers that are not finite, traced to where they began, and the flat start."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_runs import cifar, log, run, state_of

import minigrad as mg
import minigrad.functional as F
from alexnet import train
from alexnet.cuda_convnet import cifar10_80sec
from alexnet.data import augmentation, loader
from alexnet.model import AlexNet
from alexnet.recipes import build_network
from alexnet.run.guards import (
    DEAD_STEPS,
    FLAT_STEPS,
    FLAT_WINDOW,
    FlatStart,
    chance_error,
    cut_off,
    dead_layers,
    fading_start,
    first_fault,
    gradient_fault,
    state_fault,
)
from alexnet.run.trainer import Trainer
from minigrad.random import default_generator


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

    def patched(self: Trainer, images: np.ndarray, *more: Any) -> tuple[float, bool]:
        if self.progress.step + 1 == number:
            action(self, images)
        return step(self, images, *more)

    monkeypatch.setattr(Trainer, "_step", patched)


def assert_stopped(begun: bytes, error: str, *words: str) -> None:
    """One sentence with these words, the last good checkpoint as it was, and the reason in the log."""
    last = error.splitlines()[-1]
    assert last.startswith("python -m alexnet.train: error: ") and all(word in last for word in words), last
    assert "the checkpoint of step 2 is untouched" in last
    assert Path("run/checkpoint.npz").read_bytes() == begun
    failed = log(Path("run"))[-1]
    assert failed["event"] == "failed" and all(word in failed["reason"] for word in words)
    assert failed["diverged"]


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


def test_before_the_first_step_no_rate_is_to_blame(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = Trainer.measure

    def damaged(self: Trainer) -> None:
        measure(self)
        set_weight(self.model.fc10.bias, np.inf)

    monkeypatch.setattr(Trainer, "measure", damaged)
    assert cifar(pictures, "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "at step 1" in error and "no rate has acted yet: the initial weights may be too large; nothing" in error


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
    return [step for step, loss in enumerate(losses.tolist(), 1) if guard.look_at_loss(step, loss)]


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_chance_is_the_entropy_of_the_labels() -> None:
    assert FlatStart(labels(*[7] * 10)).chance == pytest.approx(np.log(10))
    assert FlatStart(labels(3, 0, 1)).chance == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


@pytest.mark.parametrize(("classes", "step"), [(10, FLAT_STEPS), (1000, 2000)])
def test_a_flat_start_is_told_once(classes: int, step: int) -> None:
    guard = FlatStart(labels(*[2] * classes))
    noise = np.random.default_rng(0).normal(0, 0.02, 5000)
    said = {n: text for n, x in enumerate(noise.tolist(), 1) if (text := guard.look_at_loss(n, guard.chance + x))}
    assert list(said) == [step]
    sentence = said[step]
    assert f"{step:,} steps" in sentence and "standard deviation of 0.01" in sentence and "normalised" in sentence


@pytest.mark.parametrize("above", [1.0, 1.05, 3.0])
def test_a_net_that_is_stuck_above_chance_is_told_too(above: float) -> None:
    guard = FlatStart(labels(4, 4))
    assert told(guard, np.full(1500, above * guard.chance)) == [FLAT_STEPS]


def test_a_resumed_run_is_judged_by_as_many_losses() -> None:
    """Not by the few that it has seen when the step comes, nor never because that has gone by."""
    for first in (FLAT_STEPS - 5, 7 * FLAT_STEPS):
        learns, flat = (FlatStart(labels(4, 4)) for _ in range(2))
        falling = np.r_[np.full(10, learns.chance), np.full(490, 0.5)]
        numbers = range(first, first + 500)
        assert not any(
            learns.look_at_loss(number, loss) for number, loss in zip(numbers, falling.tolist(), strict=True)
        )
        assert [n for n in numbers if flat.look_at_loss(n, flat.chance)] == [first + FLAT_WINDOW - 1]


def test_a_net_that_learns_is_left_alone() -> None:
    """Falling losses, from far above or from chance itself, to 5 % below chance."""
    steps = np.arange(2000)
    noise = np.random.default_rng(1).normal(0, 0.02, 2000)
    for start in (1.0, 1.5, 8.0):
        guard = FlatStart(labels(*[1] * 10))
        fall = guard.chance * (0.95 + (start - 0.95) * 0.98**steps)
        assert told(guard, fall + noise) == [], start


def test_a_run_that_starts_flat_says_so(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper's initial weights in a narrow net; and those that cuda-convnet chose for its own."""
    monkeypatch.setattr("alexnet.run.guards.FLAT_STEPS", 10)
    monkeypatch.setattr("alexnet.run.guards.FLAT_WINDOW", 5)
    options = {"image_size": 64, "width": 1 / 16, "weight_std": 0.01}
    narrow = replace(train.RECIPES["shapes"], network_options=options, batch_size=4, lr=0.0005)
    monkeypatch.setitem(train.RECIPES, "shapes", narrow)
    assert run("--data", pictures, "--epochs", 2, "--out", "flat") == 0
    start, flat = (line for line in log(Path("flat")) if line.get("event") == "flat")
    assert (start["step"], flat["step"]) == (0, 10)
    out = capsys.readouterr().out
    assert out.count(start["reason"]) == 1 and out.index(start["reason"]) < out.index("epoch   1")
    assert out.count(flat["reason"]) == 2 and advice(out).startswith("The net does not learn")
    assert cifar(pictures, "--epochs", 2, "--out", "learns") == 0
    assert [line.get("event") for line in log(Path("learns"))] == [None, None]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("paper", {}, "conv2 to fc7 let 0.22 % of the signal through"),
        ("paper", {"width": 0.25}, "conv2 to fc7 let 0.0035 % of"),
        ("small", {"weight_std": 0.01}, "of the signal through"),
        ("small", {"weight_std": 0.01, "without": ["conv2", "fc7"]}, "conv3 to fc6 let "),
        ("small", {"weight_std": 0}, "let 0 % of the signal through"),
        ("small", {}, ""),
        ("shapes", {}, ""),
        ("original", {}, ""),
        ("cifar10-80sec", {}, ""),
    ],
)
def test_a_start_from_which_the_signal_fades_is_known_by_its_weights(
    name: str, changes: dict[str, object], words: str
) -> None:
    """Section 5's weights in the paper's net and in narrow ones; not those of nets that are known to learn."""
    recipe = train.RECIPES[name]
    mg.manual_seed(0)
    recipe = replace(recipe, network_options={**recipe.network_options, **changes})
    sentence = fading_start(build_network(recipe, 10, 3, ["cpu"]))
    assert words in sentence and bool(sentence) == bool(words), sentence


# dead layers


def backward(net: AlexNet) -> mg.Tensor:
    """Gradients of a batch, which is returned."""
    images = mg.tensor(np.random.default_rng(0).normal(0, 60, (6, 3, 64, 64)).astype(np.float32))
    F.cross_entropy(net(images), mg.tensor([0, 1, 2, 3, 4, 0])).backward()
    return images


def lively(**options: object) -> AlexNet:
    net = AlexNet(5, devices=["cpu"], width=1 / 16, image_size=64, weight_std=None, **options)
    net.fc8.bias.array = mg.ones(5).array
    return net


def switch_off(net: AlexNet, name: str, *columns: int) -> None:
    for column in columns:
        bias = getattr(getattr(net, f"column{column}"), name).bias
        bias.array = mg.tensor(np.full(bias.shape, -1e6, np.float32)).array


@pytest.mark.parametrize("name", ["conv1", "conv3", "conv4", "conv5", "fc6", "fc7"])
def test_a_dead_layer_cuts_the_net_off_and_is_named(name: str) -> None:
    net = lively()
    switch_off(net, name, 0, 1)
    images = backward(net)
    before = default_generator.state()
    assert dead_layers(net, images) == [name] and cut_off(net)
    assert default_generator.state() == before and net.training
    assert not any(layer._hooks for layer in net.modules())


def test_a_dead_layer_that_silences_the_next_is_named_with_it() -> None:
    """conv3 starts with biases of 0: where it reads zeros, it says zeros."""
    net = lively()
    switch_off(net, "conv2", 0, 1)
    assert dead_layers(net, backward(net)) == ["conv2", "conv3"]


def test_dead_layers_of_a_net_in_one_column_are_named() -> None:
    net = cifar10_80sec()
    switched = net.conv2.bias
    switched.array = mg.tensor(np.full(switched.shape, -1e6, np.float32)).array
    x = mg.tensor(np.random.default_rng(0).normal(0, 60, (4, 3, 32, 32)).astype(np.float32))
    assert "conv2" in dead_layers(net, x)


def test_a_frozen_first_layer_hides_nothing() -> None:
    net = lively()
    switch_off(net, "conv5", 0, 1)
    for column in (net.column0, net.column1):
        column.conv1.bias.requires_grad = False
    backward(net)
    assert cut_off(net)


def test_a_net_that_a_gradient_goes_through_is_not_cut_off() -> None:
    """All active; one column off; and all examples right with certainty, so that there is no gradient anywhere."""
    for off in ((), (0,), (1,)):
        for cross_columns in (True, False):
            net = lively(cross_columns=cross_columns)
            switch_off(net, "conv4", *off)
            images = backward(net)
            assert not cut_off(net) and dead_layers(net, images) == [], off
    net = lively()
    net.fc8.bias.array = mg.tensor(np.array([0, 0, 1e6, 0, 0], np.float32)).array
    F.cross_entropy(net(images), mg.tensor([2] * 6)).backward()
    assert not cut_off(net) and not any(p.grad.numpy().any() for p in net.parameters())


def test_a_dead_net_is_told_once_and_so_is_a_dying_one() -> None:
    """The one has no gradient in any step, the other in every second; in every third, it is left alone."""
    dead, alive = lively(), lively()
    switch_off(dead, "conv5", 0, 1)
    images = backward(dead)
    backward(alive)
    for nets, wanted in (
        ([dead], [DEAD_STEPS]),
        ([*[alive] * 500, *[dead] * 40], [500 + DEAD_STEPS]),
        ([dead, alive], [2 * DEAD_STEPS - 1]),
        ([dead, alive, alive], []),
    ):
        guard = FlatStart(labels(*[2] * 10))
        steps = zip(range(1, 541), itertools.cycle(nets))
        said = {n: text for n, net in steps if (text := guard.look_at_gradient(n, net, images))}
        assert list(said) == wanted and guard.dead == bool(wanted)
        assert all(text.startswith("the net is dead: no unit of conv5 is active for any") for text in said.values())
        # that the loss is that of chance needs no second sentence, with other reasons
        assert bool(told(guard, np.full(2 * FLAT_STEPS, guard.chance))) != guard.dead


def test_chance_s_error_is_that_of_the_most_frequent_class() -> None:
    assert chance_error(labels(5, 5, 5, 5)) == pytest.approx(75)
    assert chance_error(labels(1, 0, 3)) == pytest.approx(25)


# what a run says at its end


def advice(out: str) -> str:
    return out.splitlines()[-1]


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small net, and a few steps that count as many."""
    monkeypatch.setattr("alexnet.run.guards.DEAD_STEPS", 3)
    shapes = train.RECIPES["shapes"]
    options = {**shapes.network_options, "width": 1 / 16}
    small = replace(shapes, name="small", network_options=options, batch_size=8, lr=0.0001)
    monkeypatch.setitem(train.RECIPES, "small", small)


def off(trainer: Trainer, images: np.ndarray) -> None:
    switch_off(trainer.model, "conv5", 0, 1)


def test_a_dead_run_names_the_layer_and_is_not_told_to_train_longer(
    pictures: Path, brief: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_step(2, off, monkeypatch)
    assert run("--recipe", "small", "--data", pictures, "--epochs", 3, "--out", "run") == 0
    out = capsys.readouterr().out
    (flat,) = [line for line in log(Path("run")) if line.get("event") == "flat"]
    assert (flat["step"], flat["epoch"], flat["dead"]) == (4, 2, True)
    assert flat["reason"].startswith(
        "the net is dead: no unit of conv5 is active for any picture of step 4, and in 3 of"
    )
    assert advice(out) == f"The net does not learn, and more epochs will hardly help: {flat['reason']}"
    assert out.count(flat["reason"]) == 2 and "train longer" not in out
    assert run("--resume", "--out", "run") == 0  # it has had its epochs
    assert advice(capsys.readouterr().out).startswith("The net does not learn")


def test_a_dead_run_that_stops_within_an_epoch_is_not_told_to_go_on(
    pictures: Path, brief: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is it when it was resumed in between: what counts are the steps of one process."""
    in_step(1, off, monkeypatch)
    arguments = ("--recipe", "small", "--data", pictures, "--batch-size", 4, "--epochs", 3)
    assert run(*arguments, "--out", "run", "--steps", 2) == 0
    assert "go on with" in advice(capsys.readouterr().out)
    assert run("--resume", "--out", "run", "--steps", 3) == 0
    assert advice(capsys.readouterr().out).startswith("The net does not learn")
    assert [line["step"] for line in log(Path("run")) if line.get("event") == "flat"] == [5]


def test_a_run_that_was_warned_and_learns_is_told_to_train_longer(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alexnet.run.trainer.fading_start", lambda model: "it may not start")
    assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
    out = capsys.readouterr().out
    before, after = out.split("it may not start")
    assert "epoch 1" not in before
    assert log(Path("run"))[0] == {"event": "flat", "epoch": 1, "step": 0, "reason": "it may not start"}
    last = log(Path("run"))[-1]["val_top1"]
    assert last < 40, "dark from bright"
    assert advice(out).startswith("Next, train longer: ") and "does not learn" not in after
