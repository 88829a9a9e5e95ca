"""GPUs emulated on the CPU; who writes or reads a kernel need not look here.

From a kernel to numbers, in this order:

- `lowering`: numba-cuda makes LLVM IR of the Python function, as it would for a GPU;
- `refused`: what has no counterpart here is a sentence with the name that the kernel's author knows;
- `retargeted`: NVVM's names become the host's;
- `barriers`: a kernel with barriers becomes a coroutine, which is suspended at each;
- `program`: what calls the kernel for every thread of a block and every block of a grid (in LLVM's language, `llvm/`);
- `compile`: LLVM's optimiser and code generator; `cache`: under which name the code is kept on disk;
- `driver`: memory, and launches that share a grid out over the cores; `checked`: the mode that finds mistakes.

`assemble` is not part of it: it has kernels compiled for real GPUs, to see what comes out.
"""
