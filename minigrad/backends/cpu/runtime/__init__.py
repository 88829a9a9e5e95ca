"""What the loops of this backend stand on; nothing here knows a network's layers.

    jit      how loops are compiled and kept
    blas     BLAS on one thread, and why
    simd     LLVM's vectors, word by word
    gemm     matrix products in them, block by block in registers

Read simd, then gemm.
"""
