"""Linear regression from nothing: made-up data, minibatches by indices, a squared loss, an `sgd` function."""

import random

import numpy as np

import minigrad as T

random.seed(0)
rng = np.random.default_rng(18)
true_w, true_b = T.tensor([2.0, -3.4]), 4.2
features = T.tensor(rng.normal(size=(100, 2)), dtype=T.float32)
labels = T.matmul(features, true_w) + true_b
labels += T.tensor(rng.normal(0, 0.01, 100), dtype=T.float32)
labels = labels.reshape((-1, 1))


def data_iter(batch_size, features, labels):
    num_examples = len(features)
    indices = list(range(num_examples))
    random.shuffle(indices)
    for i in range(0, num_examples, batch_size):
        batch_indices = T.tensor(indices[i : min(i + batch_size, num_examples)])
        yield features[batch_indices], labels[batch_indices]


def linreg(X, w, b):  # noqa: N803
    return T.matmul(X, w) + b


def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params, lr, batch_size):
    with T.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


w = T.zeros((2, 1), requires_grad=True)
b = T.zeros(1, requires_grad=True)
train_losses = []
for _ in range(3):
    for X, y in data_iter(10, features, labels):
        loss = squared_loss(linreg(X, w, b), y)
        loss.sum().backward()
        sgd([w, b], 0.3, 10)
    with T.no_grad():
        train_l = squared_loss(linreg(features, w, b), labels)
        train_losses.append(float(train_l.mean()))
error = (true_w - w.reshape(true_w.shape)).abs().max(), true_b - b
print(f"error in estimating w: {error[0]:.3f}, b: {error[1].item():.3f}")
assert train_losses[-1] < 0.01
