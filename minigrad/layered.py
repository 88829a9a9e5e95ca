"""Where the boxes and the edges of a directed graph go on a page: layers from top to bottom, after Sugiyama.

Every edge goes down. A box stands right above the highest box that it leads to, and an edge that passes layers has a
lane in each, between their boxes; so no edge runs through a box that it does not belong to. Boxes of a layer are put in
an order in which few edges cross (each by the mean position of its neighbours, a few times up and down), then pulled
towards their neighbours as far as the boxes beside them allow. Nothing here knows what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Placement", "place"]

SWEEPS = 4  # down and up in turn
APART = 18.0  # least space between two boxes of a layer
LANE = 8.0  # what an edge that passes a layer takes of it
LEAST_GAP, MOST_GAP, SLOPE = 18.0, 70.0, 0.1  # between layers: the more, the farther the edges go sideways
PORT, CORNER = 14.0, 8.0  # between two edges that enter a box; and between them and its corners

Point = tuple[float, float]


@dataclass
class Placement:
    """A drawing without its ink.

    Attributes:
        corners: of each box, the upper left.
        trunks: of each box, the points through which the longest edge that leaves it goes down, the last layer's left
            out: all its edges have their way in common.
        routes: of each edge, the points from where it leaves the trunk to the other box. A line is vertical in each
            point, and never turns back up.
        width, height: of the whole.
    """

    corners: list[Point]
    trunks: list[list[Point]]
    routes: list[list[Point]]
    width: float
    height: float


@dataclass(eq=False)
class _Slot:
    """A place in a layer: a box, or the lane of all edges of one box that pass through the layer."""

    number: int  # of the box
    width: float
    lane: bool
    x: float = 0.0  # of the middle
    above: list[_Slot] = field(default_factory=list)
    below: list[_Slot] = field(default_factory=list)


def place(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Placement:
    """Place boxes of the given sizes (width, height); edges are pairs of their numbers, from the lower to the higher.

    Two boxes may have several edges between them, and each is drawn.
    """
    levels = _levels(len(sizes), edges)
    layers: list[list[_Slot]] = [[] for _ in range(max(levels, default=-1) + 1)]
    lanes = [
        {level: _Slot(number, size[0], False)} for number, (level, size) in enumerate(zip(levels, sizes, strict=True))
    ]
    for lane, level in zip(lanes, levels, strict=True):
        layers[level].append(lane[level])
    for source, target in edges:
        lane = lanes[source]
        for level in range(max(lane) + 1, levels[target]):
            lane[level] = _Slot(source, LANE, True)
            layers[level].append(lane[level])
            _join(lane[level - 1], lane[level])
        _join(lane[levels[target] - 1], lanes[target][levels[target]])
    _order(layers)
    _spread(layers)
    left = min((slot.x - slot.width / 2 for layer in layers for slot in layer), default=0.0)
    for layer in layers:
        for slot in layer:
            slot.x -= left
    width = max((slot.x + slot.width / 2 for layer in layers for slot in layer), default=0.0)
    tops, bottoms = _rows(layers, levels, sizes)
    corners = [
        (lane[level].x - box[0] / 2, (tops[level] + bottoms[level] - box[1]) / 2)
        for lane, level, box in zip(lanes, levels, sizes, strict=True)
    ]
    trunks = [
        _trunk(lane, corner[1] + size[1], tops, bottoms)
        for lane, corner, size in zip(lanes, corners, sizes, strict=True)
    ]
    ends = _ends(sizes, edges, levels, lanes)
    routes = [
        [
            trunks[source][2 * (levels[target] - levels[source]) - 1],
            (end, tops[levels[target]]),
            (end, corners[target][1]),
        ]
        for (source, target), end in zip(edges, ends, strict=True)
    ]
    return Placement(corners, trunks, routes, width, bottoms[-1] if bottoms else 0.0)


def _join(upper: _Slot, lower: _Slot) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box, 0 the highest: as far down as what it leads to allows."""
    targets: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        targets[source].append(target)
    up = [0] * count  # layers from the lowest
    for number in reversed(range(count)):
        up[number] = 1 + max((up[target] for target in targets[number]), default=-1)
    top = max(up, default=0)
    return [top - each for each in up]


def _order(layers: list[list[_Slot]]) -> None:
    """Put each layer in the order of its neighbours' mean positions, of those above and those below in turn."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            for slot in layer:
                near = slot.above if down else slot.below
                if near:
                    slot.x = sum(each.x for each in near) / len(near)
            layer.sort(key=lambda slot: (slot.x, slot.number))
            for position, slot in enumerate(layer):
                slot.x = float(position)


def _spread(layers: list[list[_Slot]]) -> None:
    """Give every slot its place: as near to the mean of its neighbours as the others of its layer allow."""
    for layer in layers:
        _settle(layer, [0.0] * len(layer))
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 1
        for layer in layers if down else reversed(layers):
            wanted = []
            for slot in layer:
                near = _pulling(slot, slot.above if down else slot.below) or [slot]
                wanted.append(sum(each.x for each in near) / len(near))
            _settle(layer, wanted)


def _pulling(slot: _Slot, neighbours: list[_Slot]) -> list[_Slot]:
    """Which neighbours a slot is to stay near to: a lane runs straight on, a box follows boxes rather than lanes."""
    first = [each for each in neighbours if (each.number == slot.number if slot.lane else not each.lane)]
    return first or neighbours


def _settle(layer: list[_Slot], wanted: Sequence[float]) -> None:
    """Give each slot the wanted place, or, where slots would touch, the places with the least sum of squares of errors.

    Slots that touch form a block that stands at the mean of what its members want: pool adjacent violators.
    """
    offsets, offset = [], 0.0
    for number, slot in enumerate(layer):
        if number:
            offset += (layer[number - 1].width + slot.width) / 2 + APART
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # the sum of what its slots want, less their offsets; how many they are
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, members = blocks.pop()
            total, count = total + before, count + members
        blocks.append((total, count))
    places = [total / count for total, count in blocks for _ in range(count)]
    for slot, start, offset in zip(layer, places, offsets, strict=True):
        slot.x = start + offset


def _rows(
    layers: list[list[_Slot]], levels: Sequence[int], sizes: Sequence[tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """The top and the bottom of each layer."""
    heights = [0.0] * len(layers)
    for level, (_, height) in zip(levels, sizes, strict=True):
        heights[level] = max(heights[level], height)
    tops, bottoms, y = [], [], 0.0
    for layer, height in zip(layers, heights, strict=True):
        tops.append(y)
        bottoms.append(y + height)
        sideways = max((abs(slot.x - lower.x) for slot in layer for lower in slot.below), default=0.0)
        y += height + min(LEAST_GAP + SLOPE * sideways, MOST_GAP)
    return tops, bottoms


def _trunk(lane: dict[int, _Slot], foot: float, tops: Sequence[float], bottoms: Sequence[float]) -> list[Point]:
    """From the middle of a box's lower side down its lane: two points a layer."""
    (first, box), *passed = lane.items()
    points = [(box.x, foot), (box.x, bottoms[first])]
    for level, slot in passed:
        points += [(slot.x, tops[level]), (slot.x, bottoms[level])]
    return points


def _ends(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    levels: Sequence[int],
    lanes: Sequence[dict[int, _Slot]],
) -> list[float]:
    """Where on the upper side of its box each edge ends: side by side, in the order in which they come."""
    entering: list[list[int]] = [[] for _ in sizes]
    for number, (_, target) in enumerate(edges):
        entering[target].append(number)
    ends = [0.0] * len(edges)
    for target, numbers in enumerate(entering):
        beside = {number: lanes[edges[number][0]][levels[target] - 1].x for number in numbers}
        numbers.sort(key=beside.__getitem__)
        step = min(PORT, (sizes[target][0] - 2 * CORNER) / max(len(numbers) - 1, 1))
        for turn, number in enumerate(numbers):
            ends[number] = lanes[target][levels[target]].x + (turn - (len(numbers) - 1) / 2) * step
    return ends
