"""What a run says while it trains: one line, rewritten, on a terminal and in Jupyter; a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from minigrad.compilation import code_folder, code_is_kept
from minigrad.display import in_jupyter

__all__ = ["ProgressLine", "duration"]

REDRAWN = 0.25  # seconds between two looks of the line that is rewritten
PRINTED = 30.0  # seconds between two lines where none is
SILENCE = 2.0  # seconds before it is told what takes so long
WINDOW = 50  # steps that speed and waiting are measured over


def duration(seconds: float) -> str:
    """A time as 0:42, 3:45:10 or 2 d 4 h."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class ProgressLine:
    """Shows step, loss, speed, the time that is left, and the share of time spent waiting for data.

    Whatever happens to the terminal, training goes on: what cannot be written is not written.

    Args:
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._live = self._terminal or in_jupyter()  # where "\\r" is taken as a terminal takes it
        self._shown = clock()
        self._length = 0  # of what the line holds
        self._told = False  # that there is something to compile
        self._head, self._steps, self._done, self._after = "", 0, 0, 0
        self._window: deque[tuple[float, int, float]] = deque(maxlen=WINDOW + 1)  # when, images and waiting so far
        self._images, self._waited = 0, 0.0
        self._evaluation, self._evaluating = 0.0, 0.0  # how long the last one took; when this one began

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self.clear()
        with suppress(OSError):
            print(text, flush=True)

    def clear(self) -> None:
        """Take the rewritten line away."""
        if self._length:
            self._rewrite("")

    def compile(self, done: int, total: int) -> None:
        """So many of the loops and kernels that the run needs are compiled, before its first step."""
        if self._live:
            if self._due():
                self._show(f"compiling for this machine: {done} of {total}{self._how_often()}")
        elif not self._told and self._clock() - self._shown >= SILENCE:
            self._told = True
            self.say(f"compiling {total} loops and kernels for this machine{self._how_often()}")

    @staticmethod
    def _how_often() -> str:
        return "" if code_is_kept() else f" (at every start: {code_folder()} cannot be written)"

    def start(self, head: str, steps: int, done: int, epochs_after: int) -> None:
        """An epoch begins.

        Args:
            head: "epoch 3/12".
            steps: in an epoch.
            done: of them, before.
            epochs_after: how many follow.
        """
        self._head, self._steps, self._done, self._after = head, steps, done, epochs_after
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
            self._show(f"{self._head}  evaluation {done}/{batches}")

    def speed(self) -> float:
        """Images a second over the last steps; 0 if there were too few to tell."""
        if len(self._window) < 2:
            return 0.0
        (begin, before, _), (end, after, _) = self._window[0], self._window[-1]
        return (after - before) / max(end - begin, 1e-9)

    def _describe(self, loss: float) -> str:
        text = f"{self._head}  step {self._done}/{self._steps}  loss {loss:.3f}"
        if len(self._window) < 2:
            return text
        (begin, _, waited_before), (end, _, waited) = self._window[0], self._window[-1]
        seconds = max(end - begin, 1e-9)
        epoch = (self._steps - self._done) * seconds / (len(self._window) - 1)
        whole = self._steps * seconds / (len(self._window) - 1) + self._evaluation
        run = epoch + self._evaluation + self._after * whole
        return (
            f"{text}  {self.speed():,.0f} images/s  {duration(epoch)} left in the epoch, {duration(run)} in the run"
            f"  {100 * (waited - waited_before) / seconds:.0f} % waiting for data"
        )

    def _due(self) -> bool:
        return self._clock() - self._shown >= (REDRAWN if self._live else PRINTED)

    def _show(self, text: str) -> None:
        self._shown = self._clock()
        if not self._live:
            self.say(text)
        elif self._terminal:
            self._rewrite(text[: shutil.get_terminal_size().columns - 1])
        else:
            self._rewrite(text)

    def _rewrite(self, text: str) -> None:
        stream = sys.stderr if self._terminal else sys.stdout
        with suppress(OSError):
            stream.write(f"\r{text.ljust(self._length)}" + ("" if text else "\r"))
            stream.flush()
        self._length = len(text)
