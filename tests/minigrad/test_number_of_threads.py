"""The same seed gives the same bits, whatever the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TRAINING = """
import hashlib
import numpy as np
import minigrad as mg, minigrad.functional as F
from minigrad import nn, optim

digest = hashlib.sha256()
for n, dtype in ((64, np.float32), (17, np.float32), (1, np.float32), (17, np.float64)):
    mg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2, padding=2), nn.ReLU(), nn.LocalResponseNorm(5, 0.5, 0.75, 2.0),
        nn.MaxPool2d(3, 2), nn.Conv2d(16, 32, 3, padding=1, groups=2), nn.Tanh(), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.LocallyConnected2d(32, 32, 3, 4, padding=1, groups=2, relu=True),
        nn.Flatten(), nn.Linear(32 * 16, 100), nn.Dropout(0.5), nn.Linear(100, 10),
    ).to(dtype)
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    x = mg.randn(n, 3, 33, 33, dtype=dtype)
    targets = mg.tensor(np.arange(n) % 10)
    for _ in range(3):
        loss = F.cross_entropy(net(x), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        digest.update(loss.numpy().tobytes())
    for parameter in net.parameters():
        digest.update(parameter.numpy().tobytes())
    table = mg.randn(50, 640, dtype=dtype, requires_grad=True)
    (table[mg.randint(50, (2000,))] * mg.randn(2000, 640, dtype=dtype)).sum().backward()
    optim.Adam([table]).step()
    digest.update(table.grad.numpy().tobytes() + table.numpy().tobytes())
    digest.update((x * x).sum().numpy().tobytes() + x.mean((0, 2)).numpy().tobytes() + x.max(3)[0].numpy().tobytes())
print(digest.hexdigest())
"""


def digest(threads: int) -> str:
    environment = os.environ | {"MINIGRAD_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    digests = {threads: digest(threads) for threads in (1, 2, 3)}
    assert len(set(digests.values())) == 1, digests


def test_two_runs_of_one_process_give_the_same_bits() -> None:
    program = f"exec({TRAINING!r}); exec({TRAINING!r})"
    environment = os.environ | {"MINIGRAD_THREADS": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second


def test_senseless_number_of_threads_complains() -> None:
    environment = os.environ | {"MINIGRAD_THREADS": "many", "PYTHONPATH": str(ROOT)}
    program = "import minigrad as mg; print('imported'); mg.ones(1)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode != 0 and "MINIGRAD_THREADS" in done.stderr and "many" in done.stderr
    assert done.stdout == "imported\n"  # so that a command can say it in a sentence
