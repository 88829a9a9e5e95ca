"""Arguments have the names, places and defaults of PyTorch's, but for the differences that docs/pytorch.md lists."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import minigrad as mg
from minigrad import functional, nn, optim

PAGE = (Path(__file__).parent.parent / "docs" / "pytorch.md").read_text(encoding="utf-8")

UNKNOWN = object()  # the default of an argument whose text is no literal


class Argument(NamedTuple):
    """One argument of a call: by_name if it cannot be given by its place; rest if it takes all that are left."""

    name: str
    default: Any = inspect.Parameter.empty
    by_name: bool = False
    rest: bool = False


def addresses() -> Iterator[tuple[str, Any]]:
    """Everything public that is called, by its address; errors are raised, not called."""
    for prefix, module in (("mg", mg), ("F", functional), ("nn", nn), ("nn.init", nn.init), ("optim", optim)):
        for name in module.__all__:
            call = getattr(module, name)
            if callable(call) and not (isinstance(call, type) and issubclass(call, Exception)):
                yield f"{prefix}.{name}", call
    for prefix, kind in (("Tensor", mg.Tensor), ("nn.Module", nn.Module), ("optim.Optimizer", optim.Optimizer)):
        for name in dir(kind):
            if not name.startswith("_") and callable(getattr(kind, name)):
                yield f"{prefix}.{name}", getattr(kind, name)


def pytorchs(address: str) -> Any:
    """What PyTorch has at that address, or None."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    prefix, _, name = address.rpartition(".")
    places = {"mg": torch, "F": torch.nn.functional, "nn": torch.nn, "nn.init": torch.nn.init, "optim": torch.optim}
    places |= {"Tensor": torch.Tensor, "nn.Module": torch.nn.Module, "optim.Optimizer": torch.optim.Optimizer}
    return getattr(places[prefix], name, None)


def of_signature(call: Any) -> list[Argument]:
    """The arguments of a Python function, method or class; PyTorch's private ones, `_stacklevel`, are left out."""
    arguments = []
    for number, p in enumerate(inspect.signature(call).parameters.values()):
        rest = p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        if not p.name.startswith("_") and not (number == 0 and p.name == "self"):
            arguments.append(Argument(p.name, p.default, p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD), rest))
    return arguments


def of_text(text: str) -> list[Argument]:
    """The arguments in a line of documentation: `input, dim: Optional[int] = None, *, dtype=None`."""
    arguments, by_name = [], False
    while re.search(r"\[[^\[\]]*\]", text):
        text = re.sub(r"\[[^\[\]]*\]", "", text)  # the commas in types and lists of defaults are none of these
    for part in re.split(r",(?![^(]*\))", text.replace("\\", "")):
        name, _, default = (each.strip() for each in part.partition("="))
        name = name.partition(":")[0].strip()
        if name == "*":
            by_name = True
        elif name not in ("", "/"):
            arguments.append(Argument(name.lstrip("*"), literal(default), by_name, name.startswith("*")))
    return arguments


def literal(text: str) -> Any:
    """The default that is written so; UNKNOWN for one that is no number, word, tuple or None."""
    try:
        return ast.literal_eval(text) if text else inspect.Parameter.empty
    except (ValueError, SyntaxError):
        return UNKNOWN


def documented(call: Any, name: str) -> list[list[Argument]]:
    """The signatures that a function's documentation has: one, or several where it can be called in several ways."""
    lines = re.findall(
        rf"^\s*(?:\.\. (?:function|method):: )?{name}\((.*?)\)\s*(?:->.*)?$", call.__doc__ or "", re.MULTILINE
    )
    return [of_text(line) for line in lines]


def signatures(call: Any, name: str) -> list[list[Argument]]:
    """PyTorch's signatures of a call; none where it does not tell."""
    if name == "set_num_threads":  # its documentation has a type where the name stands, and not always the same
        return []
    if name == "max_pool2d":  # of Python, but chosen at run time
        return documented(call, name)
    try:
        return [of_signature(call)]
    except ValueError:
        return documented(call, name)


def differences(ours: list[Argument], theirs: list[Argument]) -> set[str]:
    """The names of the arguments that only one side has, or that differ in place or default.

    What takes all that are left has no name that a caller could write. An argument may be left out here that must be
    given there.
    """
    ours, theirs = ([nameless(each) for each in side] for side in (ours, theirs))
    found = {each.name for each in ours} ^ {each.name for each in theirs}
    known = {each.name: each for each in theirs}
    places = [each.name for each in theirs if not each.by_name]
    for place, mine in enumerate(each for each in ours if not each.by_name):
        if mine.name not in places[place : place + 1]:
            found.add(mine.name)
    for mine in ours:
        other = known.get(mine.name, mine)
        if mine.by_name != other.by_name:
            found.add(mine.name)
        if inspect.Parameter.empty is not other.default is not UNKNOWN and mine.default != other.default:
            found.add(mine.name)
    return found


def nameless(argument: Argument) -> Argument:
    """An argument that takes all that are left as * or **, whatever its name."""
    return argument._replace(name="**" if argument.by_name else "*") if argument.rest else argument


def computed() -> set[tuple[str, str]]:
    """(address, argument) of all differences."""
    found = set()
    for address, call in addresses():
        name = address.rpartition(".")[2]
        other = pytorchs(address)
        if callable(other) and (theirs := signatures(other, name)):
            mine = of_signature(call)
            if not mine and all(each.rest for each in theirs[0]):
                continue  # layers without arguments say so there by taking any, which Module then refuses
            fewest = min((differences(mine, each) for each in theirs), key=len)
            found |= {(address, argument) for argument in fewest}
    return found


def listed() -> set[tuple[str, str]]:
    """(address, argument) of all rows of the page's table of differences; the address "everywhere" stands for all."""
    found = set()
    for calls, arguments in re.findall(r"^\| (`[^|]*|everywhere) \| (`[^|]*) \| [^|]+ \|$", PAGE, re.MULTILINE):
        for address in re.findall("`([^`]+)`", calls) or ["everywhere"]:
            found |= {(address, argument) for argument in re.findall("`([^`]+)`", arguments)}
    return found


def test_every_difference_of_arguments_is_listed_and_every_one_that_is_listed_is_there() -> None:
    found, meant = computed(), listed()
    everywhere = {argument for address, argument in meant if address == "everywhere"}
    found = {("everywhere", argument) if argument in everywhere else (address, argument) for address, argument in found}
    assert not found - meant, "docs/pytorch.md does not list these"
    assert not meant - found, "docs/pytorch.md lists these, and there is no difference"
    for address, call in addresses():
        assert not everywhere & {each.name for each in of_signature(call)}, f"{address} has what nothing has"
