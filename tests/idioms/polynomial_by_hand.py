"""A cubic fitted to points with nothing but tensors: the gradient is taken by `backward`, the step by hand."""

import minigrad as T

x = T.linspace(-1, 1, 50)
y = T.exp(x) - 0.5 * x**3

a, b, c, d = (T.tensor(start, requires_grad=True) for start in (0.1, -0.2, 0.3, -0.4))
lr = 0.2
losses = []
for _ in range(100):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).mean()
    losses.append(loss.item())
    loss.backward()
    with T.no_grad():
        a -= lr * a.grad
        b -= lr * b.grad
        c -= lr * c.grad
        d -= lr * d.grad
        a.grad = None
        b.grad = None
        c.grad.zero_()
        d.grad.zero_()

print(f"y = {a.item():.3f} + {b.item():.3f} x + {c.item():.3f} x^2 + {d.item():.3f} x^3")
assert losses[-1] < 0.01 * losses[0]
