"""Arms, rates and seeds: which are trained, how far, and what is decided by their logs."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pretended import never, pretend
from training_runs import assert_same_run, log, run

from alexnet.experiments.experiment import BEYOND, LOOK, MARGIN, Arm, Experiment, Judgement, Runs, Trial
from alexnet.experiments.grid import train
from alexnet.run.folder import RunError
from alexnet.run.trainer import Trainer

TINY = (("batch_size", 5), ("epochs", 2))
RATES = (0.001, 0.002, 0.004, 0.008)


def nothing(runs: Runs) -> Judgement:
    return Judgement(())


def experiment(arms: Sequence[Arm], **more: Any) -> Experiment:
    return Experiment("tiny", "a claim", "1", "a number", tuple(arms), nothing, **more)


def searched(until: float = 25.0) -> tuple[Runs, Arm, list[Trial]]:
    arm = Arm("arm", "cifar10-13pct", (("epochs", 8),), RATES)
    runs = Runs(experiment([arm], until=until), Path("out"), "nowhere", 2)
    return runs, arm, runs.sweep(arm)


# arms and trials


def test_all_rates_of_a_layer_file_keep_their_ratios() -> None:
    before, after = Arm("a", "cifar10-13pct").trained(None), Arm("a", "cifar10-13pct").trained(0.004)
    assert after.rate(1) == 0.004
    factors = {path: rule.lr / before.rules[path].lr for path, rule in after.rules.items()}
    assert set(factors.values()) == {4.0} and len(factors) == 10
    assert {rule.weight_decay for rule in after.rules.values()} == {r.weight_decay for r in before.rules.values()}


def test_a_rate_of_a_layer_follows() -> None:
    recipe = Arm("a", "shapes", (("epochs", 3),)).trained(0.001)
    assert (recipe.lr, recipe.layer_lr, recipe.epochs) == (0.001, {"conv1": 0.00001}, 3)


def test_where_an_error_crosses_the_threshold() -> None:
    _, arm, (trial, *_) = searched()
    for errors, expected in (([], math.inf), ([20.0], 1), ([50, 30, 20, 10], 2.5), ([30, 26], math.inf), ([30, 25], 2)):
        pretend(trial, errors)
        assert trial.crossing() == expected
    pretend(trial, [30, 20])
    assert trial.over(5) and not Trial(arm, RATES[0], 0, Path("out"), 0.0).over(5)


def test_a_trial_is_over_when_it_has_its_epochs_or_has_diverged() -> None:
    trial = searched()[2][0]
    pretend(trial, [90.0] * 3)
    assert trial.over(3) and not trial.over(4) and not trial.over()
    pretend(trial, [90.0] * 8)
    assert trial.over()
    pretend(trial, [90.0], {"event": "failed", "reason": "disk full"})
    assert not trial.over()
    pretend(trial, [90.0], {"event": "failed", "reason": "nan", "diverged": True})
    assert trial.over()


def test_a_log_without_training_errors_is_told_of() -> None:
    trial = searched()[2][0]
    pretend(trial, [90.0])
    trial.folder.log.write_text(trial.folder.log.read_text().replace('"train_top1": 90.0, ', ""))
    with pytest.raises(RunError, match="lacks the training error"):
        trial.errors()


# the search


def test_hopeless_rates_are_dropped() -> None:
    runs, arm, sweep = searched()
    best = [60.0, 50, 45, 40, 35]
    pretend(sweep[0], [*best[:-1], 35 + MARGIN])
    pretend(sweep[1], best)
    pretend(sweep[2], [*best[:-1], 35.1 + MARGIN])
    pretend(sweep[3], [99.0], {"event": "failed", "diverged": True})
    assert [trial.rate for trial in runs.hopeful(arm)] == [RATES[1], RATES[0]]
    assert not runs.swept(arm) and runs.best(arm) is None and not runs.seeded(arm)


def test_the_best_is_the_quickest_to_the_threshold() -> None:
    runs, arm, sweep = searched()
    pretend(sweep[0], [60.0, 50, 40, 36, 33, 26])
    pretend(sweep[1], [60.0, 50, 40, 35, 32, 24])
    pretend(sweep[2], [99.0] * LOOK)
    pretend(sweep[3], [60.0, 50, 40, 34, 30])
    assert runs.needed(arm) == 6 and not runs.swept(arm)
    pretend(sweep[3], [60.0, 50, 40, 34, 30, 20])
    assert not runs.swept(arm) and [trial.rate for trial in runs.sweep(arm)] == [*RATES, 0.016]
    pretend(sweep[3], [60.0, 50, 40, 34, 30, 25])
    assert runs.best(arm).rate == RATES[1] and not runs.at_the_edge(arm)
    assert [(each.rate, each.seed) for each in runs.seeded(arm)] == [(RATES[1], 1), (RATES[1], 2)]


def test_without_a_threshold_the_best_has_the_lowest_error_at_the_end() -> None:
    runs, arm, sweep = searched(until=0.0)
    for trial, last in zip(sweep, (30.0, 20.0, 25.0, 28.0), strict=True):
        pretend(trial, [*[35.0] * 7, last])
    assert runs.best(arm).rate == RATES[1]


@pytest.mark.parametrize("step", [-1, 1])
def test_while_the_best_is_at_an_edge_the_next_is_tried(step: int) -> None:
    runs, arm, sweep = searched()
    for number, trial in enumerate(sweep[::step]):
        pretend(trial, [60.0, 50, 45, 40, 35, 31 - 2 * number])  # 25 % at the edge
    beyond = [RATES[::step][-1] * 2.0 ** (step * number) for number in range(1, 5)]
    for rate, last in zip(beyond, (24.0, 23.0, 22.0), strict=False):
        assert runs.sweep(arm)[::step][-1].rate == rate and not runs.swept(arm)
        pretend(runs.sweep(arm)[::step][-1], [60.0, 50, 45, 40, 35, last])
    assert len(runs.sweep(arm)) == len(RATES) + BEYOND  # no farther
    assert runs.swept(arm) and runs.best(arm).rate == beyond[2] and runs.at_the_edge(arm)
    pretend(runs.sweep(arm)[::step][-2], [60.0, 50, 45, 40, 35, 28])  # as if the first beyond were the best
    assert runs.best(arm).rate == beyond[0] and not runs.at_the_edge(arm)


@pytest.mark.parametrize("diverged", [True, False])
def test_a_hopeless_rate_beyond_the_edge_is_the_last(diverged: bool) -> None:
    runs, arm, sweep = searched()
    for number, trial in enumerate(sweep):
        pretend(trial, [60.0, 50, 45, 40, 35, 31 - 2 * number])
    last = runs.sweep(arm)[-1]
    pretend(last, [] if diverged else [90.0] * LOOK, *([{"event": "failed", "diverged": True}] if diverged else []))
    assert runs.swept(arm) and runs.best(arm).rate == RATES[3] and not runs.at_the_edge(arm)
    assert runs.sweep(arm)[-1].rate == last.rate


def test_no_rate_is_the_best_where_all_diverged() -> None:
    runs, arm, sweep = searched()
    for trial in sweep:
        pretend(trial, [], {"event": "failed", "diverged": True})
    assert runs.swept(arm) and runs.best(arm) is None and not runs.seeded(arm)


def test_rates_are_not_chosen_by_the_test_set() -> None:
    arm = Arm("arm", "cifar10-19pct", rates=RATES)
    with pytest.raises(ValueError, match="test set"):
        experiment([arm])
    experiment([arm], until=25.0)
    experiment([replace(arm, rates=RATES[:1])])


# trained


def tiny(pictures: Path, seeds: int = 2) -> Runs:
    arms = Arm("slow", "cifar10-80sec", TINY, (0.0001,)), Arm("fast", "cifar10-80sec", TINY)
    return Runs(experiment(arms), Path("out"), str(pictures), seeds)


def test_trials_are_ordinary_runs_and_made_once(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tiny(pictures)
    assert train(runs, never)
    names = ["fast-seed-0", "fast-seed-1", "slow-rate-0.0001-seed-0", "slow-rate-0.0001-seed-1"]
    assert sorted(each.name for each in Path("out").iterdir()) == names
    flags = "--batch-size", 5, "--epochs", 2, "--seed", 1, "--out", "by-hand"
    assert run("--recipe", "cifar10-80sec", "--data", pictures, *flags) == 0
    assert_same_run(Path("by-hand"), Path("out/fast-seed-1"))
    monkeypatch.setattr(Trainer, "run", lambda *arguments, **more: pytest.fail("it trains again"))
    assert train(tiny(pictures), never)
    shutil.move("out", "elsewhere")  # as on another machine
    moved = tiny(pictures)
    moved.place = Path("elsewhere")
    assert train(moved, never)


def test_what_was_stopped_goes_on_to_the_same_bits(pictures: Path) -> None:
    assert train(tiny(pictures), never)
    whole = Path("whole")
    Path("out").rename(whole)
    for most in (4, 9):  # steps, then it is stopped
        steps = iter(range(most))
        assert not train(tiny(pictures), lambda: next(steps, None) is None)  # noqa: B023
    assert train(tiny(pictures), never)
    for folder in whole.iterdir():
        assert_same_run(folder, Path("out") / folder.name)
    assert any("resumed" in (line.get("event") for line in log(each)) for each in Path("out").iterdir())


def test_no_time_no_training(pictures: Path) -> None:
    assert not train(tiny(pictures), never, deadline=0.0)
    assert not Path("out").exists()


def test_a_search_ends_with_seeds_at_the_best_rate(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm = Arm("arm", "cifar10-80sec", (("batch_size", 5), ("epochs", 3)), (1e-5, 0.001, 1e30))
    runs = Runs(experiment([arm], until=1.0), Path("out"), str(pictures), 1)
    assert train(runs, never)
    assert runs.sweep(arm)[2].diverged and "not finite" in capsys.readouterr().err
    best = runs.best(arm)
    assert best is not None and best.rate <= 0.001
    assert {each.name for each in Path("out").iterdir()} == {
        *(f"arm-rate-{trial.rate:g}-seed-0" for trial in runs.sweep(arm)),
        f"arm-rate-{best.rate:g}-seed-1",
    }
    assert all(each.seconds() > 0 for each in runs.seeded(arm))


def test_an_epoch_that_was_stopped_before_its_validation_has_no_time(pictures: Path) -> None:
    """All its steps were made before the run went on."""
    arm = Arm("arm", "cifar10-80sec", (("batch_size", 5), ("epochs", 2)))
    runs = Runs(experiment([arm]), Path("out"), str(pictures), 1)
    assert train(runs, never)
    (trial,) = runs.seeded(arm)
    whole = trial.seconds()
    first, second = (json.loads(line) for line in trial.folder.log.read_text().splitlines())
    trial.folder.log.write_text(f"{json.dumps({**first, 'images_per_second': 0.0})}\n{json.dumps(second)}\n")
    assert 0 < trial.seconds() < whole


def test_the_run_of_another_recipe_is_not_taken_for_a_trial(pictures: Path) -> None:
    flags = "--data", pictures, "--batch-size", 4, "--epochs", 1, "--out", "out/fast-seed-0"
    assert run("--recipe", "cifar10-80sec", *flags) == 0
    with pytest.raises(RunError, match="another recipe or seed; choose another --out"):
        train(tiny(pictures), never)
