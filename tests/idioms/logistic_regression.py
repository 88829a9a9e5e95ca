"""Two clouds of points, told apart by a sigmoid; the binary cross-entropy is written out."""

import numpy as np

import minigrad as T

rng = np.random.default_rng(1)
points = np.concatenate([rng.normal((-1, -1), 0.8, (40, 2)), rng.normal((1, 1), 0.8, (40, 2))])
X = T.tensor(points, dtype=T.float32)
y = T.cat([T.zeros(40), T.ones(40)])

w = T.zeros(2, requires_grad=True)
b = T.zeros(1, requires_grad=True)

for _ in range(80):
    p = T.sigmoid(X @ w + b)
    loss = -(y * T.log(p) + (1 - y) * T.log(1 - p)).mean()
    penalty = 0.01 * (w**2).sum()
    loss += penalty
    loss.backward()
    with T.no_grad():
        for parameter in (w, b):
            parameter -= 0.5 * parameter.grad
            parameter.grad.zero_()

predicted = (p > 0.5).float()
accuracy = (predicted == y).float().mean().item()
errors = (predicted != y).sum().item()
false_positives = ((predicted == 1) & (y == 0)).sum().item()
false_negatives = ((predicted == 0) & (y == 1)).sum()
assert accuracy > 0.9 and round(accuracy * 80) + errors == 80
