"""Dropout in training and out of it: what it keeps, what it scales, and that `eval` lets all pass."""

import minigrad as T
from minigrad import nn
from minigrad.nn import functional as F

T.manual_seed(0)
x = T.ones(200, 50)
layer = nn.Dropout(p=0.25)
dropped = layer(x)
share = abs((dropped == 0).float().mean().item() - 0.25) < 0.02
scaled = T.where(dropped == 0, 4 / 3, dropped)
mean = abs(dropped.mean().item() - 1) < 0.02

layer.eval()
passed = (layer(x) == x).all().item()
net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.ReLU())
nn.init.constant_(net[0].weight, 0.5)
nn.init.constant_(net[0].bias, -0.25)
modes = [m.training for m in net.modules()]
net.eval()
modes += [m.training for m in net.modules()]
y = net(T.tensor([[1.0, 2.0, 3.0]]))
off = F.dropout(x, p=0.5, training=False).sum().item(), F.dropout(x, 1.0).sum(), F.dropout(x, 0.0).sum()
net.train()

w = T.ones(1000, requires_grad=True)
z = F.dropout(w, 0.5)
z.sum().backward()
same_mask = (w.grad == z).all().item()
del dropped, z, w
assert share and mean and passed and same_mask
