"""Signals that ask a run to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Stop"]

REQUESTED = b"\nstopping as soon as what has been learned is saved; Control-C once more leaves at once\n"


class Stop:
    """Whether a signal has asked the run to stop; called, it says so.

    Args:
        tell: whether to say on stderr that it has been heard.

    Attributes:
        signal: its number; 0 before.
    """

    def __init__(self, tell: bool = True) -> None:
        self.signal, self._tell = 0, tell

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal > 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP for requests; a second SIGINT ends the process at once."""
        if threading.current_thread() is not threading.main_thread():  # Python lets no other thread listen
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup leaves it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._request) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._tell and not self.signal:
            with suppress(OSError):
                os.write(2, REQUESTED)  # not print, in whose middle the signal may have come
        self.signal = number
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the system's own way, which waits for nothing
