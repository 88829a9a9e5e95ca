"""Rates as functions of progress: `schedW`, `schedB`, `sched`, and rates written as `dexp[base=...]`.

The progress p of a run goes from 0 to 1: it is the number of data batches done, less one, over those of all epochs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from alexnet.cuda_convnet.grammar import Section, shown

__all__ = ["CONSTANT", "Schedule", "read_rate", "read_schedule"]

KINDS = ("linear", "exp", "dexp", "jdexp")
BRACKETS = re.compile(r"([a-z]+)\s*\[([^\[\]]*)\]")
AS_RATE = "dexp[base=0.01;tgtFactor=250;numSteps=4]"
MOST = 1000  # of steps; of 2012 it is 5
NAMES = {"base": "base", "tgtfactor": "factor", "noisestdev": "noise", "numsteps": "steps"}


@dataclass(frozen=True)
class Schedule:
    """How a rate falls from its start, `base`, to base / factor.

    Attributes:
        kind: "" for a constant rate; "linear": base (1 - p) + base / factor p; "exp": base (1 / factor)^p; "dexp", in
            equal steps: level i = base (1 / factor)^(i / (steps - 1)) while p <= (i + 1) / steps; "jdexp", the same,
            but for .2 < p < .9 half-way through a step i > 0 it goes up, to sqrt(level i x level i - 1).
        factor: what the rate is divided by at the end.
        steps: the number of levels of dexp and jdexp.
        noise: where it is not 0, every use of the rate is multiplied by 1 + noise |n|, n normal of variance 1.
    """

    kind: str = ""
    factor: float = 1.0
    steps: int = 1
    noise: float = 0.0

    @property
    def gradual(self) -> bool:
        """Whether the rate changes all the time, not in steps."""
        return self.kind in ("linear", "exp")

    def rate(self, base: float, progress: float) -> float:
        """The rate at a progress from 0 to 1, without noise."""
        if not self.kind:
            return base
        if self.kind == "linear":
            return base * (1 - progress) + base / self.factor * progress
        if self.kind == "exp":
            return float(base * self.factor**-progress)
        step = next((i for i in range(self.steps) if progress <= (i + 1) / self.steps), self.steps - 1)
        fallen = step / max(1, self.steps - 1)
        if self.kind == "jdexp" and step and progress > (step + 0.5) / self.steps and 0.2 < progress < 0.9:
            fallen = (step - 0.5) / (self.steps - 1)  # the geometric mean of two levels
        return float(base * self.factor**-fallen)


CONSTANT = Schedule()


def read_schedule(section: Section, key: str) -> Schedule:
    """The schedule that a key names: a constant rate where it is missing or `default`.

    All of `dexp[2000,4]`, `dexp[500,0,4]` and `dexp[tgtFactor=250,noiseStdev=0,numSteps=4]` were written at some time.

    Raises:
        LayerFileError: it is none of these.
    """
    text = section.text(key, "default")
    return CONSTANT if text == "default" else _read(section, key, text, ",")[1]


def read_rate(section: Section, key: str, text: str) -> tuple[float, Schedule | None]:
    """A rate and, where it is written as `dexp[base=0.01;tgtFactor=250;numSteps=4]`, its schedule.

    Raises:
        LayerFileError: it is neither this nor a number of 0 or more.
    """
    if "[" not in text:
        return Section(section.where, {key.lower(): text}).number(key, least=0), None
    if not BRACKETS.fullmatch(text):  # a comma has cut it
        raise section.error(
            f"{key} is a number, or a schedule with its base and with semicolons, as {AS_RATE}; got "
            f"{shown(section.text(key, text))} (without a base it belongs into sched{key[-1]})"
        )
    base, schedule = _read(section, key, text, ";")
    if base is None:
        raise section.error(f"{key}: a schedule that is a rate has a base, as {AS_RATE}; got {shown(text)}")
    return base, schedule


def _read(section: Section, key: str, text: str, separator: str) -> tuple[float | None, Schedule]:
    """The base, if it is said, and the schedule."""
    match = BRACKETS.fullmatch(text)
    if not match or match[1] not in (*KINDS, "const"):
        names = ", ".join(KINDS)
        raise section.error(f"{key} is default, or one of {names} with numbers in brackets; got {text[:60]!r}")
    kind = match[1]
    items = [item.strip() for item in match[2].split(separator)]
    if all("=" in item for item in items):
        named = {name.strip().lower(): value.strip() for name, value in (item.split("=", 1) for item in items)}
        if not named.keys() <= NAMES.keys():
            raise section.error(f"{key}: a schedule has {', '.join(NAMES)}; got {text[:60]!r}")
        given = {NAMES[name]: value for name, value in named.items()}
    else:
        # of two numbers the second is the steps where there are steps, else the noise; of three it is the noise
        order = {1: ("factor",), 2: ("factor", "steps" if "dexp" in kind else "noise"), 3: ("factor", "noise", "steps")}
        if len(items) not in order:
            raise section.error(f"{key}: a schedule has one to three numbers; got {text[:60]!r}")
        given = dict(zip(order[len(items)], items, strict=True))
    values = Section(f"{section.where}: {key}", given)
    base = values.number("base", least=0) if "base" in values else None
    if kind == "const":
        return base, CONSTANT
    factor = values.number("factor", least=1e-6)
    steps = values.integer("steps") if "dexp" in kind else 1
    if steps > MOST:
        raise section.error(f"{key}: a rate falls in at most {MOST} steps; got {text[:60]!r}")
    return base, Schedule(kind, factor, steps, values.number("noise", 0.0, least=0))
