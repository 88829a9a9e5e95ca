"""A model of names by counting which letter follows which, and how likely it finds the names."""

import minigrad as T
from minigrad.nn import functional as F

words = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "evelyn"]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
n = len(itos)

xs, ys = [], []
for w in words:
    chs = ["."] + list(w) + ["."]
    for ch1, ch2 in zip(chs, chs[1:], strict=False):
        xs.append(stoi[ch1])
        ys.append(stoi[ch2])
xs, ys = T.tensor(xs), T.tensor(ys)

N = F.one_hot(xs, num_classes=n).float().T @ F.one_hot(ys, num_classes=n).float()
P = (N + 1).float()
P /= P.sum(1, keepdim=True)

rows_sum_to_one = ((P.sum(1) - 1).abs() < 1e-6).all().item()
likeliest = "".join(itos[i] for i in P.argmax(1).tolist())
log_likelihood = 0.0
for w in ["emma", "zoe", "ava"]:
    for ch1, ch2 in zip("." + w, w + ".", strict=True):
        prob = P[stoi.get(ch1, 0), stoi.get(ch2, 0)]
        logprob = T.log(prob)
        log_likelihood += logprob
nll = -log_likelihood / 13
whole = -P[xs, ys].log().mean()
top = N.max().item(), N[0].max(0), N.sum().item(), int(N[stoi["a"], 0].item())
print(f"{log_likelihood=:.4f} {nll.item():.4f} {whole:.4f}")
