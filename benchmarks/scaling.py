"""What several processes gain: mpiexec -n 2 python benchmarks/scaling.py, and how far it would go.

Started by mpiexec, it measures the paper's net: a step of all processes together, each with one thread, and in which
share of it they wait for one another's gradients; the exchange alone beside MPI's own all-reduce of as many bytes; and,
with --against torch, the same step of PyTorch's DistributedDataParallel (gloo) on the same processes.

Without mpiexec, it measures a step of one process with as many threads as there are cores, at several batches, with
gradients packed as for others that are not there, and predicts from that what 2 to 1,024 machines like this one would
do on networks of 10, 100 and 400 Gb/s. The model:

    step      a + b n for n pictures in a process, through the steps measured
    exchange  2 (R - 1) / R bytes of the gradients each way over the bandwidth, 2 (R - 1) messages a bucket at the
              latency, and the additions, (R - 1) / R of the gradients at the rate at which this machine adds
    hidden    of it, the part for which the backward pass is still on its way once the gradients of the fully-connected
              layers are there

--ranks 2 --bandwidth and --latency, in Gb/s and microseconds, predict the measurement above.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from contenders import DECAY, MOMENTUM, RATE, batch_for, minigrad_model, torch_alexnet

import minigrad as mg
import minigrad.functional as F
from minigrad import optim
from minigrad.distributed import BUCKET, GradientSum, World, world

BATCHES = 8, 32, 128
WARM_UP = 2
NETWORKS = (10, 5.0), (100, 2.0), (400, 2.0)  # Gb/s, and microseconds of latency
RANKS = 2, 4, 8, 16, 64, 256, 1024
CONVOLUTIONS = 0.87  # of the time of a backward pass, which comes after the gradients of the fully-connected layers
FEATURES = 9216 + 4096 + 4096  # that fully-connected layers read for each picture


def timed(step: Callable[[], object], turns: int, world: World | None = None) -> list[float]:
    """Seconds of each of some steps, which all processes begin together."""
    found = []
    for turn in range(WARM_UP + turns):
        if world is not None:
            world.gather([0.0])
        start = time.perf_counter()
        step()
        if turn >= WARM_UP:
            found.append(time.perf_counter() - start)
    return found


def peak_memory() -> float:
    """MB that this process has used at most."""
    resource = importlib.import_module("resource")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


class Step:
    """A step of this process, with its part of the batch.

    Attributes:
        waited: seconds that the last step has waited for gradients.
    """

    def __init__(self, net: str, batch: int, processes: World) -> None:
        self.model, self.count, self.waited = minigrad_model(net), batch, 0.0
        self.gradients = GradientSum(self.model.parameters(), processes.size, processes)
        self.optimizer = optim.SGD(self.model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
        rows = self.gradients.rows(batch)
        images, labels = batch_for(net, batch)
        self.images, self.labels = images[rows.start : rows.stop], labels[rows.start : rows.stop]

    def __call__(self) -> None:
        """Make it."""
        for _ in self.gradients.parts(self.count):
            logits = self.model(mg.tensor(self.images))
            loss = F.cross_entropy(logits, mg.tensor(self.labels)) * (len(self.labels) / self.count)
            float(loss)
            self.gradients.backward(loss)
        start = time.perf_counter()
        self.gradients.finish()
        self.waited = time.perf_counter() - start
        self.optimizer.step()


class Alone(World):
    """One of two processes, of which the other is not there: all is done but the exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 2

    def sum_slices(
        self, own: Sequence[np.ndarray], blocks: Sequence[Sequence[tuple[int, int]]], length: int, dtype: np.dtype[Any]
    ) -> np.ndarray:
        """What this process has."""
        return own[0]


def torch_step(batch: int, processes: World) -> Callable[[], object]:
    """PyTorch's step of the same net, with DistributedDataParallel."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(mg.get_num_threads())
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
    distributed: Any = importlib.import_module("torch.distributed")
    distributed.init_process_group("gloo", rank=processes.rank, world_size=processes.size)
    model = torch.nn.parallel.DistributedDataParallel(torch_alexnet(torch.nn, True))
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    images, labels = (torch.from_numpy(array[processes.rank :: processes.size]) for array in batch_for("paper", batch))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def median(values: Sequence[float]) -> str:
    """In milliseconds, with the smallest and the largest."""
    return f"{1000 * statistics.median(values):,.0f} ms ({1000 * min(values):,.0f} to {1000 * max(values):,.0f})"


def measure(processes: World, batch: int, turns: int, against: bool) -> None:
    """Measure and print, as a table in Markdown."""
    mg.set_num_threads(processes.cores)
    step, waits = Step("paper", batch, processes), []

    def and_waited() -> None:
        step()
        waits.append(step.waited)

    seconds = timed(and_waited, turns, processes)
    memory = peak_memory()
    size = sum(parameter.numel() for parameter in step.model.parameters())
    values = np.ones(size, np.float32)
    blocks = [[(rank, 1)] for rank in range(processes.size)]
    ours = timed(lambda: processes.sum_slices([values.copy()], blocks, size, values.dtype), turns, processes)
    result, mpi = np.empty_like(values), importlib.import_module("mpi4py.MPI").COMM_WORLD
    theirs = timed(lambda: mpi.Allreduce(values, result), turns, processes)
    lines = [
        f"{processes.size} processes of {mg.get_num_threads()} threads, the paper's net, batch {batch} in all",
        "",
        "| | |",
        "|---|---|",
        f"| a step | {median(seconds)}: {batch / statistics.median(seconds):,.1f} images/s |",
        f"| of it, waiting for gradients | {median(waits[WARM_UP:])} |",
        f"| peak memory of a process | {memory:,.0f} MB |",
        f"| the exchange of {4 * size / 1e6:,.0f} MB alone | {median(ours)} |",
        f"| MPI's all-reduce | {median(theirs)} |",
    ]
    if against:
        both = timed(torch_step(batch, processes), max(2, turns // 2), processes)
        ratio = statistics.median(both) / statistics.median(seconds)
        lines.append(f"| PyTorch's DistributedDataParallel (gloo) | {median(both)}: {ratio:.2f} x as long |")
    if processes.rank == 0:
        print("\n".join(lines), flush=True)


class Model:
    """The prediction, from what was measured here.

    Args:
        batches, seconds: of steps of one process.
        weights: their number.
        adding: bytes per second that this machine adds up.
    """

    def __init__(self, batches: Sequence[int], seconds: Sequence[float], weights: int, adding: float) -> None:
        self.slope, self.start = np.polyfit(batches, seconds, 1)
        self.bytes, self.adding = 4 * weights, adding

    def compute(self, pictures: float) -> float:
        """Seconds of a process for so many pictures."""
        return float(self.start + self.slope * pictures)

    def exchange(self, ranks: int, gigabits: float, microseconds: float, size: float) -> float:
        """Seconds for gradients of so many bytes."""
        share, bandwidth = (ranks - 1) / ranks, gigabits * 1e9 / 8
        messages = 2 * (ranks - 1) * max(1.0, size / BUCKET)
        return 2 * share * size / bandwidth + messages * microseconds * 1e-6 + share * size / self.adding

    def step(self, ranks: int, pictures: float, gigabits: float, microseconds: float) -> float:
        """Seconds of a step with so many pictures in each process."""
        compute = self.compute(pictures)
        hidden = CONVOLUTIONS * 2 / 3 * (compute - self.start)
        return compute + max(0.0, self.exchange(ranks, gigabits, microseconds, self.bytes) - hidden)

    def step_of_2014(self, ranks: int, pictures: float, gigabits: float, microseconds: float) -> float:
        """The same with fully-connected layers cut into as many parts as there are processes (Krizhevsky, 2014).

        Their weights stay where they are; instead each process gets the features of all pictures, and hands back their
        gradients. They compute for all pictures with a part of the units, which takes as long.
        """
        convolutions = 2_334_080 * 4
        features = 2 * 4 * FEATURES * pictures * (ranks - 1) / (gigabits * 1e9 / 8)
        exchange = self.exchange(ranks, gigabits, microseconds, convolutions)
        compute = self.compute(pictures)
        return compute + features + max(0.0, exchange - CONVOLUTIONS * 2 / 3 * (compute - self.start))


def predict(turns: int, ranks: Sequence[int], networks: Sequence[tuple[float, float]], batch: int) -> None:
    """Measure steps of one process, and print what more would do."""
    seconds = [statistics.median(timed(Step("paper", 2 * batch, Alone()), turns)) for batch in BATCHES]
    ones = np.ones(1 << 24, np.float32)
    adding = ones.nbytes / statistics.median(timed(lambda: np.add(ones, ones, out=ones), 5))
    weights = sum(parameter.numel() for parameter in minigrad_model("paper").parameters())
    model = Model(BATCHES, seconds, weights, adding)
    measured = ", ".join(f"{1000 * each:,.0f} ms at {batch}" for batch, each in zip(BATCHES, seconds, strict=True))
    alone = statistics.median(timed(Step("paper", batch, World()), turns))
    print(f"one process of {mg.get_num_threads()} threads: {measured}; it adds up {adding / 1e9:.1f} GB/s")
    print(f"with no others, whose gradients need not be written: {1000 * alone:,.0f} ms at {batch}\n")
    print("| Gb/s | processes | batch | a step | images/s | of the ideal | one batch of 128 shared out | as in 2014 |")
    print("|---|---|---|---|---|---|---|---|")
    for gigabits, microseconds in networks:
        for count in ranks:
            step = model.step(count, batch, gigabits, microseconds)
            strong = alone / model.step(count, batch / count, gigabits, microseconds)
            other = model.step_of_2014(count, batch, gigabits, microseconds)
            speed, efficiency = batch * count / step, 100 * alone / step
            print(
                f"| {gigabits:g} | {count:,} | {batch * count:,} | {1000 * step:,.0f} ms | {speed:,.0f} | "
                f"{efficiency:.0f} % | {strong:.1f} x | {1000 * other:,.0f} ms |"
            )


def main() -> None:
    """Measure, or predict."""
    parser = argparse.ArgumentParser(description="What several processes gain, and how far it would go.")
    parser.add_argument("--batch", type=int, default=128, help="of all processes, or of each that is predicted")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--against", choices=("torch",), help="measure PyTorch's DistributedDataParallel too")
    parser.add_argument("--ranks", type=int, help="predict this number alone")
    parser.add_argument("--bandwidth", type=float, default=100.0, help="of the network, in Gb/s, with --ranks")
    parser.add_argument("--latency", type=float, default=2.0, help="of the network, in microseconds, with --ranks")
    args = parser.parse_args()
    processes = world()
    if processes.size > 1:
        measure(processes, args.batch, args.turns, bool(args.against))
    elif args.ranks:
        predict(args.turns, [args.ranks], [(args.bandwidth, args.latency)], args.batch)
    else:
        predict(args.turns, RANKS, NETWORKS, args.batch)


if __name__ == "__main__":
    sys.exit(main())
