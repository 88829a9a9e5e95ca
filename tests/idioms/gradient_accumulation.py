"""Four small batches and one step; gradients add up until they are zeroed, in each of the ways to do it."""

import numpy as np

import minigrad as T
from minigrad import nn, optim

rng = np.random.default_rng(8)
x = T.tensor(rng.normal(size=(16, 3)), dtype=T.float32)
y = x.sum(dim=1, keepdim=True) * 0.5 - 1

model = nn.Linear(3, 1)
nn.init.constant_(model.weight, 0.2)
nn.init.constant_(model.bias, 0.0)
optimizer = optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.MSELoss()

accumulation_steps = 4
running = 0.0
for _ in range(5):
    for i in range(accumulation_steps):
        loss = loss_fn(model(x[4 * i : 4 * i + 4]), y[4 * i : 4 * i + 4]) / accumulation_steps
        loss.backward()
        running += loss.item()
    optimizer.step()
    optimizer.zero_grad()
gone = model.weight.grad is None

loss_fn(model(x), y).backward()
once = model.weight.grad.tolist()
held = model.weight.grad
loss_fn(model(x), y).backward()
same = held is model.weight.grad
held = held * 1
twice = model.weight.grad.tolist()
optimizer.zero_grad(set_to_none=False)
zeros = model.weight.grad.tolist(), (model.bias.grad == 0).all().item()
model.zero_grad()
forgotten = [p.grad is None for p in model.parameters()]
loss_fn(model(x), y).backward()
whole = model.weight.grad
