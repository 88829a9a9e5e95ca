"""How fast pictures come: python benchmarks/data.py --store STORE --jpegs FOLDER

Figures for one core (the process is held to one, where the system allows it): augmented 224 x 224 crops from a store in
memory, the same decoded from JPEGs, and rescaling as `alexnet.prepare` does it, with whole and with reduced decoding.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from alexnet.data import Augmentation, Loader, RescaledSplit, open_dataset, read_image, rescale, rescaling

AUGMENTATION = Augmentation(224, colour_noise=0.1)
SIZE = 256


def rate(turns: int, turn: Callable[[int], int]) -> str:
    """Pictures per second in some turns after one that does not count: median, and from the slowest to the fastest."""
    rates = []
    for number in range(turns + 1):
        start = time.perf_counter()
        count = turn(number)
        rates.append(count / (time.perf_counter() - start))
    rates = sorted(rates[1:])
    return f"{statistics.median(rates):8.0f} images/s  ({rates[0]:.0f} to {rates[-1]:.0f})"


def batches(split: RescaledSplit, seed: int) -> Callable[[int], int]:
    """A turn that makes the batches of an epoch."""
    loader = Loader(split, AUGMENTATION, split.statistics(), 128, seed, workers=1)
    return lambda epoch: sum(len(labels) for _, labels in loader.batches(epoch))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a store of 256 x 256 pictures")
    parser.add_argument("--jpegs", type=Path, help="a folder of JPEGs of usual sizes, in whatever folders")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if args.store:
        start = time.perf_counter()
        split = RescaledSplit(open_dataset(args.store).train, SIZE)
        print(f"opening {args.store}: {time.perf_counter() - start:.3f} s for {len(split):,} training pictures")
        print("crops from a store in memory  ", rate(args.turns, batches(split, 0)))
    if args.jpegs:
        files = sorted(path for path in args.jpegs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
        for name, size in (("whole", 0), ("reduced", SIZE)):

            def decode(turn: int, size: int = size) -> int:
                for path in files:
                    rescale(read_image(path, size), SIZE)
                return len(files)

            print(f"JPEGs decoded ({name}) and rescaled".ljust(39), rate(args.turns, decode))
        rescaling.MEMORY_LIMIT = 0  # nothing is kept: every epoch decodes anew
        data = open_dataset(args.jpegs)
        print("crops from JPEGs".ljust(39), rate(args.turns, batches(RescaledSplit(data.train, SIZE), 0)))


if __name__ == "__main__":
    main()
