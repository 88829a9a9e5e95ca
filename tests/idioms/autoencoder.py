"""Eight numbers through a bottleneck of two and back: encoder and decoder, ReLU and Sigmoid, the mean squared error."""

import numpy as np

import minigrad as T
from minigrad import nn

rng = np.random.default_rng(7)
hidden = rng.uniform(0, 1, (40, 2))
data = T.tensor(1 / (1 + np.exp(-4 * (hidden @ rng.normal(size=(2, 8))))), dtype=T.float32)


class Autoencoder(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 6), nn.ReLU(True), nn.Linear(6, code))
        self.decoder = nn.Sequential(nn.Linear(code, 6), nn.ReLU(True), nn.Linear(6, 8), nn.Sigmoid())

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code), code


model = Autoencoder()
for p in model.parameters():
    p.data = T.tensor(rng.normal(0, 0.5, tuple(p.shape)), dtype=T.float32)
distance = nn.MSELoss()
optimizer = T.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)

losses = []
for _ in range(60):
    output, code = model(data)
    loss = distance(output, data) + 1e-3 * code.abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

with T.no_grad():
    reconstruction, _ = model(data[:3])
    error = (reconstruction - data[:3]).pow(2).mean(dim=1).sqrt()
print(f"{losses[0]:.3f} -> {losses[-1]:.3f}")
assert losses[-1] < 0.8 * losses[0]
