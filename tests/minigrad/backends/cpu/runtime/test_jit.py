"""Loops: compiled when they are called, kept on disk, and noted where a program is only rehearsed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import compilation, nn, optim
from minigrad.backends.cpu.convolution.transforms import TRANSFORM
from minigrad.backends.cpu.runtime import jit
from minigrad.backends.cpu.runtime.jit import Jitted, Shared, jitted
from minigrad.backends.cpu.runtime.simd import address, call


@pytest.fixture
def folder(cache: Path) -> Path:
    return compilation.code_folder()


def twice(x, y):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        y[i] = 2 * x[i]


def doubled(dtype: type = np.float32) -> tuple[Jitted, list[float]]:
    """A loop as a new process would have it, and what it makes of 1 and 2."""
    loop, x, y = Jitted(twice), np.array([1, 2], dtype), np.zeros(2, dtype)
    loop(x, y)
    return loop, y.tolist()


def was_loaded(loop: Jitted) -> bool:
    return sum(loop._dispatcher.stats.cache_hits.values()) == 1


def test_a_loop_is_compiled_once_and_then_loaded(folder: Path) -> None:
    first, result = doubled()
    assert result == [2, 4] and not was_loaded(first) and len(list(folder.iterdir())) == 1
    again, result = doubled()
    assert result == [2, 4] and was_loaded(again)
    other, result = doubled(np.float64)
    assert result == [2, 4] and not was_loaded(other) and len(list(folder.iterdir())) == 2


def test_damaged_code_is_compiled_anew(folder: Path) -> None:
    doubled()
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    loop, result = doubled()
    assert result == [2, 4] and not was_loaded(loop)
    assert was_loaded(doubled()[0])


def test_code_of_another_source_is_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled()
    monkeypatch.setattr(jit, "_backend_digest", lambda: hashlib.sha256(b"a loop that it calls has changed"))
    assert not was_loaded(doubled()[0])


def test_a_loop_works_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert doubled()[1] == [2, 4]


def test_a_rehearsal_computes_nothing_and_notes_what_it_needs(folder: Path) -> None:
    loop, y = Jitted(twice), np.zeros(2)
    needed = compilation.needed_by(lambda: [loop(np.ones(2), y), loop(np.ones(3), y), loop(np.ones(2, int), y)])
    assert y.tolist() == [0, 0] and len(needed) == 2 and not folder.exists()
    for compile_one in needed:
        compile_one()
    assert len(loop._dispatcher.signatures) == 2
    loop(np.ones(2), y)
    assert y.tolist() == [2, 2] and len(loop._dispatcher.signatures) == 2


def write_seven(target, factor):  # type: ignore[no-untyped-def]
    numba.carray(target, 1)[0] = 7 * factor


@jitted
def call_it(function, values):  # type: ignore[no-untyped-def]
    call(function, (address(values), np.float32(2)))


def as_shared() -> Shared:
    return Shared(write_seven, [numba.types.CPointer(numba.types.float64), numba.types.float32])


def test_a_shared_function_is_called_by_its_address_and_kept(folder: Path) -> None:
    shared, values = as_shared(), np.zeros(1)
    needed = compilation.needed_by(lambda: shared.address)
    assert len(needed) == 1 and not folder.exists()
    needed[0]()
    call_it(shared.address, values)
    assert values.tolist() == [14]
    again = as_shared()
    assert again.address != shared.address and again._compiled.cache_hits == 1
    call_it(again.address, values)
    assert values.tolist() == [14]


def training_step() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(16 * 9, 10),
    )  # fmt: skip
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    images, labels = mg.randn(16, 3, 29, 29), mg.tensor(np.arange(16) % 10)
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()


def test_a_rehearsal_finds_all_that_a_training_step_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    noted, called = set(), set()

    def called_with(loop: Jitted, *arguments: Any) -> None:
        called.add((loop, tuple(map(numba.typeof, arguments))))
        loop._dispatcher(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(compilation, "note", lambda name, compile: noted.add(name))
        compilation.needed_by(training_step)
    monkeypatch.setattr(Jitted, "__call__", called_with)
    training_step()
    assert called == noted - {TRANSFORM} and len(called) > 10


def test_a_rehearsal_ends_with_its_program(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        compilation.needed_by(lambda: 1 / 0)
    assert not compilation.rehearsing() and doubled()[1] == [2, 4]


def test_weights_that_a_rehearsal_is_the_first_to_ask_for_are_whole() -> None:
    drawn = []
    for rehearse in (True, False):  # in this order, or memory may hold the right numbers already
        mg.manual_seed(3)
        layer = nn.Linear(700, 300)
        if rehearse:
            compilation.needed_by(lambda layer=layer: layer(mg.ones(4, 700)))
            assert layer.weight.array.pending is None
        drawn.append(layer.weight.numpy())
    np.testing.assert_array_equal(*drawn)
