"""python -m alexnet.train: train a recipe's network, by default a small AlexNet on pictures that the project draws."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import minigrad as mg
from alexnet.cli import (
    Parser,
    add_changes,
    check_address_space,
    devices,
    nonempty,
    nonempty_path,
    positive,
    run_command,
    seed,
)
from alexnet.data import SOURCES, DataSet, open_dataset
from alexnet.recipes import (
    KEYS,
    RECIPES,
    LayerFiles,
    Recipe,
    fingerprint,
    how_pictures_come,
    run_name,
    summaries,
    whole_or_cropped,
)
from alexnet.run.compiling import leave
from alexnet.run.folder import RunError, RunFolder, best_epoch, free_folder, latest_folder, room, room_in_words
from alexnet.run.guards import chance_error
from alexnet.run.ranks import among_ranks, check_shards, share_settings, share_start
from alexnet.run.signals import Stop
from alexnet.run.start import begin, go_on, open_trainer, place
from alexnet.run.status import describe
from alexnet.run.trainer import DATA_WORKERS, Trainer
from alexnet.terminal import command_line, counted, say
from minigrad.distributed import World

EPILOG = """\
examples:
  python -m alexnet.train
      a few minutes on a laptop: ten classes of shapes, drawn when needed
  python -m alexnet.train --recipe cifar10-80sec --data cifar-10
      the smallest net of cuda-convnet on CIFAR-10, which is downloaded
  python -m alexnet.train --recipe paper --data DIR --devices cpu:0,cpu:1 \\
      --steps 20
      the whole AlexNet in two columns on the store or class folders in DIR,
      for a few steps
  python -m alexnet.train --recipe original --data DIR --set lr=0.005
      as the authors' own program, but for one value; all of them are shown by
      python -m alexnet.recipes original
  python -m alexnet.train --layers L.cfg --layer-params P.cfg --data cifar-10
      the net of a layer file of cuda-convnet, at its parameter file's rates
  python -m alexnet.train --resume --out runs/shapes
      go on with a run that was stopped
  python -m alexnet.train --status runs/shapes
      how far a run is, also while it trains

"""
LARGE = 10**9  # bytes of checkpoints that are told of before a run starts


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.train",
        description="Train a network of the AlexNet paper. Without flags: a small one, on drawn shapes.",
        epilog=EPILOG + summaries(),
    )
    add = result.add_argument
    add("--recipe", choices=RECIPES, metavar="NAME", help="what to train, and how; see below (default shapes)")
    add(
        "--layers",
        type=nonempty_path,
        metavar="FILE",
        help="train the net of a layer file of cuda-convnet; a recipe then says how pictures are taken, how long it is "
        "trained and in which order (default: by the size of the pictures, 10 epochs, the order of the files)",
    )
    add("--layer-params", type=nonempty_path, metavar="FILE", help="its parameter file: rates, momenta, weight decay")
    add(
        "--weights-from",
        type=nonempty_path,
        metavar="RUN",
        help="take the weights from another run's best checkpoint that the layer file asks for (initWFunc)",
    )
    add(
        "--data",
        type=nonempty,
        metavar="PATH",
        help=f"{SOURCES} (default: the recipe's own)",
    )
    add(
        "--devices",
        type=devices,
        metavar="NAMES",
        help="one device for the whole network or one for each column, such as cpu:0,cpu:1 (default cpu:0)",
    )
    add("--epochs", type=positive, help="passes over the training set (default: the recipe's)")
    add("--steps", type=positive, help="stop after so many steps, save, and print the loss of each")
    add("--batch-size", type=positive, help="examples per step (default: the recipe's)")
    add_changes(result, KEYS)
    add("--workers", type=positive, default=DATA_WORKERS, help="threads that make batches; any number gives the same")
    add("--checkpoint-minutes", type=minutes, default=10.0, metavar="N", help="save also within epochs (default 10)")
    add("--seed", type=seed, help="of weights, order, augmentation and dropout (default 0)")
    add("--out", type=nonempty_path, metavar="DIR", help="the run's folder (default: the next free runs/RECIPE)")
    resume = result.add_mutually_exclusive_group().add_argument
    resume("--resume", action="store_true", help="go on with the run in --out (default: the latest runs/RECIPE)")
    resume("--resume-or-start", action="store_true", help="go on with the run in --out; start it if there is none")
    add("--status", type=nonempty_path, metavar="RUN", help="tell how a run stands, and write nothing")
    return result


def minutes(text: str) -> float:
    """A positive number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"a positive number of minutes; got {text!r}")
    return value


def _new_run(args: argparse.Namespace, files: LayerFiles | None) -> tuple[RunFolder, dict[str, Any], DataSet | None]:
    """The folder and the settings of a run that starts, and its data if they had to be opened; nothing is written."""
    data = None
    if files:
        base = RECIPES[args.recipe or "original"]
        if not args.recipe and args.data:
            data = open_dataset(place(args.data), args.seed or 0)
            base = whole_or_cropped(base, data.train)
        recipe = files.recipe(base)
    else:
        recipe = RECIPES[args.recipe or "shapes"]
    recipe = recipe.changed(args.changes)
    source = args.data or recipe.data
    if not source:
        raise RunError(f"the recipe {recipe.name} brings no data; say where yours is with --data PATH")
    changes = {"epochs": args.epochs, "batch_size": args.batch_size}
    recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    folder = RunFolder(args.out or free_folder(recipe.name))
    settings = {
        "recipe": recipe.to_json(),
        "data": place(source),
        "seed": args.seed or 0,
        "devices": args.devices or ["cpu:0"],
    }
    if files:
        settings |= {"base": args.recipe or "", "layer_files": files.fingerprints}
    if args.weights_from:
        settings["weights_from"] = str(args.weights_from.resolve())
    return folder, settings, data


def _old_run(args: argparse.Namespace) -> tuple[RunFolder, dict[str, Any]]:
    """The folder and the settings of a run to go on with: as it was, but for --data, --devices and --epochs."""
    folder = RunFolder(args.out or latest_folder(run_name(args.layers) if args.layers else args.recipe or "shapes"))
    settings = folder.read_settings()
    recipe = Recipe.from_json(settings["recipe"])
    fixed = {
        "--recipe": (args.recipe, settings.get("base", recipe.name)),
        "--seed": (args.seed, settings["seed"]),
        "--batch-size": (args.batch_size, recipe.batch_size),
        "--weights-from": (
            str(args.weights_from.resolve()) if args.weights_from else None,
            settings.get("weights_from"),
        ),
    }
    for flag, (given, used) in fixed.items():
        if given is not None and given != used:
            started = f"without {flag}" if used in (None, "") else f"with {flag} {used}"
            raise RunError(f"the run in {folder.path} was started {started}; leave {flag} out to resume")
    for change in args.changes:
        if recipe.changed([change]) != recipe:
            raise RunError(f"--set {change[0]} would change the run in {folder.path}; leave it out to resume")
    known = settings.get("layer_files", ["", ""])
    files = {"--layers": args.layers, "--layer-params": args.layer_params}
    for (flag, given), expected in zip(files.items(), known, strict=True):
        if given and given.exists() and fingerprint(given) != expected:
            raise RunError(f"the run in {folder.path} was not started with {flag} {given}; leave {flag} out to resume")
    settings["recipe"]["epochs"] = args.epochs or recipe.epochs
    settings["data"] = place(args.data) if args.data else settings["data"]
    settings["devices"] = [str(mg.device(name)) for name in args.devices or settings["devices"]]
    return folder, settings


def _closing_table(trainer: Trainer) -> str:
    """Top-1 and top-5 errors of the last epoch and of the best, and what to try next."""
    epochs = trainer.folder.epochs()
    if not epochs:
        return _next(trainer, 0, 0.0)
    lines = ["", "validation error      top-1     top-5"]
    for name, line in (("last", epochs[-1]), ("best", best_epoch(epochs, trainer.recipe))):
        lines.append(
            f"{name} (epoch {line['epoch']})".ljust(18) + f"{line['val_top1']:7.2f} % {line['val_top5']:7.2f} %"
        )
    if trainer.recipe.trains_on_all(epochs[-1]["epoch"]):
        views = ("--views", "10") if trainer.recipe.augmentation.crop < trainer.recipe.rescale else ()
        measure = command_line("python", "-m", "alexnet.evaluate", trainer.folder.path, *views)
        lines += [
            "",
            f"Since epoch {trainer.recipe.all_batches_from} the validation pictures are trained on too: their error",
            "says nothing of other pictures, and best.npz is the latest checkpoint.",
            f"For the test: {measure}",
        ]
    filters = "filters.png, " if (trainer.folder.path / "filters.png").exists() else ""
    lines += ["", f"{trainer.folder.path} holds the log, curves.png, {filters}checkpoint.npz and best.npz."]
    lines.append(_next(trainer, epochs[-1]["epoch"], epochs[-1]["val_top1"]))
    return "\n".join(lines)


def _next(trainer: Trainer, epoch: int, top1: float) -> str:
    """What to do after a run whose last whole epoch, 0 if there is none, ended with this validation error."""
    resume = trainer.folder.resume_command
    told = [line for line in trainer.folder.lines() if line.get("event") == "flat"]
    finished = trainer.progress.epoch > trainer.recipe.epochs
    dead = bool(told) and "dead" in told[-1]
    # where an epoch came after it was told, its error decides: above this, but for luck, is a net that sees nothing
    chance = top1 > 0.95 * chance_error(trainer.val_labels)
    if told and ((chance and (dead or finished)) or (dead and told[-1]["epoch"] > epoch)):
        return f"The net does not learn, and more epochs will hardly help: {told[-1]['reason']}"
    if not epoch:
        return f"Stopped before the end of an epoch; go on with: {resume}"
    if not finished:
        return f"Stopped in epoch {trainer.progress.epoch}; go on with: {resume}"
    if trainer.recipe.name == "shapes":
        return (
            "Next, look at the pictures there, or try CIFAR-10: "
            "python -m alexnet.train --recipe cifar10-80sec --data cifar-10"
        )
    risen = ""
    if any(rule.schedule.kind for rule in trainer.recipe.rules.values()):
        risen = "Schedules go by the share of all epochs: with more, rates rise again.\n"
    return f"{risen}Next, train longer: {resume} --epochs {epoch + 10}"


def train(args: argparse.Namespace, processes: World) -> int:
    """Carry out the command; returns 0, or 128 + the number of the signal that stopped it."""
    if args.status:
        say(describe(RunFolder(args.status)))
        share_settings(processes, None)
        return 0
    if args.resume_or_start and not args.out:
        raise RunError("--resume-or-start looks for a run in one folder; name it with --out DIR")
    check_address_space()
    resume = args.resume or (args.resume_or_start and RunFolder(args.out).settings.exists())
    if (args.layers is None) != (args.layer_params is None):
        raise RunError("--layers and --layer-params go together: a layer file, and its parameter file")
    files, data = None, None
    if resume:
        folder, settings = _old_run(args)
    else:
        files = LayerFiles.read(args.layers, args.layer_params) if args.layers else None
        folder, settings, data = _new_run(args, files)
        settings["recipe"]["shards"] = settings["recipe"]["shards"] or (processes.size if processes.size > 1 else 0)
    check_shards(processes, settings["recipe"]["shards"])
    if args.resume_or_start and resume and _complete(folder, settings["recipe"]["epochs"]):
        say(f"{folder.path} has had its {counted(settings['recipe']['epochs'], 'epoch')}; there is nothing to do")
        share_settings(processes, None)
        return 0
    stop = Stop()
    with ExitStack() as held:
        if resume:
            held.enter_context(folder.locked())
        trainer = open_trainer(folder, settings, args.workers, data, processes)
        share_settings(processes, settings)  # now: the others find the data prepared
        trainer.compile()  # while the data is opened
        if resume:
            _tell_folder(trainer, settings["devices"])
            go_on(trainer, settings)
        else:
            folder.check_room(trainer.checkpoint_size())
            begin(trainer, settings)  # what is wrong with the pictures is found before there is a folder
            if not args.out:
                folder.make_free(trainer.recipe.name)
            held.enter_context(folder.locked())
            folder.create(settings, files.contents() if files else ())
            _tell_folder(trainer, settings["devices"])
            if files and not args.recipe:
                say(f"{how_pictures_come(trainer.recipe)}; --recipe NAME changes that")
            _warn(trainer, files.told(trainer.recipe, bool(args.weights_from)) if files else [])
        share_start(processes, trainer)
        with stop.listening():
            trainer.run(args.steps, args.checkpoint_minutes, stop)
            processes.finalize()
    if stop.signal:
        where = f"epoch {trainer.progress.epoch}, after step {trainer.progress.step}"
        say(f"stopped in {where}; go on with: {folder.resume_command}")
        return 128 + stop.signal
    say(_closing_table(trainer))
    return 0


def _help(args: argparse.Namespace, processes: World, settings: dict[str, Any]) -> int:
    """Compute this process's part of what rank 0 trains, with these settings."""
    nowhere, stop = RunFolder(Path(os.devnull)), Stop(tell=False)
    trainer = open_trainer(nowhere, settings, args.workers, processes=processes)
    trainer.compile()
    share_start(processes, trainer)
    with stop.listening():
        trainer.run(args.steps, args.checkpoint_minutes, stop)
        processes.finalize()
    return 128 + stop.signal if stop.signal else 0


def _complete(folder: RunFolder, epochs: int) -> bool:
    """Whether the last checkpoint is the one after so many epochs. Nothing is written, and no data are needed."""
    saved = folder.saved()
    return saved is not None and saved.epoch > epochs


def _warn(trainer: Trainer, sentences: Sequence[str]) -> None:
    """Tell what is odd about layer files, and where the order of the files shows the net one class after the other."""
    labels = trainer.data.train.labels
    for sentence in sentences:
        say(f"warning: {sentence}", sys.stderr)
    if trainer.recipe.order == "file" and labels[0] != labels[-1] and (labels[1:] >= labels[:-1]).all():
        say(
            f"warning: the pictures of {trainer.data.name} lie class by class, and the recipe takes them in the order "
            "of the files: the net sees one class after the other, and learns little; to shuffle them, add "
            "--set order=shuffled",
            sys.stderr,
        )


def _tell_folder(trainer: Trainer, devices: Sequence[str]) -> None:
    """By which recipe a run is trained, on which devices, into which folder, and how large that becomes, if it does.

    And what of the recipe is lost where it has fewer epochs than it was made for.
    """
    size = trainer.checkpoint_size()
    large = f", which will take {room_in_words(size)}" if room(size) >= LARGE else ""
    by = f", by {trainer.world.size} processes" if trainer.world.size > 1 else ""
    say(f"recipe {trainer.recipe.name}, on {', '.join(devices)}{by}, into {trainer.folder.path}{large}")
    late = trainer.recipe.too_late()
    if late:
        stages = ", ".join(f"{key} {', '.join(map(str, epochs))}" for key, epochs in late.items())
        say(
            f"these stages of the recipe come after epoch {trainer.recipe.epochs}, its last, and never happen: {stages}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, train, and turn what a user can get wrong into one sentence and exit status 2."""

    def command(processes: World) -> int:
        settings = share_settings(processes, None) if processes.rank else {}
        if settings is None:  # there is nothing to do
            return 0
        carry_out = partial(_help, settings=settings) if processes.rank else train
        arguments = parser()
        if processes.rank:  # what fails there need not fail elsewhere
            arguments.prog += f" (rank {processes.rank}, on {platform.node()})"
        return run_command(arguments, lambda args: carry_out(args, processes), argv, memory="; try --batch-size")

    return among_ranks(command)


if __name__ == "__main__":
    leave(main())
