"""What runs kernels on a GPU and holds its memory; who writes or reads a kernel need not look here.

`signature` is what a kernel is before anything compiles it, `memory` device memory as every driver sees it, `hardware`
the driver of real GPUs, `simulator` what Numba's simulator lacks for it.
"""
