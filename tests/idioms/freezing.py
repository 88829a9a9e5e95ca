"""Parts of a net that stay as they are, weights that two layers share, and gradients that stop at `detach`."""

import numpy as np

import minigrad as T
from minigrad import nn, optim

rng = np.random.default_rng(10)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(5, 3, bias=False)
        self.decode = nn.Linear(3, 5)

    def forward(self, x):
        code = T.tanh(self.encode(x))
        return self.decode(code) + nn.functional.linear(code, self.encode.weight.T)


x = T.tensor(rng.normal(size=(10, 5)), dtype=T.float32)
model = Tied()
for p in model.parameters():
    p.data = T.tensor(rng.normal(0, 0.4, tuple(p.shape)), dtype=T.float32)
model.decode.weight.requires_grad_(False)
for p in [model.decode.bias]:
    p.requires_grad = False
trainable = [name for name, p in model.named_parameters() if p.requires_grad]
frozen_before = model.decode.weight.tolist()
optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
for _ in range(20):
    loss = ((model(x) - x) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
kept = model.decode.weight.tolist() == frozen_before and model.decode.weight.grad is None

for p in model.decode.parameters():
    p.requires_grad_(True)
target = model(x).detach()
((model(2 * x) - target) ** 2).mean().backward()
all_have = [p.grad is not None for p in model.parameters()], target.requires_grad

first = nn.Linear(4, 4, bias=False)
second = nn.Linear(4, 4, bias=False)
nn.init.constant_(first.weight, 0.3)
second.weight = first.weight
shared = nn.Sequential(first, nn.Tanh(), second)
count = len(list(shared.parameters()))
shared(T.ones(2, 4)).sum().backward()
one = first.weight is second.weight and first.weight.grad is second.weight.grad

a = T.tensor([1.0, 2.0], requires_grad=True)
b = a * 3
(b.detach() * a).sum().backward()
with T.no_grad():
    quiet = a * 2
flags = quiet.requires_grad, b.requires_grad, b.detach().requires_grad
assert kept and one
