"""What a run tells of itself: its log, its line on the terminal, its pictures."""

from __future__ import annotations

import gc
import math
from collections.abc import Collection, Mapping
from typing import Any

from alexnet import figures
from alexnet.data import Rejected, Sampler, check_share
from alexnet.run.folder import RunFolder
from alexnet.run.progress import Progress
from alexnet.run.progress_line import ProgressLine
from alexnet.terminal import line_width, side_by_side
from minigrad import nn

__all__ = ["Journal", "Onlooker"]


class Journal:
    """Writes down what happens in a run.

    Args:
        folder: of the run.
        title: of its curves.
        sampler: which training pictures come when.
        progress: where it stands; its owner keeps that up to date.

    Attributes:
        line: on the terminal.
    """

    def __init__(self, folder: RunFolder, title: str, sampler: Sampler, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        self.line = ProgressLine()
        self._title, self._sampler = title, sampler
        self._left_out = 0  # of the validation pictures, in this evaluation

    def event(self, event: str, **values: Any) -> None:
        """A line in the log that is no epoch's.

        Raises:
            RunError: it cannot be written; so all methods here.
        """
        self.folder.append({"event": event, "epoch": self.progress.epoch, "step": self.progress.step, **values})

    def rates(self, first: Mapping[str, float], now: Mapping[str, float], gradual: Collection[str] = ()) -> None:
        """Log each rate that differs from the last one logged.

        Args:
            first: the rates of the first epoch by layer, see `Recipe.rates`.
            now: those of this one.
            gradual: the layers whose rates change all the time; they are logged where they have halved or doubled.
        """
        told = dict(first)
        for line in self.folder.lines():
            if line.get("event") == "rate":
                told[line.get("layer", "")] = line.get("to", math.nan)
        for layer, rate in now.items():
            if layer in gradual and told[layer] / 2 < rate < told[layer] * 2:
                continue
            if told[layer] != rate:
                self.event("rate", **({"layer": layer} if layer else {}), **{"from": told[layer], "to": rate})

    def trains_on_all(self) -> None:
        """From this epoch on the validation pictures are trained on too; that is told once."""
        if not any(line.get("event") == "all data" for line in self.folder.lines()):
            reason = (
                "from here on the validation pictures are trained on too: their error says nothing of other pictures, "
                "and best.npz is the latest checkpoint"
            )
            self.event("all data", reason=reason)
            self.line.say(f"epoch {self.progress.epoch}: {reason}")

    def saved(self) -> None:
        """A checkpoint within an epoch is about to be written."""
        p = self.progress
        loss = {"train_loss": p.loss_sum / p.seen, "images_per_second": self.line.speed()} if p.seen else {}
        self.event("saved", **loss)

    def flat(self, sentence: str, dead: bool) -> None:
        """The net does not learn; if it is dead, it never will."""
        self.event("flat", reason=sentence, **({"dead": True} if dead else {}))
        self.line.say(sentence)

    def other_data(self, before: Mapping[str, int], now: Mapping[str, int]) -> None:
        """The numbers of pictures ("train", "val") have changed while the run was stopped: it goes on all the same."""
        reason = (
            f"the run had {before['train']:,} training and {before['val']:,} validation pictures and now has "
            f"{now['train']:,} and {now['val']:,}; from here on they come in another order"
        )
        self.event("data", reason=reason)
        self.line.say(reason)

    def evaluation(self) -> None:
        """An evaluation begins."""
        self._left_out = 0

    def replaced(self, rejected: Rejected) -> None:
        """A training picture could not be read, and another takes its place.

        Raises:
            DataError: too many of the epoch's could not.
        """
        p = self.progress
        p.rejected += 1
        self._reject(rejected, "training", p.rejected, f"{rejected.replacement} takes its place")
        check_share(p.rejected, self._sampler.count(p.epoch), rejected, "training pictures", f" in epoch {p.epoch}")

    def left_out(self, rejected: Rejected) -> None:
        """A validation picture could not be read, and counts neither as right nor as wrong."""
        self._left_out += 1
        self._reject(rejected, "validation", self._left_out, "it is left out of the validation error")

    def _reject(self, rejected: Rejected, split: str, count: int, instead: str) -> None:
        self.event("rejected", split=split, **vars(rejected))
        if count == 1:  # the log has them all
            self.line.say(f"{rejected.reason}; {instead}")

    def epoch(self, epochs: int, line: Mapping[str, Any], waited: float, replaced: int) -> None:
        """An epoch is over.

        Args:
            epochs: the number of the last.
            line: for the log.
            waited: share of the time spent waiting for data.
            replaced: training pictures that could not be read.
        """
        self.folder.append(line)
        counts = (replaced, "replaced in training"), (self._left_out, "left out of the validation")
        unread = [f"{count} {what}" for count, what in counts if count]
        parts = [
            f"epoch {line['epoch']:3d}/{epochs}",
            f"top-1 error {line['val_top1']:5.2f} %",
            f"top-5 error {line['val_top5']:5.2f} %",
            f"validation loss {line['val_loss']:.3f}",
            f"training loss {line['train_loss']:.3f}",
            f"rate {line['lr']:g}",
            f"{line['images_per_second']:,.0f} images/s",
            f"{100 * waited:.1f} % waiting for data",
            *([f"unreadable pictures: {', '.join(unread)}"] if unread else []),
        ]
        self.line.say(side_by_side(parts, line_width()))

    def take_over(self, rejections: Collection[Mapping[str, str]], validation: int) -> None:
        """Log the pictures that other processes could not read in this epoch or its validation, and count them.

        Args:
            rejections: as the other's `Onlooker` has kept them.
            validation: how many validation pictures there are.

        Raises:
            DataError: all in all there are too many.
        """
        for each in rejections:
            rejected = Rejected(each["image"], each["reason"], each.get("replacement"))
            if each["split"] == "training":
                self.replaced(rejected)
            else:
                self.left_out(rejected)
                check_share(self._left_out, validation, rejected)

    def draw(self, model: nn.Module) -> None:
        """curves.png and filters.png, from the log and the weights as they are."""
        with self.folder.writing():
            figures.save_figure(figures.curves(self.folder.epochs(), self._title), self.folder.path / "curves.png")
            filters = figures.first_filters(model)
            if filters:
                figures.save_figure(figures.filters(filters), self.folder.path / "filters.png")
        gc.collect()  # figures refer to themselves: they and their pixels would stay for many epochs


class Onlooker(Journal):
    """The journal of a process that leaves the telling to another: it writes nothing.

    Attributes:
        rejections: the pictures that could not be read, for the other to log.
    """

    def __init__(self, folder: RunFolder, title: str, sampler: Sampler, progress: Progress) -> None:
        super().__init__(folder, title, sampler, progress)
        self.rejections: list[dict[str, Any]] = []

    def event(self, event: str, **values: Any) -> None:
        """Kept, if it is a picture that could not be read."""
        if event == "rejected":
            self.rejections.append(values)

    def rates(self, first: Mapping[str, float], now: Mapping[str, float], gradual: Collection[str] = ()) -> None:
        """Nothing."""

    def trains_on_all(self) -> None:
        """Nothing."""
