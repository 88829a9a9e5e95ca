"""What is printed in a notebook on the way: losses in f-strings, shapes, dtypes, lists."""

import minigrad as T

loss = T.tensor(0.123456)
lines = [
    f"{loss:.4f}",
    f"loss: {loss.item():>7f}",
    f"{loss:10.2e}|{loss:<10.3f}|",
    f"{100 * loss:.1f}%",
    f"{T.tensor(7):d} {T.tensor(7):03d} {T.tensor(7) + 1:>4}",
    f"{T.tensor(0.5)}, {T.tensor(7)}, {T.tensor(True)}",
    f"when input is {T.tensor([1, 2]).tolist()} the target is {T.tensor([3, 4])[1]}",
    "%.3f" % loss,  # noqa: UP031
    "%d" % T.tensor(12),  # noqa: UP031
    "{:.2f} and {:.1f}".format(loss, T.tensor(2)),  # noqa: UP032
    str(loss.item())[:6],
]
x = T.arange(6).view(2, 3)
y = x * 0.5
facts = [
    x.shape, x.size(), x.size(0), x.size(-1), list(x.shape), x.numel(), x.ndim, len(x),
    x.tolist(), y.tolist(), T.tensor(3.5).tolist(), T.tensor([True, False]).tolist(),
    (x.dtype, y.dtype, (x > 2).dtype, y.double().dtype),
    x.dtype == T.int64, x.dtype == T.long, y.dtype == T.float32, y.dtype == T.float, (x > 2).dtype == T.bool,
    y.requires_grad, y.grad is None,
    int(T.tensor(3)), float(T.tensor([2.5])), bool(T.tensor(0.0)), round(float(loss), 3),
]  # fmt: skip
batch, features = y.shape
rows = [row.sum().item() for row in y]
first, second = y
index = ["a", "b", "c", "d"][T.tensor(2)]
counted = list(range(T.tensor(3)))
n, kinds = y.numpy().sum(), (y.numpy().dtype.name, x.numpy().dtype.name)
print(f"{batch} x {features}: {rows}")
