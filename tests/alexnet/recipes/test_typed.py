"""Values of JSON as type hints ask for them, or a sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from checks import complains

from alexnet.recipes.typed import read, read_dataclass


@dataclass(frozen=True)
class Inner:
    crop: int
    noise: float = 0.0


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    epochs: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        (None, float | None, None),
        ([1, 2], tuple[int, ...], (1, 2)),
        (["a"], Sequence[str], ("a",)),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        ({"crop": 5}, Inner, Inner(5)),
        ({"a": None}, float | Mapping[str, float | None] | None, {"a": None}),
        ([{}], Any, [{}]),
    ],
)
def test_a_value_that_fits(value: object, hint: Any, expected: object) -> None:
    found = read(value, hint, "key")
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        (True, int, "key is a whole number; got True"),
        (1.0, int, "key is a whole number; got 1.0"),
        (float("nan"), float, "key is a number; got nan"),
        ("3", float | None, "key is a number or null; got '3'"),
        (3, tuple[int, ...], "key is a list of whole numbers"),
        ([1, "a"], tuple[int, ...], "each of key is a whole number; got 'a'"),
        ({"a": "b"}, Mapping[str, float], "key.a is a number; got 'b'"),
        ([], Inner, "key is a table; got []"),
        ({"crop": 1, "corp": 2}, Inner, "key.corp; did you mean key.crop?"),
        ({}, Inner, "incomplete"),
    ],
)
def test_a_value_that_does_not_fit(value: object, hint: Any, words: str) -> None:
    with complains(words, error=ValueError):
        read(value, hint, "key")


def test_tables_in_tables() -> None:
    values = {"name": "x", "inner": {"crop": 2, "noise": 1}, "epochs": [4]}
    assert read_dataclass(values, Outer) == Outer("x", Inner(2, 1.0), (4,))
