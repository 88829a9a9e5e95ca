"""What a run says while it trains: one line, rewritten, on a terminal and in Jupyter; a line now and then elsewhere."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property

from alexnet.terminal import as_many_as_fit, duration, say
from minigrad.compilation import code_folder, code_is_kept
from minigrad.display import in_jupyter

__all__ = ["ProgressLine"]

REDRAWN = 0.25  # seconds between two looks of the line that is rewritten
PRINTED = 30.0  # seconds between two lines where none is
SILENCE = 2.0  # seconds before it is told what takes so long
WINDOW = 50  # steps that speed and waiting are measured over


class ProgressLine:
    """Shows step, loss, the time that is left, speed, and the share of time spent waiting for data.

    On a terminal, what comes last is left out where it has no room. Whatever happens to the terminal, training goes on:
    what cannot be written is not written.

    Args:
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._live = self._terminal or in_jupyter()  # where "\r" goes back to the beginning of the line
        self._shown = clock()
        self._length = 0  # of what the line holds
        self._told = False  # that there is something to compile
        self._head, self._steps, self._done, self._after = "", 0, 0, (0, 0)
        self._window: deque[tuple[float, int, float]] = deque(maxlen=WINDOW + 1)  # when, images and waiting so far
        self._images, self._waited = 0, 0.0
        self._evaluation, self._evaluating = 0.0, 0.0  # how long the last one took; when this one began

    @cached_property
    def _kept(self) -> bool:
        """Whether compiled code is kept, which costs a file to find out."""
        return code_is_kept()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self.clear()
        say(text)

    def clear(self) -> None:
        """Take the rewritten line away."""
        if self._length:
            self._rewrite("")

    def compile(self, done: int, total: int) -> None:
        """So many of the loops and kernels that the run needs are compiled, before its first step."""
        kept = self._kept
        if self._live and (kept or self._told):
            if self._due():
                self._show([f"compiling for this machine{', once' if kept else ''}: {done} of {total}"])
        elif not self._told and self._clock() - self._shown >= SILENCE:
            self._told = True
            often = "once" if kept else f"at every start, as {code_folder()} cannot be written"
            self.say(f"compiling {total} loops and kernels for this machine, {often}")

    def start(self, head: str, steps: int, done: int, epochs_after: int, steps_after: int) -> None:
        """An epoch begins.

        Args:
            head: "epoch 3/12".
            steps: in an epoch.
            done: of them, before.
            epochs_after: how many follow.
            steps_after: in these.
        """
        self._head, self._steps, self._done, self._after = head, steps, done, (epochs_after, steps_after)
        self._window.clear()  # an evaluation lay between

    def step(self, loss: float, images: int, waited: float) -> None:
        """A step is done: its loss, its images, and the seconds that it waited for them."""
        self._done += 1
        self._images += images
        self._waited += waited
        self._window.append((self._clock(), self._images, self._waited))
        if self._due():
            self._show(self._describe(loss))

    def evaluate(self, done: int, batches: int) -> None:
        """So many of the batches of an evaluation are done, 0 at its beginning."""
        if not done:
            self._evaluating = self._clock()
        if done == batches:
            self._evaluation = self._clock() - self._evaluating
        if self._due():
            self._show([self._head, f"evaluation {done}/{batches}"])

    def speed(self) -> float:
        """Images per second over the last steps; 0 if there were too few to tell."""
        if len(self._window) < 2:
            return 0.0
        (begin, before, _), (end, after, _) = self._window[0], self._window[-1]
        return (after - before) / max(end - begin, 1e-9)

    def _describe(self, loss: float) -> list[str]:
        """The parts of the line, the most important first."""
        parts = [self._head, f"step {self._done}/{self._steps}", f"loss {loss:.3f}"]
        if len(self._window) < 2:
            return parts
        (begin, _, waited_before), (end, _, waited) = self._window[0], self._window[-1]
        seconds = max(end - begin, 1e-9)
        step, (epochs_after, steps_after) = seconds / (len(self._window) - 1), self._after
        epoch = (self._steps - self._done) * step
        run = epoch + self._evaluation + steps_after * step + epochs_after * self._evaluation
        return [
            *parts,
            f"{duration(run)} left",
            f"{self.speed():,.0f} images/s",
            f"{duration(epoch)} left in the epoch",
            f"{100 * (waited - waited_before) / seconds:.0f} % waiting for data",
        ]

    def _due(self) -> bool:
        return self._clock() - self._shown >= (REDRAWN if self._live else PRINTED)

    def _show(self, parts: Sequence[str]) -> None:
        self._shown = self._clock()
        width = shutil.get_terminal_size().columns - 1 if self._terminal else math.inf
        text = as_many_as_fit(parts, width)
        if self._live:
            self._rewrite(text)
        else:
            self.say(text)

    def _rewrite(self, text: str) -> None:
        stream = sys.stderr if self._terminal else sys.stdout
        with suppress(OSError):
            stream.write(f"\r{text.ljust(self._length)}" + ("" if text else "\r"))
            stream.flush()
        self._length = len(text)
