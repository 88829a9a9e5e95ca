"""What a user should know of a pair of files before it is trained: keys that mean nothing, and the end of a run."""

from __future__ import annotations

import re

from alexnet.cuda_convnet.grammar import Section, Sections, lines_of, normalised
from alexnet.cuda_convnet.schedules import read_rate

__all__ = ["copied_from", "late_start", "remarks"]

# Keys of the layer file by type; "" for those of all. What follows the bar changes nothing here, and is passed over.
FILTERS = "channels filters filtersize padding stride groups randsparse filterchannels initw initb weightsource"
LAYER_KEYS = {
    "": "type inputs neuron gpu name",
    "data": "dataidx",
    "conv": f"{FILTERS} sharedbiases initwfunc initbfunc initcfunc partialsum sumwidth",
    "local": f"{FILTERS} initwfunc initbfunc initcfunc partialsum sumwidth sharedbiases",
    "fc": "outputs initw initb weightsource initwfunc initbfunc",
    "pool": "channels sizex stride start outputsx pool",
    **dict.fromkeys(("rnorm", "cnorm", "cmrnorm"), "channels size sizex scale pow mindiv blocked"),
    **dict.fromkeys(("hs", "dropout", "dropout2"), "keep"),
    "eltsum": "coeffs",
    "blur": "channels filtersize stdev",
    "nailbed": "channels stride",
    "href": "channels",
    "rgb2yuv": "channels",
    "rgb2lab": "channels center",
}
# and of the parameter file
RATES = "epsw epsb momw momb wc wball schedw schedb sched updateperiod supereps supermom dropout"
PARAMETER_KEYS = {
    "": "quantf quantb",
    "conv": f"{RATES} wcnormmin wcnormmax",
    "local": RATES,
    "fc": RATES,
    **dict.fromkeys(("rnorm", "cnorm", "cmrnorm"), "scale pow mindiv"),
    "hs": "enable",
    "dropout": "enable keep",
    "dropout2": "enable keep",
    "pool": "domax",
    "cost.logreg": "coeff topk",
    "cost.crossent": "coeff",
}
INSTEAD = {"initwfunc": "initW is taken", "initbfunc": "initB is taken", "initcfunc": "the list is drawn"}
COPY = re.compile(r"initw\.make([wbc])\(([^(),]+)\)")
HISTORY = re.compile(r"eps|noise|epoch|killed", re.IGNORECASE)
MOST_COMMENTS = 12
LATE = 0.001  # rates of weights below it are no start: CIFAR-10 nets start at .001, those of ImageNet at .01 and above


def remarks(layers: Sections, params: Sections, layers_file: str, params_file: str, copied: bool = False) -> list[str]:
    """A sentence for everything in a pair of files that means nothing here, or not what it says.

    Args:
        layers: of the layer file.
        params: of the parameter file.
        layers_file: its name.
        params_file: its name.
        copied: whether what `copied_from` tells is done.
    """
    sections, settings = normalised(layers), normalised(params)
    asks = copied_from(layers) if copied else {}
    kinds = {name: values.get("type", "") for name, values in sections.items()}
    result = []
    for name, values in sections.items():
        for key in _unknown(values, LAYER_KEYS, kinds[name]):
            result.append(f"{layers_file}, [{name}]: {key} is no key of type={kinds[name]}, and is ignored")
        for key in INSTEAD:
            if key in values and key not in asks.get(name, {}):
                result.append(
                    f"{layers_file}, [{name}]: {key}={values[key][:60]} names a function, and none is called; "
                    f"{INSTEAD[key]} instead"
                )
    for name, values in settings.items():
        if name not in kinds:
            result.append(f"{params_file}, [{name}]: there is no such layer, and the section is ignored")
            continue
        for key in _unknown(values, PARAMETER_KEYS, kinds[name]):
            result.append(f"{params_file}, [{name}]: {key} is no key for type={kinds[name]}, and is ignored")
        for key in ("quantf", "quantb"):
            if values.get(key, "default") != "default":
                result.append(f"{params_file}, [{name}]: {key}={values[key][:60]}: nothing is rounded between devices")
    return result


def _unknown(values: dict[str, str], keys: dict[str, str], kind: str) -> list[str]:
    known = f"{keys['']} {keys.get(kind, '')}".split()
    return [key for key in values if key not in known]


def copied_from(layers: Sections) -> dict[str, dict[str, str]]:
    """By layer and key, the layer of another net whose weights, biases or list of channels were to be copied.

    `initWFunc=initw.makew(conv1)` in a layer's section gives {"initwfunc": "conv1"}.
    """
    result: dict[str, dict[str, str]] = {}
    for name, values in normalised(layers).items():
        for key in INSTEAD:
            match = COPY.fullmatch(values.get(key, "").replace(" ", ""))
            if match and key == f"init{match[1]}func":
                result.setdefault(name, {})[key] = match[2]
    return result


def late_start(params: Sections, text: str) -> str:
    """What there is to say of a parameter file that seems to hold the end of a run, not its start; "" if it does not.

    Most files of 2012 hold that: rates were changed by hand in the file, which was read anew whenever a run went on.
    But the first rates of a run may be low too, and layers frozen.

    Args:
        params: of the parameter file.
        text: of the file, for its comments.
    """
    rates: dict[str, list[float]] = {}
    for name, values in normalised(params).items():
        if "epsw" in values:
            own = Section(f"parameters of layer {name}", values)
            rates[name] = [read_rate(own, "epsW", item)[0] for item in own.names("epsw")]
    frozen = [name for name, each in rates.items() if not any(each)]
    moving = sorted({rate for each in rates.values() for rate in each if rate}, reverse=True)
    if not frozen and (not moving or moving[0] >= LATE):
        return ""
    facts = []
    if frozen:
        facts.append(f"frozen, with a rate of 0, are the weights of {', '.join(frozen)}")
    if moving:
        facts.append(f"the rates of weights are {' and '.join(f'{rate:g}' for rate in moving)}")
    lines = [line.lstrip("#; \t").strip() for line in lines_of(text) if line.startswith(("#", ";"))]
    told = ["".join(filter(str.isprintable, line)) for line in lines if HISTORY.search(line)]
    more = ["..."] if len(told) > MOST_COMMENTS else []
    history = f"; its comments tell: {'; '.join(told[:MOST_COMMENTS] + more)}" if told else ""
    return f"the parameter file looks like the end of a run, not its start: {'; '.join(facts)}{history}"
