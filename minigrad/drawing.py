"""The graph of a computation, drawn: what was recorded, layer by layer, and the backward pass, step by step.

`graph` takes down what the Functions behind a result say of themselves. The picture is an SVG that is made here, of
boxes and edges that minigrad/layered.py places; in a terminal the graph prints as a table.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from minigrad.arrays import Device, DeviceArray, quiet
from minigrad.autograd import Function, walk, walked_before
from minigrad.creation import ones
from minigrad.layered import Point, place
from minigrad.tensors import Tensor

__all__ = ["Graph", "graph"]

MOST_SHOWN = 4  # of the elements of a gradient; of larger ones the norm is shown
MOST_NAMED = 3  # of the operations of a layer; of more the number is shown

FONT, SIZE, LETTER = "DejaVu Sans Mono, Menlo, Consolas, monospace", 11.0, 6.7  # all letters of one width
LINE, PADDING, MARGIN, MARK = 15.0, 8.0, 8.0, 6.0
INK, FAINT, GREY = "#1a1a1a", "#5c5c5c", "#777777"  # in boxes; on the page, be it light or dark
PAINTS = (  # of devices, as they come: inside and outline
    ("#d9e8f5", "#1f77b4"),
    ("#fde3c8", "#e8730c"),
    ("#e3e3e3", "#6a6a6a"),
    ("#d3ece0", "#21886e"),
    ("#ece0f3", "#7b4ea3"),
)


def graph(result: Tensor, params: Mapping[str, Tensor] | None = None, *, fold: bool = True) -> Graph:
    """The operations from which a result was computed, as a picture in Jupyter and as a table in a terminal.

    An operation that a module was called for bears the module's path, and parameters are named as in
    `named_parameters()`.

    Args:
        result: what was computed, say a loss. Its graph must not have been walked by `backward` yet.
        params: names for other tensors that require a gradient: `{"x": x}`.
        fold: draw the operations of a layer (a module that calls no other) as one box, its parameters within.

    Raises:
        RuntimeError: nothing was recorded, or a backward pass has been through.

    Example:
        >>> import minigrad as mg
        >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> mg.graph((w * w).sum(), {"w": w})
        graph of 2 operations on cpu:0
           w    (2,)
        1  mul  (2,)  from w, w
        2  sum  ()    from 1
    """
    if not isinstance(result, Tensor):
        raise TypeError(f"graph draws how a tensor was computed, got {type(result).__name__}")
    named = {} if params is None else params
    if not isinstance(named, Mapping) or not all(isinstance(each, Tensor) for each in named.values()):
        raise TypeError("graph: params gives tensors by name, as {'w': w}; those of modules have their names already")
    if result.grad_fn is None:
        raise RuntimeError(
            "graph: this tensor was not computed from any that requires a gradient; nothing was recorded"
        )
    return Graph(result, result.grad_fn, named, fold)


# what was recorded


@dataclass(eq=False)
class _Call:
    """A call of a module: the Functions that it recorded and that led to what it returned."""

    module: Any
    start: int  # below their serial numbers
    functions: set[Function]
    path: str = ""


@dataclass(eq=False)
class _Source:
    """A Function or a leaf, and the gradient of its value as far as it has come."""

    name: str  # of the operation, or of the leaf
    shape: tuple[int, ...]
    device: Device
    number: int = 0  # of a Function, in the order of recording, from 1
    call: _Call | None = None  # the innermost in which a Function was recorded
    sources: list[_Source] = field(default_factory=list)
    uses: int = 0  # so many gradients will come
    arrived: int = 0
    gradient: str = ""  # their sum
    done: bool = False  # its backward

    def __str__(self) -> str:
        return str(self.number or self.name)

    @property
    def path(self) -> str:
        """Of the module that recorded it."""
        return self.call.path if self.call else ""

    def arrives(self, gradient: DeviceArray, times: int) -> None:
        """Note that its gradient has got some more parts."""
        self.arrived += times
        self.gradient = _short(gradient)
        if self.arrived < self.uses:
            self.gradient += f" ({self.arrived} of {self.uses})"


class Graph:
    """What `mg.graph` returns: the operations behind a result, and the backward pass through them, step by step.

    Shown by Jupyter as a picture (an SVG), printed as a table with a line for every leaf and operation.
    """

    def __init__(self, result: Tensor, root: Function, params: Mapping[str, Tensor], fold: bool) -> None:
        functions = _recorded(root)
        calls = _calls(functions)
        names = _name(calls) | {id(tensor): name for name, tensor in params.items()}
        self._result, self._root = result, root
        self._functions: dict[Function, _Source] = {}
        self._leaves: dict[Tensor, _Source] = {}
        innermost = {function: call for call in reversed(calls) for function in call.functions}
        for number, function in enumerate(functions, 1):
            shape, device = function.result_shape or (), cast(Device, function.result_device)
            node = _Source(function.name, shape, device, number, innermost.get(function))
            self._functions[function] = node
            for source in function.sources or ():
                if isinstance(source, Function):
                    node.sources.append(self._functions[source])
                elif source is not None:
                    leaf = cast(Tensor, source)
                    if leaf not in self._leaves:
                        self._leaves[leaf] = _Source(names.get(id(leaf), "leaf"), leaf.shape, leaf.device)
                    node.sources.append(self._leaves[leaf])
            for each in node.sources:
                each.uses += 1
        self._functions[root].uses = 1
        layers = {call for call in calls if fold and all(innermost[each] is call for each in call.functions)}
        self._boxes = _boxes(self._leaves, self._functions.values(), layers)
        self._waiting: dict[Function, DeviceArray] = {}
        self._walk: Iterator[Function] | None = None
        self._last: _Source | None = None

    # the backward pass

    @property
    def done(self) -> bool:
        """Whether the backward pass is through, and every leaf has its gradient."""
        return self._walk is not None and not self._waiting

    @quiet
    def step(self) -> Graph:
        """Call backward of the next Function: of those whose result has a gradient, the one recorded last.

        After the last step the leaves have the gradients that `backward` would have given them, and `done` is True.

        Returns:
            This graph, which shows the gradients that have come so far.

        Raises:
            RuntimeError: the backward pass has been through; or the result has several elements.
        """
        if self._walk is None:
            x = self._result
            if x.array.size != 1:
                raise RuntimeError(
                    f"step: a backward pass starts from one element, the result has shape {x.shape}; draw the graph of "
                    "its .sum() or .mean()"
                )
            self._waiting[self._root] = ones(*x.shape, dtype=x.dtype, device=x.device).array
            self._walk = walk(self._waiting)
            self._functions[self._root].arrives(self._waiting[self._root], 1)
        sources = [] if self.done else max(self._waiting, key=lambda each: each.serial).sources or ()
        function = next(self._walk, None)
        if function is None:
            raise walked_before()
        self._last = self._functions[function]
        self._last.done = True
        for source, times in Counter(each for each in sources if each is not None).items():
            if isinstance(source, Function):
                self._functions[source].arrives(self._waiting[source], times)
            else:
                leaf = cast(Tensor, source)
                self._leaves[leaf].arrives(cast(Tensor, leaf.grad).array, times)
        return self

    @property
    def _next(self) -> _Source | None:
        return self._functions[max(self._waiting, key=lambda each: each.serial)] if self._waiting else None

    # as text

    def __repr__(self) -> str:
        nodes = [*self._leaves.values(), *self._functions.values()]
        devices = _devices(nodes)
        rows = []
        for node in nodes:
            row = [str(node.number or ""), f"{node.path} {node.name}".strip(), str(node.shape)]
            row += [str(node.device)] if len(devices) > 1 else []
            row += [f"from {', '.join(map(str, node.sources))}" if node.sources else ""]
            row += [f"gradient {node.gradient}" if node.gradient else ""]
            row += ["done" if node.done else "next" if node is self._next else ""]
            rows.append(row)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([self._caption(), *(line.rstrip() for line in lines)])

    def _caption(self) -> str:
        devices = _devices([*self._leaves.values(), *self._functions.values()])
        count = len(self._functions)
        caption = f"graph of {count} operation{'s' * (count > 1)} on {', '.join(map(str, devices))}"
        if self._walk is None:
            return caption
        through = sum(node.done for node in self._functions.values())
        return f"{caption}; backward: " + ("done" if self.done else f"{through} of {count} done")

    # as a picture

    def _repr_svg_(self) -> str:
        """What Jupyter shows."""
        return _Picture(self._boxes, self._caption(), self._walk is not None, self._last, self._next).svg()


def _short(gradient: DeviceArray) -> str:
    """The elements, or of many the norm."""
    host = gradient.device.backend.to_host(gradient).astype(np.float64)
    if host.size > MOST_SHOWN:
        return f"of norm {np.linalg.norm(host.ravel()):.3g}"
    return np.array2string(host, separator=", ", formatter={"float_kind": lambda x: f"{x:.4g}"}).replace("\n", "")


def _devices(nodes: Sequence[_Source]) -> list[Device]:
    return sorted({node.device for node in nodes}, key=str)


def _recorded(root: Function) -> list[Function]:
    """The Functions that led to one, and itself, in the order in which they were recorded."""
    found, waiting = {root}, [root]
    while waiting:
        sources = waiting.pop().sources
        if sources is None:
            raise walked_before()
        new = {source for source in sources if isinstance(source, Function)} - found
        found |= new
        waiting += new
    return sorted(found, key=lambda function: function.serial)


def _calls(functions: Sequence[Function]) -> list[_Call]:
    """The calls of modules that recorded the Functions, those within others before them."""
    returned: dict[int, tuple[Any, list[Function]]] = {}
    for function in functions:
        for module, start in function.module_calls:
            returned.setdefault(start, (module, []))[1].append(function)
    return [
        _Call(module, start, _since(start, results))
        for start, (module, results) in sorted(returned.items(), reverse=True)
    ]


def _since(start: int, results: Sequence[Function]) -> set[Function]:
    """The Functions that led to the results, and the results, recorded after a serial number."""
    found, waiting = set(results), list(results)
    while waiting:
        sources = waiting.pop().sources or ()
        new = {each for each in sources if isinstance(each, Function) and each.serial > start} - found
        found |= new
        waiting += new
    return found


def _name(calls: Sequence[_Call]) -> dict[int, str]:
    """Give calls the paths of their modules, as the outermost modules that were called know them.

    Returns:
        The names of those modules' parameters, by id.
    """
    inwards = calls[::-1]
    outermost = {
        call: next(each for each in inwards if not each.functions.isdisjoint(call.functions)) for call in calls
    }
    roots = list(dict.fromkeys(outermost[call].module for call in inwards))
    several = sum(1 for root in roots if list(root.parameters())) > 1
    names: dict[int, str] = {}
    paths: dict[Any, dict[int, str]] = {}
    for number, root in enumerate(roots):
        kinds = [type(each).__name__ for each in roots[: number + 1]]
        title = kinds[-1] + (f" {kinds.count(kinds[-1])}" if kinds.count(kinds[-1]) > 1 else "")
        prefix = f"{title}." if several else ""
        paths[root] = {id(module): f"{prefix}{path}" for path, module in root.named_modules()}
        paths[root][id(root)] = title if several or not list(root.children()) else ""  # all is in it: it goes unsaid
        names = {id(each): f"{prefix}{path}" for path, each in root.named_parameters()} | names
    times: Counter[str] = Counter()
    for call in inwards:
        call.path = paths[outermost[call].module].get(id(call.module), type(call.module).__name__)
        times[call.path] += 1
        if times[call.path] > 1:
            call.path += f" ({times[call.path]})"
    return names


# the picture


@dataclass(eq=False)
class _Box:
    """What is drawn as one: a leaf, an operation, or the operations of a layer with its parameters."""

    nodes: list[_Source]  # the operations in order, or the leaf
    parameters: list[_Source] = field(default_factory=list)
    sources: list[_Box] = field(default_factory=list)  # one for each edge that comes in
    meeting: int = 0  # so many gradients are added to that of a node within

    @property
    def result(self) -> _Source:
        """The last of the nodes."""
        return self.nodes[-1]


def _boxes(
    leaves: Mapping[Tensor, _Source], operations: Iterable[_Source], layers: Container[_Call | None]
) -> list[_Box]:
    """Boxes in an order in which edges lead from earlier to later ones: leaves, then operations as recorded."""
    boxes: dict[_Call | _Source, _Box] = {}
    box_of: dict[_Source, _Box] = {}
    for node in operations:
        box = boxes.setdefault(node.call if node.call and node.call in layers else node, _Box([]))
        box.nodes.append(node)
        box_of[node] = box
    users: dict[_Source, list[_Box]] = {}
    for node, box in box_of.items():
        for source in node.sources:
            users.setdefault(source, []).append(box)
    drawn: list[_Box] = []
    for leaf, node in leaves.items():
        (first, *others), call = users[node], users[node][0].result.call
        if (
            call
            and call in layers
            and not set(others) - {first}
            and any(leaf is each for each in call.module.parameters())
        ):
            first.parameters.append(node)
        else:
            drawn.append(_Box([node]))
            box_of[node] = drawn[-1]
    for node, box in list(box_of.items()):
        outside = [user for user in users.get(node, ()) if user is not box]
        box.meeting = max(box.meeting, len(outside))
        for user in outside:
            user.sources.append(box)
    return drawn + list(boxes.values())


@dataclass
class _Words:
    """A piece of a line."""

    text: str
    fill: str = INK
    bold: bool = False

    @property
    def width(self) -> float:
        """In the letters of the drawing, of which those of some scripts take two places."""
        return LETTER * sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in self.text)


class _Picture:
    """The SVG of a graph: text is in boxes with a ground of their own, so that any page may lie behind."""

    def __init__(
        self, boxes: Sequence[_Box], caption: str, walking: bool, last: _Source | None, following: _Source | None
    ) -> None:
        self.boxes, self.caption, self.walking, self.last, self.following = boxes, caption, walking, last, following
        self.devices = _devices([node for box in boxes for node in box.nodes + box.parameters])
        self.paints = {device: PAINTS[number % len(PAINTS)] for number, device in enumerate(self.devices)}

    def svg(self) -> str:
        """The whole, as text."""
        lines = [self._lines(box) for box in self.boxes]
        sizes = [(max(map(_width, each)) + 2 * PADDING, LINE * len(each) + PADDING - 1) for each in lines]
        numbers = {id(box): number for number, box in enumerate(self.boxes)}
        edges = [(numbers[id(source)], number) for number, box in enumerate(self.boxes) for source in box.sources]
        placement = place(sizes, edges)
        head = self._head()
        across = max(placement.width, max(map(_width, head))) + 2 * MARGIN
        top = LINE * len(head) + 2 * MARGIN
        down = top + placement.height + 2 * MARGIN
        whole = {"width": f"{across:.0f}", "height": f"{down:.0f}", "viewBox": f"0 0 {across:.0f} {down:.0f}"}
        style = {"font-family": FONT, "font-size": f"{SIZE:g}", "style": "max-width: none"}
        svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **whole, **style})
        self._write(svg, head, MARGIN, MARGIN)
        shift = {"transform": f"translate({(across - placement.width) / 2:.1f} {top:.1f})"}
        drawing = SubElement(svg, "g", shift)
        for trunk in placement.trunks:
            if trunk[0] != trunk[-1]:
                SubElement(drawing, "path", {"d": _curve(trunk), "fill": "none", "stroke": GREY, "stroke-width": "1.3"})
        for (source, target), route in zip(edges, placement.routes, strict=True):
            self._edge(drawing, self.boxes[source], self.boxes[target], placement.trunks[source], route)
        for box, corner, size, words in zip(self.boxes, placement.corners, sizes, lines, strict=True):
            self._box(drawing, box, corner, size, words)
        for element in svg.iter():  # not every letter that a name may have can stand in XML
            element.text = element.text and "".join(letter if letter.isprintable() else "?" for letter in element.text)
        return tostring(svg, encoding="unicode")

    def _head(self) -> list[list[_Words]]:
        """What stands above the drawing: the caption, and what colours and marks mean."""
        keys = "rounded: a leaf, +: gradients are added" + (", thick: done, dashed: next" if self.walking else "")
        places = [_Words(f"\u25a0 {device}", self.paints[device][1], bold=True) for device in self.devices]
        return [[_Words(self.caption, GREY, bold=True)], [*places, _Words(keys, GREY)]]

    def _lines(self, box: _Box) -> list[list[_Words]]:
        """What stands in a box: what it is; a layer's parameters; and, in a backward pass, its gradient."""
        first, result = box.nodes[0], box.result
        number = str(first.number) if first is result else f"{first.number}-{result.number}"
        words = [_Words(number, FAINT)] if first.number else []
        names = [node.name for node in box.nodes]
        name = " + ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} operations"
        words += [_Words(result.path, bold=True), _Words(name)] if result.path else [_Words(name, bold=True)]
        words.append(_Words(str(result.shape), FAINT))
        if len(self.devices) > 1:
            words.append(_Words(str(result.device), self.paints[result.device][1]))
        parameters = [
            [
                _Words(node.name.removeprefix(f"{result.path}."), FAINT),
                _Words(str(node.shape), FAINT),
                *self._gradient(node),
            ]
            for node in box.parameters
        ]
        if self.walking:
            return [words, *parameters, self._gradient(result)]
        return [words, [each for line in parameters for each in line]] if parameters else [words]

    def _gradient(self, node: _Source) -> list[_Words]:
        return [_Words("gradient", FAINT), _Words(node.gradient, bold=True)] if node.gradient else []

    def _box(
        self, parent: Element, box: _Box, corner: Point, size: tuple[float, float], lines: Sequence[Sequence[_Words]]
    ) -> None:
        (x, y), (width, height) = corner, size
        fill, stroke = self.paints[box.result.device]
        leaf = not box.result.number
        look = {"fill": "#ffffff" if leaf else fill, "stroke": stroke, "rx": "11" if leaf else "3"}
        if self.following in box.nodes:
            look |= {"stroke-width": "2.5", "stroke-dasharray": "6 3"}
        elif any(node.done for node in box.nodes):
            look |= {"stroke-width": "2.5"}
        group = SubElement(parent, "g")
        place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
        SubElement(group, "rect", place | look)
        self._write(group, lines, x + PADDING, y + PADDING / 2)
        if box.meeting > 1:
            middle, foot = x + width / 2, y + height + MARK / 2
            mark = SubElement(parent, "g")
            SubElement(mark, "title").text = f"{box.meeting} gradients are added here"
            circle = {"cx": f"{middle:.1f}", "cy": f"{foot:.1f}", "r": f"{MARK:g}", "fill": stroke}
            SubElement(mark, "circle", circle)
            cross = f"M{middle - 3:.1f} {foot:.1f}h6M{middle:.1f} {foot - 3:.1f}v6"
            SubElement(mark, "path", {"d": cross, "stroke": "#ffffff", "stroke-width": "1.5"})

    def _edge(
        self, parent: Element, source: _Box, target: _Box, trunk: Sequence[Point], route: Sequence[Point]
    ) -> None:
        """A curve down to the target; a thick one up to the source, where the last step sent gradients."""
        group = SubElement(parent, "g")
        SubElement(group, "title").text = f"{source.result} to {target.result}"
        look = {"stroke": GREY, "fill": "none", "stroke-width": "1.3"}
        (tip, end), sign = route[-1], -1
        if self.last in target.nodes:
            route = [*(point for point in trunk if point[1] < route[0][1]), *route]
            (tip, end), sign = route[0], 1
            end += 1.5 * MARK if source.meeting > 1 else 0
            look["stroke-width"] = "3"
        if source.result.device != target.result.device:
            look["stroke-dasharray"] = "4 3"
        SubElement(group, "path", {"d": _curve(route)} | look)
        SubElement(group, "path", {"d": f"M{tip:.1f} {end:.1f}l-4 {sign * 7}h8z", "fill": GREY})

    @staticmethod
    def _write(parent: Element, lines: Sequence[Sequence[_Words]], left: float, top: float) -> None:
        for number, line in enumerate(lines):
            text = SubElement(parent, "text", {"y": f"{top + LINE * number + SIZE:.1f}"})
            x = left
            for words in line:
                look = {"x": f"{x:.1f}", "fill": words.fill} | ({"font-weight": "bold"} if words.bold else {})
                SubElement(text, "tspan", look).text = words.text
                x += words.width + LETTER


def _curve(points: Sequence[Point]) -> str:
    """Through the points, vertically in each."""
    curve = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        curve += f"V{y1:.1f}" if x0 == x1 else f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return curve


def _width(line: Sequence[_Words]) -> float:
    return sum(words.width for words in line) + LETTER * (len(line) - 1)
