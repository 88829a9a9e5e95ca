"""Bars, upright or lying, told apart by a small convolutional net in one Sequential."""

import numpy as np

import minigrad as T
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(3)
images = rng.normal(0, 0.1, (24, 1, 8, 8))
labels = np.arange(24) % 2
for image, label in zip(images, labels, strict=True):
    at = rng.integers(1, 7)
    image[0, at] += 1 - label
    image[0, :, at] += label
xb, yb = T.tensor(images, dtype=T.float32), T.tensor(labels)

model = nn.Sequential(
    nn.Conv2d(1, 4, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(4, 8, 3),
    nn.ReLU(inplace=True),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(8, 2),
)
for p in model.parameters():
    p.data = T.tensor(rng.normal(0, 0.4, tuple(p.shape)), dtype=T.float32)
opt = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for _ in range(25):
    loss = F.cross_entropy(model(xb), yb)
    loss.backward()
    opt.step()
    opt.zero_grad()

shapes = []
x = xb
for layer in model:
    x = layer(x)
    shapes.append((type(layer).__name__, tuple(x.shape)))
pooled = F.avg_pool2d(xb, 2), F.max_pool2d(xb, 3, 2, 1), nn.AdaptiveAvgPool2d((2, 4))(xb), nn.AvgPool2d(3, 1)(xb)
accuracy = (x.argmax(1) == yb).float().mean()
assert accuracy.item() == 1
