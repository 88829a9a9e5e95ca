"""The elements of a tensor and what is known of them: their array, shape, dtype and device, and how they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
import numpy.typing as npt

from minigrad import display
from minigrad.arrays import Device, DeviceArray
from minigrad.backends.layout import view
from minigrad.indexing import checked_dim

if TYPE_CHECKING:  # what an operation gives is a Tensor
    from minigrad.autograd import Function

__all__ = ["CUDA", "HOST", "Elements"]

HOST, CUDA = (1, 0), 2  # as DLPack numbers devices and kinds of them


class Elements:
    """What a tensor holds; `Operations` computes with it, `Tensor` differentiates it.

    Attributes:
        array: the DeviceArray.
        grad_fn: the Function that computed this tensor, where that was recorded; None for a leaf.
    """

    # no attribute comes by a slip of the pen
    __slots__ = ("__weakref__", "_grad", "_requires_grad", "array", "grad_fn")

    array: DeviceArray
    grad_fn: Function | None
    _requires_grad: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; axis 0 is the batch."""
        return self.array.shape

    @overload
    def size(self, dim: None = None) -> tuple[int, ...]: ...

    @overload
    def size(self, dim: int) -> int: ...

    def size(self, dim: int | None = None) -> int | tuple[int, ...]:
        """The shape, or the length of the axis `dim`; how many elements there are says `numel()`."""
        return self.shape if dim is None else self.shape[checked_dim(dim, self.shape)]

    def numel(self) -> int:
        """Number of elements."""
        return self.array.size

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.array.shape)

    def dim(self) -> int:
        """Number of axes."""
        return self.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return self.array.device

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded for a backward pass."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.dtype.kind != "f":
            raise TypeError(f"only float32 and float64 tensors can require a gradient, this one is {self.dtype}")
        if not value and self.grad_fn is not None:
            raise RuntimeError("a computed tensor cannot stop requiring its gradient; use .detach()")
        self._requires_grad = bool(value)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        values = np.array2string(self.numpy(), separator=", ", prefix="tensor(", threshold=100)
        gradient = ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({values}, shape={self.shape}, dtype={self.dtype}, device='{self.device}'{gradient})"

    def __format__(self, spec: str) -> str:
        """A tensor of one element as its number, `f"{loss:.3f}"`; without a format, one that has axes as `str` does."""
        if not spec and self.shape:
            return str(self)
        if self.numel() != 1:
            raise TypeError(f"the format {spec!r} is for a tensor of one element; this one has shape {self.shape}")
        return format(self.item(), spec)

    def _repr_html_(self) -> str:
        """What Jupyter shows: shape, dtype, device, and values."""
        gradient = ", requires a gradient" if self.requires_grad else ""
        return display.array_table(self.numpy(), f"shape {self.shape}, {self.dtype}, {self.device}{gradient}")

    # as NumPy's and Python's

    def numpy(self) -> np.ndarray:
        """A copy on the host in C order, from any device, also where a gradient is required."""
        return self.device.backend.to_host(self.array)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a tensor becomes a NumPy array only by copying")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the elements are, as DLPack numbers it: (1, 0) for the host's memory, (2, n) for cuda:n."""
        return (CUDA, self.device.index) if self.device.type == "cuda" else HOST

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The elements for another library: `numpy.from_dlpack(x)`, `torch.from_dlpack(x)`.

        They are a copy, unless it asks for none, `copy=False`: then nobody may write to them, for arrays here never
        change. In CHWN order they go out as they lie, with strides. They live on as long as the other side holds them.

        Args:
            stream: None for the host's memory.
            max_version: of DLPack, that the other side knows.
            dl_device: where it wants them, (1, 0) or None.
            copy: whether it wants a copy; None for one.

        Raises:
            BufferError: they are on a CUDA device, which `__cuda_array_interface__` is for, or are wanted on one; or no
                copy is wanted by what cannot be told that nobody may write, as it cannot through NumPy before 2.1.
        """
        if self.device.type == "cuda" or dl_device not in (None, HOST):
            raise BufferError(
                f"a tensor on {self.device} goes out by DLPack in the host's memory alone; take x.cpu(), or for GPUs "
                "what takes __cuda_array_interface__, as torch.as_tensor does"
            )
        array = view(self.array)
        if copy is not False:
            array = array.copy(order="K")
        else:
            array = array[...]
            array.flags.writeable = False
        if max_version is None or np.lib.NumpyVersion(np.__version__) < "2.1.0":
            return array.__dlpack__()
        return array.__dlpack__(max_version=max_version)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """For libraries that share a CUDA device's memory, real or emulated; they may only read."""
        if self.device.type != "cuda":
            raise AttributeError(f"a tensor on {self.device} has no __cuda_array_interface__")
        backend: Any = self.device.backend
        found: dict[str, Any] = backend.cuda_array_interface(self.array)
        return found

    def tolist(self) -> Any:
        """The elements as Python numbers, in nested lists; of a tensor without axes the number."""
        return self.numpy().tolist()

    def item(self) -> float | int:
        """The value of a tensor of one element, as a Python number."""
        if self.numel() != 1:
            raise ValueError(f"item() takes the value of a tensor of one element; this one has shape {self.shape}")
        return cast("float | int", self.numpy().item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.numel() != 1:
            raise TypeError(
                f"only an integer tensor of one element is an index; this one is {self.dtype} of shape {self.shape}"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ValueError(
                f"a tensor of shape {self.shape} is neither true nor false; ask for .any() or .all() of its elements"
            )
        return bool(self.item())
