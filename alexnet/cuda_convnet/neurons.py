"""The activations that `neuron=` can name: relu, logistic, tanh[a,b] and the others, with their formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.grammar import Section, split_list
from minigrad import nn

__all__ = ["Neuron", "read_neuron"]

TEXT = re.compile(r"([a-z]+)(?:\[([^\[\]]*)\])?")


def _linear(x: mg.Tensor, a: float, b: float) -> mg.Tensor:
    """a x + b."""
    return x * a + b


def _tanh(x: mg.Tensor, a: float, b: float) -> mg.Tensor:
    """a tanh(b x)."""
    return F.tanh(x * b) * a


def _soft_relu(x: mg.Tensor) -> mg.Tensor:
    """log(1 + e^x), and above 4, x itself."""
    return mg.where(x > 4, x, mg.log(mg.exp(x.clamp(max=4)) + 1))


def _square(x: mg.Tensor) -> mg.Tensor:
    """x^2."""
    return x * x


def _bounded_relu(x: mg.Tensor, a: float) -> mg.Tensor:
    """min(a, max(0, x))."""
    return F.relu(x).clamp(max=a)


def _noisy_relu(x: mg.Tensor) -> mg.Tensor:
    """max(0, r + n) with r = max(0, x) and normal noise n of variance r, which has no gradient."""
    r = F.relu(x)
    noise = mg.sqrt(r.detach()) * mg.randn(*x.shape, dtype=x.dtype, device=x.device)
    return F.relu(r + noise)


def _soft_threshold(x: mg.Tensor, a: float) -> mg.Tensor:
    """x - a tanh(x / a)."""
    return x - F.tanh(x / a) * a


def _logarithm(x: mg.Tensor, a: float) -> mg.Tensor:
    """log(a + x)."""
    return mg.log(x + a)


# by name: how many numbers follow in brackets, and f
NEURONS: dict[str, tuple[int, Callable[..., mg.Tensor]]] = {
    "relu": (0, F.relu),
    "logistic": (0, F.sigmoid),
    "linear": (2, _linear),
    "tanh": (2, _tanh),
    "softrelu": (0, _soft_relu),
    "abs": (0, mg.abs),
    "square": (0, _square),
    "sqrt": (0, mg.sqrt),
    "brelu": (1, _bounded_relu),
    "nrelu": (0, _noisy_relu),
    "drelu": (1, _soft_threshold),
    "log": (1, _logarithm),
}


class Neuron(nn.Module):
    """An activation, f(x) elementwise.

    Args:
        name: one of `NEURONS`.
        arguments: the numbers in brackets.
    """

    def __init__(self, name: str, arguments: Sequence[float] = ()) -> None:
        self.name, self.arguments = name, tuple(arguments)

    def forward(self, input: mg.Tensor) -> mg.Tensor:
        """Any shape to the same shape."""
        if self.name == "nrelu" and not self.training:
            return F.relu(input)
        return NEURONS[self.name][1](input, *self.arguments)

    def extra_repr(self) -> str:
        """As a layer file says it."""
        return self.name + (f"[{','.join(f'{each:g}' for each in self.arguments)}]" if self.arguments else "")


def read_neuron(section: Section) -> Neuron | None:
    """The activation that the key `neuron` of a layer names; None for `ident`, and where there is none.

    Raises:
        LayerFileError: it is none of those that cuda-convnet knows.
    """
    text = section.text("neuron", "ident")
    if text == "ident":
        return None
    match = TEXT.fullmatch(text)
    if not match or match[1] not in NEURONS:
        raise section.error(f"neuron is one of ident, {', '.join(NEURONS)}; got {text[:60]!r}")
    name, inside = match[1], match[2]
    count = NEURONS[name][0]
    given = split_list(inside) if inside is not None else []
    if len(given) != count:
        raise section.error(f"neuron={name} takes {count} numbers in square brackets; got {text[:60]!r}")
    arguments = Section(section.where, {"neuron": inside or ""}).numbers("neuron", count) if count else []
    if name in ("drelu", "brelu") and not arguments[0] > 0:
        raise section.error(f"neuron={name}[a] takes a number above 0; got {text[:60]!r}")
    return Neuron(name, arguments)
