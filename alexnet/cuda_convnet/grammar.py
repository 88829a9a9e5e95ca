"""The grammar of cuda-convnet's files: sections of keys and values, and what kinds of values there are.

A layer file has a section for each layer, a parameter file one for each layer that has something to set. cuda-convnet
read both with the `SafeConfigParser` of Python 2; its rules are these. Nothing that a value names is ever opened or
imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "LayerFileError",
    "Section",
    "Sections",
    "lines_of",
    "normalised",
    "read_sections",
    "read_text",
    "shown",
    "split_list",
]

Sections = Mapping[str, Mapping[str, Any]]

MOST_CHARACTERS = 1 << 18  # of a file; the longest of 2012 has some 12,000
MOST_SECTIONS = 1024
MOST_ITEMS = 64  # of a list
LONGEST_NAME = 200
LARGEST = 10**9  # of whole numbers
COMMENT = re.compile(r"[#;]|rem\s|rem$", re.IGNORECASE)
HEADER = re.compile(r"\[([^\]]+)\]")
KEY = re.compile(r"([^:=\s][^:=]*)[:=]")
COMMENT_BEHIND = re.compile(r"\s;")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
TRUE, FALSE = ("1", "yes", "true", "on"), ("0", "no", "false", "off")


class LayerFileError(ValueError):
    """A layer file or parameter file that nothing can be made of, in one sentence."""


def read_text(path: Path) -> str:
    """The text of a layer file or a parameter file. Bytes that are no UTF-8 are of its comments, and become surrogates.

    Raises:
        LayerFileError: it is larger than any such file, or a folder, a device or a pipe.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise LayerFileError(f"{path} is no regular file, and so no layer file")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_CHARACTERS + 1)
    except OSError as error:  # of which not all name the file
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    if len(content) > MOST_CHARACTERS:
        raise LayerFileError(f"{path} is larger than {MOST_CHARACTERS:,} bytes, and so no layer file")
    return content.decode("utf-8", errors="surrogateescape")


def lines_of(text: str) -> list[str]:
    """The lines of a file, which end with a line feed, or all with a carriage return alone."""
    return text.split("\n" if "\n" in text else "\r")


def shown(text: str, most: int = 60) -> str:
    """The beginning of something in a file, in quotes, for errors: bytes that are no text are left out."""
    return repr("".join(filter(str.isprintable, text))[:most])


def read_sections(text: str, file: str) -> dict[str, dict[str, str]]:
    """The sections of a layer file or a parameter file in order, each a table of values by key in lower case.

    A line is `[section]`, `key=value` (or `key: value`), or a comment, which begins with `#` or `;`; a line that begins
    with a space goes on with the value before it. Of a value, what follows ` ;` is a comment too. Sections of one name
    are merged, of keys of one name the last counts, and keys of `[DEFAULT]` are those of every section.

    Args:
        text: of the file.
        file: its name, for errors.

    Raises:
        LayerFileError: a line is none of these, or there is no section.
    """
    if len(text) > MOST_CHARACTERS:
        raise LayerFileError(f"{file} has {len(text):,} characters; at most {MOST_CHARACTERS:,} are possible")
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    key = ""
    for number, line in enumerate(lines_of(text.removeprefix("\ufeff")), 1):
        words = COMMENT_BEHIND.split(line, 1)[0].strip()
        if not words or COMMENT.match(line):
            continue
        if line[0].isspace() and section is not None and key:
            section[key] = f"{section[key]} {words}".strip()
        elif header := HEADER.match(words):
            name = header[1].strip()
            if not name or len(name) > LONGEST_NAME or not name.isprintable():
                raise LayerFileError(f"{file}, line {number}: {shown(name, 40)} is not the name of a layer")
            if len(sections) == MOST_SECTIONS:
                raise LayerFileError(f"{file}, line {number}: at most {MOST_SECTIONS:,} sections are possible")
            section, key = sections.setdefault(name, {}), ""
        elif (assigned := KEY.match(words)) and section is not None:
            key = assigned[1].strip().lower()
            section[key] = words[assigned.end() :].strip()
        else:
            kind = "key=value" if section is not None else "a section such as [conv1]"
            raise LayerFileError(f"{file}, line {number}: {kind} is expected; got {shown(words, 30)}")
    everywhere = sections.pop("DEFAULT", {})
    if not sections:
        raise LayerFileError(f"{file} has no section, such as [conv1]: it is no layer file, and no parameter file")
    return {name: {**everywhere, **values} for name, values in sections.items()}


def normalised(sections: Sections) -> dict[str, dict[str, str]]:
    """Sections whose values may have come from JSON, as the file would say them: keys in lower case, values as text.

    Raises:
        LayerFileError: a section is no table, or a value neither text, a number, true or false, nor a list of such.
    """
    result: dict[str, dict[str, str]] = {}
    for name, values in sections.items():
        if not isinstance(values, Mapping):
            raise LayerFileError(f"section {name} is a table of keys and values; got {values!r}")
        result[name] = {key.lower(): _as_text(name, key, value) for key, value in values.items()}
    return result


def _as_text(section: str, key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Sequence):
        return ",".join(_as_text(section, key, each) for each in value)
    raise LayerFileError(f"section {section}: {key} is text, a number or a list; got {value!r}")


def split_list(text: str) -> list[str]:
    """The items of a list: "1, 2" gives "1" and "2"."""
    return [item.strip() for item in text.split(",", MOST_ITEMS)]


class Section:
    """A section whose values are read as what they are for; what does not fit is a LayerFileError.

    Args:
        where: what errors call it: "layer conv1".
        values: by key in lower case.
    """

    def __init__(self, where: str, values: Mapping[str, str]) -> None:
        self.where, self.values = where, values

    def __contains__(self, key: str) -> bool:
        return key.lower() in self.values

    def error(self, message: str) -> LayerFileError:
        """What to raise about this section."""
        return LayerFileError(f"{self.where}: {message}")

    def _misfit(self, key: str, expected: str, value: str) -> LayerFileError:
        return self.error(f"{key} is {expected}; got {shown(value)}")

    def text(self, key: str, default: str | None = None) -> str:
        """A value as it stands."""
        value = self.values.get(key.lower(), default)
        if value is None:
            raise self.error(f"it has no {key}")
        return value

    def names(self, key: str) -> list[str]:
        """A list of names."""
        items = split_list(self.text(key))
        if len(items) > MOST_ITEMS:
            raise self.error(f"{key} has more than {MOST_ITEMS} items, which no layer has")
        if len(items) > 1 and not all(items):
            raise self.error(f"{key} has a comma with nothing before or behind it; got {shown(self.text(key))}")
        return items

    def integer(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number, `least` or more."""
        value = self.text(key, None if default is None else str(default))
        return self._integer(key, value, least)

    def number(self, key: str, default: float | None = None, least: float = -math.inf) -> float:
        """A number, `least` or more."""
        return self._number(key, self.text(key, None if default is None else repr(default)), least)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        return self._flag(key, self.text(key, None if default is None else str(default)))

    def integers(self, key: str, count: int, default: int | None = None, least: int = 1) -> list[int]:
        """A list of whole numbers, one for each input; the default stands for all."""
        items = self._list(key, count, None if default is None else str(default))
        return [self._integer(key, item, least) for item in items]

    def numbers(self, key: str, count: int, default: float | None = None, least: float = -math.inf) -> list[float]:
        """A list of numbers, one for each input; the default stands for all."""
        items = self._list(key, count, None if default is None else repr(default))
        return [self._number(key, item, least) for item in items]

    def flags(self, key: str, count: int, default: bool) -> list[bool]:
        """A list of true and false, one for each input; the default stands for all."""
        return [self._flag(key, item) for item in self._list(key, count, str(default))]

    def _list(self, key: str, count: int, default: str | None) -> list[str]:
        if key not in self and default is not None:
            return [default] * count
        items = split_list(self.text(key))
        if len(items) != count:
            raise self.error(f"{key} has one value for each input, {count}; got {shown(self.text(key))}")
        return items

    def _integer(self, key: str, value: str, least: int) -> int:
        whole = WHOLE_NUMBER.fullmatch(value)
        if whole and (len(value) > 20 or int(value) > LARGEST):
            raise self._misfit(key, f"a whole number of at most {LARGEST:,}", value)
        if not whole or int(value) < least:
            raise self._misfit(key, f"a whole number, {least} or more" if least > -LARGEST else "a whole number", value)
        return int(value)

    def _number(self, key: str, value: str, least: float) -> float:
        try:
            result = float(value)
        except ValueError:
            result = math.nan
        if abs(result) > LARGEST:
            raise self._misfit(key, f"a number from {max(least, -LARGEST):,g} to {LARGEST:,}", value)
        if not least <= result or "_" in value:
            raise self._misfit(key, f"a number, {least:g} or more" if least > -math.inf else "a number", value)
        return result

    def _flag(self, key: str, value: str) -> bool:
        if value.lower() not in (*TRUE, *FALSE):
            raise self._misfit(key, "true or false", value)
        return value.lower() in TRUE
