"""How large the net is (abstract, sections 1, 3.5 and 7), counted; nothing is trained."""

from __future__ import annotations

from math import prod

from alexnet.experiments.experiment import Experiment, Finding, Judgement, Runs, Table
from alexnet.experiments.statistics import NOT_SEEN, SEEN
from alexnet.model import AlexNet
from alexnet.model.table import LayerRow, layer_table

__all__ = ["PARAMETERS"]

# "the number of neurons in the network's remaining layers is given by ..." (section 3.5)
UNITS = {
    "conv1": 253_440,
    "conv2": 186_624,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "fc6": 4096,
    "fc7": 4096,
    "fc8": 1000,
}
WEIGHTS, NEURONS = 60_000_000, 650_000  # abstract
SHARE = 1.0  # percent of the parameters that each convolution has at most (section 1)
ROUNDED = 0.02  # how far a number may be from one that the paper rounds


def judge(runs: Runs) -> Judgement:
    """Counts of the net as it is built here beside those of the paper."""
    rows = {row.name: row for row in layer_table(AlexNet()) if row.name in UNITS}
    units = {name: _units(row) for name, row in rows.items()}
    weights = sum(row.parameters for row in rows.values())
    convolutions = [name for name in rows if name.startswith("conv")]
    shares = {name: 100 * rows[name].parameters / weights for name in convolutions}
    most = max(shares.values())
    findings = [
        _near("parameters", WEIGHTS, weights),
        _near("units", NEURONS, sum(units.values())),
        Finding(
            "share of the parameters in each convolution",
            f"at most {SHARE:g} %",
            ", ".join(f"{name} {share:.2f} %" for name, share in shares.items()),
            SEEN if most <= SHARE else f"{NOT_SEEN}: {sum(share > SHARE for share in shares.values())} have more",
        ),
        *(_equal(f"units of {name}", UNITS[name], count) for name, count in units.items()),
    ]
    table = Table(
        "Layers",
        ("layer", "units in the paper", "units", "parameters"),
        [[name, f"{UNITS[name]:,}", f"{units[name]:,}", f"{row.parameters:,}"] for name, row in rows.items()],
    )
    return Judgement(findings, [table])


def _units(row: LayerRow) -> int:
    """Of a layer, in all columns."""
    return row.columns * prod(row.output)


def _near(what: str, paper: int, here: int) -> Finding:
    """A number that the paper gives in round figures."""
    apart = abs(here / paper - 1)
    verdict = SEEN if apart <= ROUNDED else f"{NOT_SEEN}: {100 * apart:.1f} % apart"
    return Finding(what, f"{paper:,}, in round figures", f"{here:,}", verdict)


def _equal(what: str, paper: int, here: int) -> Finding:
    """A number that it gives exactly."""
    return Finding(what, f"{paper:,}", f"{here:,}", SEEN if here == paper else NOT_SEEN)


PARAMETERS = Experiment(
    name="parameters",
    claim="the net has 60 million parameters and 650,000 units",
    section="abstract, 1, 3.5",
    paper="60 million parameters, 650,000 neurons; units of layers 1 to 8: 253,440, 186,624, 64,896, 64,896, 43,264, "
    "4096, 4096, 1000; each convolution has no more than 1 % of the parameters.",
    arms=(),
    judge=judge,
)
