"""GPUs emulated on the CPU; who writes or reads a kernel need not look here."""
