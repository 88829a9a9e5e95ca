"""A run that several processes share out: rank 0 decides, reads and writes; the others learn from it what they need."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alexnet.run.folder import RunError
from alexnet.run.trainer import Trainer
from minigrad import set_num_threads
from minigrad.distributed import DistributedError, World, world

__all__ = ["among_ranks", "check_shards", "share_settings", "share_start"]


def among_ranks(command: Callable[[World], int]) -> int:
    """Carry out a command in all processes that mpiexec has started; where one fails, all end.

    Rank 0 alone prints on stdout. Each uses its share of the machine's cores, unless MINIGRAD_THREADS says how many.

    Args:
        command: is given the processes, and returns the exit status.
    """
    try:
        processes = world()
    except DistributedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if processes.size == 1:
        return command(processes)
    if processes.rank:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    if not os.environ.get("MINIGRAD_THREADS"):
        set_num_threads(processes.cores)
    try:
        status = command(processes)
    except SystemExit as end:  # of rank 0's command line: help, or what is wrong with it; the others wait for settings
        status = 2 if end.code else 0
        share_settings(processes, None)
        processes.finalize()
    except DistributedError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = 130
    if status:
        processes.abort(status)  # unless all have done their work
    processes.finalize()
    return status


def share_settings(processes: World, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give all processes the settings of rank 0, None where there is nothing to do."""
    content = processes.broadcast(json.dumps(settings).encode(), "the settings of the run")
    found: dict[str, Any] | None = json.loads(content)
    return found


def share_start(processes: World, trainer: Trainer) -> None:
    """Bring the trainers of all processes to where that of rank 0 stands."""
    if processes.size > 1:
        state = processes.broadcast_arrays({} if processes.rank else trainer.state(), "the start of the run")
        if processes.rank:
            trainer.load_state(state)


def check_shards(processes: World, shards: int) -> None:
    """Raise RunError where there are more processes than parts of a batch."""
    if processes.size > max(shards, 1):
        raise RunError(
            f"the run cuts its batches into {shards or 1} shards, so that {shards or 1} processes at most can share "
            f"them out, and mpiexec has started {processes.size}; a new run takes --set shards={processes.size}"
        )
