"""Compiling what a run needs, in a thread of its own: data is opened meanwhile, and signals are heard.

The compiler works for one thread at a time. So where there is much to do a second process helps.
"""

from __future__ import annotations

import mmap
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
PATIENCE = 20.0  # seconds, in which any loop can be compiled
NO_PROCESS, HERE, THERE = -1, 1, 2
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
        begin, helper = time.monotonic(), None
        for number, task in enumerate(tasks):
            if self._second_process and not helper and time.monotonic() > begin + LOADING:
                helper = _Helper(tasks, number + 1)
            if helper:
                helper.meet(number, lambda: self._stopped)
            if self._stopped:
                break
            _try(task)
            self.done += 1
        if helper:
            helper.end()

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


class _Helper:
    """A process that does the last tasks, the last one first, until it comes to one that this process has begun.

    What it has compiled is on disk when this process comes to it, which then loads it. If it dies or hangs, this
    process compiles all that there is. It has none of this one's files, and any signal ends it.

    Args:
        tasks: of which this process does the first.
        first: the number of the first that the other may do.
    """

    def __init__(self, tasks: Sequence[Callable[[], None]], first: int) -> None:
        self._begun = mmap.mmap(-1, len(tasks))  # who has begun a task, in memory that both see: HERE, THERE, or nobody
        parent = os.getpid()
        with warnings.catch_warnings():  # that a lock of another thread may stay locked: then it hangs, see above
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self._process = os.fork()
            except OSError:
                self._process = NO_PROCESS
        if self._process == 0:
            try:
                _leave_alone_what_is_the_parents()
                for number in reversed(range(first, len(tasks))):
                    if self._begun[number] == HERE or os.getppid() != parent:
                        break
                    self._begun[number] = THERE
                    _try(tasks[number])
            finally:
                os._exit(0)

    def meet(self, number: int, stop: Callable[[], bool]) -> None:
        """This process begins a task; where the other has begun it, wait until that is done, and with it all others."""
        if self._begun[number] != THERE:
            self._begun[number] = HERE
            return
        deadline = time.monotonic() + PATIENCE
        while self._process != NO_PROCESS and time.monotonic() < deadline and not stop():
            if os.waitpid(self._process, os.WNOHANG)[0]:
                self._process = NO_PROCESS
            else:
                time.sleep(PAUSE)
        self.end()

    def end(self) -> None:
        """Nobody waits for the other any more."""
        if self._process != NO_PROCESS:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            self._process = NO_PROCESS


def _leave_alone_what_is_the_parents() -> None:
    """In a process that was forked: its files and its handlers of signals."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)


def leave(status: int) -> NoReturn:
    """End the process, as sys.exit does; at once also where a thread is in the midst of compiling."""
    if any(thread.name == THREAD for thread in threading.enumerate()):
        drain()
        os._exit(status)
    sys.exit(status)
