"""Compiling what a run needs, in a thread of its own: data is opened meanwhile, and signals are heard.

The compiler works for one thread at a time. So where there is much to do a second process helps.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from alexnet.terminal import drain

__all__ = ["Compiling", "leave"]

THREAD = "compiling"
PAUSE = 0.1  # seconds between two looks at how far it is
LOADING = 0.5  # seconds, in which all is loaded that has been compiled before


class Compiling:
    """The thread, which begins at once.

    Args:
        tasks: each compiles a loop or kernel, or loads it; see `minigrad.compilation.needed_by`.
        second_process: whether one may do tasks too. It knows nothing of a GPU that this one has begun to use.

    Attributes:
        done: how many are.
        total: of how many.
    """

    def __init__(self, tasks: Sequence[Callable[[], None]], second_process: bool = False) -> None:
        self.done, self.total = 0, len(tasks)
        self._stopped, self._second_process = False, second_process
        # a daemon: the end of the process does not wait for the compiler
        self._thread = threading.Thread(target=self._work, args=(tasks,), name=THREAD, daemon=True)
        self._thread.start()

    def _work(self, tasks: Sequence[Callable[[], None]]) -> None:
        begin, helper = time.monotonic(), 0
        for number, task in enumerate(tasks):
            if self._stopped:
                break
            if self._second_process and not helper and time.monotonic() > begin + LOADING:
                helper = _begin_at_the_end(tasks[number + 1 :])
            _try(task)
            self.done += 1
        if helper:
            os.kill(helper, signal.SIGKILL)
            os.waitpid(helper, 0)

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


def _try(task: Callable[[], None]) -> None:
    with suppress(Exception):  # the step that needs it will fail in the same way, and say so
        task()


def _begin_at_the_end(tasks: Sequence[Callable[[], None]]) -> int:
    """Begin a process that does the tasks, the last one first; returns its number, 0 if the system gives none.

    What it has compiled is on disk when this process comes to it, which then loads it. Nobody waits for the other: if
    it dies or hangs, this process compiles all that there is. It has none of this one's files, and any signal ends it.
    """
    parent = os.getpid()
    with warnings.catch_warnings():  # that a lock of another thread may stay locked: then the process hangs, see above
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            number = os.fork()
        except OSError:
            return 0
    if number:
        return number
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nothing, standard)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)
        for task in reversed(tasks):
            if os.getppid() != parent:
                break
            _try(task)
    finally:
        os._exit(0)


def leave(status: int) -> NoReturn:
    """End the process, as sys.exit does; at once also where a thread is in the midst of compiling."""
    if any(thread.name == THREAD for thread in threading.enumerate()):
        drain()
        os._exit(status)
    sys.exit(status)
