"""Convolution on the CPU: one file an algorithm, and choose.py, which takes the fastest that fits.

    choose          the primitives, and which algorithm is taken when
    im2col          gather what the filters see as a matrix, multiply: any size, stride and dtype
    direct          the same product straight from the padded image, no matrix made
    winograd        fewer multiplications, by the transforms of cook_toom and transforms
    space_to_depth  blocks of pixels as channels: a larger stride becomes stride 1
    unstrided       a convolution in the form that the last two algorithms take
    relu_bias       the gradient of a ReLU behind a convolution, together with the bias's

Read im2col first, then the plain NumPy at the top of winograd.
"""
