"""A layer file with fewer filters and hidden units: the same net in small, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import lcm

from alexnet.cuda_convnet.grammar import Section

__all__ = ["scaled"]


def scaled(sections: Mapping[str, Mapping[str, str]], scale: float, in_channels: int) -> dict[str, dict[str, str]]:
    """The sections with `filters` and `outputs` divided by a number, and `channels` as many as there then are.

    Maps stay a multiple of all groups in the file, and at least as many as groups; what leads to the softmax keeps its
    outputs.

    Args:
        sections: of a layer file that is right.
        scale: what the numbers are divided by.
        in_channels: colours of the pictures.
    """
    read = {name: Section(f"layer {name}", values) for name, values in sections.items()}
    inputs = {name: each.names("inputs") if "inputs" in each else [] for name, each in read.items()}
    groups = {
        name: each.integers("groups", len(inputs[name]), 1)
        for name, each in read.items()
        if each.text("type") in ("conv", "local")
    }
    multiple = lcm(*(number for numbers in groups.values() for number in numbers))
    classes = _towards_softmax(read, inputs)
    result: dict[str, dict[str, str]] = {}
    maps: dict[str, int] = {}  # by layer, where it makes any
    for name, section in read.items():
        own, sources = dict(section.values), inputs[name]
        given = section.integers("channels", len(sources)) if "channels" in section else [0] * len(sources)
        channels = [maps.get(source, number) for source, number in zip(sources, given, strict=True)]
        if "channels" in section:
            own["channels"] = _list(channels)
        if name in groups:
            total = section.integers("filters", len(sources))[0] * groups[name][0]
            maps[name] = multiple * max(1, round(total / scale / multiple))
            own["filters"] = _list(maps[name] // number for number in groups[name])
            if "filterChannels" in section:
                lengths = section.integers("filterChannels", len(sources))
                own["filterchannels"] = _list(
                    n * new // old for n, new, old in zip(lengths, channels, given, strict=True)
                )
        elif section.text("type") == "fc" and name not in classes:
            own["outputs"] = str(max(1, round(section.integer("outputs") / scale)))
        elif section.text("type") == "data":
            maps[name] = in_channels
        elif all(source in maps for source in sources):
            maps[name] = sum(channels) if section.text("type") in ("concat", "pass") else channels[0]
        result[name] = own
    return result


def _list(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _towards_softmax(read: Mapping[str, Section], inputs: Mapping[str, list[str]]) -> set[str]:
    """The fully-connected layers whose outputs become probabilities with no other weights between."""
    found: set[str] = set()
    waiting = [name for name, section in read.items() if section.text("type") == "softmax"]
    while waiting:
        name = waiting.pop()
        if name in found or name not in read:
            continue
        found.add(name)
        if read[name].text("type") not in ("fc", "conv", "local"):
            waiting += inputs[name]
    return found
