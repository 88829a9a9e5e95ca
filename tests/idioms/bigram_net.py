"""The same model of letters as a net of one layer: one-hot vectors times a matrix, a softmax written out."""

import numpy as np

import minigrad as T
import minigrad.nn.functional as F

text = ".emma.olivia.ava.isabella.sophia."
letters = sorted(set(text))
ids = T.tensor([letters.index(c) for c in text])
xs, ys = ids[:-1], ids[1:]
num = xs.numel()

rng = np.random.default_rng(5)
W = T.tensor(rng.normal(size=(len(letters), len(letters))), dtype=T.float32, requires_grad=True)

losses = []
for _ in range(40):
    xenc = F.one_hot(xs, num_classes=len(letters)).float()
    logits = xenc @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdim=True)
    loss = -probs[T.arange(num), ys].log().mean() + 0.01 * (W**2).mean()
    losses.append(loss.item())
    W.grad = None
    loss.backward()
    W.data += -10 * W.grad

ix, out = 0, []
with T.no_grad():
    while len(out) < 10:
        p = F.softmax(F.one_hot(T.tensor([ix]), len(letters)).float() @ W, dim=1)
        ix = p[0].argmax().item()
        out.append(letters[ix])
word = "".join(out)
alike = (probs - F.softmax(W[xs], dim=-1)).abs().max().item() < 1e-1
assert losses[-1] < losses[0]
