"""mg.save and mg.load: what was saved comes back with its types, and other files are refused."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import complains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import moderate

import minigrad as mg
from minigrad import checkpoint, nn, optim

PLAIN = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)),
    st.sampled_from([np.float32, np.int64, np.bool_]).map(lambda dtype: np.array([[0, 1]], dtype)),
    st.sampled_from([mg.float64, mg.uint8, mg.bool]).map(lambda dtype: mg.tensor([0, 1], dtype=dtype)),
)
NAMES = st.one_of(st.text(max_size=3), st.integers(-2, 2), st.sampled_from(["a.b", "structure", "sha256", "a", "a'"]))
OBJECTS = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3), st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected) and [type(key) for key in found] == [type(key) for key in expected]
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, (np.ndarray, mg.Tensor)):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    else:
        assert found == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(obj=OBJECTS)
def test_what_is_saved_is_loaded(tmp_path: Path, obj: Any) -> None:
    mg.save(obj, tmp_path / "file")
    assert_same(mg.load(tmp_path / "file"), obj)


def test_the_file_has_the_name_that_was_given_and_no_other_is_left(tmp_path: Path) -> None:
    for name in ("net", "net.pt", "net.npz"):
        mg.save({}, str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net", "net.npz", "net.pt"]


def test_a_program_goes_on_from_its_file(tmp_path: Path, device: str) -> None:
    """As PyTorch's tutorial does: model, optimiser and epoch in one dict; the same as training in one go."""

    def begin() -> tuple[nn.Module, optim.Optimizer]:
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(device)
        return net, optim.SGD(net.parameters(), lr=0.1, momentum=0.9, rule="pytorch")

    def train(net: nn.Module, optimizer: optim.Optimizer, epochs: range) -> None:
        for epoch in epochs:
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + epoch)
            optimizer.zero_grad()
            loss = (net(mg.tensor(moderate((5, 3), 0).astype(np.float32), device=device)) ** 2).mean()
            loss.backward()
            optimizer.step()

    mg.manual_seed(1)
    net, optimizer = begin()
    train(net, optimizer, range(3))
    path = tmp_path / "checkpoint.pt"
    mg.save({"epoch": 3, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict()}, path)
    train(net, optimizer, range(3, 6))
    net2, optimizer2 = begin()
    saved = mg.load(path)
    net2.load_state_dict(saved["model_state_dict"])
    optimizer2.load_state_dict(saved["optimizer_state_dict"])
    assert optimizer2.param_groups[0]["lr"] == 0.1 / 3
    train(net2, optimizer2, range(saved["epoch"], 6))
    for first, second in zip(net.parameters(), net2.parameters(), strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_tensors_come_back_where_they_were_or_where_it_is_said(tmp_path: Path) -> None:
    mg.save([mg.ones(2, device="cpu:1", requires_grad=True), nn.Parameter(mg.ones(1))], tmp_path / "file")
    first, second = mg.load(tmp_path / "file")
    assert str(first.device) == "cpu:1" and first.requires_grad and second.requires_grad
    for where in ("cpu", mg.device("cpu:0")):
        assert {str(x.device) for x in mg.load(tmp_path / "file", where)} == {"cpu:0"}
    with complains("cpu:9", error=ValueError):
        mg.load(tmp_path / "file", map_location="cpu:9")


def test_a_device_that_is_not_there_says_what_to_write(tmp_path: Path) -> None:
    mg.save(mg.ones(1), tmp_path / "file")
    arrays = checkpoint.load(tmp_path / "file")
    arrays["structure"] = np.array(str(arrays["structure"]).replace("cpu:0", "cuda:77"))
    checkpoint.save(tmp_path / "file", arrays)
    with complains("cuda:77", "map_location='cpu'", error=ValueError):
        mg.load(tmp_path / "file")
    assert mg.load(tmp_path / "file", map_location="cpu").item() == 1


def test_a_computed_tensor_is_saved_without_its_graph(tmp_path: Path) -> None:
    mg.save(mg.ones(2, requires_grad=True) * 2, tmp_path / "file")
    loaded = mg.load(tmp_path / "file")
    assert not loaded.requires_grad and loaded.numpy().tolist() == [2, 2]


def test_numbers_that_are_none_and_numpys_numbers(tmp_path: Path) -> None:
    mg.save([math.nan, math.inf, np.float32(0.5), np.int64(3)], tmp_path / "file")
    nan, inf, half, three = mg.load(tmp_path / "file")
    assert math.isnan(nan) and inf == math.inf and half == 0.5 and three == 3 and type(three) is int


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "obj, words",
    [
        (nn.Linear(1, 1), ("Linear", "save(obj.state_dict(), f)")),
        ({"net": [nn.Linear(1, 1)]}, ("Linear", "'net.0'")),
        (optim.SGD([mg.ones(1)], 0.1), ("SGD", "state_dict")),
        ({1.5: 2}, ("1.5",)),
        ({True: 2}, ("True",)),
        ({"a": {1, 2}}, ("set", "'a'")),
        (np.array([None]), ("object", "pickle")),
        (lambda: 1, ("function",)),
        (CIRCLE, ("itself",)),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path: Path, obj: Any, words: tuple[str, ...]) -> None:
    mg.save("before", tmp_path / "file")
    with complains("save", *words, error=(TypeError, ValueError)):
        mg.save(obj, tmp_path / "file")
    assert mg.load(tmp_path / "file") == "before" and len(list(tmp_path.iterdir())) == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    np.savez(tmp_path / "plain.npz", a=np.ones(2))
    checkpoint.save(tmp_path / "arrays.npz", {"a": np.ones(2)})
    for content in (b"", b"garbage", pickle.dumps({"a": 1}), (tmp_path / "plain.npz").read_bytes()):
        path.write_bytes(content)
        with complains("file", "mg.save", error=ValueError):
            mg.load(path)
    with complains("arrays.npz", "mg.checkpoint.load", error=ValueError):
        mg.load(tmp_path / "arrays.npz")
    with complains("nothing", error=FileNotFoundError):
        mg.load(tmp_path / "nothing")
    for call in (lambda: mg.load(3), lambda: mg.save({}, open)):
        with complains("name", error=TypeError):
            call()


def test_a_file_of_pytorchs_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.save({"weight": torch.ones(2)}, tmp_path / "net.pt")
    with complains("net.pt", "mg.save", "pickles", error=ValueError):
        mg.load(tmp_path / "net.pt")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), byte=st.integers(1, 255), cut=st.booleans())
def test_damage_is_found(tmp_path: Path, at: float, byte: int, cut: bool) -> None:
    """Bytes that are cut off or changed; but for those of the archive that nobody reads."""
    obj = {"weight": mg.tensor(moderate((3, 4), 0)), "epoch": 3}
    mg.save(obj, tmp_path / "file")
    content = bytearray((tmp_path / "file").read_bytes())
    place = min(int(at * len(content)), len(content) - 1)
    if cut:
        del content[place:]
    else:
        content[place] ^= byte
    (tmp_path / "file").write_bytes(content)
    try:
        loaded = mg.load(tmp_path / "file")
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert not cut
        assert_same(loaded, obj)


@pytest.mark.parametrize(
    "structure",
    [
        *(
            "",
            "[]",
            "3",
            "{",
            '{"tensor": "b"}',
            '{"dict": 3}',
            '{"dict": [["a"]]}',
            '{"unknown": 1}',
            '{"tensor": "a"}',
        ),
        '{"list": [{"array": "a"}, {"array": "a"}]}',
        '{"tensor": "a", "device": 3, "requires_grad": 0}',
        '{"tensor": "text", "device": "cpu:0", "requires_grad": false}',
        '{"dict": [[{}, {"value": 1}]]}',
        '{"list": ' * 5000,
        '{"list": [' * 5000 + "]}" * 5000,
    ],
)
def test_a_structure_that_says_something_else_is_refused(tmp_path: Path, structure: str) -> None:
    checkpoint.save(tmp_path / "file", {"a": np.ones(2), "text": np.array("b"), "structure": np.array(structure)})
    with complains("file", error=ValueError):
        mg.load(tmp_path / "file")


@pytest.mark.parametrize("options", [{"weights_only": False}, {"mmap": True}, {"pickle_module": pickle}])
def test_other_ways_of_loading_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    mg.save(1, tmp_path / "file")
    with complains("load", next(iter(options)), error=ValueError):
        mg.load(tmp_path / "file", **options)
    assert mg.load(tmp_path / "file", weights_only=True, mmap=False) == 1
