"""A line through noisy points: nn.Linear, MSELoss, SGD, and the five lines of every training loop."""

import numpy as np

import minigrad as T
from minigrad import nn, optim

rng = np.random.default_rng(0)
x = T.tensor(rng.uniform(-1, 1, (64, 1)), dtype=T.float32)
noise = T.tensor(rng.normal(0, 0.05, (64, 1)), dtype=T.float32)
y = 3 * x - 1 + noise

model = nn.Linear(1, 1)
with T.no_grad():
    model.weight.zero_()
    model.bias.zero_()
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.3)

for epoch in range(60):
    outputs = model(x)
    loss = criterion(outputs, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 20 == 0:
        print(f"epoch {epoch + 1}/60, loss {loss.item():.4f}")

slope, intercept = model.weight.item(), model.bias.item()
predicted = model(x).detach().numpy()
total = nn.MSELoss(reduction="sum")(model(x), y)
each = nn.functional.mse_loss(model(x), y, reduction="none")
assert abs(slope - 3) < 0.1 and abs(intercept + 1) < 0.1
