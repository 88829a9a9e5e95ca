"""The dtype of every result, where integers, booleans and two kinds of floats meet."""

import minigrad as T

i, small, byte = T.tensor([1, 2, 3]), T.tensor([1, 2, 3], dtype=T.int32), T.tensor([1, 2, 3], dtype=T.uint8)
f, d, b = T.tensor([0.5, 1.5, 2.5]), T.tensor([0.5, 1.5, 2.5], dtype=T.float64), T.tensor([True, False, True])
zero = T.tensor(2.0, dtype=T.float64)

with_numbers = i + 1, i * 0.5, f + 1, d * 2, b * 1, b + 0.5, 1 - f, small * 2, byte + 1, 2**i, i / 2, b / 2
together = i + f, f + d, i + small, b + i, b * f, byte + small, i / i, small / byte, f / i, d / i
zero_d = f * zero, f + T.tensor(2), i + T.tensor(2.5), i * T.tensor(2), f * f.sum(), d * f.mean()
reduced = i.sum(), b.sum(), f.sum(), small.sum(), d.mean(), f.argmax(), byte.max(), b.float().mean(), f.max(0)
functions = T.exp(i), T.sqrt(f), d.tanh(), T.abs(i), i.float().log(), T.sigmoid(d), f.relu(), i**2, f.pow(2), T.tanh(i)
made = T.zeros(2), T.ones(2, dtype=T.long), T.arange(3), T.arange(3.0), T.full((2,), 1), T.full((2,), 1.0), T.eye(2)
more = (
    T.zeros_like(i),
    T.ones_like(d),
    T.linspace(0, 1, 3),
    T.tensor(1),
    T.tensor(1.0),
    T.tensor(True),
    T.tensor([1, 2.5]),
)
converted = f.long(), f.to(T.int32), i.float(), f.double(), b.long(), f.bool()
moved = (
    f.to(T.float64),
    f.to("cpu", T.float64),
    f.to(device="cpu", dtype=T.float64),
    i.to(dtype=T.float32),
    f.to("cpu", non_blocking=True),
    i.to(T.float),
    b.to(T.int64),
    d.to("cpu"),
    f.type(T.float64),
    f.cpu(),
    T.tensor([-1.7, 1.7]).long(),
)
chosen = T.where(b, f, d), T.where(b, 1.0, 0.0), T.where(b, i, 0), T.where(b, f, 0), T.maximum(f, d), T.cat([i, i])
compared = (i == f).dtype, (f < d).dtype, (~b).dtype, (b & b).dtype, b.any().dtype
f += 1
i -= 1
f *= d
