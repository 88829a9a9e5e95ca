"""A profile: which operations were carried out, on which devices, how much they made and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minigrad.arrays import Device, DeviceArray

if TYPE_CHECKING:  # the engine notes its operations here
    from minigrad.autograd import Function

__all__ = ["Event", "noted", "profile", "profiled"]


@dataclass(frozen=True)
class Event:
    """One operation, or the gradient of one.

    Attributes:
        name: of the operation: "conv2d", "relu", "to", ...
        backward: whether it is the gradient.
        source: device of what it was given.
        device: device of what it made; another one only for "to", which moves data.
        nbytes: bytes of what it made.
        start, stop: seconds on the clock of `time.perf_counter`. A GPU works on after the call has returned: there they
            tell when the work was asked for.
    """

    name: str
    backward: bool
    source: Device
    device: Device
    nbytes: int
    start: float
    stop: float


class _Profiled(threading.local):
    """What is known of this thread."""

    events: list[Event] | None = None  # of its profile, if there is one


profiled = _Profiled()


@contextmanager
def profile() -> Iterator[list[Event]]:
    """Within the block, the operations of this thread are noted in a list, in the order in which they are done.

    Each of them is carried out by itself. Outside such a block the CPU makes some of them together, in less time.

    Example:
        >>> import minigrad as mg
        >>> x = mg.ones(4, requires_grad=True)
        >>> with mg.profile() as events:
        ...     (x * 2).to("cpu:1").sum().backward()
        >>> [event.name for event in events if not event.backward]
        ['mul', 'to', 'sum']
        >>> [(str(event.source), str(event.device), event.nbytes) for event in events if event.name == "to"]
        [('cpu:0', 'cpu:1', 16), ('cpu:1', 'cpu:0', 16)]
    """
    outer = profiled.events
    events: list[Event] = []
    profiled.events = events
    try:
        yield events
    finally:
        profiled.events = outer
        if outer is not None:
            outer += events


def noted(events: list[Event], function: Function, compute: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """compute(*arrays, **options), a step of `function`, which becomes one of the events."""
    start = time.perf_counter()
    results = compute(*arrays, **options)
    made = [array for array in (results if isinstance(results, tuple) else (results,)) if array is not None]
    for array in made:
        array.data  # noqa: B018 - what was put off is the work of this operation
    stop = time.perf_counter()
    given: DeviceArray = next(array for array in arrays if array is not None)
    place = made[0].device if made else given.device
    backward = compute == function.backward
    events.append(Event(function.name, backward, given.device, place, sum(array.nbytes for array in made), start, stop))
    return results
