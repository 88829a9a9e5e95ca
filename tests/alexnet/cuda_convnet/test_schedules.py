"""Rates by progress, in all the ways in which files have said them."""

from __future__ import annotations

import math

import pytest
from checks import complains
from layer_checks import check_steps

from alexnet.cuda_convnet import LayerFileError, Schedule
from alexnet.cuda_convnet.grammar import Section
from alexnet.cuda_convnet.schedules import CONSTANT, read_rate, read_schedule


def read(text: str) -> Schedule:
    return read_schedule(Section("parameters of layer it", {"schedw": text}), "schedw")


def test_the_four_ways_in_which_schedules_were_written() -> None:
    said = Schedule("dexp", 250, 4)
    assert read("dexp[250,4]") == read("dexp[250,0,4]") == said
    assert read("dexp[tgtFactor=250,noiseStdev=0,numSteps=4]") == read("dexp[numsteps=4, tgtfactor=250]") == said
    section = Section("parameters of layer it", {})
    assert read_rate(section, "epsW", "dexp[base=0.01;tgtFactor=250;numSteps=4]") == (0.01, said)
    assert read_rate(section, "epsW", "const[base=0.01]") == (0.01, CONSTANT)
    assert read_rate(section, "epsW", ".01") == (0.01, None)
    assert read("linear[1,1]") == Schedule("linear", 1, noise=1)
    assert read("exp[2000]") == Schedule("exp", 2000) and read("jdexp[500,.5,4]") == Schedule("jdexp", 500, 4, 0.5)
    assert read("default") == read_schedule(Section("it", {}), "schedw") == CONSTANT


def test_rates_fall_in_steps() -> None:
    check_steps()
    assert read("dexp[250,0,4]") == Schedule("dexp", 250, 4)


def test_rates_fall_smoothly() -> None:
    assert [read("linear[10]").rate(1.0, p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.55, 0.1])
    assert [read("exp[100]").rate(1.0, p) for p in (0, 0.25, 0.5, 1)] == pytest.approx([1, 100**-0.25, 0.1, 0.01])
    assert [CONSTANT.rate(0.3, p) for p in (0, 1)] == [0.3, 0.3]


def test_rates_jump_up_between_steps() -> None:
    """Half-way through the second and third of four steps; not in the first, and not at the ends of a run."""
    schedule = read("jdexp[1000,4]")
    levels = [1000 ** -(i / 3) for i in range(4)]
    for p, step in {0.24: 0, 0.3: 1, 0.375: 1, 0.376: 0.5, 0.5: 0.5, 0.6: 2, 0.7: 1.5, 0.8: 3, 0.89: 2.5}.items():
        wanted = levels[int(step)] if step == int(step) else math.sqrt(levels[int(step)] * levels[int(step) + 1])
        assert schedule.rate(1.0, p) == pytest.approx(wanted), p
    assert schedule.rate(1.0, 0.9) == schedule.rate(1.0, 1) == pytest.approx(levels[3])
    assert read("jdexp[1000,2]").rate(1.0, 0.8) == pytest.approx(1000**-0.5)
    assert read("dexp[7,1]").rate(0.5, 1) == read("jdexp[7,1]").rate(0.5, 0.6) == 0.5


WRONG = (
    *("", "dexp", "dexp[]", "dexp[2000]", "dexp[1,2,3,4]", "steps[2,3]", "dexp[tgtFactor=250]", "linear[0]"),
    *("exp[-1]", "dexp[250,4.5]", "dexp[250,100000]", "exp[nan]", "exp[1e400]", "dexp[factor=2,numSteps=3]"),
    *("linear[2,-1]", "dexp[2,3", "dexp[[2,3]]"),
)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with complains("parameters of layer it", "schedw", error=LayerFileError):
        read(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "inf", "nan", "dexp[tgtFactor=250;numSteps=4]", "0.1 0.2", "[", "1_0"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with complains("parameters of layer it", "epsW", error=LayerFileError):
        read_rate(Section("parameters of layer it", {}), "epsW", text)


@pytest.mark.parametrize("text", ["dexp[base=0.001,tgtFactor=10,numSteps=2]", "dexp[100,3]", "exp[100]"])
def test_a_schedule_that_is_no_rate_is_told_how_to_be_one(text: str) -> None:
    section = Section("parameters of layer it", {"epsw": text})
    with complains("epsW", "dexp[base=0.01;tgtFactor=250;numSteps=4]", text, error=LayerFileError):
        read_rate(section, "epsW", section.names("epsW")[0])
