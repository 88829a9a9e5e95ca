"""Compiling what a run needs, in a thread of its own: data is opened meanwhile, and signals are heard."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from alexnet.terminal import drain

__all__ = ["Compiling", "leave"]

THREAD = "compiling"
PAUSE = 0.1  # seconds between two looks at how far it is


class Compiling:
    """The thread, which begins at once.

    Args:
        tasks: each compiles a loop or kernel, or loads it; see `minigrad.compilation.needed_by`.

    Attributes:
        done: how many are.
        total: of how many.
    """

    def __init__(self, tasks: Sequence[Callable[[], None]]) -> None:
        self.done, self.total = 0, len(tasks)
        self._stopped = False
        # a daemon: the end of the process does not wait for the compiler
        self._thread = threading.Thread(target=self._work, args=(tasks,), name=THREAD, daemon=True)
        self._thread.start()

    def _work(self, tasks: Sequence[Callable[[], None]]) -> None:
        for task in tasks:
            if self._stopped:
                return
            with suppress(Exception):  # the step that needs it will fail in the same way, and say so
                task()
            self.done += 1

    def wait(self, tell: Callable[[int, int], object], stop: Callable[[], object]) -> bool:
        """Wait until all are done.

        Args:
            tell: told again and again how many are done, of how many.
            stop: asked as often whether to stop waiting.

        Returns:
            Whether all are done.
        """
        while self._thread.is_alive():
            if stop():
                self._stopped = True
                return False
            tell(self.done, self.total)
            self._thread.join(PAUSE)
        return True


def leave(status: int) -> NoReturn:
    """End the process, as sys.exit does; at once also where a thread is in the midst of compiling."""
    if any(thread.name == THREAD for thread in threading.enumerate()):
        drain()
        os._exit(status)
    sys.exit(status)
