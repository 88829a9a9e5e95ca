"""A function of numbers, rolled down by gradient descent, and roots found by Newton's method from first derivatives."""

import minigrad as T


def f(x):
    return (x - 3) ** 2 + x.exp() / 10


def bowl(a, b):
    return a**2 + 3 * b**2 + a * b


x = T.tensor(0.0, requires_grad=True)
history = []
for _ in range(50):
    y = f(x)
    y.backward()
    with T.no_grad():
        x -= 0.1 * x.grad
    x.grad.zero_()
    history.append((x.item(), y.item()))

root = T.tensor(1.0, dtype=T.float64, requires_grad=True)
for _ in range(6):
    value = root**2 - 2
    value.backward()
    root.data -= value.item() / root.grad
    root.grad = None
assert abs(root.item() - 2**0.5) < 1e-12

points = T.tensor([[2.0, 1.0], [-1.0, 1.5]], requires_grad=True)
velocity = T.zeros_like(points)
for _ in range(30):
    height = bowl(points[:, 0], points[:, 1]).sum()
    height.backward()
    with T.no_grad():
        velocity *= 0.8
        velocity -= 0.05 * points.grad
        points += velocity
        points.grad.zero_()
speed = T.sqrt((velocity**2).sum(dim=1))
