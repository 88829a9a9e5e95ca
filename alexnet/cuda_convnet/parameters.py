"""What a parameter file says of training: rates, momenta, decay, schedules and limits, for each weight and bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import minigrad as mg
from alexnet.cuda_convnet.grammar import Section, Sections, normalised
from alexnet.cuda_convnet.layers import WITH_WEIGHTS, checked_type, weight_name, weight_sources
from alexnet.cuda_convnet.schedules import CONSTANT, Schedule, read_rate, read_schedule

__all__ = ["ParameterRule", "loss_scale", "parameter_rules", "project"]

# keys that would change the update, with the largest value that does not, and what they ask for
NOT_OFFERED = {
    "updatePeriod": (1, "updates after several minibatches"),
    "superEps": (0, "a second momentum"),
    "superMom": (0, "a second momentum"),
    "dropout": (0, "dropout without a layer of its own (type=hs)"),
}
LOCAL_NDIM = 6  # of the weight of a local layer, (row, column, channel, row, column, filter)


@dataclass(frozen=True)
class ParameterRule:
    """How a weight or a bias is updated.

    With g the gradient: v <- momentum v - rate (g + weight_decay w); w <- w + v. At a rate of 0 nothing is done at all.

    Attributes:
        lr: the rate at the start (epsW, epsB).
        momentum: momW, momB.
        weight_decay: wc; 0 for biases.
        schedule: how the rate falls.
        ball: wball: the norm of the n weights of a filter is at most ball x n; 0 for no limit.
        norm_min, norm_max: wcNormMin, wcNormMax: limits of sqrt(sum of (w - mean)^2) / n of a filter; 0 for none.
    """

    lr: float
    momentum: float
    weight_decay: float = 0.0
    schedule: Schedule = CONSTANT
    ball: float = 0.0
    norm_min: float = 0.0
    norm_max: float = 0.0

    def rate(self, progress: float) -> float:
        """The rate at a progress from 0 to 1, without noise."""
        return self.schedule.rate(self.lr, progress)

    def drawn(self, progress: float, normal: Callable[[], float]) -> tuple[float, float]:
        """Rate and weight decay of one update, where the schedule has noise: gradient and decay each get their own.

        Args:
            progress: from 0 to 1.
            normal: draws a number, normal of variance 1.
        """
        rate, noise = self.rate(progress), self.schedule.noise
        if not noise:
            return rate, self.weight_decay
        gradient, decay = (1 + noise * abs(normal()) for _ in range(2))
        return rate * gradient, self.weight_decay * decay / gradient


def parameter_rules(layers: Sections, params: Sections) -> dict[str, ParameterRule]:
    """The rule of every parameter of `LayerNet`, by its path.

    Raises:
        LayerFileError: a layer's type does not exist; one with weights has no section, or a key is missing or does not
            fit.
    """
    sections, settings = normalised(layers), normalised(params)
    rules: dict[str, ParameterRule] = {}
    for name, values in sections.items():
        section = Section(f"layer {name}", values)
        if checked_type(section) not in WITH_WEIGHTS:
            continue
        count = len(section.names("inputs"))
        own = Section(f"parameters of layer {name}", settings.get(name, {}))
        if name not in settings:
            raise own.error("there is no such section in the parameter file")
        for key, (most, asked) in NOT_OFFERED.items():
            if own.number(key, 0.0) > most:
                raise own.error(f"{key}={own.text(key)} cannot be done: it asks for {asked}")
        shared = weight_sources(section, count)
        for number, rule in enumerate(_weight_rules(own, count)):
            if not shared[number]:
                rules[f"{name}.{weight_name(number)}"] = rule
        rules[f"{name}.bias"] = _bias_rule(own)
    return rules


def _weight_rules(own: Section, count: int) -> list[ParameterRule]:
    texts = own.names("epsW")
    rates = [read_rate(own, "epsW", text) for text in (texts * count if len(texts) == 1 else texts)]
    if len(rates) != count:
        raise own.error(f"epsW has one value for each input, {count}; got {own.text('epsw')[:60]!r}")
    schedule = read_schedule(own, "schedW" if "schedW" in own else "sched")
    balls, decays = own.numbers("wball", count, 0.0, least=0), own.numbers("wc", count, 0.0, least=0)
    least, most = own.numbers("wcNormMin", count, 0.0, least=0), own.numbers("wcNormMax", count, 0.0, least=0)
    momenta = own.numbers("momW", count, least=0)
    for low, high in zip(least, most, strict=True):
        if low > high:
            raise own.error(f"wcNormMin is at most wcNormMax; got {low:g} and {high:g}")
    return [
        ParameterRule(rate, momentum, decay, timed or schedule, ball, low, high)
        for (rate, timed), momentum, decay, ball, low, high in zip(
            rates, momenta, decays, balls, least, most, strict=True
        )
    ]


def _bias_rule(own: Section) -> ParameterRule:
    rate, timed = read_rate(own, "epsB", own.text("epsB"))
    schedule = read_schedule(own, "schedB" if "schedB" in own else "sched")
    return ParameterRule(rate, own.number("momB", least=0), schedule=timed or schedule)


def loss_scale(layers: Sections, params: Sections) -> float:
    """What the gradient of the cost is multiplied by, `coeff`; 1 where there is no parameter file.

    Raises:
        LayerFileError: the cost has no coeff.
    """
    settings = normalised(params)
    costs = [name for name, values in normalised(layers).items() if values.get("type", "").startswith("cost.")]
    if not settings or not costs:
        return 1.0
    return Section(f"parameters of layer {costs[0]}", settings.get(costs[0], {})).number("coeff", least=0)


def project(parameter: mg.Tensor, rule: ParameterRule) -> None:
    """Bring the filters of a weight back within their limits after an update, in place; each filter by itself.

    First, where norm_max is above 0, a filter whose sqrt(sum of (w - mean)^2) / n is below norm_min or above norm_max
    is scaled to have that; then one whose norm is above ball x n is scaled to have that. n is the number of its
    weights, and the filters of a local layer are those of every place.
    """
    if not rule.ball and not rule.norm_max:
        return
    axes = (2, 3, 4) if parameter.ndim == LOCAL_NDIM else tuple(range(1, parameter.ndim))
    with mg.no_grad():
        value = parameter.detach()
        count = value.numel() // (value.sum(axes).numel() or 1)
        if rule.norm_max:
            centred = value - value.mean(axes, keepdim=True)
            spread = mg.sqrt((centred * centred).sum(axes, keepdim=True)) / count
            wanted = spread.clamp(rule.norm_min, rule.norm_max)
            value = value * mg.where(spread > 0, wanted / mg.where(spread > 0, spread, 1.0), 1.0)
        if rule.ball:
            norm = mg.sqrt((value * value).sum(axes, keepdim=True))
            most = rule.ball * count
            value = value * mg.where(norm > most, most / mg.where(norm > most, norm, 1.0), 1.0)
        parameter.data = value
