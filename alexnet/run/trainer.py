"""The training of a network by a recipe: epochs, evaluation, rates, and a state that can be stopped and continued."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

import minigrad as mg
import minigrad.functional as F
from alexnet.data import DataSet, Loader, Rejected, RescaledSplit, Sampler, Split, Statistics, cores
from alexnet.data.sweep import centre_sweep
from alexnet.recipes import Recipe, build_network, keep_limits, parameter_groups, set_rates
from alexnet.run.checkpoint import GENERATOR, MODEL, PROGRESS, RUN, STATISTICS, VELOCITY, part, under
from alexnet.run.compiling import Compiling
from alexnet.run.evaluation import Evaluation, evaluate
from alexnet.run.folder import DivergedError, RunError, RunFolder
from alexnet.run.guards import FlatStart, fading_start, first_fault, gradient_fault, state_fault
from alexnet.run.journal import Journal, Onlooker
from alexnet.run.progress import Progress
from alexnet.scores import errors
from alexnet.terminal import counted
from minigrad import nn, optim
from minigrad.compilation import needed_by
from minigrad.distributed import GradientSum, World
from minigrad.random import default_generator

__all__ = ["DATA_WORKERS", "Trainer"]

DATA_WORKERS = max(2, min(8, cores() // 2))  # threads; any number gives the same batches


class Trainer:
    """Trains a recipe's network into a run's folder.

    Args:
        recipe: what to do.
        data: what to learn.
        devices: for the columns of the network; batches go to the first.
        seed: of everything random.
        folder: where to log and to keep checkpoints.
        workers: threads that make batches; any number gives the same ones.
        processes: that share out the batches; rank 0 alone writes and tells. This one alone if not given.

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
        processes: World | None = None,
    ) -> None:
        self.recipe, self.data, self.folder, self.seed = recipe, data, folder, seed
        self.world = processes or World()
        self.devices, self.device = devices, mg.device(devices[0])
        mg.manual_seed(seed)
        self.model = build_network(recipe, len(data.classes), data.channels, devices)
        self._check_memory()
        self.optimizer = optim.SGD(parameter_groups(recipe, self.model), lr=recipe.lr)
        self.gradients = GradientSum(self.model.parameters(), recipe.shards or 1, self.world)
        self.workers = workers
        self.sampler = recipe.sampler(data.train.data_batches)
        self._train = self._rescaled(data.train)
        held_out = self.sampler.held_out_pictures
        self._val = self._train if held_out else self._rescaled(data.val)
        self._val_pictures = held_out or range(len(data.val))  # which of them
        self.statistics: Statistics | None = None
        self.progress = Progress()
        told = Onlooker if self.world.rank else Journal
        self.journal = told(folder, f"recipe {recipe.name}, data {data.name}", self.sampler, self.progress)
        self._flat = FlatStart(data.train.labels[self.sampler.pictures(1)], recipe.rate_flag)
        self._compiling: Compiling | None = None
        self._done = 0.0  # of the run, as the schedules of a layer file count it
        self._saved = 0.0  # when, on the monotonic clock
        self._saved_step = 0  # of the last checkpoint; 0 before the first

    def _rescaled(self, split: Split) -> RescaledSplit:
        """A split as the network is given it."""
        return RescaledSplit(split, self.recipe.rescale, digit_width=self.recipe.digit_width)

    def _check_memory(self) -> None:
        """Raise RunError for a network that a device has no room for, before the first weight is drawn."""
        for device in dict.fromkeys(each.device for each in self.model.parameters()):
            weights = sum(each.numel() for each in self.model.parameters() if each.device == device)
            needed = 3 * 4 * weights  # with their gradients and velocities, in float32
            if needed > device.memory > 0:
                raise RunError(
                    f"training takes {needed / 2**30:,.1f} GiB for the {weights:,} weights on {device}, which has "
                    f"{device.memory / 2**30:,.1f} GiB; make the network narrower, or use more devices"
                )

    def compile(self) -> None:
        """Begin to compile what the run needs, in a thread of its own; `run` waits for it, and begins if nobody did."""
        if self._compiling is None:
            drawn = default_generator.state()
            on_cpu = all(mg.device(each).type == "cpu" for each in self.devices)
            two = on_cpu and sys.platform == "linux" and cores() > 1 and self.world.size == 1
            self._compiling = Compiling(needed_by(self._rehearse), second_process=two)
            default_generator.set_state(drawn)

    def _rehearse(self) -> None:
        """A step and an evaluation of a network like the run's, with batches of each size that comes.

        They are noted by `needed_by`, not computed.
        """
        network = build_network(self.recipe, len(self.data.classes), self.data.channels, self.devices)
        for parameter in network.parameters():
            nn.init.zeros_(parameter)  # without drawing any number
        optimizer = optim.SGD(parameter_groups(self.recipe, network), lr=self.recipe.lr)
        set_rates(self.recipe, network, optimizer, 1)
        with np.errstate(all="ignore"):
            sizes = self.sampler.batch_sizes(self.recipe.epochs, self.recipe.batch_size)
            for x, labels in self._blank_batches({part: 0 for size in sizes for part in self.gradients.sizes(size)}):
                loss = F.cross_entropy(network(x), labels)
                self._scaled(loss).backward()
                gradient_fault(network)
                optimizer.step()
                keep_limits(self.recipe, network)
            network.eval()
            with mg.no_grad():
                whole = Sampler((len(self._val_pictures),))
                for x, labels in self._blank_batches(whole.batch_sizes(1, self.recipe.batch_size)):
                    logits = network(x)
                    F.cross_entropy(logits, labels, reduction="sum")
                    logits.numpy()

    def _blank_batches(self, sizes: Iterable[int]) -> Iterator[tuple[mg.Tensor, mg.Tensor]]:
        """A batch of each size."""
        side = self.recipe.augmentation.crop
        for count in sizes:
            images = np.zeros((count, self.data.channels, side, side), np.float32)
            yield mg.tensor(images, self.device), mg.tensor(np.zeros(count, np.int64), self.device)

    def measure(self) -> None:
        """Measure the training pictures and read those of the validation: how a run begins that has no state yet.

        Those that cannot be read are told of; the log has each when its turn in an epoch or a validation comes.

        Raises:
            DataError: too many pictures cannot be read.
        """
        unread: list[Rejected] = []
        self._use_statistics(self._train.statistics(self.workers, progress=True, left_out=unread.append))
        self._val.read(self.workers, progress=True, left_out=unread.append)
        if unread:
            self.journal.line.say(f"{counted(len(unread), 'picture')} cannot be read; the first: {unread[0].reason}")

    def _use_statistics(self, statistics: Statistics) -> None:
        """Go on with these statistics of the training set, which all batches need."""
        self.statistics = statistics
        self.train_loader = Loader(
            self._train,
            self.recipe.augmentation,
            statistics,
            self.recipe.batch_size,
            self.seed,
            workers=self.workers,
            on_rejected=self.journal.replaced,
            sampler=self.sampler,
            rows=self.gradients.rows,
        )
        self.val_sweep = centre_sweep(
            self._val,
            self.recipe.augmentation.crop,
            statistics,
            batch_size=self.recipe.batch_size,
            workers=self.workers,
            left_out=self.journal.left_out,
            part=self._val_pictures,
            turn=(self.world.rank, self.world.size),
        )

    @property
    def val_labels(self) -> np.ndarray:
        """Of the pictures that it is validated on: int64 (n,)."""
        return self._val.labels[self._val_pictures.start : self._val_pictures.stop]

    # state

    def state(self) -> dict[str, npt.ArrayLike]:
        """Everything that decides how training goes on: tensors and arrays, which change with the next step."""
        state: dict[str, npt.ArrayLike] = {}
        state |= under(MODEL, {**self.model.state_dict(), **dict(self.model.named_parameters())})
        state |= under(VELOCITY, self.optimizer.velocities())
        state |= under(PROGRESS, self.progress.arrays())
        if self.statistics is not None:
            state |= under(STATISTICS, self.statistics.arrays())
        state[GENERATOR] = np.array(default_generator.state(), dtype=np.int64)
        state[RUN] = np.array(self._identity())
        return state

    def checkpoint_size(self) -> int:
        """The bytes of a checkpoint, nearly: weights and velocities."""
        weights = sum(parameter.numel() * parameter.dtype.itemsize for parameter in self.model.parameters())
        return weights * (2 if any(group["momentum"] for group in self.optimizer.param_groups) else 1)

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
        if not self._wrote(str(state.get(RUN))):
            raise RunError("it was written by a run of another recipe or seed")
        progress = Progress.from_arrays(part(state, PROGRESS))
        shape = self.data.channels, self.recipe.rescale, self.recipe.rescale
        statistics = Statistics.from_arrays(part(state, STATISTICS), shape)
        seed, counter = state[GENERATOR].tolist()
        self.model.load_state_dict(part(state, MODEL))
        self.optimizer.load_velocities(part(state, VELOCITY))
        vars(self.progress).update(vars(progress))  # which the journal looks at too
        default_generator.set_state((seed, counter))
        self._saved_step = self.progress.step
        self._use_statistics(statistics)

    # training

    def rate(self) -> float:
        """The learning rate now of the weights of layers that have none of their own; of a layer file the highest."""
        return self.recipe.rate(self.progress.epoch, self.progress.drops, progress=self._done)

    def _set_rates(self, data_batch: int) -> None:
        """Give the optimizer its rates of this step, which is in so many-th a data batch of the epoch."""
        p = self.progress
        self._done = self.sampler.progress(p.epoch, data_batch, self.recipe.epochs)
        set_rates(self.recipe, self.model, self.optimizer, p.epoch, p.drops, self._done, (self.seed, p.step))

    def _tell_rates(self) -> None:
        """Log the rates that have changed, without their noise."""
        p, recipe = self.progress, self.recipe
        self.journal.rates(recipe.rates(1), recipe.rates(p.epoch, p.drops, self._done), recipe.gradual)

    def _repr_html_(self) -> str:
        """What Jupyter shows of the run."""
        return self.folder._repr_html_()

    def run(
        self,
        steps: int | None = None,
        minutes: float = math.inf,
        stop: Callable[[], object] = lambda: False,
        enough: Callable[[], object] = lambda: False,
    ) -> None:
        """Train until the recipe's epochs are done, for so many steps, or until told to stop; the state is then saved.

        Args:
            steps: how many to make at most; each is printed.
            minutes: between the checkpoints within an epoch.
            stop: asked after every step.
            enough: asked before every epoch; if it says so, the run ends there.
        """
        last_step = None if steps is None else self.progress.step + steps
        self._saved = time.monotonic()
        try:
            if self._any(not self._compiled(stop)):
                return
            if self.progress.step == 0 and not self.recipe.layers:  # whose weights start as their file says
                self._tell(fading_start(self.model))
            while self.progress.epoch <= self.recipe.epochs and not enough():
                if not self._epoch(last_step, minutes, stop):
                    self._take_over_rejections()
                    self._save()
                    return
        except Exception as error:
            with suppress(RunError):  # where the log cannot be written, this is what the error says already
                diverged = {"diverged": True} if isinstance(error, DivergedError) else {}
                self.journal.event("failed", reason=str(error) or type(error).__name__, **diverged)
            raise
        finally:
            self.journal.line.clear()

    def _compiled(self, stop: Callable[[], object]) -> bool:
        """Wait for the compiler; False if it was told to stop before the end."""
        self.compile()
        assert self._compiling is not None
        return self._compiling.wait(self.journal.line.compile, stop)

    def _any(self, here: bool) -> bool:
        """Whether it is so in any of the processes."""
        return bool(self.world.gather([here], "the end of compiling").any())

    def _save(self) -> None:
        """A checkpoint within an epoch."""
        if self.world.rank:
            return
        state = self._sound_state()
        self.journal.saved()
        self._write(state, best=False)

    def _sound_state(self) -> dict[str, npt.ArrayLike]:
        """The state, which is finite: no good checkpoint is replaced by a bad one."""
        state = self.state()
        fault = state_fault(state)
        if fault:
            raise self._not_finite(f"{fault} is not finite after step {self.progress.step}")
        return state

    def _write(self, state: dict[str, npt.ArrayLike], best: bool) -> None:
        self.folder.save(state, best)
        self._saved, self._saved_step = time.monotonic(), self.progress.step

    def _not_finite(self, what: str) -> DivergedError:
        self.world.end_with(0)  # all processes have found this out
        kept = f"the checkpoint of step {self._saved_step} is untouched" if self._saved_step else "nothing was saved"
        cause, flag = f"the rate {self.rate():g} may be too high for this network", self.recipe.rate_flag
        if not self.progress.step:
            cause, flag = "no rate has acted yet: the initial weights may be too large", self.recipe.weights_flag
        advice = f" (a new run takes {flag})" if flag else ""
        return DivergedError(f"{what}; {cause}{advice}; {kept}")

    def _epoch(self, last_step: int | None, minutes: float, stop: Callable[[], object]) -> bool:
        """The rest of an epoch, its evaluation and its line in the log; False if it was stopped before its end."""
        p, line, epochs = self.progress, self.journal.line, self.recipe.epochs
        steps = self.train_loader.steps(p.epoch)
        after = self.sampler.steps_of(p.epoch + 1, epochs, self.recipe.batch_size)
        bounds = self.sampler.minibatches(p.epoch, self.recipe.batch_size)
        data_batches = self.sampler.data_batch_of_steps(p.epoch, self.recipe.batch_size).tolist()
        data_batch = data_batches[min(p.step_in_epoch, steps - 1)]
        self._set_rates(data_batch)
        self._tell_rates()
        if self.recipe.trains_on_all(p.epoch):
            self.journal.trains_on_all()
        start, seen_before, waited = time.perf_counter(), p.seen, 0.0
        line.start(f"epoch {p.epoch}/{epochs}", steps, p.step_in_epoch, epochs - p.epoch, after)
        with closing(self.train_loader.batches(p.epoch, p.step_in_epoch)) as batches:
            while p.step != last_step and p.step_in_epoch < steps:
                begin = time.perf_counter()
                images, labels = next(batches)
                waiting = time.perf_counter() - begin
                if data_batches[p.step_in_epoch] != data_batch:
                    data_batch = data_batches[p.step_in_epoch]
                    self._set_rates(data_batch)
                    self._tell_rates()
                elif self.recipe.noisy:
                    self._set_rates(data_batch)
                count = int(bounds[p.step_in_epoch + 1] - bounds[p.step_in_epoch])
                loss, stopped = self._step(images, labels, count, stop)
                waited += waiting
                line.step(loss, count, waiting)
                if last_step is not None:
                    speed = count / (time.perf_counter() - begin)
                    line.say(f"step {p.step:5d}  loss {loss:.4f}  {speed:.1f} images/s")
                if stopped:
                    return False
                if time.monotonic() - self._saved >= 60 * minutes:
                    self._save()
        if p.step_in_epoch < steps:
            return False
        seconds = time.perf_counter() - start
        score = self._evaluate(stop)
        if score is None:
            return False
        self._finish_epoch(score, (p.seen - seen_before) / seconds, waited / seconds)
        return True

    def _step(
        self, images: np.ndarray, labels: np.ndarray, count: int, stop: Callable[[], object]
    ) -> tuple[float, bool]:
        """One step of gradient descent (section 5).

        Args:
            images, labels: of the batch, those that are computed here.
            count: of the whole batch.
            stop: asked whether to stop after it.

        Returns:
            the loss before it, and whether any of the processes wants to stop.
        """
        p, where, x = self.progress, "", None
        here: list[tuple[float, int, int]] = []  # of each part: loss, pictures, how many were taken for another class
        drawn, first = default_generator.state(), self.gradients.rows(count).start
        with closing(self.gradients.parts(count)) as parts:
            for rows in parts:
                own = labels[rows.start - first : rows.stop - first]
                x = mg.tensor(images[rows.start - first : rows.stop - first], self.device)
                logits = self.model(x)
                loss = F.cross_entropy(logits, mg.tensor(own, self.device))
                here.append((float(loss), len(own), 0))
                if not math.isfinite(here[-1][0]):
                    default_generator.set_state(drawn)  # so that dropout drops the same units once more
                    where = first_fault(self.model, x)
                    break
                self.gradients.backward(self._scaled(loss, len(own) / count))
                here[-1] = *here[-1][:2], errors(logits.numpy(), own).top1
        told, stopped = self._told_by_all(here, bool(stop()))
        value = told[0][0] if len(told) == 1 else sum(loss * length for loss, length, _ in told) / count
        if not math.isfinite(value):
            where = self._where_first(where, math.isfinite(sum(loss for loss, _, _ in here)))
            raise self._not_finite(f"the loss became {value} at step {p.step + 1}, in epoch {p.epoch}: {where}")
        self.gradients.finish()
        fault = gradient_fault(self.model)
        if fault:
            raise self._not_finite(f"the loss of step {p.step + 1}, in epoch {p.epoch}, is {value:.4g}, but {fault}")
        dead = self._flat.look_at_gradient(p.step + 1, self.model, x) if x is not None else ""
        self.optimizer.step()
        keep_limits(self.recipe, self.model)
        p.step += 1
        p.step_in_epoch += 1
        p.loss_sum += value * count
        p.seen += count
        p.wrong += sum(wrong for _, _, wrong in told)
        self._tell(dead or self._flat.look_at_loss(p.step, value))
        return value, stopped

    def _told_by_all(self, here: list[tuple[float, int, int]], stop: bool) -> tuple[list[tuple[float, int, int]], bool]:
        """What all processes tell of the parts of a batch, in their order; and whether any of them shall stop."""
        if self.world.size == 1:
            return here, stop
        most = -(-self.gradients.shards // self.world.size)
        values = np.full((most, 3), -1.0)
        values[: len(here)] = np.array(here).reshape(-1, 3)
        found = self.world.gather([*values.ravel(), stop], "the losses")
        parts = found[:, :-1].reshape(-1, 3).tolist()
        told = [(loss, int(length), int(wrong)) for loss, length, wrong in parts if length >= 0]
        return told, bool(found[:, -1].any())

    def _where_first(self, where: str, finite: bool) -> str:
        """The clause of the first process whose loss is not finite."""
        others = self.world.gather([not finite], "the losses")[:, 0]
        return self.world.broadcast(where.encode(), "a reason", int(others.argmax())).decode()

    def _scaled(self, loss: mg.Tensor, share: float = 1.0) -> mg.Tensor:
        """The loss whose gradient is followed, of a share of the batch."""
        scale = self.recipe.loss_scale * share
        return loss if scale == 1 else loss * scale

    def _tell(self, flat: str) -> None:
        """Tell that the net does not learn, if that is so."""
        if flat:
            self.journal.flat(flat, self._flat.dead)

    def _evaluate(self, stop: Callable[[], object]) -> Evaluation | None:
        """The error on the validation pictures; None if it was stopped."""
        self.journal.evaluation()
        line, total = self.journal.line, len(self.val_sweep)
        return evaluate(
            self.model, self.val_sweep, self.device, stop, lambda done: line.evaluate(done, total), self.world
        )

    def _finish_epoch(self, score: Evaluation, speed: float, waited: float) -> None:
        """Log, save and draw at the end of an epoch."""
        p = self.progress
        self._take_over_rejections()
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
        if not math.isnan(p.wrong):
            line["train_top1"] = 100 * p.wrong / p.seen
        learned = self.recipe.trains_on_all(p.epoch)
        best = p.judge(score.top1, self.recipe.patience, self.recipe.most_drops, learned)
        replaced = p.rejected
        p.epoch, p.step_in_epoch, p.loss_sum, p.seen, p.wrong, p.rejected = p.epoch + 1, 0, 0.0, 0, 0.0, 0
        if self.world.rank:
            return
        state = self._sound_state()
        self.journal.epoch(self.recipe.epochs, line, waited, replaced)
        self._write(state, best)
        self.journal.draw(self.model)

    def _take_over_rejections(self) -> None:
        """Rank 0 logs the pictures that other processes could not read."""
        own = self.journal.rejections if isinstance(self.journal, Onlooker) else []
        for content in self.world.collect(json.dumps(own).encode(), "pictures that cannot be read")[1:]:
            self.journal.take_over(json.loads(content), len(self._val_pictures))
        own.clear()
