"""The step as it was written before no_grad: on `data`, which is not recorded and changes the tensor."""

import minigrad as T

x = T.tensor([[1.0, 2.0], [3.0, -1.0], [-2.0, 0.5], [0.0, 1.5]])
y = T.tensor([[5.1], [0.9], [-0.9], [3.2]])
w = T.zeros(2, 1, requires_grad=True)
bias = T.zeros(1, requires_grad=True)
holder = [w, bias]

for _ in range(60):
    loss = ((x.mm(w) + bias - y) ** 2).mean()
    loss.backward()
    w.data -= 0.1 * w.grad.data
    bias.data -= 0.1 * bias.grad
    w.grad.data.zero_()
    bias.grad.data.zero_()

same = holder[0] is w
before = w.tolist()
d = w.data
d *= 2
after = w.tolist()
del d  # it would go with w below, where PyTorch's stays behind
recorded = w.data.requires_grad, w.requires_grad
w.data = T.ones(2, 1)
predicted = x @ w + bias
assert same and after == [[2 * value for value in row] for row in before]
