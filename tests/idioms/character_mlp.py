"""The next letter from the last three: an embedding that is looked up by index, a hidden layer of tanh, and logits."""

import numpy as np

import minigrad as T
from minigrad.nn import functional as F

words = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia", "amelia"]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
block_size = 3

X, Y = [], []
for w in words:
    context = [0] * block_size
    for ch in w + ".":
        X.append(context)
        Y.append(stoi[ch])
        context = context[1:] + [stoi[ch]]
X = T.tensor(X)
Y = T.tensor(Y)

rng = np.random.default_rng(6)
C, W1, b1, W2, b2 = (
    T.tensor(rng.normal(0, 0.5, size), dtype=T.float32)
    for size in ((len(stoi), 4), (12, 20), (20,), (20, len(stoi)), (len(stoi),))
)
parameters = [C, W1, b1, W2, b2]
total = sum(p.numel() for p in parameters)
for p in parameters:
    p.requires_grad = True

lossi = []
for i in range(60):
    ix = T.arange(i % 4, len(X), 4)
    emb = C[X[ix]]
    h = T.tanh(emb.view(emb.shape[0], -1) @ W1 + b1)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.3 if i < 40 else 0.03
    for p in parameters:
        p.data += -lr * p.grad
    lossi.append(loss.log().item())


@T.no_grad()
def evaluate(x, y):
    emb = C[x]
    h = T.tanh(emb.view(-1, 12) @ W1 + b1)
    logits = h @ W2 + b2
    logprobs = logits - logits.exp().sum(1, keepdim=True).log()
    by_hand = -logprobs[range(len(y)), y].mean()
    return by_hand, F.cross_entropy(logits, y), logits.requires_grad


found = evaluate(X, Y)
nearest = ((C[None, :, :] - C[:, None, :]) ** 2).sum(-1) + 100 * T.eye(len(stoi))
neighbours = nearest.min(1).values
assert lossi[-1] < lossi[0]
