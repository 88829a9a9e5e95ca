"""The methods of a tensor as functions: `mg.exp(x)` is `x.exp()`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from minigrad.operands import checked_tensor
from minigrad.operations import where
from minigrad.tensors import Tensor

__all__ = [
    "abs", "all", "any", "argmax", "argmin", "clamp", "eq", "exp", "flatten", "ge", "gt", "le", "log", "log_softmax",
    "lt", "matmul", "max", "maximum", "mean", "min", "minimum", "mm", "ne", "neg", "permute", "pow", "relu", "reshape",
    "sigmoid", "softmax", "sqrt", "squeeze", "std", "sum", "tanh", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip


def _function(name: str) -> Callable[..., Any]:
    """The function that calls the method of that name, on its first argument `input`."""
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def function(input: Tensor, *arguments: Any, **options: Any) -> Any:
        if "out" in options:
            raise TypeError(f"{name}: out= is not offered, results are new tensors; write y = mg.{name}(...)")
        return method(checked_tensor(name, input), *arguments, **options)

    signature = inspect.signature(method)
    first, *others = signature.parameters.values()
    function.__signature__ = signature.replace(parameters=[first.replace(name="input"), *others])  # type: ignore[attr-defined]
    function.__module__, function.__qualname__ = __name__, name
    return function


abs = _function("abs")
all = _function("all")
any = _function("any")
argmax = _function("argmax")
argmin = _function("argmin")
clamp = _function("clamp")
eq = _function("eq")
exp = _function("exp")
flatten = _function("flatten")
ge = _function("ge")
gt = _function("gt")
le = _function("le")
log = _function("log")
log_softmax = _function("log_softmax")
lt = _function("lt")
matmul = _function("matmul")
max = _function("max")
maximum = _function("maximum")
mean = _function("mean")
min = _function("min")
minimum = _function("minimum")
mm = _function("mm")
ne = _function("ne")
neg = _function("neg")
permute = _function("permute")
pow = _function("pow")
relu = _function("relu")
reshape = _function("reshape")
sigmoid = _function("sigmoid")
softmax = _function("softmax")
sqrt = _function("sqrt")
squeeze = _function("squeeze")
std = _function("std")
sum = _function("sum")
tanh = _function("tanh")
transpose = _function("transpose")
unsqueeze = _function("unsqueeze")
var = _function("var")
