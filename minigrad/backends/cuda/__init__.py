"""The primitives on CUDA devices, in numba.cuda: what `minigrad.backends.protocol` asks for, one file per family.

A primitive takes arrays of a device, makes room for its results and launches kernels, each with its loop in words. What
the families share stands beside them: how kernels are made and launched (`launch`), arrays made, copied and reordered
(`memory`), walked by `strides` and under a `window`; `driver` chooses between real and emulated GPUs. What those are
made of, in `runtime` and `emulator`, need not be known to read a kernel or to write one.
"""

import minigrad.backends.cuda.runtime.numpy_shim
from minigrad.backends.cuda.adam import adam_update
from minigrad.backends.cuda.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight, relu_bias_grad
from minigrad.backends.cuda.dropout import dropout
from minigrad.backends.cuda.elementwise import (
    abs,
    abs_grad,
    add,
    div,
    equal,
    exp,
    less,
    less_equal,
    log,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    pow_grad_base,
    pow_grad_exponent,
    relu,
    relu_grad,
    scale,
    sigmoid,
    sigmoid_grad,
    sqrt,
    sub,
    tanh,
    tanh_grad,
    where,
)
from minigrad.backends.cuda.locally_connected import (
    locally_connected2d,
    locally_connected2d_grad_input,
    locally_connected2d_grad_weight,
)
from minigrad.backends.cuda.loss import cross_entropy, cross_entropy_grad
from minigrad.backends.cuda.matrix import linear, linear_grad_input, linear_grad_weight, matmul
from minigrad.backends.cuda.memory import (
    cast,
    copy_to,
    cuda_array_interface,
    devices,
    from_host,
    full,
    reorder,
    to_host,
)
from minigrad.backends.cuda.normalisation import (
    local_response_norm,
    local_response_norm_grad,
    within_map_response_norm,
    within_map_response_norm_grad,
)
from minigrad.backends.cuda.pooling import avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad
from minigrad.backends.cuda.reduction import (
    log_softmax,
    log_softmax_grad,
    max,
    max_grad,
    min,
    softmax,
    softmax_grad,
    sum,
)
from minigrad.backends.cuda.selection import take, take_grad
from minigrad.backends.cuda.sgd import sgd_update
from minigrad.backends.cuda.shape import broadcast_to, cat, getitem, getitem_grad, reshape, transpose
