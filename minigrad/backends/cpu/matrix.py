"""Matrix products. BLAS multiplies, one thread a call; the rows of the result are shared out among the threads."""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.memory import new, rows, stored, view
from minigrad.backends.cpu.threads import parallel, quiet, spans
from minigrad.device import DeviceArray

WORTH_THREADS = 1 << 18  # multiply-adds
LEAST_ROWS = 16
PARTS = 16


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a b, for matrices of any strides that BLAS takes (transposed views among them)."""
    wide = out.shape[1] > out.shape[0]
    length = out.shape[1] if wide else out.shape[0]
    worth = a.shape[0] * a.shape[1] * b.shape[1] >= WORTH_THREADS
    parts = spans(length, min(PARTS, -(-length // LEAST_ROWS)) if worth else 1)

    def run(part: int) -> None:
        span = slice(*parts[part])
        if wide:
            np.matmul(a, b[:, span], out=out[:, span])
        else:
            np.matmul(a[span], b, out=out[span])

    parallel(run, len(parts))


def matmul(x: DeviceArray, y: DeviceArray, transpose_x: bool, transpose_y: bool) -> DeviceArray:
    a, b = view(x), view(y)
    a, b = a.T if transpose_x else a, b.T if transpose_y else b
    z = new((a.shape[0], b.shape[1]), x.dtype, x.device)
    multiply(a, b, z.data)
    return z


def _columns(x: DeviceArray) -> np.ndarray:
    """x, N x D, as the matrix D x N: the storage itself if batch-last, a transposed view of it if not."""
    return rows(x) if x.batch_last else x.data.T


@quiet
def linear(x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None) -> DeviceArray:
    y = new((x.shape[0], weight.shape[0]), x.dtype, x.device, batch_last=True)
    multiply(stored(weight, False), _columns(x), y.data)
    if bias is not None:
        y.data += bias.data[:, None]
    return y


def linear_grad_input(dy: DeviceArray, weight: DeviceArray) -> DeviceArray:
    dx = new((dy.shape[0], weight.shape[1]), dy.dtype, dy.device, batch_last=True)
    multiply(stored(weight, False).T, _columns(dy), dx.data)
    return dx


def linear_grad_weight(dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    dw = new((dy.shape[1], x.shape[1]), dy.dtype, dy.device)
    multiply(_columns(dy), _columns(x).T, dw.data)
    return dw
