"""The gradient of a small net held against differences of its loss, number by number."""

import numpy as np

import minigrad as T

rng = np.random.default_rng(13)
X = T.tensor(rng.normal(size=(6, 3)), dtype=T.double)
y = T.tensor(rng.integers(0, 4, 6))
W1 = T.tensor(rng.normal(size=(3, 5)), requires_grad=True)
W2 = T.tensor(rng.normal(size=(5, 4)), requires_grad=True)


def compute_loss():
    logits = T.tanh(X @ W1) @ W2
    logits_max = logits.max(1, keepdim=True).values
    norm_logits = logits - logits_max
    logprobs = norm_logits - norm_logits.exp().sum(1, keepdim=True).log()
    return -logprobs[range(len(y)), y].mean()


loss = compute_loss()
loss.backward()
kinds = W1.dtype, loss.dtype, W1.grad.dtype

h = 1e-5
differences = []
with T.no_grad():
    for W in (W1, W2):
        for i in range(W.size(0)):
            for j in range(W.size(1)):
                bump = T.zeros_like(W) + h * (T.arange(W.numel()).view(W.shape) == i * W.size(1) + j)
                W += bump
                up = compute_loss()
                W -= 2 * bump
                down = compute_loss()
                W += bump
                slope = (up - down) / (2 * h)
                differences.append((slope - W.grad[i, j]).abs().item() < 1e-7)
exact, compared = all(differences), len(differences)
assert exact
