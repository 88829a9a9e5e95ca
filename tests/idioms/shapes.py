"""Views, axes moved, added and taken away, tensors joined, and indices of every kind that is offered."""

import minigrad as T

x = T.arange(24).float()
views = x.view(2, 3, 4), x.view(-1, 6), x.reshape(4, -1), x.view((6, 4)), x.reshape([2, 12])
y = x.view(2, 3, 4)
moved = y.permute(2, 0, 1), y.permute((1, 0, 2)), y.transpose(1, 2), y.transpose(-1, 0), y[0].T, T.transpose(y, 0, 2)
added = y.unsqueeze(0).shape, y.unsqueeze(-1).shape, T.unsqueeze(x, 1).shape, x[None].shape, x[:, None].shape
taken = T.zeros(1, 3, 1).squeeze().shape, T.zeros(1, 3, 1).squeeze(0).shape, T.zeros(1, 3, 1).squeeze(-1).shape
flat = y.flatten(), T.flatten(y, 1), y.flatten(start_dim=1).size(1), y.permute(2, 1, 0).reshape(-1)

pieces = [T.ones(2, 2), T.zeros(2, 2), T.full((2, 2), 7.0)]
joined = T.cat(pieces), T.cat(pieces, dim=1), T.cat(pieces, 1).shape, T.stack(pieces), T.stack(pieces, dim=-1)
stacked = T.stack([T.tensor(1.0), T.tensor(2.0)]), T.stack(pieces, 1).shape, T.stack([row.sum() for row in y[0]])

parts = y[0], y[1, 2], y[1, 2, 3], y[:, 1], y[..., 0], y[:, :, 1:3], y[:, ::2], y[-1, -1], y[0, :, None, 1].shape
gathered = x[[0, 5, 5]], x[T.tensor([[1, 2], [3, 4]])], y[0][T.tensor([2, 0])], y[:, [0, 2]].shape, y[0][[0, 1], [3, 2]]
starts = T.tensor([1, 4])
windows = T.stack([x[i : i + 3] for i in starts]), x[starts[0] : starts[1]], y[:, : starts[0]], x[:: starts[1]]
outer = T.arange(3)[:, None] * T.arange(4)[None, :]
made = T.eye(3), T.full((2,), 3.5), T.zeros_like(y[0]), T.ones_like(outer), T.arange(2, 10, 3), T.arange(0, 1, 0.25)
spaced = T.linspace(0, 1, 5), T.linspace(-1, 1, steps=3), T.arange(5, 0, -2), T.zeros(2, 3).shape, T.ones((2,))

w = T.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
z = T.stack([w[0], w[1] * 2]).permute(1, 0).unsqueeze(0).squeeze(0)
total = (z.reshape(-1) * T.arange(6)).sum() + T.cat([w, w.view(2, 3)], 1)[:, 1:5].sum() + w[[0, 0, 1]].T[1].sum()
total.backward()
