"""A softmax made sharper and softer by its temperature, and the letters it would say."""

import minigrad as T
from minigrad.nn import functional as F

logits = T.tensor([2.0, 1.0, 0.1, -1.0], requires_grad=True)
table = {}
for temperature in (0.5, 1.0, 2.0, 10.0):
    probs = F.softmax(logits / temperature, dim=0)
    entropy = -(probs * probs.log()).sum()
    table[temperature] = probs.detach(), entropy.item()
    print(f"T = {temperature:4.1f}: " + " ".join(f"{p:.3f}" for p in probs) + f", entropy {entropy:.3f}")

by_hand = T.exp(logits - logits.max()) / T.exp(logits - logits.max()).sum()
shifted = F.softmax(logits + 1000, dim=-1)
loss = F.cross_entropy(logits.unsqueeze(0), T.tensor([1])) + entropy - by_hand[0] * shifted[1]
loss.backward()
sums_to_zero = abs(F.log_softmax(logits, dim=0).exp().sum().item() - 1) < 1e-6

student = T.tensor([[0.5, 0.2], [0.1, -0.4]], requires_grad=True)
teacher = T.tensor([[1.0, -1.0], [0.3, 0.3]])
q, log_p = F.softmax(teacher / 2, 1), F.log_softmax(student / 2, 1)
divergence = (q * (q.log() - log_p)).sum(1).mean() * 2**2
divergence.backward()
