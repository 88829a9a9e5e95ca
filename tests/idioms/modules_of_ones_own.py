"""A module made of parts: Parameter, ModuleList, ModuleDict, Identity, and `apply` to set the weights."""

import minigrad as T
from minigrad import nn
from minigrad.nn import functional as F


class Scale(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.gain = nn.Parameter(T.ones(features))
        self.shift = nn.Parameter(T.zeros(features))

    def forward(self, x):
        return self.gain * x + self.shift


class Net(nn.Module):
    def __init__(self, sizes, activation="tanh", skip=True):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)])
        self.activations = nn.ModuleDict({"tanh": nn.Tanh(), "relu": nn.ReLU(), "sigmoid": nn.Sigmoid()})
        self.activation = activation
        self.scale = Scale(sizes[-1])
        self.skip = nn.Identity() if skip else None

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < len(self.layers) - 1:
                x = self.activations[self.activation](x)
        return self.skip(self.scale(x))


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.1)
        nn.init.zeros_(m.bias)
        with T.no_grad():
            m.weight += 0.01 * T.arange(m.weight.numel()).view(m.weight.shape)


net = Net([3, 4, 4, 2])
net.apply(init_weights)
net.layers.append(nn.Linear(2, 2, bias=False))
net.layers[-1].apply(lambda m: nn.init.constant_(m.weight, -0.5))

names = [name for name, _ in net.named_parameters()]
count = sum(p.numel() for p in net.parameters() if p.requires_grad)
children = [name for name, _ in net.named_children()]
kinds = [type(m).__name__ for m in net.modules()]
keys = list(net.activations.keys()), "relu" in net.activations, len(net.layers), sorted(net.state_dict())

x = T.tensor([[1.0, -1.0, 0.5], [0.2, 0.4, -0.6]])
outputs = {}
for activation in net.activations:
    net.activation = activation
    outputs[activation] = net(x)
loss = F.mse_loss(outputs["tanh"], T.zeros(2, 2)) + outputs["relu"].mean() + outputs["sigmoid"].abs().sum()
loss.backward()
gradients = {name: p.grad for name, p in net.named_parameters()}
