"""An operation of one's own, forward and backward. How it is written is where the two libraries differ."""

import numpy as np

import minigrad as T

if T.__name__ == "torch":

    class Softplus(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return T.log(1 + T.exp(x))

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return dy / (1 + T.exp(-x))

else:

    class Softplus(T.Function, numpy=True):
        def forward(self, x):
            self.x = x
            return np.log(1 + np.exp(x))

        def backward(self, dy):
            return dy / (1 + np.exp(-self.x))


softplus = Softplus.apply

x = T.linspace(-3, 3, 13, requires_grad=True)
y = softplus(x)
y.sum().backward()
expected = T.sigmoid(x.detach())
close = (x.grad - expected).abs().max().item() < 1e-6

w = T.tensor([[0.5, -1.0], [2.0, 0.3]], requires_grad=True)
loss = (softplus(T.tensor([[1.0, -2.0]]) @ w) ** 2).mean()
loss.backward()
assert close
