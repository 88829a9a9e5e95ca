"""What carries out the primitives, a package for each kind of device: `protocol` says what every one must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.not_offered import in_module

if TYPE_CHECKING:  # here the type checker holds each of them against the table
    import minigrad.backends.cpu as cpu
    import minigrad.backends.cuda as cuda
    import minigrad.backends.reference as reference
    from minigrad.backends.protocol import Backend

    CPU: Backend = cpu
    CUDA: Backend = cuda
    REFERENCE: Backend = reference
else:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "mg.backends")
