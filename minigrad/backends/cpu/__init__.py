"""The primitives on the CPU, in NumPy and Numba: what `minigrad.backends.protocol` asks for, one file per family."""

from minigrad.backends.cpu.adam import adam_update
from minigrad.backends.cpu.convolution.choose import conv2d, conv2d_grad_input, conv2d_grad_weight
from minigrad.backends.cpu.dropout import dropout
from minigrad.backends.cpu.elementwise import (
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
    scale,
    sigmoid,
    sigmoid_grad,
    sqrt,
    sub,
    tanh,
    tanh_grad,
    where,
)
from minigrad.backends.cpu.locally_connected import (
    locally_connected2d,
    locally_connected2d_grad_input,
    locally_connected2d_grad_weight,
)
from minigrad.backends.cpu.loss import cross_entropy, cross_entropy_grad
from minigrad.backends.cpu.matrix import linear, linear_grad_input, linear_grad_weight, matmul
from minigrad.backends.cpu.memory import cast, copy_to, devices, from_host, full, reorder, to_host
from minigrad.backends.cpu.normalisation import within_map_response_norm, within_map_response_norm_grad
from minigrad.backends.cpu.pooling import avg_pool2d, avg_pool2d_grad
from minigrad.backends.cpu.reduction import (
    log_softmax,
    log_softmax_grad,
    max,
    max_grad,
    min,
    softmax,
    softmax_grad,
    sum,
)
from minigrad.backends.cpu.runtime.blas import hold_to_one_thread
from minigrad.backends.cpu.selection import take, take_grad
from minigrad.backends.cpu.sgd import sgd_update
from minigrad.backends.cpu.shape import broadcast_to, cat, getitem, getitem_grad, reshape, transpose
from minigrad.backends.cpu.stage import (
    local_response_norm,
    local_response_norm_grad,
    max_pool2d,
    max_pool2d_grad,
    relu_bias_grad,
    relu_grad,
)
from minigrad.backends.threads import get_num_threads

get_num_threads()  # a wrong MINIGRAD_THREADS is told of before anything is computed
hold_to_one_thread()  # BLAS, for the whole process: runtime/blas.py says why, and how a program gets it back
