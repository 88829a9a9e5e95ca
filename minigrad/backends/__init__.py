"""The kernel table: every kernel that a backend must have.

A kernel is a host function that takes DeviceArrays of one device, allocates its results there and returns them. It may
assume that shapes fit and dtypes agree (`functional` and `Tensor` have checked), and must accept arrays in either
memory order. Elementwise kernels, `cat`, slices off axis 0 and reshapes that keep axis 0 preserve the order;
convolution, pooling, normalisation and `linear` return batch-last; everything else returns C order. Results do not
depend on the number of threads. An array is never written again once a kernel has returned it, so results may share
memory with operands; the one exception is the velocity of `sgd_update`, which nobody else holds.

Geometry is spelled out: `stride` and `kernel_size` are (h, w), `padding` is (top, bottom, left, right), `dims` a tuple
of non-negative axes, `shape` the shape of the result. `*_grad` turn the gradient `dy` of a result into that of an
input.
"""

from __future__ import annotations

__all__ = ["KERNELS"]

KERNELS: dict[str, str] = {
    # devices and memory
    "devices": "() -> a list of DeviceInfo",
    "from_host": "(array, device) -> copy of a NumPy array, in C order",
    "to_host": "(x) -> copy as a NumPy array in C order",
    "copy_to": "(x, device) -> copy on another device of the same backend, same order",
    "full": "(shape, value, dtype, device) -> array of one value",
    "cast": "(x, dtype) -> x in another dtype",
    "reorder": "(x, batch_last) -> x stored in the order wanted; x itself where it is",
    # elementwise, with broadcasting
    "add": "(x, y) -> x + y",
    "sub": "(x, y) -> x - y",
    "mul": "(x, y) -> x y",
    "div": "(x, y) -> x / y",
    "pow": "(x, y) -> x^y",
    # elementwise, one shape
    "scale": "(x, factor) -> factor x, for a Python number",
    "neg": "(x) -> -x",
    "exp": "(x) -> e^x",
    "log": "(x) -> natural logarithm",
    "abs": "(x) -> |x|",
    "relu": "(x) -> max(x, 0)",
    "tanh": "(x) -> hyperbolic tangent",
    "sigmoid": "(x) -> 1 / (1 + e^-x), without overflow",
    "abs_grad": "(dy, x) -> dy sign(x)",
    "relu_grad": "(dy, y) -> dy where y is not 0",
    "relu_bias_grad": "(dy, y) -> (relu_grad, its sums over all axes but 1), for images",
    "tanh_grad": "(dy, y) -> dy (1 - y^2)",
    "sigmoid_grad": "(dy, y) -> dy y (1 - y)",
    "pow_grad_base": "(dy, x, y) -> dy y x^(y - 1), 0 where y is 0; operands broadcast",
    "pow_grad_exponent": "(dy, x, z) -> dy z log(x) with z = x^y, 0 where x is 0; operands broadcast",
    # shape
    "reshape": "(x, shape) -> the elements of x, in C order of its axes, under another shape",
    "transpose": "(x, dim0, dim1) -> x with two axes exchanged",
    "getitem": "(x, index) -> x[index], index a tuple of an integer or a slice an axis",
    "getitem_grad": "(dy, index, shape) -> zeros of that shape with dy at [index]",
    "cat": "(arrays, dim) -> arrays joined along an axis",
    "broadcast_to": "(x, shape) -> x repeated to the shape",
    # reductions
    "sum": "(x, dims, keepdim) -> sums over the axes",
    "max": "(x, dim, keepdim) -> (largest values, int64 index of the first of them)",
    "max_grad": "(dy, indices, shape, dim) -> dy at the indices, 0 elsewhere; dy and indices with the axis kept",
    "softmax": "(x, dim) -> e^x over its sum, without overflow",
    "softmax_grad": "(dy, y, dim) -> y (dy - sum(dy y))",
    "log_softmax": "(x, dim) -> log of softmax, without underflow",
    "log_softmax_grad": "(dy, y, dim) -> dy - e^y sum(dy)",
    # matrices
    "matmul": "(x, y, transpose_x, transpose_y) -> product of two matrices, each transposed or not",
    "linear": "(x, weight, bias) -> x weight^T + bias, x N x D, weight O x D, bias O or None",
    "linear_grad_input": "(dy, weight) -> dy weight",
    "linear_grad_weight": "(dy, x) -> dy^T x",
    # images, N x C x H x W
    "conv2d": "(x, weight, bias, stride, padding, groups, relu) -> cross-correlation, bias or None, max(., 0) if relu",
    "conv2d_grad_input": "(dy, weight, shape, stride, padding, groups) -> gradient of x, which has that shape",
    "conv2d_grad_weight": "(dy, x, shape, stride, padding, groups) -> gradient of the weight, which has that shape",
    "max_pool2d": "(x, kernel_size, stride, padding, ceil_mode) -> (maxima, which place of its window won)",
    "max_pool2d_grad": "(dy, winner, shape, kernel_size, stride, padding) -> dy at the winners, added up",
    "avg_pool2d": "(x, kernel_size, stride, padding, ceil_mode, count_include_pad) -> means",
    "avg_pool2d_grad": "(dy, shape, kernel_size, stride, padding, count_include_pad) -> dy spread over its windows",
    "local_response_norm": "(x, size, alpha, beta, k) -> x / (k + alpha / size * windowed sum of squares)^beta",
    "local_response_norm_grad": "(dy, x, size, alpha, beta, k) -> gradient of x",
    "within_map_response_norm": "(x, size, alpha, beta, k) -> the same over size x size pixels, alpha / size^2",
    "within_map_response_norm_grad": "(dy, x, size, alpha, beta, k) -> gradient of x",
    # training
    "cross_entropy": "(logits, targets) -> (losses, softmax of the logits); ValueError for a target out of range",
    "cross_entropy_grad": "(dy, probabilities, targets) -> gradient of the logits, dy a loss's",
    "dropout": "(x, p, scale, seed, counter) -> scale x where a random word says so, else 0; its own gradient",
    "sgd_update": "(w, g, v, lr, momentum, weight_decay) -> the next w; v, None or in the order of w, is changed",
}
