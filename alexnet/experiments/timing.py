"""What an experiment costs on this machine: a training step of its first network is timed, once for all lists."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import picture_channels
from alexnet.experiments.experiment import Runs
from alexnet.files import cached_file, keep
from alexnet.recipes import Recipe, build_network, parameter_groups
from alexnet.terminal import counted, say
from minigrad import checkpoint, optim

__all__ = ["estimated_seconds", "machine", "once", "quickest"]

STEPS = 2  # of which the quicker counts, after one that compiles


def machine() -> str:
    """The processor and its cores, in words."""
    name = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {counted(mg.get_num_threads(), 'thread')}, {platform.system()}"


def estimated_seconds(runs: Runs) -> float:
    """Of all epochs that an experiment may take, without validations; most trials are over sooner."""
    arms = runs.experiment.arms
    if not arms:
        return runs.experiment.work.seconds(runs) if runs.experiment.work else 0.0
    # the networks of arms are alike: one stands for all, so that the list comes soon
    picture = _seconds_a_picture(arms[0].trained(None), runs.devices[0])
    return runs.most_epochs() * runs.experiment.pictures * picture


def _seconds_a_picture(recipe: Recipe, device: str) -> float:
    """Of a training step with ten classes."""
    key = f"{recipe.network} {recipe.options} {recipe.batch_size} {recipe.image_size} {device}"
    return once(key, f"a step of {recipe.name}", lambda: _timed(recipe, device) / recipe.batch_size)


def once(key: str, what: str, measure: Callable[[], float]) -> float:
    """Seconds that are measured once, and kept in the user's cache folder.

    Args:
        key: all that they depend on, besides the machine and the version.
        what: is timed, in words.
        measure: measures them.
    """
    digest = hashlib.sha256(f"{key} {machine()} {os.cpu_count()} {mg.__version__}".encode()).hexdigest()
    path = cached_file("step", digest)
    with suppress(OSError, ValueError, KeyError):
        return float(checkpoint.load(path)["seconds"])
    say(f"timing {what}; its time is kept", sys.stderr)
    seconds = measure()
    keep(path, {"seconds": np.array(seconds)})
    return seconds


def quickest(act: Callable[[], object]) -> float:
    """The seconds of the quickest of STEPS calls, after one that compiles."""
    taken = []
    for _ in range(1 + STEPS):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def _timed(recipe: Recipe, device: str) -> float:
    """The seconds of a step on pictures of noise."""
    channels = picture_channels(recipe.layers) if recipe.layers else 3
    network = build_network(recipe, 10, channels, [device])
    optimizer = optim.SGD(parameter_groups(recipe, network), lr=recipe.lr)
    shape = recipe.batch_size, channels, recipe.image_size, recipe.image_size
    pictures = np.random.default_rng(0).standard_normal(shape, np.float32)
    labels = mg.tensor(np.arange(recipe.batch_size) % 10, device)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(mg.tensor(pictures, device)), labels).backward()
        optimizer.step()

    return quickest(step)
