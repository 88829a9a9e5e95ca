"""A recurrent net unrolled by hand, with its gradients clipped to a norm before each step."""

import numpy as np

import minigrad as T
from minigrad import nn

rng = np.random.default_rng(15)


class RNN(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(inputs + hidden, hidden)
        self.h2o = nn.Linear(hidden, 1)

    def forward(self, x):
        h = T.zeros(x.size(1), self.hidden)
        outputs = []
        for x_t in x:
            h = T.tanh(self.i2h(T.cat((x_t, h), dim=1)))
            outputs.append(self.h2o(h))
        return T.stack(outputs), h


model = RNN(1, 6)
for p in model.parameters():
    p.data = T.tensor(rng.normal(0, 0.6, tuple(p.shape)), dtype=T.float32)
sequence = T.tensor(rng.normal(size=(7, 4, 1)), dtype=T.float32)
target = T.stack([sequence[: t + 1].sum(0) for t in range(len(sequence))])
optimizer = T.optim.SGD(model.parameters(), lr=0.3)

norms = []
for _ in range(30):
    output, _ = model(sequence)
    loss = ((output - target) ** 2).mean()
    model.zero_grad()
    loss.backward()
    total = sum((p.grad**2).sum() for p in model.parameters()) ** 0.5
    norms.append(total.item())
    if total > 1.0:
        for p in model.parameters():
            p.grad *= 1.0 / total
    optimizer.step()
clipped = sum(n > 1 for n in norms)
for p in model.parameters():
    p.grad = p.grad.clamp(-0.01, 0.01)
largest = max(p.grad.abs().max().item() for p in model.parameters())
assert norms[0] > 1 and loss.item() < 1
