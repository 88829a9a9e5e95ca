"""Layer files and parameter files for tests, written here: the nets of 2012 in their numbers, not in their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import minigrad as mg
from alexnet.cuda_convnet import LayerNet, read_sections

__all__ = ["cost", "net_of", "params_of", "pixels", "section", "two_columns"]

RATES = {"epsW": 0.01, "epsB": 0.02, "momW": 0.9, "momB": 0.9, "wc": 0.0005}


def section(name: str, /, **values: object) -> str:
    """A section as a file has it."""
    return "\n".join([f"[{name}]", *(f"{key}={_said(value)}" for key, value in values.items()), "", ""])


def _said(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


DATA = section("data", type="data", dataIdx=0) + section("labels", type="data", dataIdx=1)


def cost(logits: str, **options: object) -> str:
    """The last two sections of every file."""
    return section("probs", type="softmax", inputs=logits, **options) + section(
        "logprob", type="cost.logreg", inputs="labels,probs", **options
    )


# maps of conv1 to conv5 and units of the hidden layers, of one column
COLUMN = {"conv1": 48, "conv2": 128, "conv3": 192, "conv4": 192, "conv5": 128, "fc6": 2048, "fc7": 2048}
PADDING = {"conv2": 2, "conv3": 1, "conv4": 1, "conv5": 1}


def two_columns(
    classes: int = 1000,
    width: float = 1.0,
    columns: int = 2,
    crossing: Sequence[str] = ("conv3", "fc6", "fc7"),
    norms: bool = True,
    overlapping: bool = True,
    padding: Mapping[str, int] = PADDING,
    **counts: int,
) -> str:
    """The paper's net as its authors ran it: relu after the pools of layers 1 and 5, and norms within maps.

    Args:
        classes: outputs.
        width: factor on all counts.
        columns: "a" and "b", or "a" alone.
        crossing: the layers that read both columns; the second column's fc7 reads its own first.
        norms: whether there are any.
        overlapping: pooling 3 / 2, else 2 / 2.
        padding: of the convolutions that have any.
        counts: of maps and units of a column, where they are others.
    """
    n = {name: max(1, round(count * width)) for name, count in {**COLUMN, **counts}.items()}
    crossing = crossing if columns == 2 else ()
    text = [DATA]

    def each(name: str, **values: object) -> None:
        """A layer of each column: * stands for its letter, ~ for the other's, # for its number."""
        for number, (own, other) in enumerate(("ab", "ba")[:columns]):
            said = {key: _said(value).replace("*", own).replace("~", other) for key, value in values.items()}
            text.append(section(name + own, **said, gpu=number))

    def conv(name: str, inputs: Sequence[str], source: str, size: int, **values: object) -> None:
        count = len(inputs)
        lists = {"channels": n.get(source, 3), "filters": n[name], "filterSize": size, "padding": padding.get(name, 0)}
        lists |= {"stride": values.pop("stride")} if "stride" in values else {}
        each(name, type="conv", inputs=inputs, **{key: [value] * count for key, value in lists.items()}, **values)

    def pool(name: str, source: str, maps: str, **values: object) -> None:
        window = {"sizeX": 3 if overlapping else 2, "stride": 2}
        each(name, type="pool", pool="max", inputs=f"{source}*", channels=n[maps], **window, **values)

    conv("conv1", ["data"], "", 11, stride=4, initW=0.01)
    if norms:
        each("rnorm1", type="cmrnorm", inputs="conv1*", channels=n["conv1"], size=5)
    pool("pool1", "rnorm1" if norms else "conv1", "conv1", neuron="relu")
    conv("conv2", ["pool1*"], "conv1", 5, neuron="relu", initW=0.01, initB=1)
    if norms:
        each("rnorm2", type="cmrnorm", inputs="conv2*", channels=n["conv2"], size=5)
        each("cnorm2", type="rnorm", inputs="rnorm2*", channels=n["conv2"], size=5)
    pool("pool2", "cnorm2" if norms else "conv2", "conv2")
    both = ["pool2a", "pool2b"] if "conv3" in crossing else ["pool2*"]
    conv("conv3", both, "conv2", 3, neuron="relu", initW=[0.03] * len(both))
    conv("conv4", ["conv3*"], "conv3", 3, neuron="relu", initW=0.03, initB=1)
    conv("conv5", ["conv4*"], "conv4", 3, initW=0.03, initB=1)
    pool("pool5", "conv5", "conv5", neuron="relu")
    for name, whole in (("fc6", ["pool5a", "pool5b"]), ("fc7", ["hs6*", "hs6~"])):
        inputs = whole if name in crossing else [f"{whole[0][:-1]}*"]
        each(name, type="fc", inputs=inputs, outputs=n[name], initW=[0.01] * len(inputs), initB=1, neuron="relu")
        each(f"hs{name[2]}", type="hs", keep=0.5, inputs=f"{name}*")
    ends = ["hs7a", "hs7b"][:columns]
    text.append(section("fc8", type="fc", inputs=ends, outputs=classes, initW=[0.01] * columns, gpu=0))
    return "".join(text) + cost("fc8", gpu=0)


def params_of(layers: str, **changes: Mapping[str, object]) -> str:
    """A parameter file for a layer file: the rates of 2012 everywhere; changes by the name of a layer."""
    text = ""
    for name, values in read_sections(layers, "layers").items():
        count = len(values.get("inputs", "").split(","))
        own: dict[str, object] = {}
        match values["type"]:
            case "conv" | "fc" | "local":
                own = {key: [value] * count if key in ("epsW", "momW", "wc") else value for key, value in RATES.items()}
            case "cmrnorm" | "rnorm" if "scale" in values:
                own = {}
            case "cmrnorm":
                own = {"scale": 0.0001, "pow": 0.75, "minDiv": 2}
            case "rnorm" | "cnorm":
                own = {"scale": 0.001, "pow": 0.75}
            case "hs":
                own = {"enable": "true"}
            case "cost.logreg":
                own = {"coeff": 1, "topk": 5}
        own |= changes.get(name, {})
        text += section(name, **own) if own else ""
    return text


def net_of(layers: str, params: str = "", size: int = 32, classes: int = 10, **options: object) -> LayerNet:
    """The network of two texts."""
    sections = read_sections(layers, "layers.cfg"), read_sections(params, "params.cfg") if params else {}
    return LayerNet(*sections, size, 3, classes, **options)  # type: ignore[arg-type]


def pixels(net: LayerNet, count: int = 3, dtype: type = np.float64) -> mg.Tensor:
    """Pictures minus a mean, on the scale of pixels."""
    shape = count, net.in_channels, net.image_size, net.image_size
    return mg.tensor((np.random.default_rng(3).standard_normal(shape) * 60).astype(dtype))
