"""Lines that run in PyTorch and not here: each is refused in one sentence that says what to write instead."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

# What is written, and a part of the sentence that tells what to write instead.
REFUSED = {
    "T.ones(2, 3, 4) @ T.ones(2, 4, 5)": "2-d",
    "T.matmul(T.ones(2, 3, 4), T.ones(4, 5))": "2-d",
    "T.ones(2, 3, 4).bmm(T.ones(2, 4, 5))": "@",
    "T.bmm(T.ones(2, 3, 4), T.ones(2, 4, 5))": "@",
    "nn.BatchNorm2d(3)": "LocalResponseNorm",
    "T.utils.data.DataLoader([1, 2])": "slices",
    "T.optim.lr_scheduler.StepLR(sgd, 1)": "param_groups",
    "nn.LazyLinear(3)": "Linear",
    "T.Generator()": "manual_seed",
    "T.multinomial(T.ones(3), 1)": "argmax",
    "x.clone()": "detach",
    "T.from_numpy(a)": "mg.tensor",
    "x[0] = 1.0": "where",
    "x[1:3] += 1": "where",
    "x[x > 0]": "where",
    "x.masked_fill(x > 0, 0.0)": "where",
    "T.add(x, x, out=x)": "+",
    "T.exp(x, out=x)": "exp",
    "x.copy_(x)": "data",
    "x.add_(x)": "+=",
    "x.fill_(1.0)": "mg.full",
    "T.autograd.grad(x.sum(), [x])": "backward",
    "x.sum().backward(retain_graph=True)": "backward",
    "T.einsum('i,i->', x, x)": "sum",
    "x.norm()": "sqrt",
    "nn.utils.clip_grad_norm_([x], 1.0)": "grad",
    "nn.Embedding(5, 3)": "index",
    "nn.LSTM(3, 3)": "tanh",
    "nn.Softmax(dim=1)": "softmax",
    "T.optim.AdamW([x])": "Adam",
    "T.optim.RMSprop([x])": "Adam",
    "T.optim.SGD([x], 0.1, dampening=0.1)": "dampening",
    "T.optim.SGD([x], 0.1, nesterov=True, momentum=0.9)": "momentum",
    "nn.CrossEntropyLoss(T.ones(3))": "weight",
    "nn.Conv2d(1, 1, 3, dilation=2)": "dilation",
    "x.expand(2, 4)": "broadcast",
    "x.repeat(2)": "cat",
    "T.sort(x)": "NumPy",
    "T.topk(x, 2)": "NumPy",
    "x.cuda": "to",
    "T.float16": "float32",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_offered_says_what_to_write_instead(line: str) -> None:
    """An error of one sentence: never a number, never a traceback out of the engine."""
    with pytest.raises((AttributeError, TypeError, ValueError, RuntimeError)) as caught:
        execute(line, "minigrad")
    sentence = str(caught.value)
    assert REFUSED[line] in sentence, sentence
    assert "\n" not in sentence and len(sentence) < 300, sentence


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_is_pytorchs(line: str) -> None:
    """Every line runs under PyTorch, so that nothing is refused that nobody would write."""
    if not find_spec("torch"):
        pytest.skip("there is no PyTorch to compare with")
    execute(line, "torch")


def execute(line: str, library: str) -> None:
    T = import_module(library)
    x = T.tensor([-1.0, 0.0, 1.0, 2.0])
    names = {"T": T, "nn": T.nn, "a": x.numpy(), "x": x, "sgd": T.optim.SGD([x], lr=0.1)}
    if "backward" in line or "autograd" in line:
        x.requires_grad_()
    exec(line, names)
