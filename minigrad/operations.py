"""The operations of a tensor: operators, elementary functions, comparisons, reductions, and changes of shape.

Arguments are checked here, and dtypes brought together, so that the Functions of minigrad/ops/ need not. Every method
whose name has no underscores is a function of `mg` as well: `x.exp()` is `mg.exp(x)` (minigrad/functions.py).
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast, overload

import numpy as np
import numpy.typing as npt

from minigrad.arguments import numpy_words
from minigrad.arrays import Device, DeviceArray
from minigrad.autograd import Function
from minigrad.dtypes import dtype_beside
from minigrad.elements import Elements
from minigrad.indexing import (
    Dims,
    Index,
    checked_dim,
    checked_dims,
    checked_index,
    checked_permutation,
    checked_shape,
    flat_indices,
)
from minigrad.operands import as_float, check_together, checked_tensor, logical, one_dtype, pair, same_dtype
from minigrad.ops import activation, arithmetic, comparison, matrix, reduction, shape

if TYPE_CHECKING:  # what an operation gives is a Tensor
    from minigrad.tensors import Tensor

__all__ = ["Operations", "ValuesAndIndices", "arithmetic_on", "where"]


class ValuesAndIndices(NamedTuple):
    """What `max(dim)` and `min(dim)` return."""

    values: Tensor
    indices: Tensor


def _operator(function_class: type[Function], swapped: bool = False) -> Callable[[Any, Any], Tensor]:
    """The method for an operator with the tensor on its left, or on its right."""
    if swapped:
        return lambda self, other: arithmetic_on(function_class, other, self)
    return lambda self, other: arithmetic_on(function_class, self, other)


def arithmetic_on(function_class: type[Function], left: Any, right: Any) -> Tensor:
    """Arithmetic on two tensors, or a tensor and a number. A quotient is a float; of bools + is "or", * "and"."""
    name = function_class.name
    if function_class is arithmetic.Div:
        x, y = pair(name, left, right)
        left, right = as_float(x, y), as_float(y, x)
    x, y = one_dtype(name, left, right)
    if x.array.dtype.kind == "b":
        if function_class not in _OF_BOOLS:
            raise TypeError(f"{name} is not defined for two bool tensors; convert one with .long()")
        function_class = _OF_BOOLS[function_class]
    return function_class.apply(x, y)


_OF_BOOLS: dict[type[Function], type[Function]] = {
    arithmetic.Add: comparison.LogicalOr,
    arithmetic.Mul: comparison.LogicalAnd,
}


def _no_operator(symbol: str, instead: str) -> Callable[[Any, Any], NoReturn]:
    """The method for an operator that PyTorch has and that is not offered."""

    def operator(self: Any, other: Any) -> NoReturn:
        raise TypeError(f"{symbol} is not offered: {instead}")

    return operator


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    """The operator that does what the method of that name does, for tensors and numbers."""

    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, (Elements, numbers.Real, np.ndarray)):
            return getattr(self, name)(other)
        return NotImplemented  # Python then says what it says of unlike things: == is False, < a TypeError

    return operator


def where(condition: Tensor, input: Tensor | float, other: Tensor | float) -> Tensor:
    """`input` where the condition, a bool tensor, holds, else `other`: tensors or numbers, all broadcast."""
    if checked_tensor("where", condition).dtype.kind != "b":
        raise TypeError(f"where: the condition is a bool tensor, got {condition.dtype}; convert with .bool()")
    if isinstance(input, numbers.Real) and isinstance(other, numbers.Real):
        input = condition.number(input, dtype_beside("where", other, dtype_beside("where", input, condition.dtype)))
    x, y = one_dtype("where", input, other)
    check_together("where", condition, x, y)
    return comparison.Where.apply(condition, x, y)


class Operations(Elements):
    """The methods of a tensor that compute another. Arithmetic broadcasts; dtypes meet by PyTorch's rules."""

    __slots__ = ()
    __array_ufunc__ = None  # so that `ndarray + tensor` asks Tensor.__radd__, which can say what to do

    if TYPE_CHECKING:  # what Tensor adds to this class

        def accumulate(self, dx: DeviceArray) -> None:
            """Take a gradient."""

        def computed(self, value: DeviceArray, function: Function) -> Tensor:
            """The value as a tensor."""

        def detach(self) -> Tensor:
            """This tensor, not recorded."""

        def number(self, value: float, dtype: np.dtype[Any]) -> Tensor:
            """A tensor without axes."""

        def to(self, device: str | Device | npt.DTypeLike | None = None, dtype: npt.DTypeLike | None = None) -> Tensor:
            """This tensor elsewhere, or in another dtype."""

    # arithmetic

    __add__ = _operator(arithmetic.Add)
    __radd__ = _operator(arithmetic.Add, swapped=True)
    __sub__ = _operator(arithmetic.Sub)
    __rsub__ = _operator(arithmetic.Sub, swapped=True)
    __mul__ = _operator(arithmetic.Mul)
    __rmul__ = _operator(arithmetic.Mul, swapped=True)
    __truediv__ = _operator(arithmetic.Div)
    __rtruediv__ = _operator(arithmetic.Div, swapped=True)
    __pow__ = _operator(arithmetic.Pow)
    __rpow__ = _operator(arithmetic.Pow, swapped=True)
    __floordiv__ = __rfloordiv__ = _no_operator("//", "no gradient passes it; take NumPy's, mg.tensor(x.numpy() // 2)")
    __mod__ = __rmod__ = _no_operator("%", "take NumPy's, mg.tensor(x.numpy() % 2)")

    def pow(self, exponent: Tensor | float) -> Tensor:
        """x to the power of a tensor or a number."""
        return self**exponent

    def __neg__(self) -> Tensor:
        return self.neg()

    def __abs__(self) -> Tensor:
        return self.abs()

    def __matmul__(self, other: Any) -> Tensor:
        return self.matmul(other)

    def __rmatmul__(self, other: Any) -> Tensor:
        raise TypeError(f"matmul takes two tensors, got {type(other).__name__}; make one with mg.tensor")

    def matmul(self, other: Tensor) -> Tensor:
        """Product of matrices and vectors: (m, k) @ (k, n), (k,) @ (k, n), (m, k) @ (k,) or (k,) @ (k,)."""
        same_dtype("matmul", self, other)
        if self.ndim not in (1, 2) or other.ndim not in (1, 2) or self.shape[-1] != other.shape[0]:
            raise ValueError(
                f"matmul multiplies 1-d and 2-d tensors, (m, k) @ (k, n); the shapes {self.shape} and {other.shape} "
                "do not fit"
            )
        left = self if self.ndim == 2 else self.reshape(1, -1)
        right = other if other.ndim == 2 else other.reshape(-1, 1)
        product = matrix.MatMul.apply(left, right)
        return product if self.ndim == other.ndim == 2 else product.reshape(self.shape[:-1] + other.shape[1:])

    def mm(self, mat2: Tensor) -> Tensor:
        """Product of two matrices, (m, k) and (k, n)."""
        if self.ndim != 2 or mat2.ndim != 2:
            raise ValueError(f"mm multiplies two matrices, got the shapes {self.shape} and {mat2.shape}")
        return self.matmul(mat2)

    # elementary functions; integers become float32

    def neg(self) -> Tensor:
        """-x."""
        if self.dtype.kind == "b":
            raise TypeError("neg: a bool has no negative; the opposite is ~x")
        return arithmetic.Neg.apply(self)

    def exp(self) -> Tensor:
        """e^x."""
        return arithmetic.Exp.apply(as_float(self))

    def log(self) -> Tensor:
        """Natural logarithm."""
        return arithmetic.Log.apply(as_float(self))

    def sqrt(self) -> Tensor:
        """Square root; NaN below 0."""
        return arithmetic.Sqrt.apply(as_float(self))

    def abs(self) -> Tensor:
        """|x|; the derivative at 0 is 0."""
        return arithmetic.Abs.apply(self)

    def relu(self) -> Tensor:
        """max(x, 0), elementwise (section 3.1)."""
        same_dtype("relu", self)
        return activation.ReLU.apply(self)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent, elementwise."""
        return activation.Tanh.apply(as_float(self))

    def sigmoid(self) -> Tensor:
        """1 / (1 + e^-x), elementwise."""
        return activation.Sigmoid.apply(as_float(self))

    @numpy_words
    def softmax(self, dim: int) -> Tensor:
        """e^x over its sum along the axis `dim`."""
        same_dtype("softmax", self)
        return reduction.Softmax.apply(self, dim=checked_dim(dim, self.shape))

    @numpy_words
    def log_softmax(self, dim: int) -> Tensor:
        """Logarithm of softmax along the axis `dim`, without underflow."""
        same_dtype("log_softmax", self)
        return reduction.LogSoftmax.apply(self, dim=checked_dim(dim, self.shape))

    # comparisons, element by element, and logic: bool tensors

    def eq(self, other: Tensor | float) -> Tensor:
        """x == y."""
        return comparison.Equal.apply(*one_dtype("eq", self, other))

    def ne(self, other: Tensor | float) -> Tensor:
        """x != y; NaN differs from everything."""
        return ~self.eq(other)

    def lt(self, other: Tensor | float) -> Tensor:
        """x < y."""
        return comparison.Less.apply(*one_dtype("lt", self, other))

    def le(self, other: Tensor | float) -> Tensor:
        """x <= y."""
        return comparison.LessEqual.apply(*one_dtype("le", self, other))

    def gt(self, other: Tensor | float) -> Tensor:
        """x > y."""
        return comparison.Less.apply(*reversed(one_dtype("gt", self, other)))

    def ge(self, other: Tensor | float) -> Tensor:
        """x >= y."""
        return comparison.LessEqual.apply(*reversed(one_dtype("ge", self, other)))

    __eq__ = _comparison("eq")
    __ne__ = _comparison("ne")
    __lt__ = _comparison("lt")
    __le__ = _comparison("le")
    __gt__ = _comparison("gt")
    __ge__ = _comparison("ge")
    __hash__ = object.__hash__  # by identity, though == compares elements

    def __and__(self, other: Any) -> Tensor:
        return comparison.LogicalAnd.apply(*logical("&", self, other))

    def __or__(self, other: Any) -> Tensor:
        return comparison.LogicalOr.apply(*logical("|", self, other))

    __rand__, __ror__ = __and__, __or__
    __xor__ = __rxor__ = _no_operator("^", "of two bool tensors write x != y")

    def __invert__(self) -> Tensor:
        return comparison.LogicalNot.apply(logical("~", self, self)[0])

    @numpy_words
    def any(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Whether any element is true (not 0), of all or along axes; a bool tensor."""
        return self.ne(0).sum(dim, keepdim).gt(0)

    @numpy_words
    def all(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Whether all elements are true (not 0), of all or along axes; a bool tensor."""
        return self.eq(0).sum(dim, keepdim).eq(0)

    def where(self, condition: Tensor, other: Tensor | float) -> Tensor:
        """x where the condition holds, else `other`."""
        return where(condition, checked_tensor("where", self), other)

    def maximum(self, other: Tensor) -> Tensor:
        """The larger of two, element by element; of equals each gets half of the gradient."""
        return comparison.Maximum.apply(*one_dtype("maximum", self, checked_tensor("maximum", other)))

    def minimum(self, other: Tensor) -> Tensor:
        """The smaller of two, element by element; of equals each gets half of the gradient."""
        return comparison.Minimum.apply(*one_dtype("minimum", self, checked_tensor("minimum", other)))

    def clamp(self, min: float | None = None, max: float | None = None) -> Tensor:
        """Every element brought into the range from `min` to `max`; the gradient passes where it was within."""
        if min is None and max is None:
            raise ValueError("clamp: say min, or max, or both")
        for bound in (min, max):
            if bound is not None and not isinstance(bound, numbers.Real):
                raise TypeError(
                    f"clamp: min and max are numbers, got {type(bound).__name__}; there are mg.maximum, minimum"
                )
        x = self
        for bound in (min, max):
            if bound is not None:
                x = x.to(dtype_beside("clamp", bound, x.dtype))
        return comparison.Clamp.apply(x, least=min, most=max)

    # reductions

    @numpy_words
    def sum(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Sum over the axes `dim` (all of them if None, none if it is empty); integers and bools become int64."""
        dims = checked_dims(dim, self.shape)
        x = self if self.dtype.kind == "f" else self.to(np.int64)
        return reduction.Sum.apply(x, dims=dims, keepdim=keepdim) if dims else checked_tensor("sum", x)

    @numpy_words
    def mean(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Mean over the axes `dim` (all of them if None, none if it is empty), of a floating-point tensor."""
        if self.dtype.kind != "f":
            raise TypeError(f"mean takes float32 or float64, got {self.dtype}; convert with .float()")
        dims = checked_dims(dim, self.shape)
        return reduction.Mean.apply(self, dims=dims, keepdim=keepdim) if dims else checked_tensor("mean", self)

    @numpy_words
    def var(
        self, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
    ) -> Tensor:
        """Variance over the axes `dim`: the sum of squared distances from the mean, over their number - correction.

        Args:
            dim: axes, all of them if None.
            unbiased: the older word for a correction of 1 (True) or 0 (False).
            keepdim: keep the axes, of length 1.
            correction: 1 for the variance of what the elements are a sample of, 0 for that of the elements.
        """
        dims = checked_dims(dim, self.shape)
        if not isinstance(correction, numbers.Real):
            raise TypeError(f"var: the correction is a number, got {correction!r}")
        distances = self - self.mean(dims, keepdim=True)
        count = prod(self.shape[axis] for axis in dims)
        correction = correction if unbiased is None else int(unbiased)
        return (distances * distances).sum(dims, keepdim) / max(count - correction, 0)

    @numpy_words
    def std(
        self, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
    ) -> Tensor:
        """Standard deviation, the square root of `var`."""
        return self.var(dim, unbiased, keepdim, correction=correction).sqrt()

    @overload
    def max(self, dim: None = None, keepdim: bool = False) -> Tensor: ...

    @overload
    def max(self, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...

    @numpy_words
    def max(self, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesAndIndices:
        """Largest value of all (a tensor), or along `dim` a named pair (values, indices), the first among equals.

        The whole gradient goes to the value that was returned.
        """
        return self._extreme(reduction.Max, dim, keepdim)

    @overload
    def min(self, dim: None = None, keepdim: bool = False) -> Tensor: ...

    @overload
    def min(self, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...

    @numpy_words
    def min(self, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesAndIndices:
        """Smallest value of all, or along `dim` (values, indices), as for `max`."""
        return self._extreme(reduction.Min, dim, keepdim)

    @numpy_words
    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Index of the largest value along the axis `dim`, or in C order of all; int64, the first among equals."""
        return self._index_of_extreme(reduction.Max, dim, keepdim)

    @numpy_words
    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Index of the smallest value, as for `argmax`."""
        return self._index_of_extreme(reduction.Min, dim, keepdim)

    def _extreme(self, kind: type[reduction.Max], dim: int | None, keepdim: bool) -> Tensor | ValuesAndIndices:
        if isinstance(dim, Elements):
            raise TypeError(f"{kind.name} takes one tensor; of two, write mg.{kind.name}imum(x, y)")
        if dim is None:
            value = self.reshape(-1)._along(kind, 0, False).values
            return value.reshape((1,) * self.ndim) if keepdim else value
        return self._along(kind, checked_dim(dim, self.shape), keepdim)

    def _index_of_extreme(self, kind: type[reduction.Max], dim: int | None, keepdim: bool) -> Tensor:
        x = self.detach()
        if dim is None:
            index = x.reshape(-1)._along(kind, 0, False).indices
            return index.reshape((1,) * self.ndim) if keepdim else index
        return x._along(kind, checked_dim(dim, self.shape), keepdim).indices

    def _along(self, kind: type[reduction.Max], dim: int, keepdim: bool) -> ValuesAndIndices:
        if not self.shape[dim]:
            raise ValueError(f"{kind.name} of nothing does not exist: axis {dim} of the shape {self.shape} is empty")
        if self.dtype.kind in "bu":
            values, indices = self.to(np.int64)._along(kind, dim, keepdim)
            return ValuesAndIndices(values.to(self.dtype), indices)
        value, function = kind.record(self, dim=dim, keepdim=keepdim)
        indices = self.detach().computed(cast(reduction.Max, function).indices, Function())
        return ValuesAndIndices(self.computed(value, function), indices)

    # shape

    def reshape(self, *shape_: Any) -> Tensor:
        """The elements, in C order, under another shape; one length may be -1."""
        wanted = checked_shape(shape_, self.shape)
        return checked_tensor("reshape", self) if wanted == self.shape else shape.Reshape.apply(self, shape=wanted)

    def view(self, *shape_: Any) -> Tensor:
        """`reshape`: tensors share no memory, so there is no difference."""
        return self.reshape(*shape_)

    def view_as(self, other: Tensor) -> Tensor:
        """The elements under the shape of another tensor."""
        return self.reshape(other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The axes from `start_dim` to `end_dim` made one; flatten(1) keeps the batch."""
        if self.ndim == 0:
            return self.reshape(1).flatten(start_dim, end_dim)
        start, end = checked_dim(start_dim, self.shape), checked_dim(end_dim, self.shape)
        if start > end:
            raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
        middle = prod(self.shape[start : end + 1])
        return self.reshape(*self.shape[:start], middle, *self.shape[end + 1 :])

    @numpy_words
    def squeeze(self, dim: Dims = None) -> Tensor:
        """Without its axes of length 1: all, or those of `dim`, of which longer ones stay."""
        dims = checked_dims(dim, self.shape)
        return self.reshape(tuple(n for axis, n in enumerate(self.shape) if n != 1 or axis not in dims))

    @numpy_words
    def unsqueeze(self, dim: int) -> Tensor:
        """With a new axis of length 1, which is then axis `dim`."""
        at = checked_dim(dim, (*self.shape, 1))
        return self.reshape((*self.shape[:at], 1, *self.shape[at:]))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Two axes exchanged."""
        return shape.Transpose.apply(self, dim0=checked_dim(dim0, self.shape), dim1=checked_dim(dim1, self.shape))

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's and PyTorch's name
        """A matrix transposed; a tensor of fewer axes as it is."""
        if self.ndim > 2:
            raise RuntimeError(f"x.T transposes a matrix; exchange axes of the shape {self.shape} with x.permute(...)")
        return self.transpose(0, 1) if self.ndim == 2 else checked_tensor("T", self)

    def permute(self, *dims: Any) -> Tensor:
        """The axes in another order: x.permute(0, 2, 3, 1), or a tuple."""
        order = list(range(self.ndim))
        x = checked_tensor("permute", self)
        for at, dim in enumerate(checked_permutation(dims, self.shape)):
            now = order.index(dim)
            if now != at:
                x = x.transpose(at, now)
                order[at], order[now] = order[now], order[at]
        return x

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Index) -> Tensor:
        """Integers, slices, `...` and None as in NumPy; integer tensors, arrays and lists, of which [i, j] takes pairs.

        As in PyTorch, integers and slices select first, and integer tensors take from what was selected.
        """
        selection = checked_index(index, self.shape)
        if selection.arrays and selection.everything:
            return self.reshape(selection.shape)._take(selection.arrays)
        x = shape.GetItem.apply(self, index=selection.basic)
        x = x if x.shape == selection.shape else x.reshape(selection.shape)
        return x._take(selection.arrays) if selection.arrays else x

    def __setitem__(self, index: Index, value: Any) -> NoReturn:
        raise TypeError(
            "the elements of a tensor are not assigned; choose them, as by "
            "x = mg.where(mg.arange(len(x)) == 0, value, x) for x[0], or join parts with mg.cat"
        )

    def _take(self, arrays: dict[int, Any]) -> Tensor:
        """What stands at the indices given for some axes; of axes apart from each other the result's come first."""
        axes = list(arrays)
        first, last = axes[0], axes[0] + len(axes)
        if axes != list(range(first, last)):
            others = [axis for axis in range(self.ndim) if axis not in arrays]
            return self.permute(axes + others)._take(dict(enumerate(arrays.values())))
        flat = flat_indices([np.asarray(each) for each in arrays.values()], self.shape[first:last])
        before, after = self.shape[:first], self.shape[last:]
        merged = self.reshape((*before, prod(self.shape[first:last]), *after))
        return shape.Take.apply(merged, indices=self.device.backend.from_host(flat, self.device), axis=first)
