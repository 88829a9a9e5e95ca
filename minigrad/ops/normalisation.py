"""Local response normalisation, across maps (section 3.3) and within each."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function

__all__ = ["LocalResponseNorm", "WithinMapResponseNorm"]


class LocalResponseNorm(Function):
    """y_i = x_i / s_i^beta with s_i = k + alpha / size * (sum of x_j^2 over the `size` channels j around i).

    Section 3.3, but for the division of alpha by `size`, which is the convention of PyTorch and of the paper's source.
    x_i is in y_i as the numerator, and in every y_j around it through s_j:

        dx_i = dy_i / s_i^beta - 2 alpha / size * beta * x_i * sum over j of dy_j x_j / s_j^(beta + 1)

    s is not saved but made again from x in the backward pass: it is as large as x.
    """

    def forward(self, x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
        self.x, self.constants = x, (size, alpha, beta, k)
        return x.device.backend.local_response_norm(x, *self.constants)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.local_response_norm_grad(dy, self.x, *self.constants)


class WithinMapResponseNorm(Function):
    """y_p = x_p / s_p^beta with s_p = k + alpha / size^2 * (sum of x_q^2 over the pixels q around p, in the same map).

    The gradient is that of LocalResponseNorm, with pixels in the place of channels and size^2 in that of size. The
    window is `size` x `size`; what of it lies outside the image counts as zeros. The paper does not mention it, but its
    authors' program had it in layer 2.
    """

    def forward(self, x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
        self.x, self.constants = x, (size, alpha, beta, k)
        return x.device.backend.within_map_response_norm(x, *self.constants)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.within_map_response_norm_grad(dy, self.x, *self.constants)
