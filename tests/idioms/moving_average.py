"""A teacher that is the moving average of its student: a deep copy, stepped after it."""

import copy

import numpy as np

import minigrad as T
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(11)
x, y = T.tensor(rng.normal(size=(20, 3)), dtype=T.float32), T.tensor(rng.integers(0, 2, 20))

student = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
for p in student.parameters():
    p.data = T.tensor(rng.normal(0, 0.5, tuple(p.shape)), dtype=T.float32)
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)
optimizer = T.optim.SGD(student.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-3)
best_loss, best_state = float("inf"), None


@T.no_grad()
def update(decay=0.8):
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow *= decay
        slow += (1 - decay) * fast


for _ in range(15):
    loss = F.cross_entropy(student(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    update()
    if loss.item() < best_loss:
        best_loss = loss.item()
        best_state = copy.deepcopy(student.state_dict())

agreement = (student(x).argmax(1) == teacher(x).argmax(1)).float().mean().item()
distance = sum(((a - b) ** 2).sum() for a, b in zip(student.parameters(), teacher.parameters(), strict=True)).sqrt()
apart = all(a is not b for a, b in zip(student.parameters(), teacher.parameters(), strict=True))
student.load_state_dict(best_state)
assert apart and 0 < distance.item() < 1
