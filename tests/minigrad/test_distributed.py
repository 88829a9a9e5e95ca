"""Data parallelism: one tree of sums whoever computes it, the same bits in any number of processes, and its errors."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any, cast

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st
from ranks import mpi, together
from training_runs import environment

import minigrad as mg
import minigrad.functional as F
from minigrad import distributed, nn, optim
from minigrad.distributed import Block, GradientSum, World, _folded, _merged, _spans

# Six steps of a small net with dropout, on batches that the shards do not divide, and some that are smaller than them.
PROGRAM = """
import hashlib, sys
import numpy as np
import minigrad as mg
import minigrad.functional as F
from minigrad import distributed, nn, optim

mg.manual_seed(3)
layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5)]
model = nn.Sequential(*layers, nn.Linear(36, 5), nn.ReLU(), nn.Dropout(0.3), nn.Linear(5, 3))
if "frozen" in sys.argv:
    model[0].weight.requires_grad_(False)
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
distributed.BUCKET = 100
gradients = distributed.GradientSum(model.parameters(), shards=int(sys.argv[1]))
random = np.random.default_rng(0)
for n in (12, 13, 3, 2, 1, 7):
    x, labels = mg.tensor(random.standard_normal((n, 3, 8, 8), np.float32)), mg.tensor(random.integers(0, 3, n))
    for rows in gradients.parts(n):
        loss = F.cross_entropy(model(x[rows]), labels[rows], reduction="sum") / n
        gradients.backward(loss)
    gradients.finish()
    optimizer.step()
bits = b"".join(parameter.numpy().tobytes() for parameter in model.parameters())
print("bits", hashlib.sha256(bits).hexdigest()[:16], flush=True)
"""

TALK = """
import os
import numpy as np
from minigrad import distributed
world = distributed.world()
rank = world.rank
found = world.gather([rank, 10 * rank])
assert found.tolist() == [[0, 0], [1, 10], [2, 20]], found
assert world.broadcast(b"" if rank else b"from 0") == b"from 0"
assert world.broadcast(b"from 2" if rank == 2 else b"", root=2) == b"from 2"
said = world.collect(b"x" * rank)
assert said == ([] if rank else [b"", b"x", b"xx"]), said
arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "text": np.array("a text"), "none": np.zeros((0, 2))}
got = world.broadcast_arrays({} if rank else arrays)
assert list(got) == list(arrays)
for name, array in arrays.items():
    assert got[name].dtype == array.dtype and got[name].shape == array.shape and (got[name] == array).all()
assert world.cores == max(1, len(os.sched_getaffinity(0)) // 3)
print("all well", flush=True)
"""


def tree(blocks: list[Block]) -> str:
    return str(_folded(blocks, lambda left, right: f"({left} {right})"))


@given(st.integers(1, 24), st.data())
def test_the_tree_depends_on_the_shards_alone(shards: int, data: st.DataObject) -> None:
    """However they are cut into ranges that processes add up first."""
    leaves = [Block(shard, 1, str(shard)) for shard in range(shards)]
    ranges = _spans(shards, data.draw(st.integers(1, shards)))
    parts = [_merged((leaves[shard] for shard in own), lambda left, right: f"({left} {right})") for own in ranges]
    assert tree([block for part in parts for block in part]) == tree(leaves)


def test_trees_by_hand() -> None:
    assert tree([Block(shard, 1, str(shard)) for shard in range(4)]) == "((0 1) (2 3))"
    assert tree([Block(shard, 1, str(shard)) for shard in range(7)]) == "(((0 1) (2 3)) ((4 5) 6))"


@given(st.integers(1, 50), st.integers(1, 50))
def test_the_first_parts_are_one_longer_where_it_does_not_divide(count: int, parts: int) -> None:
    spans = _spans(count, parts)
    lengths = [len(span) for span in spans]
    assert [number for span in spans for number in span] == list(range(count))
    assert len(spans) == parts and lengths == sorted(lengths, reverse=True) and lengths[0] - lengths[-1] <= 1


def net() -> nn.Module:
    mg.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)).to(np.float64)


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 7, 30])
def test_the_sum_is_the_gradient_of_the_whole_batch(shards: int, device: str) -> None:
    """With the masks of the whole batch, and the next draw after them."""
    random = np.random.default_rng(0)
    x = mg.tensor(random.standard_normal((11, 6)), device=device)
    labels = mg.tensor(random.integers(0, 3, 11), device=device)
    whole, model = net().to(device), net().to(device)
    mg.manual_seed(8)
    F.cross_entropy(whole(x), labels).backward()
    after = mg.randn(3).numpy()
    mg.manual_seed(8)
    gradients = GradientSum(model.parameters(), shards, World())
    sizes = []
    for rows in gradients.parts(11):
        sizes.append(rows.stop - rows.start)
        gradients.backward(F.cross_entropy(model(x[rows]), labels[rows], reduction="sum") / 11)
    gradients.finish()
    assert sizes == gradients.sizes(11) and len(sizes) == min(shards, 11) and gradients.rows(11) == range(11)
    for one, other in zip(model.parameters(), whole.parameters(), strict=True):
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(mg.randn(3).numpy(), after)


def test_a_weight_that_two_operations_share_is_sent_when_both_are_done() -> None:
    w, v = (mg.tensor(np.array([2.0, 3.0]), requires_grad=True) for _ in range(2))
    gradients = GradientSum([w, v], 2, World())
    for rows in gradients.parts(4):
        gradients.backward(((w * w).sum() + (w * v).sum()) * (rows.stop - rows.start))
    gradients.finish()
    np.testing.assert_array_equal(w.grad.numpy(), 4 * (2 * w.numpy() + v.numpy()))
    np.testing.assert_array_equal(v.grad.numpy(), 4 * w.numpy())


def test_a_parameter_that_is_given_twice_counts_once() -> None:
    w = mg.ones(2, requires_grad=True)
    one_part(GradientSum([w, w], 1, World()), (w * 3).sum())
    assert w.grad.tolist() == [3, 3]


def one_part(gradients: GradientSum, loss: mg.Tensor) -> None:
    for _ in gradients.parts(3):
        gradients.backward(loss)
    gradients.finish()


def test_what_does_not_learn_gets_no_gradient() -> None:
    w, fixed = mg.ones(2, requires_grad=True), mg.ones(2)
    one_part(GradientSum([w, fixed], 1, World()), (w * fixed).sum())
    assert fixed.grad is None and w.grad.tolist() == [1, 1]


def test_a_parameter_without_a_gradient_complains() -> None:
    w, unused = mg.ones(2, requires_grad=True), mg.ones(3, requires_grad=True)
    with complains("(3,)", "no gradient", "requires_grad=False", error=RuntimeError):
        one_part(GradientSum([w, unused], 1, World()), w.sum())


def test_parts_that_are_left_out_complain() -> None:
    w = mg.ones(2, requires_grad=True)
    gradients = GradientSum([w], 2, World())
    with complains("backward", "once", error=RuntimeError):
        for _ in gradients.parts(3):
            pass
    gradients = GradientSum([w], 1, World())
    next(gradients.parts(3))
    with complains("after the parts", error=RuntimeError):
        gradients.finish()


def test_a_batch_has_its_backward_passes_and_its_end_once() -> None:
    w = mg.ones(2, requires_grad=True)
    gradients = GradientSum([w], 1, World())
    with complains("loop", error=RuntimeError):
        gradients.backward(w.sum())
    with complains("once, after", error=RuntimeError):
        gradients.finish()
    for _ in gradients.parts(3):
        with complains("one number", error=RuntimeError):
            gradients.backward(w * 2)
        gradients.backward(w.sum())
        with complains("once", error=RuntimeError):
            gradients.backward(w.sum())
    with complains("before the next", error=RuntimeError):
        next(gradients.parts(3))
    gradients.finish()
    with complains("once, after", error=RuntimeError):
        gradients.finish()


class Pretended(World):
    """One of several processes that are not there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class Watched(Pretended):
    """It notes the lengths of what it is given to send, and sends nothing."""

    def __init__(self) -> None:
        super().__init__(2)
        self.lengths: list[int] = []

    def sum_slices(self, own: Any, blocks: Any, length: int, dtype: Any) -> np.ndarray:
        self.lengths.append(length)
        return np.zeros(length, dtype)


def test_after_the_first_batch_gradients_leave_in_the_order_in_which_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the parameters: of two, the first has its gradient first."""
    monkeypatch.setattr(distributed, "BUCKET", 1)
    late, early = mg.ones(3, requires_grad=True), mg.ones(2, requires_grad=True)
    seen = Watched()
    gradients = GradientSum([early, late], 2, seen)
    for _ in range(3):
        for _ in gradients.parts(2):
            gradients.backward((early * (late * 2).sum()).sum())
        gradients.finish()
    assert seen.lengths == [3, 2, 2, 3, 2, 3]


def test_more_processes_than_shards_complain() -> None:
    with complains("3 shards", "here are 4", error=ValueError):
        GradientSum([mg.ones(2, requires_grad=True)], 3, Pretended(4))


class Request:
    """Of MPI, done at the look of this number."""

    def __init__(self, looks: float) -> None:
        self.looks = looks

    def Test(self) -> bool:  # noqa: N802 - mpi4py's name
        self.looks -= 1
        return self.looks <= 0


def test_who_waits_long_says_for_whom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(distributed, "NOTICE", 0.0)
    World().wait([(Request(1), 1), (Request(3), 2), (Request(2), 3)], "gradients")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "rank 0 has waited 0 seconds for gradients of rank 2, 3"
    assert second == "rank 0 has waited 0 seconds for gradients of rank 2"
    with complains("rank 0 has waited", "of rank 5, and gives up", error=distributed.DistributedError):
        World().wait([(Request(np.inf), 5)], "gradients", 0.0)


def test_without_mpiexec_nothing_of_mpi_is_imported() -> None:
    program = (
        "import sys, alexnet.train; from minigrad import distributed; w = distributed.world(); "
        "print(w.rank, w.size, 'mpi4py' in sys.modules)"
    )
    env = {name: value for name, value in environment().items() if name not in distributed.STARTED}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    assert found.stdout.split() == ["0", "1", "False"]


def test_mpi_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with complains("started by mpiexec", 'pip install "minigrad[mpi]"', error=distributed.DistributedError):
        distributed.world.__wrapped__()


@mpi
def test_an_mpi_that_mpiexec_knows_nothing_of_is_a_sentence() -> None:
    """As where mpi4py was built for another: each process would compute the whole, and write into the same folder."""
    program = "from minigrad import distributed; distributed.world()"
    env = {name: value for name, value in environment().items() if name not in distributed.STARTED}
    env["OMPI_COMM_WORLD_SIZE"] = "2"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert "started 2 processes, and each sees itself alone" in found.stderr, found


class OneThread:
    """An MPI for one thread, of two processes."""

    class COMM_WORLD:  # noqa: N801 - MPI's name
        size = 2

    THREAD_MULTIPLE = 3

    @staticmethod
    def Query_thread() -> int:  # noqa: N802 - mpi4py's name
        return 2


def test_an_mpi_for_one_thread_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", cast(Any, OneThread))
    with complains("one thread", "MPI_THREAD_MULTIPLE", error=distributed.DistributedError):
        distributed.world.__wrapped__()


@mpi
def test_an_exception_in_one_process_ends_all() -> None:
    """Also where a thread of each waits for gradients of the other."""
    failure = "    if gradients.world.rank: raise KeyError('of rank 1')\n    gradients.finish()"
    program = PROGRAM.replace("    gradients.finish()", failure)
    begin = time.monotonic()
    status, _, err = together(2, "-c", program, 4)
    assert status == 1 and err.count("Traceback") == 1 and err.rstrip().endswith("KeyError: 'of rank 1'"), err
    assert time.monotonic() - begin < 60


LARGE = """
import resource
import minigrad as mg
from minigrad import distributed, nn

model = nn.Sequential(*(nn.Linear(3000, 3000) for _ in range(4)))
gradients = distributed.GradientSum(model.parameters(), shards=2)
for _ in range(2):
    for rows in gradients.parts(2):
        gradients.backward(model(mg.ones((1, 3000))).mean())
    gradients.finish()
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, flush=True)
"""


@mpi
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in KiB on Linux")
def test_gradients_that_travel_are_not_kept_twice() -> None:
    """144 MB of them: what one process of two needs beyond one alone is less, MPI's own memory included."""
    peaks = [int(together(ranks, "-c", LARGE)[1].split()[1]) for ranks in (1, 2)]
    assert peaks[1] - peaks[0] < 90, peaks


@mpi
@pytest.mark.parametrize(("numbers", "more"), [((1, 2, 3, 4), ()), ((1, 3), ("frozen",))])
def test_any_number_of_processes_ends_with_the_same_bits(numbers: tuple[int, ...], more: tuple[str, ...]) -> None:
    """Four shards in one, two, three and four processes: also where some of them have nothing to do."""
    found = []
    for ranks in numbers:
        status, out, err = together(ranks, "-c", PROGRAM, 4, *more)
        assert status == 0, err
        lines = [line for line in out.splitlines() if line.startswith("bits")]
        assert len(lines) == ranks
        found += lines
    assert len(set(found)) == 1


@mpi
def test_processes_talk() -> None:
    status, out, err = together(3, "-c", TALK)
    assert (status, out.split("\n").count("all well")) == (0, 3), err


def test_the_example_of_the_module_runs() -> None:
    """With what it leaves out."""
    text = distributed.__doc__ or ""
    code = text[text.index("    import minigrad as mg") : text.index("What travels")]
    setting = {
        "model": nn.Linear(4, 2),
        "batches": [(mg.randn(6, 4), mg.tensor([0, 1, 0, 1, 0, 1]))] * 2,
    }
    model: Any = setting["model"]
    setting["optimizer"] = optim.SGD(model.parameters(), lr=0.1)
    before = model.weight.numpy()
    lines = [line.removeprefix("    ") for line in code.splitlines() if "= ..." not in line]
    exec("\n".join(lines), setting)
    assert (model.weight.numpy() != before).all()
