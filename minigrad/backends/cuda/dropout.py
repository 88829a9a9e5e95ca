"""Dropout: a mask that is not kept, but made again from seed and counter where it is needed."""

from __future__ import annotations

import numpy as np
from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.launch import device_function, kernel, launch_1d
from minigrad.backends.cuda.memory import new, rows
from minigrad.random import philox

words_of = device_function(philox)


@device_function
def random_word(index, seed, counter):
    """The 32-bit word with that index in the stream (seed, counter)."""
    first, second, third, fourth = words_of(index >> 2, seed, counter)
    place = index & 3
    return first if place == 0 else second if place == 1 else third if place == 2 else fourth


@kernel("float[:,::1], float[:,::1], i8, i8, i8, float, i8, i8, i8")
def _dropout(x, y, row_stride, column_stride, threshold, scale, seed, counter, first):
    """x and y are matrices of the storage; element (i, j) has logical index i * row_stride + j * column_stride.

    for each element: keep it, scaled, if its random word, number `first` + index, is at least the threshold
    """
    width = x.shape[1]
    for number in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        i, j = number // width, number % width
        word = random_word(first + i * row_stride + j * column_stride, seed, counter)
        y[i, j] = x[i, j] * scale if word >= np.uint64(threshold) else x.dtype.type(0)


def dropout(x: DeviceArray, p: float, scale: float, seed: int, counter: int, first: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    if x.chwn:
        matrix, out = rows(x), rows(y)
        strides = 1, matrix.shape[0]
    else:
        matrix, out = (array.reshape(1, x.size) for array in (x.data, y.data))
        strides = 0, 1
    launch_1d(_dropout, x.size, x.device, matrix, out, *strides, round(p * 2**32), scale, seed, counter, first)
    return y
