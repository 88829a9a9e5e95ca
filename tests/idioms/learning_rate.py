"""The rate changed by hand in `param_groups`, and rates of their own for the parts of a net."""

import minigrad as T
from minigrad import nn, optim

x = T.linspace(-2, 2, 32).unsqueeze(1)
y = x**2 - x

model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
with T.no_grad():
    for p in model.parameters():
        p.zero_()
        p += T.linspace(-1, 1, p.numel()).view(p.shape)

optimizer = optim.SGD(
    [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02, "weight_decay": 1e-3}], lr=0.1
)
criterion = nn.MSELoss()
rates, losses = [], []
for epoch in range(30):
    if epoch == 10:
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
    if epoch >= 20:
        optimizer.param_groups[0]["lr"] = 0.05 * 0.9 ** (epoch - 20)
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    rates.append([g["lr"] for g in optimizer.param_groups])
decays = [group["weight_decay"] for group in optimizer.param_groups]
assert losses[-1] < losses[0]
