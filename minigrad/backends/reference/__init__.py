"""The definition of each primitive in plain NumPy, to be read first: what `minigrad.backends.protocol` asks for.

One file per family, as in the fast backends. Nothing here is fast, and everything runs: a program on the device
"reference:0" gives the numbers that it gives elsewhere, and a debugger steps through it.
"""

from minigrad.backends.reference.adam import adam_update
from minigrad.backends.reference.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight
from minigrad.backends.reference.dropout import dropout
from minigrad.backends.reference.elementwise import (
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
    relu_bias_grad,
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
from minigrad.backends.reference.locally_connected import (
    locally_connected2d,
    locally_connected2d_grad_input,
    locally_connected2d_grad_weight,
)
from minigrad.backends.reference.loss import cross_entropy, cross_entropy_grad
from minigrad.backends.reference.matrix import linear, linear_grad_input, linear_grad_weight, matmul
from minigrad.backends.reference.memory import cast, copy_to, devices, from_host, full, reorder, to_host
from minigrad.backends.reference.normalisation import (
    local_response_norm,
    local_response_norm_grad,
    within_map_response_norm,
    within_map_response_norm_grad,
)
from minigrad.backends.reference.pooling import avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad
from minigrad.backends.reference.reduction import (
    log_softmax,
    log_softmax_grad,
    max,
    max_grad,
    min,
    softmax,
    softmax_grad,
    sum,
)
from minigrad.backends.reference.selection import take, take_grad
from minigrad.backends.reference.sgd import sgd_update
from minigrad.backends.reference.shape import broadcast_to, cat, getitem, getitem_grad, reshape, transpose
