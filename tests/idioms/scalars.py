"""Expressions of numbers: tensors without axes, and the gradient of each."""

import minigrad as T

a = T.tensor(-4.0, requires_grad=True)
b = T.tensor(2.0, requires_grad=True)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
g.backward()
print(f"{g.item():.4f} {a.grad.item():.4f} {b.grad.item():.4f}")

x1, x2 = T.tensor(2.0).double(), T.tensor(0.0).double()
w1, w2, bias = T.tensor(-3.0).double(), T.tensor(1.0).double(), T.tensor(6.8813735870195432).double()
for t in (x1, x2, w1, w2, bias):
    t.requires_grad = True
n = x1 * w1 + x2 * w2 + bias
o = T.tanh(n)
o.backward()
tangents = [t.grad.item() for t in (x1, x2, w1, w2)]
kind = o.dtype == T.double, o.shape, o.item()

h = T.tensor(3.0, requires_grad=True)
s = h + h
s = s + h * 0
(s * s.exp() / (1 + s.abs())).backward()
r = T.tensor(0.3, requires_grad=True)
(r.sigmoid() + r.sqrt() + r.log() + r.pow(1.5) + 2**r - r / 3 + 3 / r).backward()
assert abs(g.item() - 24.7041) < 1e-3 and abs(a.grad.item() - 138.8338) < 1e-3 and abs(b.grad.item() - 645.5773) < 1e-3
