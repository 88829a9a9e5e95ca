"""Layer files trained by the command: their runs, the copies in the folder, what is told, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from training_runs import assert_same_run, log, run, state_of

from alexnet import evaluate, predict
from alexnet.run.trainer import Trainer

LAYERS = b"""\
# a tiny net \xff
[data]
type=data
dataIdx=0
[labels]
type=data
dataIdx=1
[conv1]
type=conv
inputs=data
channels=3
filters=4
filterSize=5
stride=4
initW=0.001
partialSum=4
sharedBiases=1
gpu=0
neuron=relu
[pool1]
type=pool
inputs=conv1
channels=4
pool=max
sizeX=3
stride=2
[local2]
type=local
inputs=pool1
channels=4
filters=3
filterSize=3
padding=1
initW=0.1
gpu=1
neuron=relu
[fc10]
type=fc
inputs=local2,pool1
outputs=10
initW=0.1,0.1
[probs]
type=softmax
inputs=fc10
[logprob]
type=cost.logreg
inputs=labels,probs
"""
RATES = "epsW={}\nepsB={}\nmomW=0.9\nmomB=0.9\nwc=0.004\n"
PARAMS = f"""\
# epsW was halved after 7 epochs
[conv1]
{RATES.format(0.001, 0.002)}
[local2]
{RATES.format(0.001, 0.002)}schedW=dexp[100,2]
[fc10]
epsW=0.001,0.01
epsB=0.002
momW=0.9,0.5
momB=0.9
wc=0.03,0
[logprob]
coeff=1
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own: a layer file and its parameter file."""
    monkeypatch.chdir(tmp_path)
    Path("layers-tiny.cfg").write_bytes(LAYERS)
    Path("layer-params-tiny.cfg").write_text(PARAMS)


def tiny(pictures: Path, *more: object) -> int:
    flags = ("--layers", "layers-tiny.cfg", "--layer-params", "layer-params-tiny.cfg", "--data", pictures)
    return run(*flags, "--batch-size", 4, *more)


def recipe_of(folder: str) -> dict[str, object]:
    return dict(json.loads(Path(folder, "recipe.json").read_text())["recipe"])


def test_small_pictures_are_taken_whole_in_the_order_of_the_files(
    cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--epochs", 2) == 0
    output = capsys.readouterr()
    assert output.err == ""  # partialSum changes nothing, and is passed over in silence
    told = (
        "pictures 32 x 32, minus the mean; crops of 32 x 32 from the centre; 2 epochs, batches of 4; pictures in the "
        "order of the files, never shuffled; --recipe NAME changes that"
    )
    assert told in output.out.splitlines()
    recipe = recipe_of("runs/layers-tiny")
    assert (recipe["rescale"], recipe["order"], recipe["epochs"], recipe["batch_size"]) == (32, "file", 2, 4)
    augmentation = recipe["augmentation"]
    assert isinstance(augmentation, dict)
    assert (augmentation["crop"], augmentation["random_crop"], augmentation["mirror"]) == (32, False, False)
    assert [line["step"] for line in log(Path("runs/layers-tiny")) if "event" not in line] == [10, 20]
    assert Path("runs/layers-tiny/filters.png").exists()


def test_large_pictures_are_cut_as_in_the_recipe_original(pictures: Path) -> None:
    Image.new("RGB", (100, 100)).save(pictures / "train" / "dark" / "large.png")
    changes = ("--set", "layers.fc10.outputs=2", "--set", "order=shuffled")
    assert tiny(pictures, *changes, "--steps", 1, "--out", "run") == 0
    recipe = recipe_of("run")
    assert (recipe["rescale"], recipe["order"]) == (256, "shuffled")
    augmentation = recipe["augmentation"]
    assert isinstance(augmentation, dict)
    assert (augmentation["crop"], augmentation["colour_noise"], augmentation["crop_group"]) == (224, 0.1, 32)


def test_a_recipe_gives_its_pictures_and_stages_and_the_file_its_rates(
    cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--recipe", "cifar10-13pct", "--steps", 1, "--out", "run") == 0
    assert "--recipe NAME" not in capsys.readouterr().out
    recipe = recipe_of("run")
    assert (recipe["epochs"], recipe["validation_batch"], recipe["all_batches_from"]) == (160, 5, 101)
    assert (recipe["lr"], recipe["drop_epochs"], recipe["name"]) == (0, [], "layers-tiny")  # the file has a schedule
    assert run("--resume", "--out", "run", "--steps", 1) == 0
    assert run("--resume", "--out", "run", "--steps", 1, "--recipe", "cifar10-13pct") == 0
    assert run("--resume", "--out", "run", "--steps", 1, "--recipe", "cifar10-11pct") == 2


def test_where_the_file_has_no_schedule_its_rates_drop_when_the_recipe_s_do(cifar_folder: Path) -> None:
    swapped("schedW=dexp[100,2]", "", "layer-params-tiny.cfg")
    assert tiny(cifar_folder, "--recipe", "cifar10-13pct", "--steps", 1, "--out", "run") == 0
    assert (recipe_of("run")["drop_epochs"], recipe_of("run")["bias_lr_falls"]) == ([141, 151], False)
    assert tiny(cifar_folder, "--epochs", 90, "--steps", 1, "--out", "plain") == 0
    assert recipe_of("plain")["drop_epochs"] == []


def test_the_folder_has_copies_and_the_originals_are_needed_no_more(cifar_folder: Path) -> None:
    assert tiny(cifar_folder, "--epochs", 2, "--out", "whole") == 0
    assert tiny(cifar_folder, "--epochs", 2, "--steps", 7, "--out", "parts") == 0
    assert Path("parts/layers.cfg").read_bytes() == LAYERS
    assert Path("parts/layer-params.cfg").read_text() == PARAMS
    for name in ("layers-tiny.cfg", "layer-params-tiny.cfg", "parts/layers.cfg"):
        Path(name).unlink()
    assert run("--status", "parts") == 0
    assert run("--resume", "--out", "parts", "--workers", 3) == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_other_files_are_refused_where_a_run_goes_on(cifar_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny(cifar_folder, "--epochs", 1, "--steps", 1, "--out", "run") == 0
    assert tiny(cifar_folder, "--resume", "--steps", 1, "--out", "run") == 0  # the same ones
    Path("layer-params-tiny.cfg").write_text(PARAMS + "\n")
    capsys.readouterr()
    assert tiny(cifar_folder, "--resume", "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "was not started with --layer-params layer-params-tiny.cfg" in error
    Path("layer-params-tiny.cfg").write_text(PARAMS)
    Path("run/layer-params.cfg").write_text(PARAMS.replace("0.001", "0.5"))  # by hand, as rates were changed in 2012
    assert tiny(cifar_folder, "--resume", "--steps", 1, "--out", "run") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: run/layer-params.cfg ")]
    assert len(told) == 1 and "is not read" in told[0]
    assert (
        tiny(
            cifar_folder,
            "--resume",
            "--layers",
            "run/layers.cfg",
            "--layer-params",
            "run/layer-params.cfg",
            "--out",
            "run",
        )
        == 2
    )
    Path("layer-params-tiny.cfg").unlink()  # as where a supervisor's command line outlives the files
    assert tiny(cifar_folder, "--resume-or-start", "--out", "run") == 0


def test_the_rates_that_the_optimizer_has(cifar_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By matrix; local2's fall a hundredfold in the second half, and all are divided by the recipe in epoch 2."""
    seen: list[dict[str, tuple[float, float, float]]] = []
    step = Trainer._step

    def watched(self: Trainer, images: np.ndarray, *more: Any) -> tuple[float, bool]:
        paths = [path for path, _ in self.model.named_parameters()]
        groups = self.optimizer.param_groups
        seen.append({path: (g["lr"], g["momentum"], g["weight_decay"]) for path, g in zip(paths, groups, strict=True)})
        return step(self, images, *more)

    monkeypatch.setattr(Trainer, "_step", watched)
    drops = ("--set", "drop_epochs=[2]", "--set", "bias_lr_falls=false")
    assert tiny(cifar_folder, "--epochs", 2, *drops, "--out", "run") == 0
    assert len(seen) == 20
    first, last = seen[0], seen[-1]
    assert first["fc10.weight"] == (0.001, 0.9, 0.03) and first["fc10.weight1"] == (0.01, 0.5, 0)
    assert first["fc10.bias"] == last["fc10.bias"] == (0.002, 0.9, 0)
    assert last["fc10.weight1"] == (0.001, 0.5, 0) and last["conv1.weight"][0] == pytest.approx(0.0001)
    local = [each["local2.weight"][0] for each in seen]
    # two steps a data batch, ten data batches in all: (done - 1) / 10 is at most .5 in the first six
    np.testing.assert_allclose(local, [0.001] * 10 + [1e-4] * 2 + [1e-6] * 8, rtol=1e-12)
    lines = [line["lr"] for line in log(Path("run")) if "event" not in line]
    np.testing.assert_allclose(lines, [0.01, 0.001])  # the highest


def falls(folder: str) -> list[tuple[object, ...]]:
    """The `rate` events: layer, epoch, step, from, to."""
    return [
        (line.get("layer", ""), line["epoch"], line["step"], line["from"], pytest.approx(line["to"]))
        for line in log(Path(folder))
        if line.get("event") == "rate"
    ]


def test_falls_by_schedule_are_told_when_they_happen(cifar_folder: Path) -> None:
    """In the data batch in which they do, divided as the recipe says; told once, also where a run was stopped."""
    drops = ("--set", "layer_drop_epochs.local2=[2]", "--epochs", 2)
    assert tiny(cifar_folder, *drops, "--out", "whole") == 0
    assert falls("whole") == [("local2", 2, 10, 0.001, 1e-4), ("local2", 2, 12, 1e-4, 1e-6)]
    assert tiny(cifar_folder, *drops, "--steps", 13, "--out", "parts") == 0
    assert run("--resume", "--out", "parts") == 0
    assert falls("parts") == falls("whole")


@pytest.mark.parametrize("schedule", ["dexp[100,2]", "default"])
def test_schedules_are_stretched_where_a_run_gets_more_epochs(
    schedule: str, cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped("dexp[100,2]", schedule, "layer-params-tiny.cfg")
    assert tiny(cifar_folder, "--epochs", 1, "--out", "run") == 0
    *_, before, last = capsys.readouterr().out.splitlines()
    assert last.endswith("--resume --out run --epochs 11")
    assert ("with more, rates rise again" in before) == (schedule != "default") and len(before) < 80


def test_rates_that_fall_all_the_time_are_told_where_they_have_halved(cifar_folder: Path) -> None:
    """exp[100] over ten data batches, told of before each: .001 x 100^(-i / 10)."""
    swapped("dexp[100,2]", "exp[100]", "layer-params-tiny.cfg")
    assert tiny(cifar_folder, "--epochs", 2, "--out", "run") == 0
    rates = [0.001 * 100 ** -(i / 10) for i in (2, 4, 6, 8)]
    steps = [(1, 4), (1, 8), (2, 12), (2, 16)]
    found = falls("run")
    assert [each[:3] for each in found] == [("local2", *each) for each in steps]
    assert [each[4] for each in found] == rates


def test_the_rate_of_an_epoch_is_the_highest_that_is_used(cifar_folder: Path) -> None:
    assert tiny(cifar_folder, "--epochs", 2, "--set", "frozen_from.fc10=2", "--out", "run") == 0
    assert [line["lr"] for line in log(Path("run")) if "event" not in line] == [0.01, 0.001]
    assert ("fc10", 2, 10, 0.01, 0) in falls("run")


def test_the_end_of_a_run_is_told_at_the_start(cifar_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frozen = PARAMS.replace("epsW=0.001\nepsB=0.002", "epsW=0\nepsB=0", 1).replace("wc=0.004", "wc=0.004\nfoo=1", 1)
    Path("layer-params-tiny.cfg").write_text(frozen + "[fc7]\nepsW=1\n")
    assert tiny(cifar_folder, "--epochs", 1, "--out", "run") == 0
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 3 and all(line.startswith("warning: layer-params-tiny.cfg") for line in warnings)
    assert "[conv1]: foo" in warnings[0] and "[fc7]" in warnings[1]
    assert "conv1" in warnings[2] and "epsW was halved after 7 epochs" in warnings[2]
    start, end = state_of(Path("run")), None
    assert "velocity/0" not in start and "velocity/2" in start
    assert tiny(cifar_folder, "--epochs", 1, "--set", "layer_params.conv1.epsW=0.001", "--out", "other") == 0
    end = state_of(Path("other"))
    assert "velocity/0" in end and not np.array_equal(start["model/conv1.weight"], end["model/conv1.weight"])


def test_pictures_that_lie_class_by_class_are_told_of(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny(pictures, "--set", "layers.fc10.outputs=2", "--steps", 1, "--out", "run") == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert "lie class by class" in warning and "--set order=shuffled" in warning


@pytest.mark.parametrize("devices", ["cpu:0", "cpu:0,cpu:1"])
def test_a_run_is_measured_and_asked(
    devices: str, cifar_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--recipe", "cifar10-13pct", "--epochs", 1, "--devices", devices, "--out", "run") == 0
    Image.new("RGB", (40, 30), (200, 20, 20)).save("red.png")
    for views in (1, 9, 10):
        capsys.readouterr()
        assert evaluate.main(["run", "--views", str(views), "--devices", devices, "--checkpoint", "latest"]) == 0
        assert "of 7)" in capsys.readouterr().out
    assert predict.main(["run", "red.png", "--filters", "f.png", "--devices", devices]) == 0
    assert "red.png" in capsys.readouterr().out and Path("f.png").exists()


def test_two_devices_give_the_same_net_as_one(cifar_folder: Path) -> None:
    for devices in ("cpu:0", "cpu:0,cpu:1"):
        assert tiny(cifar_folder, "--epochs", 1, "--devices", devices, "--out", devices) == 0
    assert_same_run(Path("cpu:0"), Path("cpu:0,cpu:1"))


def test_limits_hold_after_every_step(cifar_folder: Path) -> None:
    """wball: the norm of the 75 weights of a filter is at most 75 times as much."""
    assert tiny(cifar_folder, "--set", "layer_params.conv1.wball=0.00001", "--epochs", 1, "--out", "run") == 0
    norms = np.sqrt((state_of(Path("run"))["model/conv1.weight"].astype(float) ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(norms, 75e-5, rtol=1e-5)


def test_the_coefficient_scales_the_gradient_and_not_the_loss_that_is_told(cifar_folder: Path) -> None:
    """Twice the gradient at half the rate is the same to the bit, where nothing decays."""
    for path, value in (("wc=0.004", "wc=0"), ("wc=0.03,0", "wc=0,0")):
        Path("layer-params-tiny.cfg").write_text(Path("layer-params-tiny.cfg").read_text().replace(path, value))
    assert tiny(cifar_folder, "--epochs", 1, "--out", "one") == 0
    halved = Path("layer-params-tiny.cfg").read_text().replace("0.002", "0.001").replace("epsW=0.001", "epsW=0.0005")
    halved = halved.replace(",0.01", ",0.005").replace("coeff=1", "coeff=2")
    Path("layer-params-tiny.cfg").write_text(halved)
    assert tiny(cifar_folder, "--epochs", 1, "--out", "two") == 0
    one, two = state_of(Path("one")), state_of(Path("two"))
    assert all(np.array_equal(one[name], two[name]) for name in one if name.startswith(("model/", "progress/")))
    assert log(Path("one"))[-1]["train_loss"] == log(Path("two"))[-1]["train_loss"]


def test_channels_that_are_drawn_belong_to_the_run(cifar_folder: Path) -> None:
    swapped("filters=3\n", "filters=2\ngroups=2\nrandSparse=true\n")
    assert tiny(cifar_folder, "--epochs", 2, "--out", "whole") == 0
    assert tiny(cifar_folder, "--epochs", 2, "--steps", 3, "--out", "parts") == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))
    assert sorted(state_of(Path("whole"))["model/local2.channels"].tolist()) == [0, 1, 2, 3]
    assert evaluate.main(["whole"]) == 0


ASKING = "initWFunc=initw.makew(conv1)\ninitBFunc=initw.makeb(conv1)\npartialSum"


def test_weights_that_the_file_asks_for_come_from_another_run(
    cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--epochs", 1, "--out", "first") == 0
    swapped("partialSum", ASKING)
    frozen = [word for key in ("epsW", "epsB") for word in ("--set", f"layer_params.conv1.{key}=0")]
    capsys.readouterr()
    for seed, flags in ((5, ()), (6, ("--weights-from", "first"))):
        assert tiny(cifar_folder, *frozen, "--seed", seed, "--epochs", 1, *flags, "--out", seed) == 0
        told = capsys.readouterr().err
        assert ("initwfunc" in told) == (seed == 5) and "conv1" in told  # which is frozen, and said to be so
    first, fresh, taken = (state_of(Path(name)) for name in ("first", "5", "6"))
    for name in ("model/conv1.weight", "model/conv1.bias"):
        assert np.array_equal(first[name], taken[name]) and not np.array_equal(first[name], fresh[name])
    assert not np.array_equal(first["model/local2.weight"], taken["model/local2.weight"])


def test_weights_of_another_run_are_taken_again_where_there_is_no_checkpoint(cifar_folder: Path) -> None:
    assert tiny(cifar_folder, "--epochs", 1, "--out", "first") == 0
    swapped("partialSum", ASKING)
    assert tiny(cifar_folder, "--epochs", 1, "--weights-from", "first", "--out", "whole") == 0
    assert tiny(cifar_folder, "--epochs", 1, "--weights-from", "first", "--steps", 1, "--out", "parts") == 0
    Path("parts/checkpoint.npz").unlink()
    assert run("--resume", "--out", "parts", "--weights-from", "whole") == 2
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "", "no layer of the layer file asks for weights of another (initWFunc); leave --weights-from out"),
        ("partialSum", "initBFunc=initw.makeb(fc10)\npartialSum", "takes bias of shape (4,) from layer fc10 of first"),
        ("partialSum", "initWFunc=initw.makew(conv7)\npartialSum", "from layer conv7 of first, where it is not there"),
        ("partialSum", "initWFunc=initw.makew(fc10)\npartialSum", "where it has the shape (10, "),
    ],
)
def test_weights_that_do_not_fit_are_one_sentence(
    before: str, after: str, words: str, cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--epochs", 1, "--out", "first") == 0
    if before:
        swapped(before, after)
    capsys.readouterr()
    assert tiny(cifar_folder, "--weights-from", Path("first"), "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error.replace(str(Path.cwd()) + "/", "") and not Path("run").exists()


def swapped(before: str, after: str, path: str = "layers-tiny.cfg") -> None:
    content = Path(path).read_bytes()
    assert before.encode() in content
    Path(path).write_bytes(content.replace(before.encode(), after.encode()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: swapped("type=local", "type=treefc"), "layer local2"),
        (lambda: swapped("outputs=10", "outputs=11"), "--set layers.fc10.outputs=10"),
        (lambda: swapped("wc=0.03,0", "wc=0.03", "layer-params-tiny.cfg"), "fc10"),
        (lambda: swapped("[local2]\ne", "[other]\ne", "layer-params-tiny.cfg"), "local2"),
        (lambda: swapped("momW=0.9", "momW=1", "layer-params-tiny.cfg"), "the momentum of conv1.weight is below 1"),
        (lambda: Path("layers-tiny.cfg").write_bytes(b"x" * (1 << 21)), "layers-tiny.cfg"),
        (lambda: Path("layers-tiny.cfg").write_bytes(bytes(range(256))), "layers-tiny.cfg, line 1"),
        (lambda: Path("layers-tiny.cfg").write_bytes(b""), "layers-tiny.cfg has no section"),
        (lambda: Path("layer-params-tiny.cfg").write_bytes(b"# nothing"), "layer-params-tiny.cfg has no section"),
        (
            lambda: [swapped(f"type={kind}", "type=cnv") for kind in ("conv", "local", "fc")],
            "layer conv1: there is no type='cnv'",
        ),
        (
            lambda: Path("layers-tiny.cfg").write_bytes(LAYERS.replace(b"\n", b"\n  ")),
            "layer data: there is no type='data dataIdx=0 [labels] type=data dataIdx=1 [conv1] type=con'",
        ),
        (lambda: Path("layers-tiny.cfg").unlink(), "layers-tiny.cfg cannot be read or written"),
        (lambda: (Path("layers-tiny.cfg").unlink(), Path("layers-tiny.cfg").mkdir()), "layers-tiny.cfg is no regular"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_no_folder(
    change, words: str, cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change()
    assert tiny(cifar_folder, "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error and not Path("run").exists() and not Path("runs").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--layers", "layers-tiny.cfg"], "--layers and --layer-params go together"),
        (["--layer-params", "layer-params-tiny.cfg", "--resume"], "--layers and --layer-params go together"),
        (["--layers", "layers-tiny.cfg", "--layer-params", "layer-params-tiny.cfg"], "layers-tiny brings no data"),
    ],
)
def test_flags_that_do_not_fit(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*flags) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error and not Path("runs").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lr=0.1", "takes no lr; change layer_params.LAYER: epsW and epsB"),
        ("decay_biases=false", "takes no decay_biases"),
        ("bias_lr_factor=0", "takes no bias_lr_factor"),
        ("layer_weight_decay.conv1=1", "takes no layer_weight_decay"),
        ("layer_params.conv1.epsQ=1", "a change would have no effect: layer_params, [conv1]: epsq"),
        ("layer_params.conv9.epsW=1", "has no layer conv9; did you mean conv1?"),
        ("layers.conv1.filtres=1", "a change would have no effect: layers, [conv1]: filtres"),
        ("layers.conv9.filters=1", "has no layer conv9; did you mean conv1?"),
        (
            "layers.fc4.outputs=3",
            "a recipe has no layers.fc4.outputs: its layer file has no layer fc4; there is data, labels, conv1, pool1,",
        ),
        ("layers.x.outputs=3", "its layer file has no layer x; there is data, labels, conv1,"),
        ('layer_params.conv9={"epsW": 1}', "a change would have no effect: layer_params, [conv9]"),
        ("layer_params.conv1.epsW=fast", "conv1"),
        ("layer_params.conv1=3", "layer_params.conv1 is a table; got 3"),
        ("frozen_from.conv2=3", "a recipe has no frozen_from.conv2"),
        ("network_options.width=3", "a recipe has no network_options.width"),
        ("network=alexnet", "are of the network 'layer-file'"),
    ],
)
def test_changes_that_mean_nothing_are_refused(
    change: str, words: str, cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiny(cifar_folder, "--set", change, "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error and not Path("run").exists()


def test_a_full_disk_leaves_no_half_of_a_run(
    cifar_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name.startswith("layer-params.cfg"):
            raise OSError(28, "No space left on device")
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert tiny(cifar_folder, "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "cannot write to run (No space left on device)" in error
    assert [each.name for each in Path("run").iterdir()] == ["lock"]
    assert tiny(cifar_folder, "--epochs", 1, "--out", "run") == 0


def test_a_folder_with_a_layer_file_is_not_overwritten(cifar_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/layers.cfg").write_text("of another run")
    assert tiny(cifar_folder, "--epochs", 1, "--out", "run") == 2
    assert "run/layers.cfg is there already and would be overwritten" in capsys.readouterr().err
    assert Path("run/layers.cfg").read_text() == "of another run"


def test_a_run_that_was_killed_before_it_had_a_recipe_is_begun_anew(cifar_folder: Path) -> None:
    Path("run").mkdir()
    Path("run/log.jsonl").touch()
    shutil.copy("layers-tiny.cfg", "run/layers.cfg")
    assert tiny(cifar_folder, "--epochs", 1, "--out", "run", "--resume-or-start") == 0
    assert Path("run/layer-params.cfg").read_text() == PARAMS
