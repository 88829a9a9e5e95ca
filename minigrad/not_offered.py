"""What PyTorch has and minigrad has not, and what to write instead: the sentences of the errors.

Code stands between backticks, and a test runs all of it, beside PyTorch's own where that is installed. In it x and y
are tensors, a and b vectors, p probabilities, mask is a tensor of bools and index one of integers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["NOT_OFFERED", "in_class", "in_module"]

_NUMPY = "take NumPy's, which has no gradient: "
_OPERATION = "make it an operation of your own, a class of mg.Function; page 10 of the walk shows how"
_DTYPES = "tensors hold float32, float64, integers or bool, to which `x.to(mg.float32)` converts"
_WHOLE = "it needs more than this library has, and there is no short way to write it"
_DENSE = "tensors are dense, of real numbers, in an order of the engine's own choice; leave it out"
_MODE = "a program computes as it is written, on the device and in the dtype of its tensors; leave it out"
_DEFAULTS = "give dtype= and device= where a tensor is made: `mg.zeros(3, dtype=mg.float64, device='cpu')`"
_HALF = "there is no mixed precision; compute in float32, and leave it out"
_STATE = (
    "assign tensors to attributes, and save them beside the state: `mg.save({'net': net.state_dict(), 'x': x}, 'f')`"
)
_NUMPY_RANDOM = "draw with NumPy: `mg.tensor(np.random.default_rng(0).poisson(3.0, (3, 4)))`, for one"
_RULE = "loop over the parameters under mg.no_grad(), and write its rule for p and p.grad"
_RATES = "set the rate yourself: `for group in sgd.param_groups: group['lr'] *= 0.1`"
_RECURRENT = "loop over time: `h = mg.tanh(x @ w + h @ u)` at every step; gates are factors like `mg.sigmoid(x @ w)`"
_BATCH_NORM = (
    "standardise yourself, `(x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()`; or use nn.LocalResponseNorm"
)
_LAYER_NORM = (
    "standardise yourself: `(x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()`"
)
_RMS_NORM = "divide yourself: `x / ((x * x).mean(-1, keepdim=True) + 1e-6).sqrt()`"
_EMBEDDING = "index a table of parameters, which is the same with its gradient: `table[index]`"
_ONE_LINE = "pictures of one row are the same: `F.conv2d(x[:, :, None], w[:, :, None])[:, :, 0]`"
_MAX_LINE = "pictures of one row are the same: `F.max_pool2d(x[:, :, None], (1, 2))[:, :, 0]`"
_MEAN_LINE = "pictures of one row are the same: `F.avg_pool2d(x[:, :, None], (1, 2))[:, :, 0]`"
_ALL_AXES = (
    "standardise over all axes but that of channels, with x.mean(dims, True) and x.var; or use nn.LocalResponseNorm"
)
_PICTURES = "write `(x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True, correction=0) + 1e-5).sqrt()`"
_GROUPS = "reshape to (N, groups, -1), standardise along the last axis with x.mean and x.var, and reshape back"
_LARGEST = "for one window a picture, `x.flatten(2).max(2).values`; else F.max_pool2d with a window that fits"
_NEAREST = "repeat rows and columns: `x[:, :, np.arange(2 * x.shape[2]) // 2][..., np.arange(2 * x.shape[3]) // 2]`"
_ATTENTION = (
    "build it of your own modules; attention is, for each head, `F.softmax(q @ k.T / q.shape[-1] ** 0.5, 1) @ v`"
)
_CHANNELS = "multiply by a mask: `x * (mg.rand(*x.shape[:2], 1, 1) < 0.5).float() / 0.5`, in training"
_HOOK = "look at x.grad after backward(), or step through the backward pass with `mg.graph(loss).step()`"

# functions and methods alike
_OF_TENSORS = {
    # copies and parts
    "clone": "arrays are never written to, so `x.detach()` is a copy; where the gradient shall pass, `x * 1`",
    "chunk": "slice: `[x[:, :2], x[:, 2:]]`",
    "split": "slice: `[x[i : i + 2] for i in range(0, len(x), 2)]`",
    "tensor_split": "slice: `[x[:2], x[2:]]`",
    "unbind": "write `list(x)`, along axis 1 `[x[:, i] for i in range(4)]`",
    "select": "write an integer as the index: `x[:, 0]`",
    "narrow": "slice: `x[:, 1:3]`",
    "index_select": "write the indices as an index: `x[:, index]`",
    "gather": "for dim=1, `x[mg.arange(len(x))[:, None], index]`",
    "take": "write `x.flatten()[index]`",
    "take_along_dim": "for dim=1, `x[mg.arange(len(x))[:, None], index]`",
    "scatter": "elements are not assigned; for the ones of classes `F.one_hot(index, 4)`, else choose with mg.where",
    "scatter_add": "a sum of rows by index is a product: `F.one_hot(index, 4).float().T @ x`",
    "index_add": "a sum of rows by index is a product: `x + F.one_hot(index, len(x)).float().T @ y`",
    "index_put": "elements are not assigned; choose with `mg.where(mask, y, x)`",
    "masked_fill": "write `mg.where(mask, 0.5, x)`",
    "masked_select": "write `x.flatten()[np.flatnonzero(mask.numpy())]`",
    "masked_scatter": "elements are not assigned; choose with `mg.where(mask, y, x)`",
    "nonzero": _NUMPY + "`mg.tensor(np.argwhere(x.numpy()))`",
    "argwhere": _NUMPY + "`mg.tensor(np.argwhere(x.numpy()))`",
    "repeat_interleave": "write `x[np.arange(len(x)).repeat(2)]`",
    "tile": "write `mg.cat([x, x], dim=1)`",
    "broadcast_to": "shapes broadcast by themselves; to see one, `x + mg.zeros(2, 3, 4)`",
    "roll": "join the parts: `mg.cat([x[-1:], x[:-1]])`",
    "flip": "write `x[::-1]`, for the first axis",
    "flipud": "write `x[::-1]`",
    "fliplr": "write `x[:, ::-1]`",
    "ravel": "write `x.flatten()`",
    "unflatten": "write `x.reshape(3, 2, 2)`",
    "movedim": "name all axes: `x.permute(1, 0)`",
    "moveaxis": "name all axes: `x.permute(1, 0)`",
    "swapaxes": "write `x.transpose(0, 1)`",
    "swapdims": "write `x.transpose(0, 1)`",
    "t": "write `x.T`",
    "adjoint": "write `x.transpose(-2, -1)`",
    "diag": "of a matrix `x[range(3), range(3)]`, from a vector `mg.eye(4) * a`",
    "diagonal": "write `x[range(3), range(3)]`",
    "diag_embed": "write `mg.eye(4) * a`",
    "trace": "write `x[range(3), range(3)].sum()`",
    "tril": "write `x * (mg.arange(3)[:, None] >= mg.arange(4))`",
    "triu": "write `x * (mg.arange(3)[:, None] <= mg.arange(4))`",
    # products
    "bmm": "multiply matrix by matrix, in two axes with @: `mg.stack([m @ n for m, n in zip(x, y)])`",
    "baddbmm": "multiply matrix by matrix, in two axes with @, and add",
    "addmm": "write `y + a @ b`",
    "addmv": "write `b + x @ a`",
    "mv": "write `x @ a`",
    "dot": "write `a @ b`",
    "vdot": "write `a @ b`",
    "inner": "of vectors `a @ b`, of matrices `x @ y.T`",
    "outer": "write `a[:, None] * b`",
    "ger": "write `a[:, None] * b`",
    "kron": "write `(a[:, None] * b).flatten()`, for vectors",
    "cross": "write it out: (a[1] * b[2] - a[2] * b[1], ...), joined with mg.stack",
    "matrix_power": "write `x @ x`",
    # arithmetic by name
    "add": "write `x + y`",
    "sub": "write `x - y`",
    "subtract": "write `x - y`",
    "mul": "write `x * y`",
    "multiply": "write `x * y`",
    "div": "write `x / y`",
    "divide": "write `x / y`",
    "true_divide": "write `x / y`",
    "floor_divide": "no gradient passes it; take NumPy's: `mg.tensor(x.numpy() // y.numpy())`",
    "remainder": "write `x - y * mg.tensor(x.numpy() // y.numpy())`",
    "fmod": _NUMPY + "`mg.tensor(np.fmod(x.numpy(), y.numpy()))`",
    "addcmul": "write `x + 0.1 * y * y`",
    "addcdiv": "write `x + 0.1 * y / y`",
    "lerp": "write `x + 0.5 * (y - x)`",
    "absolute": "write `x.abs()`",
    "negative": "write `-x`",
    "positive": "write x",
    "reciprocal": "write `1 / x`",
    "square": "write `x * x`",
    "rsqrt": "write `1 / x.sqrt()`",
    "float_power": "write `x.double() ** 2`",
    "clip": "write `x.clamp(-0.5, 0.5)`",
    "clamp_min": "write `x.clamp(min=0.5)`",
    "clamp_max": "write `x.clamp(max=0.5)`",
    "fmax": "write `mg.maximum(x, y)`, where there is no NaN",
    "fmin": "write `mg.minimum(x, y)`, where there is no NaN",
    # elementary functions
    "exp2": "write `2**x`",
    "expm1": "write `x.exp() - 1`, where x is not near 0",
    "log1p": "write `(1 + x).log()`, where x is not near 0",
    "log2": "write `x.log() / math.log(2)`",
    "log10": "write `x.log() / math.log(10)`",
    "logit": "write `(p / (1 - p)).log()`",
    "logaddexp": "write `mg.maximum(x, y) + (1 + (-(x - y).abs()).exp()).log()`",
    "logsumexp": "write `(x - x.log_softmax(1))[:, 0]`",
    "sinh": "write `(x.exp() - (-x).exp()) / 2`",
    "cosh": "write `(x.exp() + (-x).exp()) / 2`",
    "floor": _NUMPY + "`mg.tensor(np.floor(x.numpy()))`",
    "ceil": _NUMPY + "`mg.tensor(np.ceil(x.numpy()))`",
    "round": _NUMPY + "`mg.tensor(np.round(x.numpy()))`",
    "trunc": _NUMPY + "`mg.tensor(np.trunc(x.numpy()))`",
    "frac": "write `x - mg.tensor(np.trunc(x.numpy()))`",
    "sign": "write `(x > 0).float() - (x < 0).float()`, which has no gradient",
    "sgn": "write `(x > 0).float() - (x < 0).float()`, which has no gradient",
    "hypot": "write `(x * x + y * y).sqrt()`",
    "deg2rad": "write `x * (math.pi / 180)`",
    "rad2deg": "write `x * (180 / math.pi)`",
    "prelu": "write `mg.where(x > 0, x, 0.25 * x)`",
    # comparisons and logic
    "greater": "write `x > y`",
    "greater_equal": "write `x >= y`",
    "less": "write `x < y`",
    "less_equal": "write `x <= y`",
    "not_equal": "write `x != y`",
    "equal": "write `np.array_equal(x.numpy(), y.numpy())`",
    "isclose": "write `(x - y).abs() <= 1e-8 + 1e-5 * y.abs()`",
    "allclose": "write `np.allclose(x.numpy(), y.numpy())`",
    "isnan": "write `x != x`",
    "isinf": "write `x.abs() == math.inf`",
    "isfinite": "write `x.abs() < math.inf`",
    "nan_to_num": "write `mg.where(x == x, x, 0.0)`, where nothing is infinite",
    "logical_and": "of bools write `mask & (x > y)`; .bool() makes bools",
    "logical_or": "of bools write `mask | (x > y)`; .bool() makes bools",
    "logical_xor": "of bools write `mask != (x > y)`; .bool() makes bools",
    "logical_not": "of bools write `~mask`; .bool() makes bools",
    "bitwise_and": "of bools write `mask & (x > y)`; integers are NumPy's",
    "bitwise_or": "of bools write `mask | (x > y)`; integers are NumPy's",
    "bitwise_not": "of bools write `~mask`; integers are NumPy's",
    "bitwise_xor": "of bools write `mask != (x > y)`; integers are NumPy's",
    "is_floating_point": "write `x.dtype.kind == 'f'`",
    "is_complex": "tensors hold real numbers; leave it out",
    "is_nonzero": "write `bool(x.sum())`, for a tensor of one element",
    # reductions and orders
    "amax": "write `x.max(1).values`",
    "amin": "write `x.min(1).values`",
    "aminmax": "write `x.min(), x.max()`",
    "norm": "write `(x * x).sum().sqrt()`, where x is not 0",
    "dist": "write `((x - y) ** 2).sum().sqrt()`",
    "prod": "of numbers above 0 `p.log().sum().exp()`; else multiply a few, or take NumPy's without a gradient",
    "logcumsumexp": "for dim=1 and small x, `(x.exp() @ (mg.arange(4)[:, None] <= mg.arange(4)).float()).log()`",
    "cumsum": "a sum of what is before is a product; for dim=1, `x @ (mg.arange(4)[:, None] <= mg.arange(4)).float()`",
    "cumprod": _NUMPY + "`mg.tensor(np.cumprod(x.numpy(), 1))`",
    "cummax": _NUMPY + "`mg.tensor(np.maximum.accumulate(x.numpy(), 1))`",
    "cummin": _NUMPY + "`mg.tensor(np.minimum.accumulate(x.numpy(), 1))`",
    "count_nonzero": "write `(x != 0).sum()`",
    "nansum": "write `mg.where(x == x, x, 0.0).sum()`",
    "nanmean": "write `mg.where(x == x, x, 0.0).sum() / (x == x).sum()`",
    "diff": "write `x[:, 1:] - x[:, :-1]`",
    "sort": "take NumPy's order, and index by it: `a[np.argsort(a.numpy())]`",
    "argsort": _NUMPY + "`mg.tensor(np.argsort(x.numpy(), kind='stable'))`",
    "msort": _NUMPY + "`mg.tensor(np.sort(x.numpy(), 0))`",
    "topk": "take NumPy's order, and index by it: `a[np.argsort(-a.numpy())[:2]]`",
    "kthvalue": "take NumPy's order, and index by it: `a[np.argsort(a.numpy())[1]]`",
    "median": "take NumPy's order, and index by it: `a[np.argsort(a.numpy())[(len(a) - 1) // 2]]`",
    "mode": _NUMPY + "np.unique with return_counts, then the value of the largest count",
    "quantile": _NUMPY + "`mg.tensor(np.quantile(x.numpy(), 0.5))`",
    "unique": _NUMPY + "`mg.tensor(np.unique(index.numpy()))`",
    "bincount": _NUMPY + "`mg.tensor(np.bincount(index.numpy()))`",
    "histogram": _NUMPY + "`mg.tensor(np.histogram(x.numpy(), 10)[0]).float()`",
    "heaviside": "write `(x > 0).float()`, for a y of 0",
    "histc": _NUMPY + "`mg.tensor(np.histogram(x.numpy(), 10)[0]).float()`",
    "cov": "for rows that are variables, `(x - x.mean(1, True)) @ (x - x.mean(1, True)).T / (x.shape[1] - 1)`",
    "corrcoef": _NUMPY + "`mg.tensor(np.corrcoef(x.numpy()))`",
    # numbers at random
    "multinomial": "draw one index by `(p / -mg.rand(*p.shape).log()).argmax(-1)`",
    "bernoulli": "write `(mg.rand(*p.shape) < p).float()`",
    # dtypes
    "half": _DTYPES,
    "bfloat16": _DTYPES,
    "int": "the dtype is mg.int32: `x.to(mg.int32)`",
    "short": "the dtype is NumPy's: `x.to(np.int16)`",
    "get_device": "write `x.device`",
    "storage": "tensors share no memory; leave it out",
    "layout": _DENSE,
    "conj": _DENSE,
    "real": _DENSE,
    "imag": _DENSE,
} | {
    name: f"{_NUMPY}`mg.tensor(np.linalg.{theirs}(x.numpy()))`"
    for name, theirs in {"inverse": "inv", "pinverse": "pinv", "det": "det", "cholesky": "cholesky"}.items()
} | {
    name: f"{_NUMPY}np.linalg.{theirs} of x.numpy()"
    for name, theirs in {"svd": "svd", "qr": "qr", "slogdet": "slogdet", "logdet": "slogdet"}.items()
} | dict.fromkeys(
    ("acos", "acosh", "arccos", "arcsin", "arctan", "arctan2", "asin", "asinh", "atan", "atan2", "atanh", "cos",
     "digamma", "erf", "erfc", "erfinv", "lgamma", "sin", "sinc", "tan", "xlogy"),
    _OPERATION,
)  # fmt: skip

_FUNCTIONS = {
    "as_tensor": "write `mg.tensor(x.numpy())`, which copies",
    "asarray": "write `mg.tensor(x.numpy())`, which copies",
    "from_numpy": "write `mg.tensor(x.numpy())`, which copies: tensors share no memory",
    "frombuffer": "write `mg.tensor(np.frombuffer(b'1234', np.uint8))`",
    "scalar_tensor": "write `mg.tensor(0.5)`",
    "is_tensor": "write `isinstance(x, mg.Tensor)`",
    "numel": "write `x.numel()`",
    "detach": "write `x.detach()`",
    "zero_": "write `x.zero_()`",
    "empty": "write `mg.zeros(3, 4)`",
    "empty_like": "write `mg.zeros_like(x)`",
    "empty_strided": _DENSE,
    "full_like": "write `mg.full(x.shape, 0.5)`",
    "rand_like": "write `mg.rand(*x.shape)`",
    "randn_like": "write `mg.randn(*x.shape)`",
    "randint_like": "write `mg.randint(0, 10, x.shape)`",
    "randperm": "write `mg.tensor(np.argsort(mg.rand(10).numpy()))`",
    "normal": "write `0.5 + 2 * mg.randn(3, 4)`",
    "poisson": _NUMPY_RANDOM,
    "binomial": _NUMPY_RANDOM,
    "logspace": "write `10 ** mg.linspace(0, 2, 5)`",
    "range": "write `mg.arange(0, 5)`, which leaves out the end",
    "tril_indices": _NUMPY + "`mg.tensor(np.stack(np.tril_indices(3)))`",
    "triu_indices": _NUMPY + "`mg.tensor(np.stack(np.triu_indices(3)))`",
    "concat": "write `mg.cat([x, y])`",
    "concatenate": "write `mg.cat([x, y])`",
    "vstack": "write `mg.cat([x, y])`, and of vectors `mg.stack([a, b])`",
    "row_stack": "write `mg.cat([x, y])`, and of vectors `mg.stack([a, b])`",
    "hstack": "write `mg.cat([x, y], dim=1)`, and of vectors `mg.cat([a, b])`",
    "dstack": "write `mg.stack([x, y], dim=2)`",
    "column_stack": "write `mg.cat([x, y], dim=1)`, and of vectors `mg.stack([a, b], dim=1)`",
    "block_diag": "join the blocks and zeros with mg.cat, rows first",
    "atleast_1d": "write `x.reshape(-1)`, for a tensor without axes",
    "atleast_2d": "write `a.reshape(1, -1)`, for a vector",
    "broadcast_tensors": "shapes broadcast by themselves; leave it out",
    "broadcast_shapes": "write `np.broadcast_shapes((3, 1), (4,))`",
    "meshgrid": "shapes broadcast by themselves: `a[:, None] * b[None, :]`, for one",
    "cartesian_prod": "write `mg.stack([a[:, None] + 0 * b, 0 * a[:, None] + b], dim=2).reshape(-1, 2)`",
    "einsum": "write it as products and sums: 'ij,kj->ik' is `x @ y.T`, 'ij,ij->i' is `(x * y).sum(1)`",
    "tensordot": "for one axis `x @ y.T`; else reshape to matrices first",
    "chain_matmul": "write `x @ y.T @ x`",
    "cdist": "write `((x[:, None] - y) ** 2).sum(-1).sqrt()`",
    "std_mean": "write `x.std(), x.mean()`",
    "var_mean": "write `x.var(), x.mean()`",
    "isin": _NUMPY + "`mg.tensor(np.isin(index.numpy(), [1, 2]))`",
    "searchsorted": _NUMPY + "`mg.tensor(np.searchsorted(np.sort(a.numpy()), b.numpy()))`",
    "bucketize": _NUMPY + "`mg.tensor(np.searchsorted(np.sort(b.numpy()), a.numpy()))`",
    "complex": _DENSE,
    "polar": _DENSE,
    "view_as_complex": _DENSE,
    "view_as_real": _DENSE,
    # dtypes and what is said of numbers
    "float16": _DTYPES,
    "complex64": _DTYPES,
    "complex128": _DTYPES,
    "cfloat": _DTYPES,
    "cdouble": _DTYPES,
    "int8": "write NumPy's: `x.to(np.int8)`",
    "int16": "write NumPy's: `x.to(np.int16)`",
    "uint16": "write NumPy's: `x.to(np.uint16)`",
    "uint32": "write NumPy's: `x.to(np.uint32)`",
    "uint64": "write NumPy's: `x.to(np.uint64)`",
    "finfo": "write `np.finfo(mg.float32)`",
    "iinfo": "write `np.iinfo(mg.int64)`",
    "result_type": "write `(x + y).dtype`",
    "promote_types": "write `(x + y).dtype`",
    "Size": "a shape is a tuple: `tuple(x.shape)`",
    "inf": "write `math.inf`",
    "nan": "write `math.nan`",
    "pi": "write `math.pi`",
    "e": "write `math.e`",
    "newaxis": "write None: `x[:, None]`",
    "strided": _DENSE,
    "sparse": _DENSE,
    "sparse_coo_tensor": _DENSE,
    "memory_format": _DENSE,
    "channels_last": _DENSE,
    "contiguous_format": _DENSE,
    "preserve_format": _DENSE,
    "FloatTensor": "write `mg.tensor([1.0, 2.0])`",
    "DoubleTensor": "write `mg.tensor([1.0, 2.0], dtype=mg.float64)`",
    "LongTensor": "write `mg.tensor([1, 2])`",
    "IntTensor": "write `mg.tensor([1, 2], dtype=mg.int32)`",
    "ByteTensor": "write `mg.tensor([1, 2], dtype=mg.uint8)`",
    "BoolTensor": "write `mg.tensor([True, False])`",
    "HalfTensor": _DTYPES,
    # modes and settings
    "inference_mode": "write `with mg.no_grad(): x.sum()`",
    "enable_grad": "end the block of mg.no_grad() before",
    "set_grad_enabled": "write `with mg.no_grad(): x.sum()`",
    "is_grad_enabled": "write `(x * 1).requires_grad` of a tensor that requires a gradient",
    "Generator": "there is one generator; seed it: `mg.manual_seed(0)`",
    "default_generator": "there is one generator; seed it: `mg.manual_seed(0)`",
    "seed": "write `mg.manual_seed(0)`",
    "initial_seed": "keep the seed that you gave: `mg.manual_seed(0)`",
    "get_rng_state": "seed again where draws shall be repeated: `mg.manual_seed(0)`",
    "set_rng_state": "seed again where draws shall be repeated: `mg.manual_seed(0)`",
    "use_deterministic_algorithms": "everything is deterministic always; leave it out",
    "set_default_dtype": _DEFAULTS,
    "dtype": "dtypes are NumPy's: `isinstance(mg.float32, np.dtype)`",
    "get_default_dtype": "the dtype is `mg.float32` if nothing is said",
    "set_default_tensor_type": _DEFAULTS,
    "set_default_device": _DEFAULTS,
    "get_default_device": "the device is `mg.device('cpu')` if nothing is said",
    "set_printoptions": "write `np.set_printoptions(precision=4)`",
    "set_float32_matmul_precision": _MODE,
    "compile": _MODE,
    "jit": _MODE,
    "compiler": _MODE,
    "accelerator": "`mg.devices()` says what devices there are",
    "mps": "`mg.devices()` says what devices there are",
    "xpu": "`mg.devices()` says what devices there are",
    "autocast": _HALF,
    "amp": _HALF,
    "GradScaler": _HALF,
    "linalg": "take NumPy's, which has no gradient: `np.linalg.inv(x.numpy())`; for a norm `(x * x).sum().sqrt()`",
    "fft": "take NumPy's, which has no gradient: `np.fft.fft(x.numpy())`",
    "special": "sigmoid, softmax, log_softmax stand in mg; others are operations of your own, classes of mg.Function",
    "distributions": "draw with mg.randn and mg.rand; a loss from logits is F.cross_entropy",
    "multiprocessing": "share NumPy arrays between processes, and make tensors in each with mg.tensor",
    "utils": "a batch is a slice of a shuffled order: `order = np.argsort(mg.rand(len(x)).numpy())`, `x[order[0:2]]`",
    "vmap": "operations take batches as they are; for others, `mg.stack([row.sum() for row in x])`",
    "func": "first derivatives come by `loss.backward()`, then w.grad",
    "profiler": "write `with mg.profile(): x.sum()`",
    "hub": _WHOLE,
    "onnx": _WHOLE,
    "fx": _WHOLE,
    "export": _WHOLE,
    "version": "write `mg.__version__`",
}

_METHODS = {
    # copies, parts and shapes
    "contiguous": "tensors share no memory and need no such care; leave it out",
    "is_contiguous": "tensors share no memory and need no such care; leave it out",
    "stride": "tensors share no memory and need no such care; leave it out",
    "data_ptr": "tensors share no memory and need no such care; leave it out",
    "untyped_storage": "tensors share no memory and need no such care; leave it out",
    "share_memory_": "share NumPy arrays between processes, and make tensors in each with mg.tensor",
    "pin_memory": "leave it out",
    "expand": "shapes broadcast by themselves, or broadcast by `x + mg.zeros(2, 3, 4)`",
    "expand_as": "shapes broadcast by themselves, or broadcast by `a + mg.zeros_like(x)`",
    "repeat": "write `mg.cat([x, x])`",
    "reshape_as": "write `x.reshape(z.shape)`",
    "resize_": "write `x.reshape(4, 3)`",
    "unfold": "index the windows: `a[np.arange(3)[:, None] + np.arange(2)]`",
    "sum_to_size": "write `x.sum(0, keepdim=True)`",
    "mT": "write `x.transpose(-2, -1)`",
    "mH": "write `x.transpose(-2, -1)`",
    "H": "write `x.T`",
    "type_as": "write `x.to(index.dtype)`",
    "byte": "write `x.to(mg.uint8)`",
    "char": "write `x.to(np.int8)`",
    "cuda": "write `x.to('cuda')`",
    "is_cuda": "write `x.device.type == 'cuda'`",
    "is_cpu": "write `x.device.type == 'cpu'`",
    "is_sparse": _DENSE,
    "to_dense": _DENSE,
    "to_sparse": _DENSE,
    "ndimension": "write `x.ndim`",
    "nelement": "write `x.numel()`",
    "element_size": "write `x.dtype.itemsize`",
    "itemsize": "write `x.dtype.itemsize`",
    "nbytes": "write `x.numel() * x.dtype.itemsize`",
    "new_zeros": "write `mg.zeros(2, 3, dtype=x.dtype, device=x.device)`",
    "new_ones": "write `mg.ones(2, 3, dtype=x.dtype, device=x.device)`",
    "new_empty": "write `mg.zeros(2, 3, dtype=x.dtype, device=x.device)`",
    "new_full": "write `mg.full((2, 3), 0.5, dtype=x.dtype, device=x.device)`",
    "new_tensor": "write `mg.tensor([1.0, 2.0], dtype=x.dtype, device=x.device)`",
    "new": "write `mg.zeros(2, 3, dtype=x.dtype, device=x.device)`",
    # gradients
    "is_leaf": "write `x.grad_fn is None`",
    "retain_grad": _HOOK,
    "retains_grad": _HOOK,
    "register_hook": _HOOK,
    "register_post_accumulate_grad_hook": _HOOK,
    "detach_": "write `x = x.detach()`",
    # in place
    "add_": "write `x += y`",
    "sub_": "write `x -= y`",
    "subtract_": "write `x -= y`",
    "mul_": "write `x *= y`",
    "multiply_": "write `x *= y`",
    "div_": "write `x /= y`",
    "divide_": "write `x /= y`",
    "pow_": "write `x **= 2`",
    "lerp_": "write `x += 0.5 * (y - x)`",
    "addcmul_": "write `x += 0.1 * y * y`",
    "addcdiv_": "write `x += 0.1 * y / y`",
    "addmm_": "write `x += x @ y.T @ x`",
    "copy_": "write `x.data = y`",
    "fill_": "write `x.data = mg.full(x.shape, 0.5)`",
    "fill_diagonal_": "choose: `x = mg.where(mg.eye(3, 4).bool(), 0.5, x)`",
    "masked_fill_": "choose: `x = mg.where(mask, 0.5, x)`",
    "masked_scatter_": "choose: `x = mg.where(mask, y, x)`",
    "scatter_": "elements are not assigned; for the ones of classes `F.one_hot(index, 4)`, else choose with mg.where",
    "scatter_add_": "a sum of rows by index is a product: `x += F.one_hot(index, len(x)).float().T @ y`",
    "index_add_": "a sum of rows by index is a product: `x += F.one_hot(index, len(x)).float().T @ y`",
    "index_fill_": "elements are not assigned; choose with `mg.where(mask, 0.5, x)`",
    "index_copy_": "elements are not assigned; choose with `mg.where(mask, y, x)`",
    "normal_": "write `nn.init.normal_(x, 0.0, 0.5)`",
    "uniform_": "write `nn.init.uniform_(x, -0.5, 0.5)`",
    "random_": "write `x.data = mg.randint(0, 10, x.shape).float()`",
    "bernoulli_": "write `x.data = (mg.rand(*x.shape) < 0.5).float()`",
    "exponential_": "write `x.data = -mg.rand(*x.shape).log()`",
    "clip_": "write `x.data = x.clamp(-0.5, 0.5)`",
    "clamp_": "write `x.data = x.clamp(-0.5, 0.5)`",
    "clamp_min_": "write `x.data = x.clamp(min=0.5)`",
    "clamp_max_": "write `x.data = x.clamp(max=0.5)`",
    "squeeze_": "write `x = x.squeeze()`",
    "unsqueeze_": "write `x = x.unsqueeze(0)`",
    "transpose_": "write `x = x.transpose(0, 1)`",
    "t_": "write `x = x.T`",
} | {
    f"{name}_": f"write `x.data = x.{name}()`, or `x = x.{name}()` where it is recorded"
    for name in ("abs", "exp", "log", "neg", "relu", "sigmoid", "sqrt", "tanh")
}  # fmt: skip

# functions of F, and the layers of the same thing
_LAYERS = {
    "gelu GELU": "to 0.001, `0.5 * x * (1 + mg.tanh(0.79788456 * (x + 0.044715 * x**3)))`",
    "leaky_relu LeakyReLU": "write `mg.where(x > 0, x, 0.01 * x)`",
    "prelu PReLU": "with a parameter for the slope, `mg.where(x > 0, x, 0.25 * x)`",
    "elu ELU": "write `mg.where(x > 0, x, x.clamp(max=0).exp() - 1)`",
    "celu CELU": "write `mg.where(x > 0, x, x.clamp(max=0).exp() - 1)`",
    "selu SELU": "write `1.0507010 * mg.where(x > 0, x, 1.6732632 * (x.clamp(max=0).exp() - 1))`",
    "silu SiLU": "write `x * mg.sigmoid(x)`",
    "mish Mish": "write `x * mg.tanh(mg.relu(x) + (1 + (-x.abs()).exp()).log())`",
    "softplus Softplus": "write `mg.relu(x) + (1 + (-x.abs()).exp()).log()`",
    "logsigmoid LogSigmoid": "write `-mg.relu(-x) - (1 + (-x.abs()).exp()).log()`",
    "softsign Softsign": "write `x / (1 + x.abs())`",
    "softmin Softmin": "write `F.softmax(-x, dim=1)`",
    "tanhshrink Tanhshrink": "write `x - mg.tanh(x)`",
    "softshrink Softshrink": "write `mg.relu(x - 0.5) - mg.relu(-x - 0.5)`",
    "hardshrink Hardshrink": "write `mg.where(x.abs() > 0.5, x, 0.0)`",
    "threshold Threshold": "write `mg.where(x > 0.1, x, 0.5)`",
    "hardtanh Hardtanh": "write `x.clamp(-1, 1)`",
    "relu6 ReLU6": "write `x.clamp(0, 6)`",
    "hardsigmoid Hardsigmoid": "write `(x / 6 + 0.5).clamp(0, 1)`",
    "hardswish Hardswish": "write `x * (x / 6 + 0.5).clamp(0, 1)`",
    "glu GLU": "write `x[:, :2] * mg.sigmoid(x[:, 2:])`",
    # losses
    "binary_cross_entropy BCELoss":
        "of `q = x.clamp(1e-7, 1 - 1e-7)`, `-(p * q.log() + (1 - p) * (1 - q).log()).mean()`",
    "binary_cross_entropy_with_logits BCEWithLogitsLoss":
        "write `(mg.relu(x) - x * p + (1 + (-x.abs()).exp()).log()).mean()`",
    "l1_loss L1Loss": "write `(x - y).abs().mean()`",
    "smooth_l1_loss SmoothL1Loss": "of `d = (x - y).abs()`, `mg.where(d < 1, 0.5 * d * d, d - 0.5).mean()`",
    "huber_loss HuberLoss": "of `d = (x - y).abs()`, `mg.where(d < 1, 0.5 * d * d, d - 0.5).mean()`",
    "kl_div KLDivLoss": "write `mg.where(p > 0, p * (p.log() - x), 0.0).mean()`",
    "hinge_embedding_loss HingeEmbeddingLoss": "write `mg.where(mask, x, mg.relu(1 - x)).mean()`, mask: target == 1",
    "margin_ranking_loss MarginRankingLoss": "write `mg.relu(-(x - y)).mean()`, for a target of 1",
    "soft_margin_loss SoftMarginLoss": "write `(mg.relu(-x * y) + (1 + (-(x * y).abs()).exp()).log()).mean()`",
    "triplet_margin_loss TripletMarginLoss": "from two distances, `mg.relu(a - b + 1).mean()`",
    "cosine_embedding_loss CosineEmbeddingLoss": "compute the cosine, (x * y).sum(1) over the norms, and its loss",
    "poisson_nll_loss PoissonNLLLoss": "write `(x.exp() - y * x).mean()`",
    "gaussian_nll_loss GaussianNLLLoss": "write `(0.5 * (p.log() + (x - y) ** 2 / p)).mean()`, p: variances",
    "multi_margin_loss MultiMarginLoss": "write it out from the scores of the targets, `x[mg.arange(3), index]`",
    "ctc_loss CTCLoss": _WHOLE,
    # distances
    "cosine_similarity CosineSimilarity": "write `(x * y).sum(1) / ((x * x).sum(1) * (y * y).sum(1)).sqrt()`",
    "pairwise_distance PairwiseDistance": "write `((x - y) ** 2).sum(1).sqrt()`",
    # pictures and lines
    "conv1d Conv1d": _ONE_LINE,
    "conv3d Conv3d": "sum F.conv2d over the slices of depth",
    "conv_transpose1d ConvTranspose1d": "put zeros between elements, and convolve with the filter turned round",
    "conv_transpose2d ConvTranspose2d": "repeat rows and columns of the picture instead, and use F.conv2d",
    "conv_transpose3d ConvTranspose3d": _WHOLE,
    "max_pool1d MaxPool1d": _MAX_LINE,
    "avg_pool1d AvgPool1d": _MEAN_LINE,
    "max_pool3d MaxPool3d": "take the maximum over depth by reshape and max, and use F.max_pool2d",
    "avg_pool3d AvgPool3d": "take the mean over depth by reshape and mean, and use F.avg_pool2d",
    "adaptive_avg_pool1d AdaptiveAvgPool1d": "write `F.adaptive_avg_pool2d(x[:, :, None], (1, 2))[:, :, 0]`",
    "adaptive_max_pool1d AdaptiveMaxPool1d": "for one window, write `x.max(2, keepdim=True).values`",
    "adaptive_max_pool2d AdaptiveMaxPool2d": _LARGEST,
    "max_unpool2d MaxUnpool2d": _WHOLE,
    "lp_pool2d LPPool2d": "for p = 2, `(4 * F.avg_pool2d(x * x, 2)).sqrt()`",
    "unfold Unfold": "index the windows: `x[..., np.arange(3)[:, None] + np.arange(2)]`, for one axis",
    "fold Fold": _WHOLE,
    "upsample Upsample": _NEAREST,
    "pixel_shuffle PixelShuffle": "write `x.reshape(2, 1, 2, 2, 4, 4).permute(0, 1, 4, 2, 5, 3).reshape(2, 1, 8, 8)`",
    "dropout1d Dropout1d": "multiply by a mask in training: `(mg.rand(2, 4, 1) < 0.5).float() / 0.5`",
    "dropout2d Dropout2d": _CHANNELS,
    "dropout3d Dropout3d": "multiply by a mask in training: `(mg.rand(2, 4, 1, 1, 1) < 0.5).float() / 0.5`",
    "alpha_dropout AlphaDropout": "use F.dropout",
    # normalisation, tables and sequences
    "layer_norm LayerNorm": _LAYER_NORM,
    "group_norm GroupNorm": _GROUPS,
    "rms_norm RMSNorm": _RMS_NORM,
    "embedding Embedding": _EMBEDDING,
    "embedding_bag EmbeddingBag": "index a table of parameters, and reduce: `table[index].mean(0)`",
    "bilinear Bilinear": "for each output, `((x @ w) * y).sum(1)`",
}  # fmt: skip

_F = {names.split()[0]: sentence for names, sentence in _LAYERS.items()} | {
    "batch_norm": _BATCH_NORM,
    "instance_norm": _PICTURES,
    "normalize": "write `x / (x * x).sum(1, keepdim=True).sqrt()`, where no row is 0",
    "interpolate": _NEAREST,
    "grid_sample": _WHOLE,
    "affine_grid": _WHOLE,
    "gumbel_softmax": "write `F.softmax(x - (-mg.rand(*x.shape).log()).log(), dim=1)`",
    "scaled_dot_product_attention": _ATTENTION,
    "multi_head_attention_forward": _ATTENTION,
    "pdist": "write `((x[:, None] - x) ** 2).sum(-1).sqrt()`, which has every pair twice",
    "relu_": "write `F.relu(x, inplace=True)`",
    "rrelu": "write `mg.where(x > 0, x, 0.2291667 * x)`, with the mean of its slopes",
}

_NN = {
    names.split()[1]: sentence
    if sentence is _WHOLE
    else f"a Module of your own takes its place; in forward, {sentence}"
    for names, sentence in _LAYERS.items()
} | {
    "BatchNorm1d": _BATCH_NORM,
    "BatchNorm2d": _ALL_AXES,
    "BatchNorm3d": _ALL_AXES,
    "SyncBatchNorm": _ALL_AXES,
    "InstanceNorm1d": _LAYER_NORM,
    "InstanceNorm2d": _PICTURES,
    "CrossMapLRN2d": "write `nn.LocalResponseNorm(5)`",
    "RNN": _RECURRENT,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "RNNCell": _RECURRENT,
    "LSTMCell": _RECURRENT,
    "GRUCell": _RECURRENT,
    "Transformer": _ATTENTION,
    "TransformerEncoder": _ATTENTION,
    "TransformerEncoderLayer": _ATTENTION,
    "TransformerDecoder": _ATTENTION,
    "TransformerDecoderLayer": _ATTENTION,
    "MultiheadAttention": _ATTENTION,
    "AdaptiveAvgPool3d": "take means over depth by reshape and mean, and use nn.AdaptiveAvgPool2d",
    "Softmax2d": "write `nn.Softmax(dim=1)`",
    "Unflatten": "in the forward of a module of your own, `x.reshape(3, 2, 2)`",
    "UpsamplingNearest2d": _NEAREST,
    "UpsamplingBilinear2d": "repeat rows and columns instead: `x[:, :, np.arange(8) // 2][..., np.arange(8) // 2]`",
    "ZeroPad2d": "in the forward of a module of your own, `F.pad(x, (1, 1, 1, 1))`",
    "ConstantPad2d": "in the forward of a module of your own, `F.pad(x, (1, 1, 1, 1), value=0.5)`",
    "ReflectionPad2d": "join the borders to the picture with mg.cat; zeros are added by padding= of a layer",
    "ReplicationPad2d": "join the borders to the picture with mg.cat; zeros are added by padding= of a layer",
    "LazyLinear": "say what comes in, `nn.Linear(4, 2)`; a forward on one batch shows its shape",
    "LazyConv2d": "say what comes in, `nn.Conv2d(3, 8, 5)`; a forward on one batch shows its shape",
    "LazyConv1d": "say what comes in, `nn.Conv2d(3, 8, (1, 5))`; a forward on one batch shows its shape",
    "LazyBatchNorm1d": _BATCH_NORM,
    "LazyBatchNorm2d": _ALL_AXES,
    "ParameterList": "give a module an attribute for each nn.Parameter, or an nn.ModuleList of modules that hold one",
    "ParameterDict": "give a module an attribute for each nn.Parameter, or an nn.ModuleDict of modules that hold one",
    "Buffer": _STATE,
    "DataParallel": "place modules on devices one by one, `net.to('cpu:1')`, and batches where their module is",
    "parallel": "place modules on devices one by one, `net.to('cpu:1')`, and batches where their module is",
    "parameter": "write `nn.Parameter(x)`",
    "modules": "layers stand in nn: `nn.Linear(4, 2)`",
    "quantized": _WHOLE,
    "utils": (
        "clip gradients yourself: by the norm, `n = sum((p.grad**2).sum() for p in net.parameters()) ** 0.5`, "
        "`for p in net.parameters(): p.grad /= max(1, n)`"
    ),
    "grad": "gradients come by `loss.backward()`",
}

_OPTIM = {
    "AdamW": "decay before every step of optim.Adam: `with mg.no_grad(): w *= 1 - 0.001 * 0.01`",
    "RMSprop": "use optim.Adam: with betas=(0, 0.99) it is RMSprop, but for the large first steps of that",
    "Adagrad": _RULE,
    "Adadelta": _RULE,
    "Adamax": _RULE,
    "Adafactor": _RULE,
    "NAdam": _RULE,
    "RAdam": _RULE,
    "Rprop": _RULE,
    "ASGD": _RULE,
    "Muon": _RULE,
    "SparseAdam": _RULE,
    "LBFGS": "steps here know one gradient; use optim.SGD, or scipy.optimize.minimize on NumPy arrays",
    "lr_scheduler": _RATES,
    "swa_utils": "keep a mean yourself: `mean = {name: w.detach() for name, w in net.named_parameters()}`",
}

_INIT = {
    "trunc_normal_": "nearly the same is `w.data = mg.randn(*w.shape).clamp(-2, 2)`, with the tails at the ends",
    "orthogonal_": "of a matrix write `w.data = mg.tensor(np.linalg.qr(mg.randn(*w.shape).numpy())[0])`",
    "eye_": "write `w.data = mg.eye(*w.shape)`",
    "dirac_": "fill a NumPy array, and assign it: `w.data = mg.tensor(np.zeros(w.shape, np.float32))`",
    "sparse_": "multiply by a mask: `w.data = 0.01 * mg.randn(*w.shape) * (mg.rand(*w.shape) < 0.9)`",
    "normal": "write `nn.init.normal_(w)`",
    "uniform": "write `nn.init.uniform_(w)`",
    "constant": "write `nn.init.constant_(w, 0.5)`",
    "xavier_uniform": "write `nn.init.xavier_uniform_(w)`",
    "xavier_normal": "write `nn.init.xavier_normal_(w)`",
    "kaiming_uniform": "write `nn.init.kaiming_uniform_(w)`",
    "kaiming_normal": "write `nn.init.kaiming_normal_(w)`",
}

_AUTOGRAD = {
    "grad": "write `loss.backward()`, then w.grad; there are first derivatives only",
    "backward": "write `loss.backward()`",
    "functional": "first derivatives come by `loss.backward()`, then w.grad, a row of a Jacobian at a time",
    "enable_grad": _FUNCTIONS["enable_grad"],
    "inference_mode": _FUNCTIONS["inference_mode"],
    "set_grad_enabled": _FUNCTIONS["set_grad_enabled"],
    "detect_anomaly": "numbers that are not finite are found by a look at x.grad, or by `mg.graph(loss).step()`",
    "set_detect_anomaly": "numbers that are not finite are found by a look at x.grad, or by `mg.graph(loss).step()`",
    "gradcheck": "write `mg.gradcheck(mg.tanh, np.array([0.5]))`",
    "profiler": _FUNCTIONS["profiler"],
}

_BACKENDS = {
    "cudnn": "everything is deterministic always, and algorithms are chosen by their cost; leave it out",
    "mps": _FUNCTIONS["mps"],
    "mkl": _MODE,
    "mkldnn": _MODE,
    "openmp": _MODE,
}

_CUDA = {
    "device_count": "write `len([each for each in mg.devices() if each.device.type == 'cuda'])`",
    "get_device_name": "`mg.devices()` says the names of devices",
    "get_device_properties": "`mg.devices()` says what devices there are, and their memory",
    "current_device": "no device is the current one; `x.device` is a tensor's",
    "set_device": "no device is the current one; say where: `x.to('cpu:1')`",
    "device": "no device is the current one; say where: `x.to('cpu:1')`",
    "manual_seed": "there is one generator for all devices: `mg.manual_seed(0)`",
    "manual_seed_all": "there is one generator for all devices: `mg.manual_seed(0)`",
    "empty_cache": "leave it out",
    "synchronize": "read a number, which waits for the device: `x.sum().item()`",
    "memory_allocated": "`mg.devices()` says the memory of devices",
    "max_memory_allocated": "`mg.devices()` says the memory of devices",
    "amp": _HALF,
    "Stream": _MODE,
    "Event": "read a number, which waits for the device, and look at the clock: `x.sum().item()`",
}

_MODULE = {
    "cuda": "write `net.to('cuda')`",
    "cpu": "write `net.to('cpu')`",
    "float": "write `net.to(mg.float32)`",
    "double": "write `net.to(mg.float64)`",
    "half": _DTYPES,
    "bfloat16": _DTYPES,
    "type": "write `net.to(mg.float64)`",
    "requires_grad_": "write `for w in net.parameters(): w.requires_grad_(False)`",
    "register_buffer": _STATE,
    "register_parameter": "assign it to an attribute: `net.w = nn.Parameter(x)`",
    "register_module": "assign it to an attribute: `net.part = nn.Linear(4, 2)`",
    "add_module": "assign it to an attribute: `net.part = nn.Linear(4, 2)`",
    "buffers": _STATE,
    "named_buffers": _STATE,
    "get_submodule": "write `dict(net.named_modules())['0']`",
    "get_parameter": "write `dict(net.named_parameters())['0.weight']`",
    "register_forward_pre_hook": "hooks run after forward, with what went in: `net.register_forward_hook(print)`",
    "register_backward_hook": _HOOK,
    "register_full_backward_hook": _HOOK,
    "compile": _MODE,
    "share_memory": _METHODS["share_memory_"],
}

_OPTIMIZER = {
    "state": "what is kept for the parameters is in `sgd.state_dict()['state']`",
    "defaults": "every group has its settings: `sgd.param_groups[0]['lr']`",
    "add_param_group": "give all groups when it is made; a layer is frozen by requires_grad until it shall learn",
    "register_step_pre_hook": "write it before step()",
    "register_step_post_hook": "write it after step()",
}

# by the place where a name is looked for, as users write it
NOT_OFFERED: dict[str, dict[str, str]] = {
    "mg": _OF_TENSORS | _FUNCTIONS,
    "mg.autograd": _AUTOGRAD,
    "mg.backends": _BACKENDS,
    "mg.cuda": _CUDA,
    "nn": _NN,
    "F": _F,
    "nn.init": _INIT,
    "optim": _OPTIM,
    "Tensor": _OF_TENSORS | _METHODS,
    "Module": _MODULE,
    "Optimizer": _OPTIMIZER,
}


def _refuse(place: str, name: str) -> None:
    """Raise AttributeError, with what to write instead, for a name that PyTorch has there and minigrad has not."""
    sentence = NOT_OFFERED[place].get(name)
    if sentence is not None:
        # without the object, in whose names Python would look for one that is spelt alike
        raise AttributeError(f"{place}.{name} is not offered: {sentence}", name=name, obj=None)


def in_module(module: str, place: str) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module, which Python calls for names that are not there."""

    def __getattr__(name: str) -> NoReturn:  # noqa: N807 - what it is
        """Say what to write instead of a name that is not offered."""
        _refuse(place, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules[module])

    return __getattr__


def in_class(place: str) -> Callable[[object, str], Any]:
    """The `__getattr__` of a class, which Python calls for attributes that are not there."""

    def __getattr__(self: object, name: str) -> Any:  # noqa: N807 - what it is
        """Say what to write instead of a name that is not offered."""
        _refuse(place, name)
        return object.__getattribute__(self, name)  # says it in Python's words

    return __getattr__
