"""Sums, means, deviations, the largest and the smallest, of all and along an axis, as methods and as functions."""

import minigrad as T

x = T.tensor([[1.0, 4.0, -2.0], [0.5, -3.0, 2.5]], requires_grad=True)
everything = x.sum(), x.mean(), x.std(), x.var(), x.max(), x.min(), x.abs().sum(), x.argmax()
rows = x.sum(1), x.mean(dim=1), x.std(dim=1), x.var(1), x.argmax(1), x.sum(-1), x.mean(-1)
columns = x.sum(0, keepdim=True), x.mean(0, keepdim=True), x.std(0, keepdim=True), x.var(dim=0, keepdim=True)
several = x.sum((0, 1)), x.mean(dim=(0, 1)), x.view(1, 2, 3).sum(dim=[0, 2])
functions = T.sum(x), T.mean(x, dim=1), T.std(x), T.var(x, dim=1), T.max(x), T.min(x), T.argmax(x, dim=1), T.sum(x, 0)
biased = x.var(unbiased=False), x.std(1, unbiased=False), x.var(0, correction=0)

values, indices = x.max(dim=1)
smallest = x.min(dim=0)
pair = smallest.values, smallest.indices, x.max(1).values, T.max(x, 1)[1], x.min(1, keepdim=True)[0]
span = (x.max() - x.min()).item()

loss = x.std() + x.var(0).sum() + values.sum() + smallest.values.mean() + x.max() * x.min()
loss.backward()

numpys_words = (
    x.sum(axis=0), x.sum(axis=1, keepdims=True), T.mean(x, axis=(0, 1)), x.std(axis=1), x.max(axis=0).values,
    x.argmax(axis=-1), (x > 0).any(axis=1), T.softmax(x, axis=0), x.sum(1, keepdims=True), T.cat([x, x], axis=1),
)  # fmt: skip

counts = T.tensor([[1, 2], [3, 4]])
whole = (
    counts.sum(),
    counts.sum(0),
    counts.max(),
    counts.min(),
    counts.float().mean(),
    (counts > 1).sum(1),
    counts.max(1),
)
softmaxes = T.softmax(x, dim=1), x.softmax(0), T.log_softmax(x, dim=1), x.log_softmax(-1), x.softmax(dim=1).sum(dim=1)
