"""Pictures of digits by a net with two convolutions: log_softmax, nll_loss, train() and eval(), a loop for the test."""

import numpy as np

import minigrad as T
import minigrad.nn as nn
import minigrad.optim as optim
from minigrad.nn import functional as F

rng = np.random.default_rng(4)
prototypes = rng.normal(0, 1, (4, 1, 12, 12))
classes = np.arange(32) % 4
pictures = prototypes[classes] + rng.normal(0, 0.5, (32, 1, 12, 12))
train_batches = [
    (T.tensor(pictures[i : i + 8], dtype=T.float32), T.tensor(classes[i : i + 8])) for i in range(0, 24, 8)
]
test_batches = [(T.tensor(pictures[24:], dtype=T.float32), T.tensor(classes[24:]))]


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()  # noqa: UP008
        self.conv1 = nn.Conv2d(1, 6, 3, 1)
        self.conv2 = nn.Conv2d(6, 8, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(128, 16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        if not self.training:  # masks are drawn differently by every library
            x = self.dropout1(x)
        x = T.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        output = F.log_softmax(x, dim=1)
        return output


log = []


def train(model, device, optimizer, epoch):
    model.train()
    for batch_idx, (data, target) in enumerate(train_batches):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        log.append((epoch, batch_idx * len(data), loss.item()))


def test(model, device):
    model.eval()
    test_loss = 0
    correct = 0
    with T.no_grad():
        for data, target in test_batches:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    test_loss /= 8
    print(f"\nTest set: Average loss: {test_loss:.4f}, Accuracy: {correct}/8 ({100.0 * correct / 8:.0f}%)\n")
    return correct


T.manual_seed(1)
device = T.device("cpu")
model = Net().to(device)
for p in model.parameters():
    p.data = T.tensor(rng.normal(0, 0.15, tuple(p.shape)), dtype=T.float32)
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
correct = []
for epoch in range(1, 6):
    train(model, device, optimizer, epoch)
    correct.append(test(model, device))
assert correct[-1] == 8
