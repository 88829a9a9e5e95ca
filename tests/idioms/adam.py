"""Adam on a narrow valley, on a net, and written out by hand beside it."""

import numpy as np

import minigrad as T
from minigrad import nn, optim

x = T.tensor([-1.5, 2.0], requires_grad=True)
optimizer = optim.Adam([x], lr=0.05)
path = []
for _ in range(80):
    optimizer.zero_grad()
    loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    loss.backward()
    optimizer.step()
    path.append(x.tolist())

w = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
v = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
m, s = T.zeros(3), T.zeros(3)
adam = optim.Adam([v], lr=0.1, betas=(0.8, 0.9), eps=1e-6)
for t in range(1, 11):
    for leaf in (w, v):
        leaf.grad = None
        (leaf**4).sum().backward()
    with T.no_grad():
        m = 0.8 * m + 0.2 * w.grad
        s = 0.9 * s + 0.1 * w.grad**2
        w -= 0.1 * (m / (1 - 0.8**t)) / ((s / (1 - 0.9**t)).sqrt() + 1e-6)
    adam.step()
apart = (w - v).abs().max().item() < 1e-5

rng = np.random.default_rng(9)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
for p in net.parameters():
    p.data = T.tensor(rng.normal(0, 0.5, tuple(p.shape)), dtype=T.float32)
data, labels = T.tensor(rng.normal(size=(30, 4)), dtype=T.float32), T.tensor(rng.integers(0, 3, 30))
opt = optim.Adam(net.parameters(), 0.01, weight_decay=0.01)
for _ in range(30):
    out = nn.functional.cross_entropy(net(data), labels)
    opt.zero_grad()
    out.backward()
    opt.step()
assert apart
