"""Checks of what users write for a layer or a function: counts, sizes, sides, and what PyTorch has and we have not."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = [
    "Padding",
    "Sides",
    "Size",
    "check_count",
    "check_flag",
    "check_old_reduction",
    "check_pair",
    "check_reduction",
    "check_sides",
    "check_window",
    "no_dilation",
    "no_divisor",
    "no_gaps",
    "no_indices",
    "no_weights",
    "numpy_words",
    "only",
    "whole_windows",
]

C = TypeVar("C", bound=Callable[..., Any])

Size = int | tuple[int, int]
Sides = tuple[int, int, int, int]  # top, bottom, left, right
Padding = int | tuple[int, int] | Sides


def numpy_words(call: C) -> C:
    """The call, which takes NumPy's words for two arguments too, as PyTorch does: axis (dim) and keepdims (keepdim)."""

    @functools.wraps(call)
    def renamed(*arguments: Any, **options: Any) -> Any:
        if "axis" in options and "dim" not in options:
            options["dim"] = options.pop("axis")
        if "keepdims" in options and "keepdim" not in options:
            options["keepdim"] = options.pop("keepdims")
        return call(*arguments, **options)

    return cast("C", renamed)


def check_count(name: str, what: str, value: Any, least: int) -> int:
    """The value, an integer of at least so much; ValueError for others."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{name}: {what} is an integer, {least} or more; got {value!r}")
    return int(value)


def check_pair(name: str, what: str, value: Any, least: int) -> tuple[int, int]:
    """(h, w) of an integer, which stands for both, or of a pair."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name}: {what} is an integer or (h, w), got {value!r}")
    return check_count(name, what, pair[0], least), check_count(name, what, pair[1], least)


def check_flag(name: str, what: str, value: Any) -> bool:
    """The value, True or False; TypeError for others, which stood at that place for something else."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: {what} is True or False, got {value!r}")
    return value


def check_sides(name: str, padding: Any) -> Sides:
    """(top, bottom, left, right)."""
    if isinstance(padding, str):
        raise ValueError(
            f"{name}: padding={padding!r} is not offered; 'valid' is padding=0, and 'same' is padding=1 for filters of "
            "3 x 3, padding=2 for 5 x 5"
        )
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = (check_count(name, "padding", side, 0) for side in padding)
        return top, bottom, left, right
    h, w = check_pair(name, "padding", padding, 0)
    return h, h, w, w


def check_window(name: str, image_size: tuple[int, ...], kernel_size: tuple[int, ...], sides: Sides) -> None:
    """Refuse a window that is larger than the padded image, or nothing."""
    height, width = image_size[0] + sides[0] + sides[1], image_size[1] + sides[2] + sides[3]
    if kernel_size[0] > height or kernel_size[1] > width or 0 in kernel_size:
        raise ValueError(
            f"{name}: a window of {kernel_size[0]} x {kernel_size[1]} does not fit an image of {height} x {width}, "
            "padding included"
        )


def whole_windows(
    image_size: tuple[int, ...], kernel_size: tuple[int, ...], strides: tuple[int, int], sides: Sides
) -> tuple[int, int]:
    """How many windows fit the padded image whole, down and across."""
    top, bottom, left, right = sides
    return (
        (image_size[0] + top + bottom - kernel_size[0]) // strides[0] + 1,
        (image_size[1] + left + right - kernel_size[1]) // strides[1] + 1,
    )


def only(name: str, what: str, value: Any, offered: Any, instead: str) -> None:
    """Refuse an argument of PyTorch's that is not offered here, unless it has the one value that is.

    Args:
        name: of the function or layer.
        what: the argument's name.
        value: what the user gave.
        offered: the value that changes nothing; a pair of it will do as well.
        instead: what to write.

    Raises:
        ValueError: it has another value.
    """
    plain = value is None or isinstance(value, (bool, int, float, str, tuple))
    if plain and isinstance(value, bool) == isinstance(offered, bool) and value in (offered, (offered, offered)):
        return
    shown = repr(value) if plain else f"a {type(value).__name__}"
    raise ValueError(f"{name}: {what}={shown} is not offered; {instead}")


def no_dilation(name: str, dilation: Any) -> None:
    """Refuse filters with gaps."""
    only(name, "dilation", dilation, 1, "a filter with gaps is a larger one, with zeros between its weights")


def no_gaps(name: str, dilation: Any) -> None:
    """Refuse windows of pooling with gaps."""
    only(name, "dilation", dilation, 1, "a window with gaps is mg.maximum of slices, as of x[..., :-2] and x[..., 2:]")


def no_indices(name: str, return_indices: Any) -> None:
    """Refuse to tell where maxima stood."""
    only(name, "return_indices", return_indices, False, "ceil_mode, which is near it, is given by name")


def no_divisor(name: str, divisor_override: Any) -> None:
    """Refuse a divisor of one's own."""
    only(name, "divisor_override", divisor_override, None, "multiply the means by KH * KW / divisor")


def no_weights(
    name: str, weight: Any, size_average: Any, ignore_index: Any, reduce: Any, label_smoothing: Any = 0.0
) -> None:
    """Refuse what PyTorch's losses of classes have between the targets and the reduction, and after it."""
    only(
        name,
        "weight",
        weight,
        None,
        "weigh the losses that reduction='none' gives: (losses * w[target]).sum() / w[target].sum()",
    )
    check_old_reduction(name, size_average, reduce)
    only(name, "ignore_index", ignore_index, -100, "leave those examples out of input and target")
    only(
        name,
        "label_smoothing",
        label_smoothing,
        0.0,
        "write, for 0.1, 0.9 * loss - 0.1 * F.log_softmax(input, 1).mean()",
    )


def check_old_reduction(name: str, size_average: Any, reduce: Any) -> None:
    """Refuse the two arguments that PyTorch's `reduction` has taken the place of."""
    only(name, "size_average", size_average, None, "give reduction='mean' or reduction='sum' by name")
    only(name, "reduce", reduce, None, "give reduction='mean', 'sum' or 'none' by name")


def check_reduction(name: str, reduction: Any) -> None:
    """Refuse what is no way to make one loss of many."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction is 'mean', 'sum' or 'none', got {reduction!r}")
