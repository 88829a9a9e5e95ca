"""Data parallelism: several processes, each with a part of every batch, and the same bits however many they are.

A batch is cut into *shards*, and the gradient of each is computed by itself. They are added up in a tree that depends
on the number of shards alone: 0 + 1, 2 + 3, ..., then pairs of pairs, and so on. So a process may have one shard or
all of them: the sum has the same bits. Dropout draws for each shard the rows that the whole batch would have.

    python program.py                     one process, which computes all shards
    mpiexec -n 2 python program.py        two, with half of them each, on one machine or on two

    import minigrad as mg
    import minigrad.functional as F
    from minigrad import distributed

    model, optimizer = ...                                       # from the same seed in all processes
    gradients = distributed.GradientSum(model.parameters(), shards=4)
    for x, labels in batches:                                    # the same in all processes
        for rows in gradients.parts(len(x)):                     # those that are computed here
            loss = F.cross_entropy(model(x[rows]), labels[rows], reduction="sum") / len(x)
            gradients.backward(loss)
        gradients.finish()                                       # each parameter's grad is that of the whole batch
        optimizer.step()                                         # the same step in all processes

What travels: in a batch of R processes, each sends every other its gradients of that one's share of the weights and
gets its own (reduce-scatter), adds them up, and sends the sums round (all-gather): 2 (R - 1) / R times the bytes of the
gradients, each way. A process whose shards do not add up to one node of the tree sends the nodes that it has, so that
numbers of processes and shards that are powers of two send least. Gradients go in buckets, those of the last layers
first, while the backward pass is still on its way to the first.

The processes talk by MPI, through mpi4py (`pip install "minigrad[mpi]"`, or mpi4py built for a cluster's own MPI),
which is imported where mpiexec, or a cluster's like of it, has started this process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from minigrad.arguments import check_count
from minigrad.arrays import Device, DeviceArray, quiet
from minigrad.autograd import Function, walk
from minigrad.backends.cpu.memory import allocate
from minigrad.backends.layout import adopted, on_host, view
from minigrad.random import default_generator
from minigrad.tensors import Tensor

__all__ = ["DistributedError", "GradientSum", "World", "world"]

A = TypeVar("A")

# what those that start the processes of a program tell each: MPICH and its relatives, Open MPI, PMIx, MVAPICH
SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"  # how many they are
STARTED = *SIZES, "PMIX_RANK"
HOST = Device("cpu", 0)
CORES = 1 << 13  # that a machine has at most
NAP = 1e-4  # seconds between two looks at what is on its way: who waits leaves the core to others
NOTICE = 30.0  # seconds, after which one that waits says for whom
PATIENCE = 600.0  # seconds, after which it gives up, where others compute as it does
FAREWELL = 0.3  # seconds, in which mpiexec takes up what a process has said last, before it ends all
BUCKET = 1 << 24  # bytes of gradients that travel together, or more, where a weight has more


class DistributedError(RuntimeError):
    """Another process cannot be reached, or does something else."""


class World:
    """The processes that were started together. Made by `world()`, which returns when all have called it.

    All must call the same methods in the same order.

    Attributes:
        rank: this process's number, from 0.
        size: how many there are; 1 without mpiexec.
        cores: how many of the machine's are for this process: each is divided among all that may run on it.
    """

    def __init__(self, mpi: Any = None) -> None:
        self._mpi = mpi
        self.rank: int = mpi.COMM_WORLD.rank if mpi else 0
        self.size: int = mpi.COMM_WORLD.size if mpi else 1
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        users = np.zeros(CORES, np.int32)  # of each core: how many processes
        users[usable] = 1
        if mpi:  # all of it here, once: in these calls a process waits for the others, and hears no signal
            self._talk = mpi.COMM_WORLD.Dup()  # for what the program says
            self._sums = mpi.COMM_WORLD.Dup()  # for gradients, which another thread sends meanwhile
            here = mpi.COMM_WORLD.Split_type(mpi.COMM_TYPE_SHARED)
            here.Allreduce(users.copy(), users)
        self.cores = max(1, int((1 / users[usable]).sum() + 1e-6))

    def gather(self, values: Sequence[float] | np.ndarray, what: str = "numbers") -> np.ndarray:
        """The numbers of all processes.

        Args:
            values: of this one, as many as of the others.
            what: they are, for messages.

        Returns:
            float64 (size, n): those of rank 0 first.
        """
        found = np.empty((self.size, len(values)))
        found[self.rank] = values
        if self.size > 1:
            others = [rank for rank in range(self.size) if rank != self.rank]
            requests = [(self._talk.Irecv(found[rank], rank), rank) for rank in others]
            own = found[self.rank].copy()
            requests += [(self._talk.Isend(own, rank), rank) for rank in others]
            self.wait(requests, what, PATIENCE)
        return found

    def collect(self, content: bytes, what: str = "what it has") -> list[bytes]:
        """The bytes of all processes, that of rank 0 first, for rank 0; for others nothing."""
        lengths = self.gather([len(content)], what)[:, 0].astype(int).tolist()
        found = [content if rank == self.rank else bytearray(length) for rank, length in enumerate(lengths)]
        own = np.frombuffer(content, np.uint8)
        if self.rank:
            self.wait([(self._talk.Isend(own, 0), 0)] if len(own) else [], what, PATIENCE)
            return []
        others = [rank for rank in range(1, self.size) if lengths[rank]]
        requests = [(self._talk.Irecv(np.frombuffer(found[rank], np.uint8), rank), rank) for rank in others]
        self.wait(requests, what, PATIENCE)
        return [bytes(each) for each in found]

    def broadcast(
        self, content: bytes = b"", what: str = "what it has", root: int = 0, patience: float = np.inf
    ) -> bytes:
        """The bytes that one rank gives; what others give is ignored. They wait for so many seconds at most."""
        if self._mpi is None:
            return content
        length = np.array([len(content)], np.int64)
        self.wait([(self._talk.Ibcast(length, root), root)], what, patience)
        received = np.empty(int(length[0]), np.uint8)
        if self.rank == root:
            received[:] = np.frombuffer(content, np.uint8)
        self.wait([(self._talk.Ibcast(received, root), root)], what, patience)
        return received.tobytes()

    def broadcast_arrays(self, arrays: Mapping[str, npt.ArrayLike], what: str = "what it has") -> dict[str, np.ndarray]:
        """The arrays that rank 0 gives, by name; what others give is ignored. They wait for as long as it takes."""
        given = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        if self.size == 1:
            return given
        forms = [[name, array.dtype.str, array.shape] for name, array in given.items()]
        found = {}
        for name, dtype, shape in json.loads(self.broadcast(json.dumps(forms).encode(), what)):
            array = given[name] if self.rank == 0 else np.empty(shape, dtype)
            pieces = array.reshape(-1).view(np.uint8)
            for start in range(0, pieces.size, BUCKET):
                self.wait([(self._talk.Ibcast(pieces[start : start + BUCKET], 0), 0)], what)
            found[name] = array.reshape(shape)
        return found

    def wait(self, requests: Sequence[tuple[Any, int]], what: str, patience: float = np.inf) -> None:
        """Wait until all that was asked for has come and gone.

        Args:
            requests: of MPI, each with the rank of the other side.
            what: is awaited, for messages.
            patience: seconds.

        Raises:
            DistributedError: it has not, after so long.
        """
        begin, notice = time.monotonic(), NOTICE
        waiting = list(requests)
        while waiting := [each for each in waiting if not self._done(*each)]:
            waited = time.monotonic() - begin
            if waited > min(notice, patience):
                notice = 2 * waited  # ever more rarely: a data set may take an hour to prepare
                ranks = ", ".join(str(rank) for rank in sorted({rank for _, rank in waiting}))
                sentence = f"rank {self.rank} has waited {waited:.0f} seconds for {what} of rank {ranks}"
                if waited > patience:
                    raise DistributedError(f"{sentence}, and gives up")
                print(sentence, file=sys.stderr, flush=True)
            time.sleep(NAP)

    def _done(self, request: Any, rank: int) -> bool:
        try:
            return bool(request.Test())
        except self._mpi.Exception as error:
            raise DistributedError(f"rank {rank} cannot be reached, it may have ended ({error})") from error

    def abort(self, status: int) -> None:
        """End all processes, at once; nothing where there is this one alone, or where it has taken leave."""
        if self.size > 1 and not self._mpi.Is_finalized():
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):  # who read it may have gone
                    stream.flush()
            time.sleep(FAREWELL)
            with suppress(OSError), Path(os.devnull).open("wb") as nowhere:  # for what MPI adds
                os.dup2(nowhere.fileno(), 2)
            self._mpi.COMM_WORLD.Abort(status)

    def end_with(self, rank: int) -> None:
        """Wait for a rank to tell of what all have found out, and to end all processes; it goes on at once itself."""
        begin = time.monotonic()
        while self.rank != rank and time.monotonic() < begin + NOTICE:
            time.sleep(100 * NAP)

    def finalize(self) -> None:
        """Take leave of the others, when all have done their work: from here on each may end as it likes."""
        if self.size > 1 and not self._mpi.Is_finalized():
            self._mpi.Finalize()

    def sum_slices(
        self,
        own: Sequence[np.ndarray],
        blocks: Sequence[Sequence[tuple[int, int]]],
        length: int,
        dtype: np.dtype[Any],
    ) -> np.ndarray:
        """The sum over all shards: each process adds up a slice of it, and all get all slices.

        Args:
            own: this process's sums of shards, one for each of its blocks, of this length and dtype; they are lost.
            blocks: start and size of those of each process.
            length, dtype: of a sum.
        """
        edges = [length * rank // self.size for rank in range(self.size + 1)]
        slices = [slice(edges[rank], edges[rank + 1]) for rank in range(self.size)]
        mine, others = slices[self.rank], [rank for rank in range(self.size) if rank != self.rank]
        parts, requests = [], []
        for rank in range(self.size):
            for number, (start, size) in enumerate(blocks[rank]):
                part = own[number][mine] if rank == self.rank else _buffer(mine.stop - mine.start, dtype)
                parts.append(Block(start, size, part))
                if rank != self.rank:
                    requests.append((self._sums.Irecv(part, rank), rank))
        for rank in others:
            requests += [(self._sums.Isend(block[slices[rank]], rank), rank) for block in own]
        self.wait(requests, "gradients", PATIENCE)
        total = _folded(parts, lambda left, right: np.add(left, right, out=left))
        parts.clear()
        result = own[0] if own else _buffer(length, dtype)  # what was sent is no longer needed
        result[mine] = total
        requests = [(self._sums.Irecv(result[slices[rank]], rank), rank) for rank in others]
        requests += [(self._sums.Isend(total, rank), rank) for rank in others]
        self.wait(requests, "sums of gradients", PATIENCE)
        return result


@cache
def world() -> World:
    """The processes that were started together: those of mpiexec, or this one alone.

    Where there are several, an exception that nobody catches in one of them ends all, after its traceback; `sys.exit`
    does not, and leaves the others waiting.

    Raises:
        DistributedError: mpi4py cannot be used.
    """
    if not any(name in os.environ for name in STARTED):
        return World()
    try:
        mpi = importlib.import_module("mpi4py.MPI")  # which begins MPI
    except (ImportError, RuntimeError) as error:
        raise DistributedError(
            f'this process was started by mpiexec, and mpi4py cannot be imported ({error}); pip install "minigrad[mpi]"'
        ) from error
    started, found = max(int(os.environ.get(name, 1)) for name in SIZES), mpi.COMM_WORLD.size
    if found == 1 < started:
        raise DistributedError(
            f"mpiexec has started {started} processes, and each sees itself alone, for mpi4py was built for another "
            f"MPI ({mpi.get_vendor()[0]}): take that one's mpiexec, or build mpi4py for this one's, with "
            "pip install --no-cache-dir --no-binary mpi4py mpi4py"
        )
    if found > 1 and mpi.Query_thread() < mpi.THREAD_MULTIPLE:
        raise DistributedError(
            "MPI was built or begun for one thread, and gradients are sent by another: it takes MPI_THREAD_MULTIPLE"
        )
    result = World(mpi)
    if result.size > 1:
        _end_all_after_exceptions(result)
    return result


def _end_all_after_exceptions(processes: World) -> None:
    """Those that wait for a process that has failed would wait for long."""
    tell = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        tell(kind, error, trace)
        processes.abort(1)

    sys.excepthook = hook


# the tree


class Block(NamedTuple):
    """The sum of shards start to start + size - 1: one of the tree's own where it lies at a multiple of its size."""

    start: int
    size: int
    value: Any


def _merged(blocks: Iterable[Block], add: Callable[[Any, Any], Any]) -> list[Block]:
    """Neighbouring blocks in order, with those added up that are two halves of a block of the tree."""
    found: list[Block] = []
    for block in blocks:
        found.append(block)
        while len(found) > 1 and found[-2].size == found[-1].size and found[-2].start % (2 * found[-1].size) == 0:
            _join(found, add)
    return found


def _join(blocks: list[Block], add: Callable[[Any, Any], Any]) -> None:
    """Add up the last two."""
    right, left = blocks.pop(), blocks.pop()
    blocks.append(Block(left.start, left.size + right.size, add(left.value, right.value)))


def _folded(blocks: Iterable[Block], add: Callable[[Any, Any], Any]) -> Any:
    """The sum of the blocks of all shards: what is left of whole blocks is added up from the right."""
    found = _merged(blocks, add)
    while len(found) > 1:
        _join(found, add)
    return found[0].value


def _spans(count: int, parts: int) -> list[range]:
    """range(count) in so many parts, of which the first are one longer where it does not divide."""
    length, longer = divmod(count, parts)
    starts = [part * length + min(part, longer) for part in range(parts + 1)]
    return [range(*starts[part : part + 2]) for part in range(parts)]


# gradients


def _buffer(length: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Memory of the host for so many numbers, from the pool that gradients there go back to when they are packed."""
    return allocate((length,), dtype, HOST)


class _Bucket:
    """Gradients that travel together: which parameters, and how many of theirs have not arrived."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers, self.missing = numbers, len(numbers)


class GradientSum:
    """The gradients of a batch that is computed in shards, here and in other processes.

    Args:
        parameters: all that learn; each must get a gradient in every shard.
        shards: in which a batch is cut, as many as there are processes, or more; 0 for as many. Of a batch of fewer
            rows each row is one.
        processes: which share them out.

    Raises:
        ValueError: there are fewer shards than processes.
    """

    def __init__(self, parameters: Iterable[Tensor], shards: int = 0, processes: World | None = None) -> None:
        self.world = world() if processes is None else processes
        self.shards = check_count("GradientSum", "shards", shards or self.world.size, 1)
        self.parameters = list({id(parameter): parameter for parameter in parameters}.values())  # each once
        if self.shards < self.world.size:
            raise ValueError(
                f"a batch of {self.shards} shards is computed by as many processes at most; here are {self.world.size}"
            )
        self._own = _spans(self.shards, self.world.size)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gradients") if self.world.size > 1 else None
        self._learning: list[Tensor] = []
        # the numbers of all parameters, as their gradients came in the backward pass of the first batch; until then the
        # last first
        self._order = list(reversed(range(len(self.parameters))))
        self._arrived_so_far: list[int] | None = []  # of the first batch
        self._here: list[int] = []  # the shards of this batch that are computed here
        self._given = self._computed = 0  # how many of them: the loop was given; have had their backward pass
        self._begun = False  # and not finished

    def rows(self, count: int) -> range:
        """Of a batch of so many rows, those that are computed here."""
        spans = _spans(count, min(self.shards, count))
        own = self._own[self.world.rank]
        here = spans[own.start : own.stop]
        return range(here[0].start, here[-1].stop) if here else range(0)

    def sizes(self, count: int) -> list[int]:
        """Of a batch of so many rows, how many the parts have that are computed here."""
        own = self._own[self.world.rank]
        return [len(rows) for rows in _spans(count, min(self.shards, count))[own.start : own.stop]]

    def parts(self, count: int) -> Generator[slice, None, None]:
        """Begin a batch of so many rows: the rows of each shard that is computed here.

        Parameters forget their gradients. In the body of the loop `mg.functional.dropout` takes what it is given for
        these rows of the batch.

        Raises:
            RuntimeError: the batch before was computed, and not finished; or a part was left out.
        """
        if self._begun and self._computed == len(self._here):
            raise RuntimeError("GradientSum.finish comes after the parts of a batch, and before the next")
        self._begun = True
        self._learning = [parameter for parameter in self.parameters if parameter.requires_grad]
        self._shards = min(self.shards, check_count("GradientSum.parts", "count", count, 1))
        self._here = [shard for shard in self._own[self.world.rank] if shard < self._shards]
        self._held: list[list[Block]] = [[] for _ in self._learning]
        self._buckets, self._sums = self._in_buckets(), list[Future[np.ndarray]]()
        self._given, self._computed, drawn = 0, 0, default_generator.state()
        for parameter in self._learning:
            parameter.grad = None
        rows = _spans(count, self._shards)
        for shard in self._here:
            default_generator.set_state(drawn)
            self._given += 1
            with default_generator.rows_from(rows[shard].start):
                yield slice(rows[shard].start, rows[shard].stop)
            if self._computed != self._given:
                raise RuntimeError("each part of a batch is given to GradientSum.backward, once, before the next")

    def _in_buckets(self) -> list[_Bucket]:
        """The parameters that learn, as their gradients come."""
        numbers = {id(parameter): number for number, parameter in enumerate(self._learning)}
        coming = (numbers.get(id(self.parameters[place])) for place in self._order)
        buckets: list[_Bucket] = []
        size, dtype = BUCKET, None
        for number in (number for number in coming if number is not None):
            array = self._learning[number].array
            if size >= BUCKET or array.dtype != dtype:
                buckets.append(_Bucket([]))
                size, dtype = 0, array.dtype
            buckets[-1].numbers.append(number)
            buckets[-1].missing += 1
            size += array.nbytes
        return buckets

    @quiet
    def backward(self, loss: Tensor) -> None:
        """The backward pass of a part: of its share of the loss of the whole batch.

        Raises:
            RuntimeError: a parameter gets no gradient, or the part has had its backward pass.
        """
        if self._computed == self._given:
            raise RuntimeError("GradientSum.backward comes once in each turn of a loop over GradientSum.parts")
        if loss.grad_fn is None or loss.numel() != 1:
            raise RuntimeError("GradientSum.backward takes a loss: one number, computed from the parameters")
        shard, last = self._here[self._computed], self._computed == len(self._here) - 1
        self._computed += 1
        uses = _last_uses(loss.grad_fn)
        left = {id(parameter): number for number, parameter in enumerate(self._learning)}
        one = loss.device.backend.full(loss.shape, 1, loss.dtype, loss.device)
        for function in walk({loss.grad_fn: one}):
            for leaf in uses.get(function, ()):
                number = left.pop(id(leaf), None)
                if number is not None:
                    self._arrived(number, shard, last)
        for number in left.values():
            raise RuntimeError(
                f"a parameter of shape {self._learning[number].shape} got no gradient from a part of the batch; one "
                "that does not learn has requires_grad=False"
            )

    def _arrived(self, number: int, shard: int, last: bool) -> None:
        """The gradient of a shard for a parameter is complete."""
        parameter = self._learning[number]
        assert parameter.grad is not None
        self._held[number] = _merged([*self._held[number], Block(shard, 1, parameter.grad.array)], _add)
        parameter.grad = None
        if last and self._thread:
            if self._arrived_so_far is not None:
                self._arrived_so_far.append(number)
            bucket = next(bucket for bucket in self._buckets if number in bucket.numbers)
            bucket.missing -= 1
            self._send()

    def _send(self) -> None:
        """Send the buckets that are complete, in order, for the others await them so."""
        assert self._thread is not None
        while len(self._sums) < len(self._buckets) and not self._buckets[len(self._sums)].missing:
            numbers = self._buckets[len(self._sums)].numbers
            blocks = [_blocks([shard for shard in own if shard < self._shards]) for own in self._own]
            length = sum(self._learning[number].numel() for number in numbers)
            form = length, self._learning[numbers[0]].dtype
            packed = [self._packed(numbers, place, *form) for place in range(len(blocks[self.world.rank]))]
            for number in numbers:
                self._held[number] = []
            self._sums.append(self._thread.submit(self.world.sum_slices, packed, blocks, *form))

    def _packed(self, numbers: Sequence[int], place: int, length: int, dtype: np.dtype[Any]) -> np.ndarray:
        """The block at a place of those of this process, of some parameters, on the host: so many numbers."""
        result, start = _buffer(length, dtype), 0
        for number in numbers:
            array = self._held[number][place].value
            target = result[start : start + array.size].reshape(array.shape)
            np.copyto(target, view(array) if on_host(array) else array.device.backend.to_host(array))
            start += array.size
        return result

    @quiet
    def finish(self) -> None:
        """The gradients of the whole batch, the same in all processes, are the parameters' `grad`.

        Raises:
            RuntimeError: a part was left out, or there is no batch to finish.
            DistributedError: those of another process do not come.
        """
        if not self._begun or self._computed < len(self._here):
            raise RuntimeError("GradientSum.finish comes once, after the parts of the batch")
        self._begun = False
        if self._thread is None:
            for parameter, blocks in zip(self._learning, self._held, strict=True):
                parameter.grad = Tensor(_folded(blocks, _add))
            self._held = []
            return
        if not self._here:
            for bucket in self._buckets:
                bucket.missing = 0
            self._send()
        self._keep_order()
        self._sums.reverse()
        for bucket in self._buckets:
            total, start = self._sums.pop().result(), 0
            for number in bucket.numbers:
                parameter = self._learning[number]
                piece = total[start : start + parameter.numel()].reshape(parameter.shape)
                start += piece.size
                backend = parameter.device.backend
                array = adopted(piece, parameter.device) or backend.from_host(piece, parameter.device)
                parameter.grad = Tensor(backend.reorder(array, parameter.array.chwn))
        if self._shards < self.world.size:  # where nothing was computed, nothing was drawn
            seed, drawn = default_generator.state()
            default_generator.set_state((seed, int(self.world.gather([drawn], "numbers of draws").max())))

    def _keep_order(self) -> None:
        """After the first batch: the order in which gradients have come at rank 0 is that of all batches after it."""
        if self._arrived_so_far is None:
            return
        places = {id(parameter): place for place, parameter in enumerate(self.parameters)}
        found = [places[id(self._learning[number])] for number in self._arrived_so_far]
        numbers = np.array(found, np.int64).tobytes()
        content = self.world.broadcast(numbers, "the order of its gradients", patience=PATIENCE)
        came = np.frombuffer(content, np.int64).tolist()
        self._order = [*came, *(place for place in self._order if place not in came)]
        self._arrived_so_far = None


def _blocks(shards: Sequence[int]) -> list[tuple[int, int]]:
    """Start and size of the blocks that these shards, which follow one another, add up to."""
    found = _merged((Block(shard, 1, None) for shard in shards), lambda left, right: None)
    return [(block.start, block.size) for block in found]


def _add(left: DeviceArray, right: DeviceArray) -> DeviceArray:
    return left.device.backend.add(left, right)


def _last_uses(root: Function) -> dict[Function, list[Any]]:
    """The leaves whose gradients are complete when the backward pass has been through a Function, by that Function."""
    last: dict[int, tuple[Function, Any]] = {}
    seen, stack = {root}, [root]
    while stack:
        function = stack.pop()
        for source in function.sources or ():
            if isinstance(source, Function):
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
            elif source is not None:
                before = last.get(id(source))
                if before is None or function.serial < before[0].serial:
                    last[id(source)] = function, source
    found: dict[Function, list[Any]] = {}
    for function, leaf in last.values():
        found.setdefault(function, []).append(leaf)
    return found
