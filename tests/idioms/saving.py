"""A net saved and loaded, and a checkpoint from which training goes on as if it had never stopped."""

import minigrad as T
from minigrad import nn, optim


def make():
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    with T.no_grad():
        for p in net.parameters():
            p.zero_()
            p += T.linspace(-0.9, 0.8, p.numel()).view(p.shape)
    return net


def train(net, optimizer, epochs):
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = (net(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step()
    return loss


x = T.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = T.tensor([[0.0], [1.0], [1.0], [0.0]])

net = make()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
loss = train(net, optimizer, 10)
T.save(net.state_dict(), "net.pt")
T.save(
    {
        "epoch": 10,
        "model_state_dict": net.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": loss.item(),
        "name": "xor",
    },
    "checkpoint.tar",
)
loss = train(net, optimizer, 10)

fresh = make()
fresh.load_state_dict(T.load("net.pt"))
fresh.eval()

again = make()
again_optimizer = optim.SGD(again.parameters(), lr=0.1, momentum=0.9)
checkpoint = T.load("checkpoint.tar")
again.load_state_dict(checkpoint["model_state_dict"])
again_optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
epoch, name, old_loss = checkpoint["epoch"], checkpoint["name"], checkpoint["loss"]
again.train()
again_loss = train(again, again_optimizer, 10)
same = again_loss.item() == loss.item()

T.save(T.arange(4), "numbers.pt")
numbers = T.load("numbers.pt")
T.save([net[0].weight.detach(), 3, "three"], "several.pt")
several = T.load("several.pt")

adam = optim.Adam(fresh.parameters(), lr=0.01)
train(fresh, adam, 3)
T.save({"net": fresh.state_dict(), "adam": adam.state_dict()}, "adam.pt")
train(fresh, adam, 3)
state = T.load("adam.pt")
other = make()
other_adam = optim.Adam(other.parameters(), lr=0.01)
other.load_state_dict(state["net"])
other_adam.load_state_dict(state["adam"])
train(other, other_adam, 3)
equal = [bool((a == b).all()) for a, b in zip(fresh.parameters(), other.parameters(), strict=True)]
assert same and all(equal)
del checkpoint, state
