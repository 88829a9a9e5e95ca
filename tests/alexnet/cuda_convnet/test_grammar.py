"""The grammar of layer files, as Python 2 read them; and files changed at random."""

from __future__ import annotations

import errno
import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from checks import assert_close, complains
from layer_files import DATA, cost, params_of, section
from mutations import mutated, timed, watched
from training_runs import posix

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import (
    LayerFileError,
    LayerNet,
    late_start,
    loss_scale,
    parameter_rules,
    read_sections,
    read_text,
    remarks,
)
from alexnet.cuda_convnet.grammar import Section, normalised


def read(text: str) -> dict[str, dict[str, str]]:
    return read_sections(text, "it.cfg")


def test_lines() -> None:
    text = (
        "# a comment with = in it\n; another\nREM too\n\n[conv1]\ntype=conv ; not this\nfilterSize : 5\n"
        "neuron=tanh[1,2]#3\n  wide=\t1, 2 \n[Conv1]  behind it\ntype = data\r\n"
    )
    # a line that begins with a space goes on with the value before it
    assert read(text) == {
        "conv1": {"type": "conv", "filtersize": "5", "neuron": "tanh[1,2]#3 wide=\t1, 2"},
        "Conv1": {"type": "data"},
    }
    assert read("\ufeff[a]\n  key=1\nremark=2\nREM=3\nempty=\n") == {
        "a": {"key": "1", "remark": "2", "rem": "3", "empty": ""}
    }
    assert read("[ conv1 ]\n[\tfc 5]") == {"conv1": {}, "fc 5": {}}
    assert read("# a Mac\r[a]\rx=1\r\ry=2\r") == {"a": {"x": "1", "y": "2"}}


def test_of_what_is_said_twice_the_last_counts() -> None:
    assert read("[a]\nx=1\ny=1\n[b]\nx=2\n[a]\nX=3\nz=4\nz=5") == {"a": {"x": "3", "y": "1", "z": "5"}, "b": {"x": "2"}}
    assert read("[DEFAULT]\nx=1\n[a]\n[b]\nx=2") == {"a": {"x": "1"}, "b": {"x": "2"}}


@pytest.mark.parametrize(
    ("text", "line"),
    [("x=1", 1), ("[a]\nx=1\nwhat is this", 3), ("[a]\n=1", 2), ("[]\n", 1), ("\n\n[a\x07]", 3), ("[a]\n[ ]", 2)],
)
def test_what_is_no_line_is_refused(text: str, line: int) -> None:
    with complains(f"it.cfg, line {line}", error=LayerFileError):
        read(text)


def test_files_of_any_length_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "long.cfg"
    file.write_bytes(b"[a]\n" + b"#" * (1 << 18))
    with complains("long.cfg", "larger", error=LayerFileError):
        read_text(file)
    with complains("it.cfg", error=LayerFileError):
        read("[a]\n" + "#" * (1 << 18))
    with complains("it.cfg, line 1025: at most 1,024 sections", error=LayerFileError):
        read("".join(f"[{number}]\n" for number in range(5000)))
    file.write_bytes(b"[a]\nx=1 ; caf\xe9\n")
    assert read(read_text(file)) == {"a": {"x": "1"}}


@pytest.mark.parametrize("text", ["", "# nothing", "[DEFAULT]\nx=1"])
def test_files_without_a_section_are_refused(text: str) -> None:
    with complains("it.cfg has no section", error=LayerFileError):
        read(text)


def test_binary_files_are_told_of_in_printable_characters() -> None:
    text = b"\x89PNG\r\n\x1a\n\0\xf0\xff".decode("utf-8", errors="surrogateescape")
    with complains("it.cfg, line 1", "got 'PNG'", error=LayerFileError):
        read(text)
    with complains("line 1: 'conv' is not the name", error=LayerFileError):
        read("[co\udcf0nv]")
    with complains("size is a whole number", "got 'ab'", error=LayerFileError):
        Section("layer it", {"size": "a\udcf0b"}).integer("size")


@posix
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.cfg")
    with complains("pipe.cfg is no regular file", error=LayerFileError):
        read_text(tmp_path / "pipe.cfg")


def test_errors_of_reading_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all of the system's do, as of a file of /proc."""
    file = tmp_path / "it.cfg"
    file.touch()

    def unreadable(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", unreadable)
    with pytest.raises(OSError) as error:
        read_text(file)
    assert error.value.filename == str(file) and error.value.errno == errno.EIO


def test_limits_of_numbers_are_told() -> None:
    section = Section("layer it", {"a": "1e30", "b": "inf", "c": "9" * 12, "d": "-inf"})
    for wrong, words in (
        (lambda: section.number("a"), "a is a number from -1e+09 to 1,000,000,000; got '1e30'"),
        (lambda: section.number("b", least=0), "b is a number from 0 to 1,000,000,000; got 'inf'"),
        (lambda: section.integer("c"), "c is a whole number of at most 1,000,000,000; got '999999999999'"),
        (lambda: section.number("d"), "d is a number from"),
    ):
        with complains(words, error=LayerFileError):
            wrong()
    with complains("inputs has a comma with nothing before or behind it; got 'a, '", error=LayerFileError):
        Section("layer it", {"inputs": "a, "}).names("inputs")


def test_values_of_json_are_those_of_the_file() -> None:
    """What a recipe keeps, and what `--set` changes, may be numbers, lists, true and false."""
    given = {"fc10": {"outputs": 10, "epsW": 0.5, "epsw": [0.1, "0.2"], "on": True, "off": False, "type": "fc"}}
    assert normalised(given) == {
        "fc10": {"outputs": "10", "epsw": "0.1,0.2", "on": "true", "off": "false", "type": "fc"}
    }
    for wrong in ({"a": 1}, {"a": {"x": None}}, {"a": {"x": {"y": 1}}}, {"a": {"x": [None]}}):
        with complains("section a", error=LayerFileError):
            normalised(wrong)  # type: ignore[arg-type]


def test_kinds_of_values() -> None:
    values = {"n": " 5", "f": ".75", "many": "1, 2,3", "on": "Yes", "off": "off", "flags": "true,0", "bad": "1_0"}
    section = Section("layer it", {key: value.strip() for key, value in values.items()})
    assert section.integer("n") == 5 and section.number("f") == 0.75 and section.number("none", 2) == 2
    assert section.integers("many", 3) == [1, 2, 3] and section.numbers("none", 2, 0.5) == [0.5, 0.5]
    assert section.flag("on") and not section.flag("off") and section.flags("flags", 2, False) == [True, False]
    for wrong in (
        lambda: section.integer("f"),
        lambda: section.integer("n", least=6),
        lambda: section.integer("bad"),
        lambda: section.number("bad"),
        lambda: section.number("on"),
        lambda: section.flag("f"),
        lambda: section.integers("many", 2),
        lambda: section.text("none"),
    ):
        with complains("layer it", error=LayerFileError):
            wrong()


# files changed at random

LAYERS = (
    DATA
    + section("blur", type="blur", inputs="data", channels=3, filterSize=3, stdev=1, gpu=0)
    + section("nails", type="nailbed", inputs="blur", channels=3, stride=2)
    + section("conv", type="conv", inputs="data", channels=3, filters=4, filterSize=3, stride=2, gpu=0)
    + section("norm", type="cmrnorm", inputs="conv", channels=4, size=3)
    + section(
        *("both",),
        **{"type": "conv", "inputs": "nails,norm", "channels": "3,4", "filters": "4,2", "groups": "1,2"},
        **{"filterSize": "3,3", "padding": "1,1", "randSparse": "0,1", "initW": "0.1,0.1", "neuron": "relu"},
    )
    + section("pool", type="pool", pool="avg", inputs="both", channels=4, sizeX=3, stride=2, start=-1, outputsX=0)
    + section("local", type="local", inputs="pool", channels=4, filters=2, filterSize=3, neuron="tanh[1,2]")
    + section("hs", type="hs", inputs="local", keep=0.5)
    + section("fc", type="fc", inputs="hs,norm", outputs=10, initW="0.1,0.1")
    + cost("fc")
)
PARAMS = params_of(LAYERS, conv={"schedW": "dexp[250,0,4]", "wcNormMin": 0.1, "wcNormMax": 0.2, "wball": 0.5})


def use(layers: str, params: str) -> LayerNet:
    """All that is done with a pair of files before a run begins."""
    sections = read(layers), read(params)
    net = LayerNet(*sections, 16, 3, 10)
    rules = parameter_rules(*sections)
    assert rules.keys() == dict(net.named_parameters()).keys()
    for rule in rules.values():
        rule.rate(0.3)
    loss_scale(*sections)
    remarks(*sections, "layers.cfg", "params.cfg")
    late_start(sections[1], params)
    return net


def words(text: str, draw: random.Random) -> str:
    """A text in which values and keys have changed places, or others."""
    lines = text.split("\n")
    for _ in range(draw.randint(1, 3)):
        here, there = draw.randrange(len(lines)), draw.randrange(len(lines))
        key, _, value = lines[here].partition("=")
        other = lines[there].partition("=")
        match draw.randrange(6):
            case 0:
                lines[here] = f"{key}={other[2]}"
            case 1:
                lines[here] = f"{other[0]}={value}"
            case 2:
                lines[here] = (
                    f"{key}={draw.choice(['0', '-1', '1e9', '999999999', 'nan', '', '1,1', 'true', '99' * 99])}"
                )
            case 3:
                del lines[here]
            case 4:
                lines.insert(here, lines[there])
            case 5:
                lines[here], lines[there] = lines[there], lines[here]
    return "\n".join(lines)


@pytest.mark.parametrize("times", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_files_changed_at_random_end_in_a_net_or_in_one_error(times: int) -> None:
    use(LAYERS, PARAMS)
    draw, bits = random.Random(7), np.random.default_rng(7)
    outcomes = {True: 0, False: 0}
    with watched():
        for number in range(250 * times):
            files = [LAYERS, PARAMS]
            which = number % 2
            if number % 3:
                files[which] = words(files[which], draw)
            else:
                files[which] = mutated(files[which].encode(), bits).decode(errors="replace")
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                with timed():
                    use(*files)
                outcomes[True] += 1
            except LayerFileError as error:
                assert "\n" not in str(error) and len(str(error)) < 600, str(error)
                outcomes[False] += 1
            assert tracemalloc.get_traced_memory()[1] - before < 30 << 20, files[which]
    assert min(outcomes.values()) > 20


def chain(count: int, **values: object) -> str:
    layers = [section(f"l{n}", **{"inputs": f"l{n - 1},l{n - 1}", **values}) for n in range(1, count)]
    first = section("l0", type="fc", inputs="data", outputs=5, gpu=0)
    return DATA + first + "".join(layers) + cost(f"l{count - 1}")


HOSTILE = {
    "sums of sums": (chain(900, type="eltsum"), "5 outputs do not fit 10 classes"),
    "lists of lists": (chain(900, type="concat"), "numbers that it makes of a picture are too many"),
    "many inputs": (DATA + section("l0", type="fc", inputs=["data"] * 50000, outputs=10), "more than 64 items"),
    "many layers": (chain(300, type="fc", inputs=["l0"] * 20, initW=[1] * 20, outputs=5), ""),
    "a long list": (DATA + section("l0", type="eltsum", inputs="data", coeffs=["1"] * 60000), "coeffs"),
    "a long line": ("[a]\n" + "x" * 200_000, "line 2"),
    "spaces": ("[a]\nx=1" + " " * 200_000 + "y", "no type"),
    "brackets": ("[a]\n" + "[" * 200_000, "line 2"),
    "a neuron": (DATA + section("l0", type="fc", inputs="data", outputs=10, neuron="a" * 200_000), "neuron is one of"),
    "a schedule": (DATA + section("l0", type="fc", inputs="data", neuron="tanh[" + "1," * 60_000, outputs=1), "neuron"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_made_to_take_long_do_not(name: str) -> None:
    layers, complaint = HOSTILE[name]
    with watched(), timed():
        try:
            use(layers, PARAMS)
        except LayerFileError as error:
            assert complaint in str(error) and len(str(error)) < 600


def test_the_net_of_the_fuzzer_is_the_same_on_every_device(device: str) -> None:
    """Logits and gradients, beside those of the CPU; the first branch is on another device, where there are two."""
    results = []
    for place in ("cpu:0", device):
        mg.manual_seed(0)
        others = [str(info.device) for info in mg.devices() if str(info.device).split(":")[0] == place.split(":")[0]]
        layers = LAYERS.replace("stride=2\ngpu=0", "stride=2\ngpu=1")
        net = LayerNet(read(layers), read(PARAMS), 16, 3, 10, devices=[place, *others[1:]]).to(np.float64).eval()
        y = net(mg.tensor(np.random.default_rng(0).standard_normal((2, 3, 16, 16))))
        assert y.shape == (2, 10) and str(y.device) == place
        F.cross_entropy(y, mg.tensor([0, 1], device=place)).backward()
        results.append([y, *(p.grad for p in net.parameters())])
    for expected, found in zip(*results, strict=True):
        assert_close(found, expected.numpy())
