"""What the loops of this backend stand on: nothing here knows a network's layers.

jit      how loops are compiled and kept
threads  work shared out among threads, and each thread's scratch memory
blas     BLAS on one thread while this backend calls it
pool     buffers that are used again; pages: memory in large pages
simd     LLVM's vectors, word by word; gemm: matrix products in them, block by block in registers
"""
