"""The suite proved: layers of layer files, schedules and limits broken on purpose, of which its checks notice each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from layer_checks import (
    check_blur,
    check_contrast_norm,
    check_filters,
    check_limits,
    check_mirror,
    check_noise,
    check_pool,
    check_steps,
    check_thinning,
)
from mutants import altered
from strategies import apart, moderate

from alexnet.cuda_convnet import ParameterRule, Schedule, parameters
from alexnet.cuda_convnet.layers import normalisation, pictures, pooling, weighted

X = moderate((2, 2, 6, 6), 0)
contrast = partial(check_contrast_norm, X, 3, 2.0, 0.75, 2.0)
even = partial(check_contrast_norm, X, 4, 2.0, 0.75)
blur = partial(check_blur, X, 4, 0.9)
thinning = partial(check_thinning, X, 4)
pool = partial(check_pool, apart((2, 2, 6, 6), 0))
TWO = {
    **{"channels": [2, 4], "filters": [4, 2], "groups": [1, 2], "filterSize": [3, 2], "stride": [3, 2], "initB": 1},
    **{"padding": [1, 0], "randSparse": [0, 1]},
}
two = partial(check_filters, "conv", TWO, [X, moderate((2, 4, 6, 6), 1)])
MUTANTS: dict[str, tuple[object, str, str, str, Callable[[], None]]] = {
    "the numerator is centred": (normalisation.ContrastNorm, "compute", "return x *", "return difference *", contrast),
    "means have a gradient": (normalisation.ContrastNorm, "compute", "x.detach()", "x", contrast),
    "means count what is outside": (
        *(normalisation.ContrastNorm, "compute", "count_include_pad=False", "count_include_pad=True"),
        contrast,
    ),
    "even windows reach further down": (
        *(normalisation.ContrastNorm, "compute", "self.size // 2, (self.size - 1) // 2"),
        *("(self.size - 1) // 2, self.size // 2", even),
    ),
    "minDiv is 1": (normalisation.ContrastNorm, "compute", "+ least", "+ 1.0", contrast),
    "rows are not blurred": (
        *(pictures.Blur, "compute", "x = F.conv2d(x, row, padding=(0, 0, before, after), groups=self.channels)", ""),
        blur,
    ),
    "an even blur reaches further down": (
        *(pictures.Blur, "compute", "self.around, len(self.weights) - 1 - self.around"),
        *("len(self.weights) - 1 - self.around, self.around", blur),
    ),
    "pixels begin at the corner": (pictures.Thinning, "compute", "slice(self.start", "slice(0", thinning),
    "rows are reversed": (pictures.Mirror, "compute", "[:, :, :, ::-1]", "[:, :, ::-1]", partial(check_mirror, X)),
    "maxabs without its sign": (
        *(pooling.Pool, "compute", "mg.where(lowest > y, -lowest, y)", "mg.maximum(lowest, y)"),
        partial(pool, "maxabs", 3, 2),
    ),
    "a mean counts what is outside": (
        *(pooling.Pool, "compute", "count_include_pad=False", "count_include_pad=True"),
        partial(pool, "avg", 4, 4, -2),
    ),
    "pixels before the start are seen": (
        *(pooling.Pool, "compute", "self.cut is not None", "False"),
        partial(pool, "max", 3, 2, 1),
    ),
    "channels in order": (
        *(weighted.Filters, "read", "number not in self.channel_lists", "True"),
        two,
    ),
    "the bias is added for every input": (weighted.Filters, "compute", "None if t else bias", "bias", two),
    "the second input is passed over": (weighted.Filters, "compute", "sum(others, y)", "y", two),
    "limits by all filters together": (
        parameters,
        "project",
        "range(1, parameter.ndim)",
        "range(parameter.ndim)",
        check_limits,
    ),
    "a ball of B, not B n": (parameters, "project", "rule.ball * count", "rule.ball", check_limits),
    "the spread about 0": (parameters, "project", "value - value.mean(axes, keepdim=True)", "value", check_limits),
    "a step late": (Schedule, "rate", "progress <= (i + 1)", "progress < (i + 1)", check_steps),
    "levels of n, not n - 1": (Schedule, "rate", "step / max(1, self.steps - 1)", "step / self.steps", check_steps),
    "one noise for gradient and decay": (
        *(ParameterRule, "drawn", "self.weight_decay * decay / gradient", "self.weight_decay"),
        check_noise,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check passes as long as nothing is broken, and fails once it is."""
    owner, function, before, after, check = MUTANTS[name]
    check()
    with monkeypatch.context() as patch:
        patch.setattr(owner, function, altered(owner, function, before, after))
        with pytest.raises(AssertionError):
            check()
    check()
