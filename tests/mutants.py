"""Functions broken on purpose, for the tests that prove tests."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable


def altered(owner: object, name: str, before: str, after: str) -> Callable[..., object]:
    """The function `name` of a module or a class, with a piece of its text, which is there once, replaced."""
    function = getattr(owner, name)
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(before) == 1, f"{name} has {text.count(before)} times {before!r}"
    found: dict[str, Callable[..., object]] = {}
    exec(
        compile(text.replace(before, after), f"<broken {name}>", "exec"), vars(sys.modules[function.__module__]), found
    )
    return found[name]
