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
    "T.utils.data.DataLoader([1, 2])": "a slice of",
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
    "T.exp(x, out=x)": "y = mg.exp",
    "T.sum(x, 0, out=x[0])": "y = mg.sum",
    "x.copy_(x)": "data",
    "x.add_(x)": "+=",
    "x.fill_(1.0)": "mg.full",
    "T.autograd.grad(x.sum(), [x])": "backward",
    "x.sum().backward(retain_graph=True)": "again",
    "x.sum().backward(inputs=[x])": "requires_grad_",
    "T.autograd.grad(x.sum(), [x], create_graph=True)": "first derivatives",
    "T.einsum('i,i->', x, x)": "sum",
    "x.norm()": "sqrt",
    "nn.utils.clip_grad_norm_([x], 1.0)": "grad",
    "nn.Embedding(5, 3)": "index",
    "nn.LSTM(3, 3)": "tanh",
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
    "x.cuda": "x.to(",
    "T.float16": "float32",
    "T.Generator().manual_seed(0)": "mg.manual_seed(0)",
    "T.backends.cudnn.deterministic": "always",
    "T.cuda.device_count()": "mg.devices()",
    "nn.Linear(1, 1).cuda": "net.to(",
    "nn.Linear(1, 1).requires_grad_(False)": "net.parameters()",
    "nn.Linear(1, 1).register_buffer('x', x)": "attributes",
    "nn.functional.gelu(x)": "tanh",
    "nn.init.trunc_normal_(x)": "clamp",
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
