"""One head of causal self-attention on one sequence: queries, keys, values, a mask by comparison, and its gradients."""

import numpy as np

import minigrad as T
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(16)


class Head(nn.Module):
    def __init__(self, n_embd, head_size):
        super().__init__()
        self.key = nn.Linear(n_embd, head_size, bias=False)
        self.query = nn.Linear(n_embd, head_size, bias=False)
        self.value = nn.Linear(n_embd, head_size, bias=False)

    def forward(self, x):
        t = x.size(0)
        k, q = self.key(x), self.query(x)
        wei = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
        mask = T.arange(t)[None, :] <= T.arange(t)[:, None]
        wei = T.where(mask, wei, float("-inf"))
        wei = F.softmax(wei, dim=-1)
        return wei @ self.value(x), wei


head = Head(6, 4)
for p in head.parameters():
    p.data = T.tensor(rng.normal(0, 0.7, tuple(p.shape)), dtype=T.float32)
table = nn.Parameter(T.tensor(rng.normal(size=(5, 6)), dtype=T.float32))
positions = nn.Parameter(T.tensor(rng.normal(size=(8, 6)), dtype=T.float32))
tokens = T.tensor([0, 3, 1, 1, 4, 2, 0])

x = table[tokens] + positions[T.arange(len(tokens))]
out, wei = head(x)
causal = [(wei[i, i + 1 :] == 0).all().item() for i in range(len(tokens) - 1)]
sums = wei.sum(-1)
out.pow(2).mean().backward()
gradients = table.grad, positions.grad, [p.grad for p in head.parameters()]

ones = (T.arange(4)[:, None] >= T.arange(4)[None, :]).float()
averages = ones / ones.sum(1, keepdim=True) @ T.arange(8).view(4, 2).float()
assert all(causal)
