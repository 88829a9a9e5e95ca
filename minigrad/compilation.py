"""What a program must have compiled before it can run, found out without computing anything.

Loops and kernels are compiled when they are first called, which takes a second each and is done once: the results are
kept on disk. Who would rather have it done in advance, and know how much there is to do, rehearses the program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

__all__ = ["needed_by", "note", "rehearsing"]

_state = threading.local()


def needed_by(program: Callable[[], object]) -> list[Callable[[], None]]:
    """The loops and kernels that a program calls, each as a function that compiles it, or loads it from disk.

    The program is run in this thread, and no loop or kernel in it: arrays have their shapes, dtypes and devices, and
    hold anything. So it must not keep what it makes, nor decide by it.

    Example:
        >>> import minigrad as mg
        >>> from minigrad.compilation import needed_by
        >>> x = mg.zeros(64, 3, 8, 8)
        >>> compile_pooling, = needed_by(lambda: mg.functional.max_pool2d(x, 3, 2))
        >>> compile_pooling()
    """
    outer = getattr(_state, "needed", None)
    needed: dict[Hashable, Callable[[], None]] = {}
    _state.needed = needed
    try:
        program()
    finally:
        _state.needed = outer
    return list(needed.values())


def rehearsing() -> bool:
    """Whether this thread runs a program of `needed_by`: then a backend notes what it would run, and does not."""
    return getattr(_state, "needed", None) is not None


def note(name: Hashable, compile: Callable[[], None]) -> None:
    """The program that is rehearsed calls a loop or kernel of that name, with the function that compiles it."""
    _state.needed.setdefault(name, compile)
