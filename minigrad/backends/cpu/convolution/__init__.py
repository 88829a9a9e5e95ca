"""Convolution on the CPU: one file an algorithm, and choose.py, which takes the fastest that fits.

    choose          the primitives, and which algorithm is taken when
    im2col          gather what the filters see as a matrix, multiply: any size, stride and dtype
    direct          the same product straight from the padded image, no matrix made
    winograd        fewer multiplications, by the transforms of cook_toom and transforms
    space_to_depth  a convolution of a larger stride as one of stride 1, which the last two take

Read im2col first, then the plain NumPy at the top of winograd.
"""
