"""A run that several processes share out: the bits of one process, whatever happens to them, and one sentence."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from checks import complains
from PIL import Image
from ranks import mpi, start, together
from training_runs import assert_same_run, cifar, log, run, state_of

from alexnet.data import DataError, Sampler
from alexnet.run.folder import RunFolder
from alexnet.run.journal import Journal
from alexnet.run.progress import Progress

pytestmark = mpi


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


TRAIN = "-m", "alexnet.train"
SMALL = "--recipe", "cifar10-80sec", "--batch-size", 5, "--workers", 1
DROPPED = "--set", "shards=3", "--epochs", 2


def shared(ranks: int, *flags: object) -> tuple[int, str, str]:
    return together(ranks, *TRAIN, *flags)


def test_shared_runs_end_as_one_process_would(pictures: Path) -> None:
    """Batches of 5 in shards of 2, 2 and 1, the last batch of 4; a run of one is gone on with by three, and back."""
    assert cifar(pictures, *DROPPED, "--out", "one") == 0
    assert shared(2, *SMALL, "--data", pictures, *DROPPED, "--out", "two")[0] == 0
    assert_same_run(Path("one"), Path("two"))
    assert cifar(pictures, *DROPPED, "--steps", 2, "--out", "parts") == 0
    assert shared(3, "--resume", "--steps", 3, "--out", "parts")[0] == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("one"), Path("parts"))


def test_a_run_is_cut_into_as_many_shards_as_processes_begin_it(pictures: Path) -> None:
    status, out, err = shared(2, *SMALL, "--data", pictures, "--epochs", 1, "--out", "two")
    assert status == 0, err
    assert json.loads(Path("two/recipe.json").read_text())["recipe"]["shards"] == 2
    assert out.count("top-1 error") == 1  # rank 0 alone tells
    assert cifar(pictures, "--epochs", 1, "--set", "shards=2", "--out", "one") == 0
    assert_same_run(Path("one"), Path("two"))
    status, _, err = shared(3, "--resume", "--out", "two")
    assert status == 2 and err.count("2 shards") == 1 and "--set shards=3" in err


@pytest.mark.slow
def test_pictures_that_only_another_process_reads_are_logged(pictures: Path) -> None:
    (pictures / "train" / "dark" / "7.png").write_bytes(b"no picture")
    (pictures / "val" / "dark" / "2.png").write_bytes(b"no picture")
    flags = "--set", "shards=5", "--epochs", 1, "--batch-size", 5
    assert cifar(pictures, *flags, "--out", "one") == 2  # too many of so few
    for split, name in (("train", "dark"), ("val", "bright")):
        for number in range(100, 320):
            Image.new("RGB", (40, 50), (number % 200,) * 3).save(pictures / split / name / f"{number}.png")
    assert cifar(pictures, *flags, "--out", "few") == 0
    status, _, err = shared(5, *SMALL, "--data", pictures, *flags, "--out", "five")
    assert status == 0, err
    assert_same_run(Path("few"), Path("five"))
    rejected = [[line for line in log(Path(run)) if line.get("event") == "rejected"] for run in ("few", "five")]
    one, other = ({tuple(str(line[key]) for key in ("split", "image", "reason")) for line in part} for part in rejected)
    assert one == other and len(one) == len(rejected[1]) == 2


def broken_in_rank_1(broken: str) -> str:
    """The command, with a function `broken` that takes the place of augmentation in rank 1."""
    return (
        "import sys; from alexnet import train; from alexnet.data import loader\n"
        f"from minigrad.distributed import world\n{broken}\n"
        "if world().rank == 1: loader.augment = broken\nsys.exit(train.main())"
    )


def test_an_error_of_one_process_ends_all_with_its_sentence(pictures: Path) -> None:
    begin = time.monotonic()
    program = broken_in_rank_1("def broken(*given):\n    raise ValueError('the disk of rank 1 is on fire')")
    status, _, err = together(2, "-c", program, *SMALL, "--data", pictures, *DROPPED, "--out", "run")
    assert status == 2
    assert err.count("error: the disk of rank 1 is on fire") == 1 and "Traceback" not in err
    assert time.monotonic() - begin < 60
    while RunFolder(Path("run")).owner():  # a process that is killed takes a moment to go
        assert time.monotonic() - begin < 60
    assert run("--resume", "--out", "run") == 0


def test_numbers_that_are_not_finite_in_one_shard_are_one_sentence(pictures: Path) -> None:
    """Found by rank 1, told and logged by rank 0."""
    program = broken_in_rank_1(
        "right = loader.augment\ndef broken(*given):\n    images = right(*given)\n    images[:] = float('nan')\n"
        "    return images"
    )
    status, _, err = together(2, "-c", program, *SMALL, "--data", pictures, *DROPPED, "--out", "run")
    assert status == 2
    assert err.count("the batch itself has values that are not finite") == 1 and "Traceback" not in err
    assert log(Path("run"))[-1]["diverged"]


def test_what_is_wrong_with_the_command_is_one_sentence() -> None:
    """Nothing of MPI's, and help that ends well."""
    status, _, err = shared(2, "--recpie", "x")
    assert status == 2 and err.splitlines()[0].endswith("did you mean --recipe?") and len(err.splitlines()) == 1
    status, out, err = shared(2, "--help")
    assert status == 0 and out.count("usage:") == 1 and not err


def test_data_that_one_process_cannot_read_is_its_sentence(pictures: Path) -> None:
    program = (
        "import sys; from alexnet import train; from alexnet.run import start; from minigrad.distributed import world\n"
        "right = start.open_dataset\n"
        "def there(source, seed):\n    return right('nowhere' if world().rank else source, seed)\n"
        "start.open_dataset = there\nsys.exit(train.main())"
    )
    status, _, err = together(2, "-c", program, *SMALL, "--data", pictures, "--out", "run")
    assert status == 2 and len(err.splitlines()) == 1 and "(rank 1, on " in err and "nowhere" in err, err


@pytest.mark.parametrize("whom", ["mpiexec", 0, 1])
def test_a_signal_before_the_first_step_ends_all(whom: str | int, pictures: Path) -> None:
    """Also where one process alone hears of it, and the others wait for the settings."""
    program = (
        "import os, sys, time; from alexnet import train; from minigrad.distributed import world\n"
        "print('rank', world().rank, os.getpid(), flush=True)\n"
        "def slow(*given, **more):\n    print('slow', flush=True)\n    time.sleep(50)\n"
        "train.open_trainer = slow\nsys.exit(train.main())"
    )
    begin = time.monotonic()
    process = start(2, "-c", program, *SMALL, "--data", pictures, "--out", "run")
    assert process.stdout is not None
    numbers = {"mpiexec": process.pid}
    while (line := process.stdout.readline()) and "slow" not in line:
        numbers |= {line.split()[1]: int(line.split()[2])}
    os.kill(numbers[str(whom)], signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err and time.monotonic() - begin < 40, err


def test_a_validation_that_diverges_in_another_process_is_told_by_rank_0(pictures: Path) -> None:
    """Four batches, of which rank 1 has the second and the fourth, which is the first that is not finite."""
    program = (
        "import sys; from alexnet import train; from alexnet.run import evaluation\n"
        "from minigrad.distributed import world\n"
        "loss, count = evaluation.F.cross_entropy, [-1]  # for the rehearsal\n"
        "def broken(logits, labels, **more):\n"
        "    count[0] += 'reduction' in more\n"
        "    return loss(logits, labels, **more) * (float('inf') if world().rank and count[0] > 1 else 1)\n"
        "evaluation.F.cross_entropy = broken\nsys.exit(train.main())"
    )
    flags = "--recipe", "cifar10-80sec", "--batch-size", 2, "--workers", 1, "--epochs", 1
    status, _, err = together(2, "-c", program, *flags, "--data", pictures, "--out", "run")
    assert status == 2 and len(err.splitlines()) == 1, err
    assert "train: error: the loss of validation batch 4 became" in err
    assert log(Path("run"))[-1]["diverged"]


def test_pictures_that_several_processes_could_not_read_are_too_many_together(tmp_path: Path) -> None:
    journal = Journal(RunFolder(tmp_path), "a run", Sampler((1000,)), Progress())
    unread = [
        {"split": "validation", "image": f"{number}.png", "reason": f"{number}.png is empty"} for number in (3, 4)
    ]
    journal.take_over(unread[:1], 100)
    with complains("2 of 100 pictures could not be read", "4.png is empty", error=DataError):
        journal.take_over(unread[1:], 100)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_signals_stop_all_at_the_same_step(signal_number: int, pictures: Path) -> None:
    assert cifar(pictures, "--set", "shards=3", "--epochs", 9, "--out", "one") == 0
    flags = (*SMALL, "--data", pictures, "--set", "shards=3", "--epochs", 9, "--out", "run")
    process = start(2, *TRAIN, *flags)
    assert process.stdout is not None
    while "epoch   2/9" not in process.stdout.readline():
        assert process.poll() is None
    os.kill(process.pid, signal_number)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err and err.count("stopping as soon as") == 1
    assert 10 <= state_of(Path("run"))["progress/step"] < 45
    assert run("--resume", "--out", "run") == 0
    assert_same_run(Path("one"), Path("run"))


def ranks_of(process_number: int) -> list[int]:
    """The processes that train for an mpiexec: the children of its children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            above = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if above == process_number and b"alexnet.train" in words:
            found.append(int(folder.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_kills_of_any_process_lose_nothing(pictures: Path) -> None:
    """Eight of them, at random, each gone on with by another number of processes."""
    assert cifar(pictures, "--set", "shards=4", "--epochs", 100, "--out", "one") == 0
    chance = random.Random(0)
    flags = (*SMALL, "--data", pictures, "--set", "shards=4", "--epochs", 100, "--out", "run", "--resume-or-start")
    for kill in range(8):
        process = start(1 + kill % 4, *TRAIN, *flags, "--checkpoint-minutes", 1e-9)
        assert process.stdout is not None
        while process.stdout.readline() and not ranks_of(process.pid):
            pass
        time.sleep(chance.uniform(0, 5))
        ranks = ranks_of(process.pid)
        if ranks:
            os.kill(chance.choice(ranks), signal.SIGKILL)
        process.communicate(timeout=60)
    assert run("--resume", "--out", "run") == 0
    assert_same_run(Path("one"), Path("run"))
