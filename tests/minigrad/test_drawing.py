"""The graph, drawn: what the picture and the table say, where things stand, and backward passes walked by steps."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import minigrad as mg
import minigrad.functional as F
from alexnet.model.alexnet import AlexNet
from minigrad import nn
from minigrad.layered import place

SVG = "{http://www.w3.org/2000/svg}"
Steps = list[tuple[int, int, bool]]
steps_of_graphs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=12)


def leaf(*values: float) -> mg.Tensor:
    return mg.tensor(np.array(values), requires_grad=True)


def random_graph(steps: Steps, *inputs: mg.Tensor) -> mg.Tensor:
    made = list(inputs)
    for i, j, product in steps:
        a, b = made[i % len(made)], made[j % len(made)]
        made.append(F.tanh(a * b) if product else a * 0.5 - b)
    return (made[-1] + made[len(made) // 2]).sum()


class Picture:
    """What is in an SVG: boxes as (rectangle, text), edges by their titles, marks."""

    def __init__(self, graph: mg.drawing.Graph) -> None:
        self.root = ElementTree.fromstring(graph._repr_svg_())
        groups = list(self.root.iter(f"{SVG}g"))
        self.boxes = [
            (each.find(f"{SVG}rect").attrib, self.text(each)) for each in groups if each.find(f"{SVG}rect") is not None
        ]
        titles = [title.text for title in self.root.iter(f"{SVG}title")]
        self.edges = sorted(title for title in titles if " to " in title)
        self.meetings = sorted(title for title in titles if " to " not in title)

    @staticmethod
    def text(element: ElementTree.Element) -> str:
        lines = (" ".join(span.text or "" for span in text.iter(f"{SVG}tspan")) for text in element.iter(f"{SVG}text"))
        return "\n".join(lines).strip()

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.boxes]

    @property
    def head(self) -> str:
        return "\n".join(self.text(self.root).splitlines()[:2])


def small_net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))


def loss_of(net: nn.Module) -> mg.Tensor:
    mg.manual_seed(0)
    return F.cross_entropy(net(mg.randn(2, 1, 4, 4)), mg.tensor([0, 2]))


# what is in it


def test_an_expression() -> None:
    w, b = leaf(1.0, 2.0, 3.0), leaf(0.5)
    picture = Picture(mg.graph((w * w + b).sum(), {"w": w, "b": b}))
    assert picture.texts == ["w (3,)", "b (1,)", "1 mul (3,)", "2 add (3,)", "3 sum ()"]
    assert picture.edges == ["1 to 2", "2 to 3", "b to 2", "w to 1", "w to 1"]
    assert picture.meetings == ["2 gradients are added here"]
    assert "graph of 3 operations on cpu:0" in picture.head


def test_as_text() -> None:
    w, b = leaf(1.0, 2.0, 3.0), leaf(0.5)
    assert repr(mg.graph((w * w + b).sum(), {"w": w})).splitlines() == [
        "graph of 3 operations on cpu:0",
        "   w     (3,)",
        "   leaf  (1,)",
        "1  mul   (3,)  from w, w",
        "2  add   (3,)  from 1, leaf",
        "3  sum   ()    from 2",
    ]


def test_devices_are_told_apart_by_colour_and_by_name() -> None:
    x = leaf(1.0, 2.0)
    graph = mg.graph((x * 2).to("cpu:1").sum(), {"x": x})
    picture = Picture(graph)
    assert picture.texts == ["x (2,) cpu:0", "1 mul (2,) cpu:0", "2 to (2,) cpu:1", "3 sum () cpu:1"]
    colours = [box["stroke"] for box, _ in picture.boxes]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert "cpu:0" in picture.head and "cpu:1" in picture.head
    assert repr(graph).splitlines()[3] == "2  to   (2,)  cpu:1  from 1"


def test_layers_are_folded_with_their_parameters() -> None:
    picture = Picture(mg.graph(loss_of(small_net())))
    assert picture.texts == [
        "1 0 conv2d (2, 2, 2, 2)\nweight (2, 1, 3, 3) bias (2,)",
        "2 1 relu (2, 2, 2, 2)",
        "3 2 reshape (2, 8)",
        "4 3 linear (2, 3)\nweight (3, 8) bias (3,)",
        "5 cross_entropy (2,)",
        "6 mean ()",
    ]
    assert picture.edges == ["1 to 2", "2 to 3", "3 to 4", "4 to 5", "5 to 6"]


def test_unfolded() -> None:
    picture = Picture(mg.graph(loss_of(small_net()), fold=False))
    assert picture.texts[:5] == [
        "0.weight (2, 1, 3, 3)",
        "0.bias (2,)",
        "3.weight (3, 8)",
        "3.bias (3,)",
        "1 0 conv2d (2, 2, 2, 2)",
    ]
    assert "0.weight to 1" in picture.edges and "3.bias to 4" in picture.edges


class Layer(nn.Module):
    """Several operations, and one more that leads past what it returns."""

    def __init__(self) -> None:
        self.weight = nn.Parameter(mg.ones(3))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        y = x * self.weight
        self.penalty = (y * y).sum()
        return F.tanh(y) * x + y


class Net(nn.Module):
    """A layer called twice, and an operation of its own between."""

    def __init__(self) -> None:
        self.layer = Layer()

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.layer(self.layer(x) * 2)


def test_operations_of_a_layer_are_one_box_and_those_around_it_are_not() -> None:
    net = Net()
    y = net(mg.ones(3))
    picture = Picture(mg.graph(y.sum() + net.layer.penalty))
    assert picture.texts == [
        "layer.weight (3,)",  # in both calls, so in neither box
        "1-4 layer 4 operations (3,)",
        "5 mul (3,)",
        "6-11 layer (2) 4 operations (3,)",
        "7 mul (3,)",
        "8 sum ()",
        "12 sum ()",
        "13 add ()",
    ]
    assert "6-11" not in str(picture.edges) and "11 to 7" in picture.edges and "11 to 12" in picture.edges


def test_two_nets_are_told_apart() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    picture = Picture(mg.graph(nn.CrossEntropyLoss()(second(first(mg.ones(1, 2))), mg.tensor([0]))))
    titles = [text.split(" (")[0].split(maxsplit=1)[1] for text in picture.texts]
    assert titles == ["Linear linear", "Linear 2 linear", "CrossEntropyLoss cross_entropy + mean"]


def test_modules_in_a_tuple_or_unrecorded_or_that_change_nothing() -> None:
    class Pair(nn.Module):
        def forward(self, x: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
            return x * 2, x * 3

    pair, x = Pair(), leaf(1.0)
    p, q = pair(x)
    assert Picture(mg.graph(p + q)).texts == ["leaf (1,)", "1-2 Pair mul + mul (1,)", "3 add (1,)"]
    with mg.no_grad():
        assert pair(x)[0].grad_fn is None
    y = nn.Dropout().eval()(x * 2)
    assert Picture(mg.graph(y)).texts == ["leaf (1,)", "1 mul (1,)"]


def test_names_are_escaped() -> None:
    x = leaf(1.0)
    for name in ('<w> & "b"', "重み", "a\x00b", "\ud800"):
        text = Picture(mg.graph(x * 2, {name: x})).texts[0]
        assert text == f"{''.join(c if c.isprintable() else '?' for c in name)} (1,)"


def test_what_cannot_be_drawn() -> None:
    x = leaf(1.0)
    with complains("graph", "float", error=TypeError):
        mg.graph(1.0)
    with complains("params", error=TypeError):
        mg.graph(x * 2, nn.Linear(1, 1))
    with complains("nothing was recorded", error=RuntimeError):
        mg.graph(x)
    y = x * 2
    y.backward()
    with complains("went through this graph before", error=RuntimeError):
        mg.graph(y)


# where things stand


def inside(box: dict[str, str], x: float, y: float) -> bool:
    left, top, width, height = (float(box[key]) for key in ("x", "y", "width", "height"))
    return left < x < left + width and top < y < top + height


def test_boxes_of_alexnet_stand_apart_with_their_text_inside() -> None:
    net = AlexNet(10, width=0.1, image_size=64)
    loss = F.cross_entropy(net(mg.randn(2, 3, 64, 64)), mg.tensor([1, 2]))
    for fold in (True, False):
        graph = mg.graph(loss, fold=fold)
        picture = Picture(graph)
        whole = "\n".join(picture.texts)
        for name in ("column0.conv1 conv2d", "column1.fc7_act relu", "fc8 linear", "cross_entropy"):
            assert whole.count(name) == 1
        assert len(picture.boxes) == 51 + (0 if fold else 30)
        for (a, _), (b, _) in combinations(picture.boxes, 2):
            x, y, w, h = (float(a[key]) for key in ("x", "y", "width", "height"))
            assert not any(inside(b, x + w * i / 20, y + h * j / 4) for i in range(21) for j in range(5))
        width = float(picture.root.attrib["width"])
        assert all(float(box["x"]) + float(box["width"]) <= width for box, _ in picture.boxes)
        for group in picture.root.iter(f"{SVG}g"):
            rectangle = group.find(f"{SVG}rect")
            for text in group.iter(f"{SVG}text") if rectangle is not None else ():
                last = list(text)[-1]
                assert inside(rectangle.attrib, float(last.attrib["x"]) + 6.7 * len(last.text), float(text.attrib["y"]))


@given(
    count=st.integers(1, 14),
    pairs=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=30),
    seed=seeds,
)
def test_no_edge_runs_through_a_box_that_is_not_its_own(count: int, pairs: list[tuple[int, int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = [(float(random.integers(30, 200)), float(random.integers(20, 60))) for _ in range(count)]
    edges = [(min(pair), max(pair)) for pair in pairs if min(pair) < max(pair) < count]
    placement = place(sizes, edges)

    def hit(x: float, y: float) -> set[int]:
        boxes = enumerate(zip(placement.corners, sizes, strict=True))
        return {k for k, ((left, top), (w, h)) in boxes if left < x < left + w and top + 1e-6 < y < top + h - 1e-6}

    for number, ((left, top), (w, h)) in enumerate(zip(placement.corners, sizes, strict=True)):
        assert left >= -1e-6 and left + w <= placement.width + 1e-6 and top >= 0 and top + h <= placement.height + 1e-6
        assert all(hit(left + w * i / 8, top + h * j / 8) == {number} for i in range(1, 8) for j in range(1, 8))
    for (source, target), route in zip(edges, placement.routes, strict=True):
        trunk = [point for point in placement.trunks[source] if point[1] < route[0][1]]
        points = [*trunk, *route]
        (left, top), (w, h) = placement.corners[source], sizes[source]
        assert points[0] == pytest.approx((left + w / 2, top + h))
        (left, top), (w, h) = placement.corners[target], sizes[target]
        assert left <= points[-1][0] <= left + w and points[-1][1] == pytest.approx(top)
        for (x0, y0), (x1, y1) in pairwise(points):
            assert y0 <= y1
            for t in np.linspace(0, 1, 9):  # the curve between, whose handles are upright
                sideways, down = t * t * (3 - 2 * t), ((1 - t) ** 3) * y0 + 3 * t * (1 - t) * (y0 + y1) / 2 + t**3 * y1
                assert not hit(x0 + (x1 - x0) * sideways, down)


# step by step


@given(steps=steps_of_graphs, seed=seeds)
def test_steps_give_the_gradients_of_backward_to_the_bit(steps: Steps, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-1, 1, (2, 3)).astype(np.float32)
    walked, stepped = ([mg.tensor(each, requires_grad=True) for each in values] for _ in range(2))
    random_graph(steps, *walked).backward()
    graph = mg.graph(random_graph(steps, *stepped))
    count = 0
    while not graph.done:
        assert graph.step() is graph
        count += 1
        ElementTree.fromstring(graph._repr_svg_())
    assert f"graph of {count} operation" in repr(graph) and "backward: done" in repr(graph)
    for a, b in zip(walked, stepped, strict=True):
        assert (a.grad is None) == (b.grad is None)
        assert a.grad is None or a.grad.numpy().tobytes() == b.grad.numpy().tobytes()


@given(steps=steps_of_graphs)
def test_every_operation_and_edge_is_drawn_once(steps: Steps) -> None:
    loss = random_graph(steps, leaf(0.5), leaf(0.25))
    functions, waiting = {loss.grad_fn}, [loss.grad_fn]
    while waiting:
        new = {each for each in waiting.pop().sources if hasattr(each, "sources")} - functions
        functions |= new
        waiting += new
    order = sorted(functions, key=lambda each: each.serial)
    numbers = {each: str(number) for number, each in enumerate(order, 1)}
    picture = Picture(mg.graph(loss))
    operations = [text.split()[:2] for text in picture.texts if text[0].isdigit()]
    assert operations == [[numbers[each], each.name] for each in order]
    expected = [f"{numbers.get(a, 'leaf')} to {numbers[f]}" for f in order for a in f.sources if a is not None]
    assert picture.edges == sorted(expected)
    uses = Counter(source for f in order for source in f.sources if source is not None)
    assert picture.meetings == sorted(f"{n} gradients are added here" for n in uses.values() if n > 1)


def test_b_is_a_and_a_and_c_is_b_and_b() -> None:
    a = mg.tensor(3.0, requires_grad=True)
    b = a + a
    c = b + b
    graph = mg.graph(c, {"a": a})
    assert Picture(graph.step()).texts == ["a ()", "1 add ()\ngradient 2", "2 add ()\ngradient 1"]
    assert repr(graph).splitlines()[2:] == [
        "1  add  ()  from a, a  gradient 2  next",
        "2  add  ()  from 1, 1  gradient 1  done",
    ]
    assert "backward: 1 of 2 done" in repr(graph) and not graph.done
    assert Picture(graph.step()).texts[0] == "a ()\ngradient 4" and graph.done
    assert a.grad.item() == 4


def test_a_gradient_of_which_a_part_has_come() -> None:
    x = mg.tensor(2.0, requires_grad=True)
    y = x * 3
    graph = mg.graph(y * y.exp() + y)
    assert "gradient 1 (1 of 3)" in repr(graph.step())
    graph.step()
    assert re.search(r"1 +mul.* gradient 404\.4 \(2 of 3\)", repr(graph))


def test_large_gradients_are_shown_by_their_norm_and_layers_have_those_of_their_parameters() -> None:
    net = small_net()
    graph = mg.graph(loss_of(net))
    while not graph.done:
        graph.step()
    text = Picture(graph).texts[3]
    norm = np.linalg.norm(net[3].weight.grad.numpy())
    assert f"weight (3, 8) gradient of norm {norm:.3g}\n" in text and "bias (3,) gradient [" in text


def test_steps_after_a_backward_pass_complain() -> None:
    x = leaf(2.0)
    y = x * x
    graph = mg.graph(y)
    y.backward()
    with complains("went through this graph before", error=RuntimeError):
        graph.step()
    graph = mg.graph(x * x).step()
    assert graph.done
    with complains("went through this graph before", error=RuntimeError):
        graph.step()


def test_steps_from_several_elements_complain() -> None:
    with complains("(2,)", "sum", error=RuntimeError):
        mg.graph(leaf(1.0, 2.0) * 2).step()
