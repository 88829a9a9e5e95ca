"""Data brought to mean 0 and deviation 1, column by column and channel by channel, and the way back."""

import numpy as np

import minigrad as T

rng = np.random.default_rng(14)
X = T.tensor(rng.normal((10, -3, 0.5), (2, 5, 0.1), (50, 3)), dtype=T.float32)
mu, sigma = X.mean(0), X.std(0)
Z = (X - mu) / sigma
centred = (Z.mean(dim=0).abs() < 1e-4).all().item(), ((Z.std(dim=0) - 1).abs() < 1e-4).all().item()
back = Z * sigma + mu

lo, hi = X.min(0).values, X.max(0)[0]
unit = (X - lo) / (hi - lo)
bounds = unit.min().item(), unit.max().item()

images = T.tensor(rng.integers(0, 256, (4, 3, 5, 5)), dtype=T.uint8)
pixels = images.float() / 255
mean, std = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3))
normalised = (pixels - mean[None, :, None, None]) / std.view(1, 3, 1, 1)
grey = pixels.mean(1, keepdim=True)

covariance = Z.T @ Z / (len(Z) - 1)
correlation = covariance[0, 1].item()
gamma = T.ones(3, requires_grad=True)
layer_normed = gamma * (X - X.mean(-1, keepdim=True)) / (X.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
layer_normed.pow(3).mean().backward()
