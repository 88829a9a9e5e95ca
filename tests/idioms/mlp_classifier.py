"""Three classes on a spiral: a module, CrossEntropyLoss, minibatches by slices, functions `train` and `test`."""

import numpy as np

import minigrad as T
from minigrad import nn

rng = np.random.default_rng(2)
labels = np.arange(96) % 3
radius = np.linspace(0.2, 1, 96)
angle = 2.1 * labels + 1.5 * radius + rng.normal(0, 0.1, 96)
data = T.tensor(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), dtype=T.float32)
targets = T.tensor(labels)

device = "cuda" if T.cuda.is_available() else "cpu"


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


model = NeuralNetwork().to(device)
for parameter in model.parameters():
    parameter.data = T.tensor(rng.normal(0, 0.4, tuple(parameter.shape)), dtype=T.float32)
loss_fn = nn.CrossEntropyLoss()
optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def train(model, loss_fn, optimizer, batch_size=32):
    model.train()
    for i in range(0, len(data), batch_size):
        X, y = data[i : i + batch_size].to(device), targets[i : i + batch_size].to(device)
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


def test(model, loss_fn):
    model.eval()
    with T.no_grad():
        pred = model(data)
        test_loss = loss_fn(pred, targets).item()
        correct = (pred.argmax(1) == targets).type(T.float).sum().item()
    return test_loss, correct / len(data)


history = []
for _ in range(25):
    train_loss = train(model, loss_fn, optimizer)
    history.append((train_loss, *test(model, loss_fn)))
print(f"Accuracy: {100 * history[-1][-1]:>0.1f}%, Avg loss: {history[-1][1]:>8f}")

same = (model(data).argmax(dim=1) == targets).float().mean().item()
count = (model(data).max(1).indices == targets).sum().item()
_, guess = T.max(model(data), 1)
assert history[-1][-1] > 0.85
