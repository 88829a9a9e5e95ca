"""A linear classifier step by step from tensors to nn.Module and optim, each version giving the same weights."""

import math

import numpy as np

import minigrad as T
import minigrad.nn.functional as F
from minigrad import nn, optim

rng = np.random.default_rng(17)
x_train = T.tensor(rng.normal(size=(48, 6)), dtype=T.float32)
y_train = T.tensor(rng.integers(0, 3, 48))
n, c = x_train.shape
start = T.tensor(rng.normal(size=(6, 3)), dtype=T.float32) / math.sqrt(6)
bs, lr, epochs = 16, 0.5, 3

weights = start * 1
weights.requires_grad_()
bias = T.zeros(3, requires_grad=True)


def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)


def model(xb):
    return log_softmax(xb @ weights + bias)


def nll(input, target):
    return -input[range(target.shape[0]), target].mean()


def accuracy(out, yb):
    preds = T.argmax(out, dim=1)
    return (preds == yb).float().mean()


before = nll(model(x_train), y_train), accuracy(model(x_train), y_train)
for _ in range(epochs):
    for i in range((n - 1) // bs + 1):
        start_i = i * bs
        xb = x_train[start_i : start_i + bs]
        yb = y_train[start_i : start_i + bs]
        loss = nll(model(xb), yb)
        loss.backward()
        with T.no_grad():
            weights -= weights.grad * lr
            bias -= bias.grad * lr
            weights.grad.zero_()
            bias.grad.zero_()
after = nll(model(x_train), y_train), accuracy(model(x_train), y_train)


class Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(start * 1)
        self.bias = nn.Parameter(T.zeros(3))

    def forward(self, xb):
        return xb @ self.weights + self.bias


module = Logistic()
for _ in range(epochs):
    for i in range((n - 1) // bs + 1):
        loss = F.cross_entropy(module(x_train[i * bs : (i + 1) * bs]), y_train[i * bs : (i + 1) * bs])
        loss.backward()
        with T.no_grad():
            for p in module.parameters():
                p -= p.grad * lr
            module.zero_grad()

layer = nn.Linear(6, 3)
layer.load_state_dict({"weight": start.T, "bias": T.zeros(3)})
opt = optim.SGD(layer.parameters(), lr=lr)
for _ in range(epochs):
    for i in range((n - 1) // bs + 1):
        loss = F.nll_loss(F.log_softmax(layer(x_train[i * bs : (i + 1) * bs]), dim=1), y_train[i * bs : (i + 1) * bs])
        loss.backward()
        opt.step()
        opt.zero_grad()

same = (weights - module.weights).abs().max().item() < 1e-5, (weights - layer.weight.T).abs().max().item() < 1e-5
assert all(same)
