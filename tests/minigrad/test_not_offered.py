"""What PyTorch has and minigrad has not is an AttributeError that says what to write, and what it says is right."""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.not_offered import NOT_OFFERED

PLACES = {
    "mg": "",
    "mg.autograd": ".autograd",
    "mg.backends": ".backends",
    "mg.cuda": ".cuda",
    "nn": ".nn",
    "F": ".nn.functional",
    "nn.init": ".nn.init",
    "optim": ".optim",
    "Tensor": ":Tensor",
    "Module": ".nn:Module",
    "Optimizer": ".optim:Optimizer",
}
# functions and methods of a name have one sentence
ENTRIES = list(
    {(name, text): (place, name) for place, names in NOT_OFFERED.items() for name, text in names.items()}.values()
)

torch_too = pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed")

# What PyTorch computes by a name, as the arguments of the method: x.floor(), x.chunk(2, 1)
ARGUMENTS = {
    "chunk": "2, 1", "split": "2", "tensor_split": "2", "select": "1, 0",
    "narrow": "1, 1, 2", "index_select": "1, index", "take": "index", "index_add": "0, index, y",
    "index_put": "(mask,), y[mask]", "masked_fill": "mask, 0.5", "masked_select": "mask",
    "masked_scatter": "mask, y[mask]", "nonzero": "", "argwhere": "", "repeat_interleave": "2, 0", "tile": "2",
    "broadcast_to": "(2, 3, 4)", "roll": "1, 0", "flip": "0", "flipud": "", "fliplr": "", "ravel": "",
    "unflatten": "1, (2, 2)", "movedim": "0, 1", "moveaxis": "0, 1", "swapaxes": "0, 1", "swapdims": "0, 1", "t": "",
    "adjoint": "", "diagonal": "", "tril": "", "triu": "", "bmm": "y", "mv": "a", "add": "y", "sub": "y",
    "subtract": "y", "mul": "y", "multiply": "y", "div": "y", "divide": "y", "true_divide": "y", "floor_divide": "y",
    "remainder": "y", "fmod": "y", "addcmul": "y, y, value=0.1", "addcdiv": "y, y, value=0.1", "lerp": "y, 0.5",
    "absolute": "", "negative": "", "reciprocal": "", "square": "", "rsqrt": "", "float_power": "2",
    "clip": "-0.5, 0.5", "clamp_min": "0.5", "clamp_max": "0.5", "fmax": "y", "fmin": "y", "exp2": "", "expm1": "",
    "log1p": "", "log2": "", "log10": "", "logaddexp": "y", "logsumexp": "1", "sinh": "", "cosh": "", "floor": "",
    "ceil": "", "round": "", "trunc": "", "frac": "", "sign": "", "sgn": "", "hypot": "y", "deg2rad": "",
    "rad2deg": "", "greater": "y", "greater_equal": "y", "less": "y", "less_equal": "y", "not_equal": "y",
    "equal": "y", "isclose": "y", "allclose": "y", "isnan": "", "isinf": "", "isfinite": "", "nan_to_num": "",
    "is_floating_point": "", "amax": "1", "amin": "1", "norm": "", "dist": "y", "cumsum": "1", "logcumsumexp": "1",
    "cumprod": "1", "count_nonzero": "", "nansum": "", "nanmean": "", "diff": "", "argsort": "", "cov": "",
    "corrcoef": "", "quantile": "0.5", "histc": "10", "int": "", "short": "", "det": "", "inverse": "",
    "pinverse": "", "expand": "2, 3, 4", "repeat": "2, 1", "reshape_as": "z", "resize_": "4, 3",
    "sum_to_size": "1, 4", "type_as": "index", "byte": "", "char": "", "ndimension": "", "nelement": "",
    "element_size": "", "new_zeros": "2, 3", "new_ones": "2, 3", "new_full": "(2, 3), 0.5",
    "new_tensor": "[1.0, 2.0]", "matrix_power": "2",
}  # fmt: skip

# and where the tensor x is not the first word of it; for what changes x, a statement
EXPRESSIONS: dict[str, str | list[str | None]] = {
    "clone": ["x.detach().clone()", "x.clone()"],
    "unbind": ["list(x.unbind())", "list(x.unbind(1))"],
    "gather": "x.gather(1, index)",
    "take_along_dim": "x.take_along_dim(index, 1)",
    "scatter": "torch.zeros(3, 4, dtype=torch.int64).scatter(1, index[:, None], 1)",
    "scatter_add": "torch.zeros(4, 4).scatter_add(0, index[:, None].expand(3, 4), x)",
    "diag": ["x[:, :3].diag()", "a.diag()"],
    "diag_embed": "a.diag_embed()",
    "trace": "x.trace()",
    "addmm": "y.addmm(a, b)",
    "addmv": "b.addmv(x, a)",
    "dot": "a.dot(b)",
    "vdot": "a.vdot(b)",
    "inner": ["a.inner(b)", "x.inner(y)"],
    "outer": "a.outer(b)",
    "ger": "a.ger(b)",
    "kron": "a.kron(b)",
    "cholesky": "torch.linalg.cholesky(x)",
    "logit": "p.logit()",
    "prelu": "F.prelu(x, torch.tensor(0.25))",
    "logical_and": "mask.logical_and(x > y)",
    "logical_or": "mask.logical_or(x > y)",
    "logical_xor": "mask.logical_xor(x > y)",
    "logical_not": "mask.logical_not()",
    "bitwise_and": "mask.bitwise_and(x > y)",
    "bitwise_or": "mask.bitwise_or(x > y)",
    "bitwise_xor": "mask.bitwise_xor(x > y)",
    "bitwise_not": "mask.bitwise_not()",
    "is_nonzero": "x.sum().is_nonzero()",
    "aminmax": "tuple(x.aminmax())",
    "prod": "p.prod()",
    "cummax": "x.cummax(1).values",
    "cummin": "x.cummin(1).values",
    "sort": "a.sort().values",
    "msort": "x.msort()",
    "topk": "a.topk(2).values",
    "kthvalue": "a.kthvalue(2).values",
    "median": "a.median()",
    "unique": "index.unique()",
    "bincount": "index.bincount()",
    # functions
    "as_tensor": "torch.as_tensor(x.detach().numpy())",
    "asarray": "torch.asarray(x.detach().numpy())",
    "from_numpy": "torch.from_numpy(x.detach().numpy())",
    "scalar_tensor": "torch.scalar_tensor(0.5)",
    "is_tensor": "torch.is_tensor(x)",
    "numel": "torch.numel(x)",
    "detach": "torch.detach(x)",
    "full_like": "torch.full_like(x, 0.5).detach()",
    "logspace": "torch.logspace(0, 2, 5)",
    "tril_indices": "torch.tril_indices(3, 3)",
    "triu_indices": "torch.triu_indices(3, 3)",
    "concat": "torch.concat([x, y])",
    "concatenate": "torch.concatenate([x, y])",
    "vstack": ["torch.vstack([x, y])", "torch.vstack([a, b])"],
    "row_stack": ["torch.vstack([x, y])", "torch.vstack([a, b])"],
    "hstack": ["torch.hstack([x, y])", "torch.hstack([a, b])"],
    "dstack": "torch.dstack([x, y])",
    "column_stack": ["torch.column_stack([x, y])", "torch.column_stack([a, b])"],
    "atleast_1d": "torch.atleast_1d(x)",
    "atleast_2d": "torch.atleast_2d(a)",
    "broadcast_shapes": "tuple(torch.broadcast_shapes((3, 1), (4,)))",
    "meshgrid": "math.prod(torch.meshgrid(a, b, indexing='ij'))",
    "einsum": ["torch.einsum('ij,kj->ik', x, y)", "torch.einsum('ij,ij->i', x, y)"],
    "tensordot": "torch.tensordot(x, y, ([1], [1]))",
    "chain_matmul": "torch.linalg.multi_dot([x, y.T, x])",
    "cdist": "torch.cdist(x, y)",
    "std_mean": "torch.std_mean(x)",
    "var_mean": "torch.var_mean(x)",
    "isin": "torch.isin(index, torch.tensor([1, 2]))",
    "searchsorted": "torch.searchsorted(a.sort().values, b)",
    "bucketize": "torch.bucketize(a, b.sort().values)",
    "uint16": "x.abs().to(torch.uint16)",
    "inf": "torch.inf",
    "pi": "torch.pi",
    "e": "torch.e",
    "newaxis": "x[:, torch.newaxis]",
    "FloatTensor": "torch.FloatTensor([1.0, 2.0])",
    "DoubleTensor": "torch.DoubleTensor([1.0, 2.0])",
    "LongTensor": "torch.LongTensor([1, 2])",
    "IntTensor": "torch.IntTensor([1, 2])",
    "ByteTensor": "torch.ByteTensor([1, 2])",
    "BoolTensor": "torch.BoolTensor([True, False])",
    "vmap": "torch.vmap(torch.sum)(x)",
    # methods
    "zero_": "torch.zero_(x)",
    "cartesian_prod": "torch.cartesian_prod(a, b)",
    "int8": "x.to(torch.int8)",
    "int16": "x.to(torch.int16)",
    "Tensor.unfold": "a.unfold(0, 2, 1)",
    "expand_as": [None, "a.expand_as(x)"],
    "mT": "x.mT",
    "mH": "x.mH",
    "H": "x.H",
    "is_cuda": "x.is_cuda",
    "is_cpu": "x.is_cpu",
    "itemsize": "x.itemsize",
    "nbytes": "x.nbytes",
    "is_leaf": "x.is_leaf",
    "add_": "x.add_(y)",
    "sub_": "x.sub_(y)",
    "subtract_": "x.subtract_(y)",
    "mul_": "x.mul_(y)",
    "multiply_": "x.multiply_(y)",
    "div_": "x.div_(y)",
    "divide_": "x.divide_(y)",
    "pow_": "x.pow_(2)",
    "lerp_": "x.lerp_(y, 0.5)",
    "addcmul_": "x.addcmul_(y, y, value=0.1)",
    "addcdiv_": "x.addcdiv_(y, y, value=0.1)",
    "addmm_": "x.addmm_(x @ y.T, x.clone())",
    "copy_": "x.copy_(y)",
    "fill_": "x.fill_(0.5)",
    "fill_diagonal_": "x.fill_diagonal_(0.5)",
    "masked_fill_": "x.masked_fill_(mask, 0.5)",
    "masked_scatter_": "x.masked_scatter_(mask, y[mask])",
    "index_add_": "x.index_add_(0, index, y)",
    "clip_": "x.clip_(-0.5, 0.5)",
    "clamp_": "x.clamp_(-0.5, 0.5)",
    "clamp_min_": "x.clamp_min_(0.5)",
    "clamp_max_": "x.clamp_max_(0.5)",
    "squeeze_": "x.squeeze_()",
    "unsqueeze_": "x.unsqueeze_(0)",
    "transpose_": "x.transpose_(0, 1)",
    "t_": "x.t_()",
    "abs_": "x.abs_()",
    "exp_": "x.exp_()",
    "log_": "x.log_()",
    "neg_": "x.neg_()",
    "relu_": "F.relu_(x)",
    "sigmoid_": "x.sigmoid_()",
    "sqrt_": "x.sqrt_()",
    "tanh_": "x.tanh_()",
    # layers and losses
    "gelu": "F.gelu(x, approximate='tanh')",
    "leaky_relu": "F.leaky_relu(x)",
    "elu": "F.elu(x)",
    "celu": "F.celu(x)",
    "selu": "F.selu(x)",
    "silu": "F.silu(x)",
    "mish": "F.mish(x)",
    "softplus": "F.softplus(x)",
    "logsigmoid": "F.logsigmoid(x)",
    "softsign": "F.softsign(x)",
    "softmin": "F.softmin(x, dim=1)",
    "tanhshrink": "F.tanhshrink(x)",
    "softshrink": "F.softshrink(x)",
    "hardshrink": "F.hardshrink(x)",
    "threshold": "F.threshold(x, 0.1, 0.5)",
    "hardtanh": "F.hardtanh(x)",
    "relu6": "F.relu6(x)",
    "hardsigmoid": "F.hardsigmoid(x)",
    "hardswish": "F.hardswish(x)",
    "glu": "F.glu(x)",
    "binary_cross_entropy": [None, "F.binary_cross_entropy(x, p)"],
    "binary_cross_entropy_with_logits": "F.binary_cross_entropy_with_logits(x, p)",
    "l1_loss": "F.l1_loss(x, y)",
    "smooth_l1_loss": [None, "F.smooth_l1_loss(x, y)"],
    "huber_loss": [None, "F.huber_loss(x, y)"],
    "kl_div": "F.kl_div(x, p, reduction='none').mean()",
    "hinge_embedding_loss": "F.hinge_embedding_loss(x, 2 * mask - 1)",
    "margin_ranking_loss": "F.margin_ranking_loss(x, y, torch.ones(3, 4))",
    "soft_margin_loss": "F.soft_margin_loss(x, y)",
    "poisson_nll_loss": "F.poisson_nll_loss(x, y)",
    "gaussian_nll_loss": "F.gaussian_nll_loss(x, y, p)",
    "cosine_similarity": "F.cosine_similarity(x, y)",
    "pairwise_distance": "F.pairwise_distance(x, y)",
    "conv1d": "F.conv1d(x, w)",
    "max_pool1d": "F.max_pool1d(x, 2)",
    "adaptive_max_pool2d": "F.adaptive_max_pool2d(x, 1)[:, :, 0, 0]",
    "upsample": "F.interpolate(x, scale_factor=2)",
    "interpolate": "F.interpolate(x, scale_factor=2)",
    "lp_pool2d": "F.lp_pool2d(x, 2.0, 2)",
    "pixel_shuffle": "F.pixel_shuffle(x, 2)",
    "layer_norm": "F.layer_norm(x, (4,))",
    "rms_norm": "F.rms_norm(x, (4,), eps=1e-6)",
    "embedding": "F.embedding(index, table)",
    "embedding_bag": "F.embedding_bag(index[None], table)[0]",
    "bilinear": "F.bilinear(x, y, w[None])[:, 0]",
    "instance_norm": "F.instance_norm(x)",
    "avg_pool1d": "F.avg_pool1d(x, 2)",
    "adaptive_max_pool1d": "F.adaptive_max_pool1d(x, 1)",
    "adaptive_avg_pool1d": "F.adaptive_avg_pool1d(x, 2)",
    "rrelu": "F.rrelu(x)",
    "LayerNorm": "nn.LayerNorm(4)(x)",
    "BatchNorm1d": "nn.BatchNorm1d(4)(x)",
    "InstanceNorm1d": "nn.InstanceNorm1d(3)(x)",
    "InstanceNorm2d": "nn.InstanceNorm2d(4)(x)",
    "ZeroPad2d": "nn.ZeroPad2d(1)(x)",
    "ConstantPad2d": "nn.ConstantPad2d(1, 0.5)(x)",
    "Unflatten": "nn.Unflatten(1, (2, 2))(x)",
    "UpsamplingNearest2d": "nn.UpsamplingNearest2d(scale_factor=2)(x)",
    "normalize": "F.normalize(x)",
    "batch_norm": "F.batch_norm(x, None, None, training=True)",
    "scaled_dot_product_attention": "F.scaled_dot_product_attention(q[None], k[None], v[None])[0]",
}

# What the variables hold, or the shapes of normal numbers; and which names need others
HELD = {"x": (3, 4), "y": (3, 4), "z": (4, 3), "a": (4,), "b": (4,), "p": (3, 4), "w": (4, 4), "u": (4, 4), "h": (3, 4)}
HELD |= {"q": (5, 4), "k": (6, 4), "v": (6, 2), "table": (7, 4), "index": np.array([2, 0, 1])}
FULL = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(3, 4)
OTHERS: dict[str, dict[str, Any]] = {
    "rsqrt log1p log2 log10 sqrt_ log_ byte uint16 uint32 uint64 binary_cross_entropy": {"x": FULL},
    "gather take_along_dim": {"index": np.array([[2], [0], [1]])},
    "bmm baddbmm": {"x": (3, 2, 4), "y": (3, 4, 5)},
    "addmm": {"a": (3, 2), "b": (2, 4)},
    "addmv": {"b": (3,)},
    "matrix_power": {"x": (4, 4)},
    "prod": {"p": (4,)},
    "inverse det cholesky linalg": {"x": np.eye(3, dtype=np.float32) + 0.25},
    "atleast_1d": {"x": ()},
    "squeeze_": {"x": (3, 1)},
    "mish softplus logsigmoid": {"x": FULL * 400 - 200},
    "conv1d": {"x": (2, 3, 8), "w": (4, 3, 3)},
    "max_pool1d avg_pool1d adaptive_max_pool1d adaptive_avg_pool1d": {"x": (2, 3, 8)},
    "adaptive_max_pool2d instance_norm upsample interpolate pixel_shuffle dropout2d": {"x": (2, 4, 4, 4)},
    "UpsamplingNearest2d UpsamplingBilinear2d InstanceNorm2d ZeroPad2d ConstantPad2d": {"x": (2, 4, 4, 4)},
    "lp_pool2d": {"x": FULL.reshape(1, 2, 2, 3)},
    "soft_margin_loss": {"x": FULL * 400 - 200, "y": np.sign(FULL - 0.4)},
    "isnan nan_to_num nansum nanmean": {"x": np.where(FULL < 0.3, np.nan, FULL)},
    "isinf isfinite": {"x": np.array([1, np.nan, np.inf, -np.inf], np.float32)},
}


@pytest.mark.parametrize("place", NOT_OFFERED)
def test_a_name_that_is_not_offered_is_missing_and_says_what_to_write(place: str) -> None:
    holder = held("minigrad", place)
    for name, sentence in NOT_OFFERED[place].items():
        assert not hasattr(holder, name)
        with pytest.raises(AttributeError, match=f"^{place}.{name} is not offered: ") as caught:
            getattr(instance("minigrad", place), name)
        text = str(caught.value)
        assert text.endswith(sentence) and len(text) < 200 and "\n" not in text, text
        assert text.count("`") % 2 == 0 and not text.endswith("."), text
    assert not set(NOT_OFFERED[place]) & set(dir(holder))


@torch_too
@pytest.mark.parametrize("place", NOT_OFFERED)
def test_what_is_not_offered_is_pytorchs(place: str) -> None:
    theirs = instance("torch", place)
    assert not [name for name in NOT_OFFERED[place] if not hasattr(type(theirs), name) and not hasattr(theirs, name)]


@pytest.mark.parametrize(("place", "name"), ENTRIES)
def test_what_a_sentence_says_runs(
    place: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(code(place, name), variables("minigrad", name))


@torch_too
@pytest.mark.parametrize(
    ("place", "name"), [each for each in ENTRIES if {each[1], ".".join(each)} & (ARGUMENTS.keys() | EXPRESSIONS.keys())]
)
def test_what_a_sentence_says_is_what_pytorch_computes(place: str, name: str) -> None:
    """The value, and the gradient too, unless the sentence says that there is none."""
    sentence = NOT_OFFERED[place][name]
    theirs = EXPRESSIONS.get(f"{place}.{name}") or EXPRESSIONS.get(name) or f"x.{name}({ARGUMENTS[name]})"
    pairs = zip(code(place, name), [theirs] if isinstance(theirs, str) else theirs, strict=False)
    recorded = not name.endswith("_")
    here, there = (variables(library, name, recorded) for library in ("minigrad", "torch"))
    for mine, other in pairs:
        ours = run([mine], here)
        if other is None:
            continue
        expected = run([other], there)
        both = [(here["x"], there["x"])] if ours is None else list(zip(parts(ours), parts(expected), strict=True))
        for value, wanted in both:
            assert_alike(value, wanted)
            if getattr(wanted, "requires_grad", False) and "no gradient" not in sentence and not name.endswith("_"):
                (value * value).sum().backward()
                (wanted * wanted).sum().backward(retain_graph=True)
                assert_alike(here["x"].grad, there["x"].grad)


def test_every_case_is_of_the_table() -> None:
    """The names of the cases are in the table."""
    names = {name for _, name in ENTRIES} | {".".join(each) for each in ENTRIES}
    assert not (ARGUMENTS.keys() | EXPRESSIONS.keys() | set(" ".join(OTHERS).split())) - names


def test_names_that_are_nobodys_get_pythons_words() -> None:
    for line, words in (
        ("mg.tensr(1.0)", "module 'minigrad' has no attribute 'tensr'. Did you mean: 'tensor'?"),
        ("mg.nn.Linaer(1, 1)", "module 'minigrad.nn' has no attribute 'Linaer'. Did you mean: 'Linear'?"),
        ("mg.tensor(1.0).reshap(1)", "'Tensor' object has no attribute 'reshap'. Did you mean: 'reshape'?"),
        ("mg.nn.Linear(1, 1).wieght", "'Linear' object has no attribute 'wieght'. Did you mean: 'weight'?"),
        ("mg.tensor(1.0).cloned", "'Tensor' object has no attribute 'cloned'"),
        ("mg.clone(mg.tensor(1.0))", f"mg.clone is not offered: {NOT_OFFERED['mg']['clone']}"),
    ):
        done = subprocess.run([sys.executable, "-c", f"import minigrad as mg; {line}"], capture_output=True, text=True)
        assert done.stderr.splitlines()[-1] == f"AttributeError: {words}"


def test_imports_of_what_is_not_offered_fail_as_imports_do() -> None:
    with pytest.raises(ImportError, match="cannot import name 'clone' from 'minigrad'"):
        exec("from minigrad import clone")
    with pytest.raises(ImportError, match=r"No module named 'minigrad\.utils'"):
        exec("from minigrad.utils.data import DataLoader")


def test_what_looks_for_methods_of_its_own_finds_none() -> None:
    """Copying, pickling, Jupyter and NumPy ask for names with underscores; an error within a property stays."""
    x, net = mg.tensor([1.0, 2.0]), mg.nn.Linear(2, 1)
    for copied in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), mg.tensor(np.asarray(x))):
        assert copied.tolist() == [1.0, 2.0]
    for copied in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert copied.weight.tolist() == net.weight.tolist()
    for holder in (mg, mg.nn, x, net):
        assert not hasattr(holder, "_ipython_canary_method_should_not_exist_") and not hasattr(holder, "_repr_png_")

    class Broken(mg.nn.Module):
        @property
        def width(self) -> int:
            return self.height  # type: ignore[no-any-return]

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'height'"):
        Broken().width  # noqa: B018 - the property is asked for


def test_an_index_is_drawn_as_often_as_its_probability_says() -> None:
    mg.manual_seed(0)
    (draw,) = code("mg", "multinomial")
    drawn = eval(draw, {"mg": mg, "p": mg.tensor([[0.0, 1.0, 3.0, 6.0]] * 5000)})
    assert drawn.shape == (5000,)
    np.testing.assert_allclose(np.bincount(drawn.numpy(), minlength=4) / 5000, [0.0, 0.1, 0.3, 0.6], atol=0.03)


@torch_too
def test_weights_that_decay_before_every_step_of_adam_are_adamws() -> None:
    (decay,) = code("optim", "AdamW")
    found = []
    for library, kind in (("minigrad", "Adam"), ("torch", "AdamW")):
        T = import_module(library)
        w = T.tensor([1.0, -2.0], requires_grad=True)
        optimizer = getattr(T.optim, kind)([w], lr=0.001)
        for _ in range(20):
            optimizer.zero_grad()
            (w**2).sum().backward()
            if kind == "Adam":
                exec(decay, {"mg": T, "w": w})
            optimizer.step()
        found.append(w.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


def held(library: str, place: str) -> Any:
    """The module or class in which names are looked for."""
    module, _, kind = PLACES[place].partition(":")
    found = import_module(library)
    for part in filter(None, module.split(".")):
        found = getattr(found, part)
    return getattr(found, kind) if kind else found


def instance(library: str, place: str) -> Any:
    """The same, or one of the class."""
    T = import_module(library)
    w = T.ones(2, requires_grad=True)
    made = {"Tensor": w, "Module": T.nn.Linear(1, 1), "Optimizer": T.optim.SGD([w], lr=0.1)}
    return made.get(place) if place in made else held(library, place)


def code(place: str, name: str) -> list[str]:
    """What a sentence says to write."""
    return re.findall("`([^`]+)`", NOT_OFFERED[place][name])


def variables(library: str, name: str, recorded: bool = False) -> dict[str, Any]:
    """What the code of sentences knows: numbers of the shapes above, the same in both libraries."""
    T, rng = import_module(library), np.random.default_rng(0)
    others = [held for names, held in OTHERS.items() if any(same(each, name) for each in names.split())]
    known: dict[str, Any] = {"math": math, "np": np, "mg": T, "torch": T, "nn": T.nn, "F": T.nn.functional}
    for variable, given in (HELD | others[0] if others else HELD).items():
        values = given if isinstance(given, np.ndarray) else rng.standard_normal(given).astype(np.float32)
        if variable == "p":
            values = rng.uniform(0.1, 0.9, values.shape).astype(np.float32)
        known[variable] = T.tensor(values)
    known |= {"mask": known["x"] > 0, "net": T.nn.Sequential(T.nn.Linear(4, 2))}
    known |= {"sgd": T.optim.SGD(known["net"].parameters(), lr=0.1), "loss": known["net"](known["h"]).sum()}
    known["net"](known["h"]).sum().backward()
    known["x"].requires_grad_(recorded)
    return known


def same(function: str, name: str) -> bool:
    """Whether this is the name, or that of the function's layer, MaxPool1d of max_pool1d."""
    return function == name or function.replace("_", "") == name.lower()


def run(lines: list[str], known: dict[str, Any]) -> Any:
    """Execute code; what the last line gives, None if it is a statement."""
    result = None
    for line in lines:
        line = line.replace("'cuda')", "'cpu:1')")
        expression = isinstance(ast.parse(line).body[0], ast.Expr)
        result = eval(line, known) if expression else exec(line, known)
    return result


def parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def assert_alike(ours: Any, theirs: Any) -> None:
    one, other = (np.asarray(each.detach() if hasattr(each, "detach") else each) for each in (ours, theirs))
    assert one.shape == other.shape
    assert one.dtype.kind == other.dtype.kind
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
