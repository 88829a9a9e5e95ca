"""Values from JSON and from command lines, read by the type hints of what they are for."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from alexnet.terminal import suggestion

__all__ = ["no_such", "read", "read_dataclass", "read_table"]

D = TypeVar("D")

# one of a kind in words, and several
WORDS: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "names"),
    type(None): ("null", "null"),
}


def no_such(key: str, known: Iterable[str]) -> ValueError:
    """What to raise for a key that there is not: its sentence names the one most alike, or all that there are."""
    known = list(known)
    hint = suggestion([key], known) or f"; there is {', '.join(known) or 'none of that kind'}"
    return ValueError(f"a recipe has no {key}{hint}")


def read(value: Any, hint: Any, where: str) -> Any:
    """A value of JSON as what a type hint asks for: lists become tuples, tables dataclasses, whole numbers floats.

    Args:
        value: None, a bool, a number, text, a list or a dict.
        hint: one of these types, a union of such, tuple[T, ...], Sequence[T], Mapping[str, T], a dataclass or Any.
        where: the value's key, for the sentence that says what is wrong.

    Raises:
        ValueError: it does not fit.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is types.UnionType:
        for each in arguments:
            with suppress(ValueError):
                return read(value, each, where)
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return read_dataclass(value, hint, f"{where}.")
    elif origin in (tuple, Sequence) and isinstance(value, (list, tuple)):
        return tuple(read(each, arguments[0], f"each of {where}") for each in value)
    elif origin is Mapping and isinstance(value, Mapping):
        return {name: read(each, arguments[1], f"{where}.{name}") for name, each in value.items()}
    elif hint is float:
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    elif type(value) is hint:
        return value
    raise ValueError(f"{where} is {_in_words(hint)}; got {value!r}")


def _in_words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        return " or ".join(_in_words(each) for each in arguments)
    if origin in (tuple, Sequence):
        return f"a list of {WORDS[arguments[0]][1]}, as [...]"
    return WORDS[hint][0] if hint in WORDS else "a table"


def read_table(values: Mapping[str, Any], hints: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a table by the hint of each key.

    Raises:
        ValueError: a key has no hint, or its value does not fit.
    """
    for key in values:
        if key not in hints:
            raise no_such(where + key, [where + known for known in hints])
    return {key: read(value, hints[key], where + key) for key, value in values.items()}


def read_dataclass(values: Mapping[str, Any], kind: type[D], where: str = "") -> D:
    """The dataclass whose fields have these values, or their defaults.

    Args:
        values: what `json.loads` makes of `dataclasses.asdict`.
        kind: the dataclass.
        where: what its keys are called by, with a dot at the end.

    Raises:
        ValueError: a field is unknown or of another type, or one without a default is missing.
    """
    found = read_table(values, get_type_hints(kind), where)
    try:
        return kind(**found)
    except TypeError as error:  # as Python words it: which argument is missing
        raise ValueError(f"a recipe is incomplete ({error})") from error
