"""The training of a network by a recipe: epochs, evaluation, rates, and a state that can be stopped and continued."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm.auto import tqdm

import minigrad as mg
import minigrad.functional as F
from alexnet import figures
from alexnet.data import DataSet, Loader, RescaledSplit, cores
from alexnet.prediction import Errors, errors
from alexnet.recipe import Recipe, build_network, parameter_groups, set_rates
from alexnet.runs import RunError, RunFolder
from minigrad import nn, optim
from minigrad.random import default_generator

__all__ = ["Score", "Trainer", "evaluate"]

DATA_WORKERS = max(2, min(8, cores() // 2))  # threads; any number gives the same batches


@dataclass(frozen=True)
class Score:
    """How a network does on a split: mean loss in nats, top-1 and top-5 error in percent."""

    loss: float
    top1: float
    top5: float


def evaluate(
    model: nn.Module, loader: Loader, device: mg.Device, stop: Callable[[], object] = lambda: False
) -> Score | None:
    """Loss and errors over all batches of a loader, with dropout off; None if `stop` said so before the end."""
    model.eval()
    loss, found = 0.0, Errors()
    with mg.no_grad(), closing(loader.batches(0)) as batches:
        for images, labels in batches:
            if stop():
                model.train()
                return None
            logits = model(mg.tensor(images, device))
            loss += F.cross_entropy(logits, mg.tensor(labels, device), reduction="sum").item()
            found += errors(logits.numpy(), labels)
    model.train()
    return Score(loss / found.count, found.top1_percent, found.top5_percent)


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: the epoch under way, counted from 1.
        step: steps made so far, in all epochs.
        step_in_epoch: steps made in this epoch.
        loss_sum, seen: loss of the examples seen in this epoch, added up, and their number.
        drops: how often the rate was divided because the validation error stood still.
        best_top1: lowest validation error so far, in percent.
        best_epoch: the epoch that reached it; 0 before the first.
        waited: epochs since then, or since the last drop.
    """

    epoch: int = 1
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    seen: int = 0
    drops: int = 0
    best_top1: float = math.inf
    best_epoch: int = 0
    waited: int = 0


class Trainer:
    """Trains a recipe's network into a run's folder.

    Args:
        recipe: what to do.
        data: what to learn.
        devices: for the columns of the network; batches go to the first.
        seed: of everything random.
        folder: where to log and to keep checkpoints.
        workers: threads that make batches; any number gives the same ones.

    Raises:
        ValueError: data, devices and network do not fit together.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: DataSet,
        devices: Sequence[str | mg.Device],
        seed: int,
        folder: RunFolder,
        workers: int = DATA_WORKERS,
    ) -> None:
        self.recipe, self.data, self.folder, self.seed = recipe, data, folder, seed
        self.device = mg.device(devices[0])
        mg.manual_seed(seed)
        self.model = build_network(recipe, len(data.classes), data.channels, devices)
        self.optimizer = optim.SGD(parameter_groups(recipe, self.model), lr=recipe.lr)
        train, val = (RescaledSplit(split, recipe.rescale) for split in (data.train, data.val))
        statistics = train.statistics(workers, progress=True)
        val.read(workers, progress=True)
        self.statistics = statistics
        arguments = recipe.augmentation, statistics, recipe.batch_size, seed, workers
        self.train_loader, self.val_loader = Loader(train, *arguments), Loader(val, *arguments, training=False)
        self.progress = Progress()
        self._saved = 0.0  # when, on the monotonic clock

    # state

    def state(self) -> dict[str, np.ndarray]:
        """Everything that decides how training goes on, as arrays."""
        state = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        state |= {f"velocity/{name}": value for name, value in self.optimizer.state_dict().items()}
        state |= {f"progress/{name}": np.array(value) for name, value in vars(self.progress).items()}
        state |= {f"statistics/{name}": value for name, value in self.statistics.arrays().items()}
        state["generator"] = np.array(default_generator.state(), dtype=np.int64)
        state["run"] = np.array(self._identity())
        return state

    def _identity(self) -> str:
        """What a checkpoint must share with a run that goes on from it, as text: all of the recipe but its length."""
        recipe = {name: value for name, value in self.recipe.to_json().items() if name != "epochs"}
        return json.dumps({"seed": self.seed, **recipe}, sort_keys=True)

    def _wrote(self, identity: str) -> bool:
        """Whether a checkpoint of this identity is of this run, perhaps from when recipes had fewer keys."""
        try:
            recipe = {"epochs": self.recipe.epochs, **json.loads(identity)}
            return recipe.pop("seed") == self.seed and Recipe.from_json(recipe) == self.recipe
        except (KeyError, TypeError, ValueError):
            return False

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` gave.

        Raises:
            ValueError, KeyError: it belongs to another run.
        """

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

        if not self._wrote(str(state.get("run"))):
            raise RunError("it was written by a run of another recipe or seed")
        progress = part("progress/")
        types = {name: type(value) for name, value in vars(Progress()).items()}
        if progress.keys() != types.keys() or any(value.ndim for value in progress.values()):
            raise RunError("what it says of the run's progress is incomplete")
        seed, counter = state["generator"].tolist()
        self.model.load_state_dict(part("model/"))
        self.optimizer.load_state_dict(part("velocity/"))
        self.progress = Progress(**{name: types[name](value.item()) for name, value in progress.items()})
        default_generator.set_state((seed, counter))

    # training

    def rate(self) -> float:
        """The learning rate of this epoch, of the weights of all layers that have none of their own."""
        return self.recipe.rate(self.progress.epoch, self.progress.drops)

    def _repr_html_(self) -> str:
        """What Jupyter shows of the run."""
        return self.folder._repr_html_()

    def run(
        self,
        epochs: int,
        steps: int | None = None,
        minutes: float = math.inf,
        stop: Callable[[], object] = lambda: False,
    ) -> None:
        """Train until `epochs` are done, for so many steps, or until told to stop; the state is then saved.

        Args:
            epochs: the number of the last.
            steps: how many to make at most; each is printed.
            minutes: between the checkpoints within an epoch.
            stop: asked after every step.
        """
        last_step = None if steps is None else self.progress.step + steps
        self._saved = time.monotonic()
        while self.progress.epoch <= epochs:
            if not self._epoch(epochs, last_step, minutes, stop):
                self._save()
                return

    def _save(self) -> None:
        """A checkpoint within an epoch."""
        self.folder.append({"event": "saved", "epoch": self.progress.epoch, "step": self.progress.step})
        self.folder.save(self.state(), best=False)
        self._saved = time.monotonic()

    def _epoch(self, epochs: int, last_step: int | None, minutes: float, stop: Callable[[], object]) -> bool:
        """The rest of an epoch, its evaluation and its line in the log; False if it was stopped before its end."""
        p = self.progress
        set_rates(self.recipe, self.model, self.optimizer, p.epoch, p.drops)
        start, seen_before, waited = time.perf_counter(), p.seen, 0.0
        bar = tqdm(
            total=len(self.train_loader),
            initial=p.step_in_epoch,
            desc=f"epoch {p.epoch}/{epochs}",
            unit="batch",
            leave=False,
            disable=None,
        )
        with bar, closing(self.train_loader.batches(p.epoch, p.step_in_epoch)) as batches:
            while p.step != last_step and p.step_in_epoch < len(self.train_loader):
                begin = time.perf_counter()
                images, labels = next(batches)
                waited += time.perf_counter() - begin
                loss = self._step(images, labels)
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                if last_step is not None:
                    speed = len(labels) / (time.perf_counter() - begin)
                    bar.write(f"step {p.step:5d}  loss {loss:.4f}  {speed:.1f} images/s")
                if stop():
                    return False
                if time.monotonic() - self._saved >= 60 * minutes:
                    self._save()
        if p.step_in_epoch < len(self.train_loader):
            return False
        seconds = time.perf_counter() - start
        score = evaluate(self.model, self.val_loader, self.device, stop)
        if score is None:
            return False
        self._finish_epoch(epochs, score, (p.seen - seen_before) / seconds, waited / seconds)
        return True

    def _step(self, images: np.ndarray, labels: np.ndarray) -> float:
        """One step of gradient descent (section 5); returns the loss before it."""
        p = self.progress
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(mg.tensor(images, self.device)), mg.tensor(labels, self.device))
        value = float(loss)
        if not math.isfinite(value):
            raise RunError(
                f"the loss became {value} at step {p.step + 1}, in epoch {p.epoch}; "
                f"the rate {self.rate():g} may be too high for this network"
            )
        loss.backward()
        self.optimizer.step()
        p.step += 1
        p.step_in_epoch += 1
        p.loss_sum += value * len(labels)
        p.seen += len(labels)
        return value

    def _finish_epoch(self, epochs: int, score: Score, speed: float, waited: float) -> None:
        """Log, draw and save at the end of an epoch."""
        p = self.progress
        line: dict[str, Any] = {
            "epoch": p.epoch,
            "step": p.step,
            "lr": self.rate(),
            "train_loss": p.loss_sum / p.seen,
            "val_loss": score.loss,
            "val_top1": score.top1,
            "val_top5": score.top5,
            "images_per_second": speed,
        }
        self.folder.append(line)
        tqdm.write(
            f"epoch {p.epoch:3d}/{epochs}  rate {self.rate():g}  training loss {line['train_loss']:.3f}  "
            f"validation loss {score.loss:.3f}  top-1 {score.top1:.2f} %  top-5 {score.top5:.2f} %  "
            f"{speed:.0f} images/s, {100 * waited:.1f} % of the time waiting for data"
        )
        best = score.top1 < p.best_top1
        if best:
            p.best_top1, p.best_epoch, p.waited = score.top1, p.epoch, 0
        else:
            p.waited += 1
            if self.recipe.patience and p.waited >= self.recipe.patience and p.drops < self.recipe.most_drops:
                p.drops, p.waited = p.drops + 1, 0
        p.epoch, p.step_in_epoch, p.loss_sum, p.seen = p.epoch + 1, 0, 0.0, 0
        self.folder.save(self.state(), best)
        self._saved = time.monotonic()
        self.draw()

    def draw(self) -> None:
        """curves.png and filters.png, from the log and the weights as they are."""
        title = f"recipe {self.recipe.name}, data {self.data.name}"
        figures.save_figure(figures.curves(self.folder.epochs(), title), self.folder.path / "curves.png")
        columns = figures.first_filters(self.model)
        figures.save_figure(figures.filters(columns), self.folder.path / "filters.png")
