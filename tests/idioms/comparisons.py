"""Comparisons element by element, any and all, where, clamp, and arithmetic with what is true."""

import minigrad as T

x = T.tensor([-2.0, -0.5, 0.0, 0.5, 3.0])
y = T.tensor([-2.0, 0.5, 0.0, float("nan"), 1.0])
six = [x == y, x != y, x < y, x <= y, x > y, x >= y]
numbers = [x == 0, x != 0.5, x < 1, 0 <= x, -1 > x, x >= 3]
reflexive = (x == x).all(), (y == y).all(), (y != y).any(), (y != y).sum().item()

mask = (x > -1) & (x < 1)
either, neither = (x < -1) | (x > 1), ~((x < -1) | (x > 1))
some = mask.any().item(), mask.all().item(), (x > 100).any(), (x < 100).all(), bool((x > 2).any())
table = T.tensor([[True, False], [True, True]])
by_row = table.any(1), table.all(dim=0), table.all(dim=1, keepdim=True), table.sum(0), table.sum()
fraction = mask.float().mean().item(), mask.long().sum().item(), (mask * 2).sum(), mask + mask.long()
picked = T.where(mask, x, T.zeros_like(x)), T.where(x > 0, 1.0, 0.0), T.where(x > 0, x, 0.1 * x), x * (x > 0)
limited = x.clamp(-1, 1), x.clamp(min=0), T.clamp(x, max=0.5)
extremes = T.maximum(x, T.tensor(0.0)), T.minimum(x, x * x), (x - y).abs() <= 1

z = T.tensor([-1.0, 0.25, 2.0], requires_grad=True)
loss = (T.where(z > 0, z**2, -z) + z.clamp(0, 1) + T.maximum(z, 2 * z) + z * (z > 0)).sum()
loss.backward()

labels = T.tensor([0, 1, 2, 1])
guesses = T.tensor([0, 2, 2, 1])
hits = (labels == guesses).sum().item() / len(labels)
eq = labels.eq(guesses), labels == 1, (labels == 1) & (guesses == 1)
answer = "right" if T.tensor(3.0) > 2 else "wrong"
found = [v.item() for v in labels if v > 0]
table_of_names = {x: "x", z: "z"}
names = table_of_names[z], x in table_of_names, z + 0 in table_of_names
del table_of_names
