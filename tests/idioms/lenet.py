"""LeNet's layers one after another, with a hook on each that keeps what it computed."""

import numpy as np

import minigrad as T
from minigrad import nn

rng = np.random.default_rng(12)
net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2),
    nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5),
    nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 120),
    nn.Sigmoid(),
    nn.Linear(120, 84),
    nn.Sigmoid(),
    nn.Linear(84, 10),
)
for p in net.parameters():
    p.data = T.tensor(rng.normal(0, 0.1, tuple(p.shape)), dtype=T.float32)

X = T.tensor(rng.normal(size=(2, 1, 28, 28)), dtype=T.float32)
seen = {}
statistics = []


def keep(name):
    def hook(module, inputs, output):
        seen[name] = output.detach()
        statistics.append((type(module).__name__, tuple(inputs[0].shape), output.mean().item(), output.std().item()))

    return hook


handles = [layer.register_forward_hook(keep(name)) for name, layer in net.named_children()]
out = net(X)
for handle in handles:
    handle.remove()
net(X[:1])
calls = len(statistics)
print("\n".join(f"{kind:10s} mean {mean:+.3f} std {std:.3f}" for kind, _, mean, std in statistics))

total = sum(p.numel() for p in net.parameters())
nn.CrossEntropyLoss()(out, T.tensor([3, 7])).backward()
gradients = [p.grad.abs().mean().item() for p in net.parameters()]
probability = out.softmax(dim=1).max(dim=1)
del handle, handles
