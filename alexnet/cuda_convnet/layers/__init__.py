"""The layer types of cuda-convnet, each a module with its formula."""

from __future__ import annotations

from collections.abc import Callable

from alexnet.cuda_convnet.grammar import Section, shown
from alexnet.cuda_convnet.layers.base import Layer, Shape, Spec
from alexnet.cuda_convnet.layers.normalisation import ContrastNorm, CrossMapNorm, WithinMapNorm
from alexnet.cuda_convnet.layers.pictures import Blur, Lab, Mirror, Pictures, Thinning, Yuv
from alexnet.cuda_convnet.layers.pooling import Pool
from alexnet.cuda_convnet.layers.simple import Activation, Concatenation, Dropout, Maximum, Softmax, Sum
from alexnet.cuda_convnet.layers.weighted import (
    Convolution,
    FullyConnected,
    Local,
    Weighted,
    weight_name,
    weight_sources,
)

__all__ = [
    "COSTS",
    "LAYERS",
    "WITH_WEIGHTS",
    "Layer",
    "Pictures",
    "Shape",
    "Spec",
    "Weighted",
    "checked_type",
    "weight_name",
    "weight_sources",
]

# by `type`; data and cost layers have no module
LAYERS: dict[str, Callable[[Spec], Layer]] = {
    "conv": Convolution,
    "local": Local,
    "fc": FullyConnected,
    "pool": Pool,
    "cmrnorm": CrossMapNorm,
    "rnorm": WithinMapNorm,
    "cnorm": ContrastNorm,
    "neuron": Activation,
    "softmax": Softmax,
    "hs": Dropout,
    "dropout": Dropout,
    "dropout2": Dropout,
    "concat": Concatenation,
    "pass": Concatenation,
    "eltsum": Sum,
    "eltmax": Maximum,
    "blur": Blur,
    "nailbed": Thinning,
    "href": Mirror,
    "rgb2yuv": Yuv,
    "rgb2lab": Lab,
}
WITH_WEIGHTS = ("conv", "local", "fc")
COSTS = ("cost.logreg", "cost.crossent")  # of one class an example they are the same

SEVERAL = "labels that name several classes at once, which no data has"
# types that exist and cannot be done, with what is missing
NOT_OFFERED = {
    "treefc": "the tree of WordNet over the classes, which no data has",
    "cost.crossent2": SEVERAL,
    "cost.bce": SEVERAL,
    "cost.dce": SEVERAL,
    "cost.rflickr": SEVERAL,
    "cost.msm": SEVERAL,
    "cost.sum2": "a cost that is no classifier's",
    "cost.gsum2": "a cost that is no classifier's",
    "cost.tica": "a cost that is no classifier's",
    "resize": "rescaling within a network",
    "rscale": "rescaling within a network",
    "sum": "a sum over numbers of one layer",
    "cmpool": "pooling across maps",
    "crop": "cutting within a network",
    "sfc": "a fully-connected layer of shared parts",
}


def checked_type(section: Section) -> str:
    """The type of a layer.

    Raises:
        LayerFileError: there is no such type, or it cannot be done.
    """
    kind = section.text("type")
    if kind in NOT_OFFERED:
        raise section.error(f"type={kind} cannot be done: it needs {NOT_OFFERED[kind]}")
    if kind not in ("data", *LAYERS, *COSTS):
        indented = "; a line that begins with a space goes on with the value before it" if "=" in kind else ""
        raise section.error(f"there is no type={shown(kind)}; there are data, {', '.join((*LAYERS, *COSTS))}{indented}")
    return kind
