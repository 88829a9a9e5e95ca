"""locally_connected2d: the geometry of conv2d, with weights of its own at each place."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_close, check_locally_connected2d, chwn, complains, gradients, leaves
from hypothesis import example, given
from strategies import ConvCase, Padding, Size, local_cases, moderate

import minigrad as mg
import minigrad.functional as F

WHOLE_IMAGE = ConvCase((17, 2, 3, 4), (3, 2, 3, 4), 1, 0, 1, True, 0)
OVERHANG = ConvCase((1, 1, 8, 8), (2, 1, 4, 4), 3, (0, 2, 0, 2), 1, True, 0)
ONLY_PADDING = ConvCase((2, 1, 1, 1), (1, 1, 1, 1), 1, 2, 1, False, 0)
GROUPS = ConvCase((9, 18, 3, 4), (16, 9, 3, 3), 1, 1, 2, True, 0)
PIXELS_UNSEEN = ConvCase((17, 8, 7, 7), (8, 8, 2, 2), (3, 4), 0, 1, False, 0)


@given(case=local_cases())
@example(WHOLE_IMAGE)
@example(OVERHANG)
@example(ONLY_PADDING)
@example(GROUPS)
@example(PIXELS_UNSEEN)
def test_locally_connected2d(device: str, case: ConvCase) -> None:
    check_locally_connected2d(case, device)


# Those of cuda-convnet's nets, and shapes beside them: (x, filters, kernel_size, stride, padding, groups).
Layer = tuple[tuple[int, ...], int, int, Size, Padding, int]
LAYERS: dict[str, Layer] = {
    "13pct local3": ((64, 6, 6), 32, 3, 1, 1, 1),
    "13pct local4": ((32, 6, 6), 32, 3, 1, 1, 1),
    "gc": ((16, 8, 8), 64, 4, 2, (1, 1, 1, 1), 1),
    "groups": ((24, 5, 6), 30, 3, 1, (2, 0, 1, 0), 2),
    "windows apart": ((10, 7, 7), 40, 2, 3, 0, 1),
    "few filters": ((12, 5, 5), 3, 3, 1, 1, 1),
    "few channels": ((3, 5, 5), 20, 3, 1, 1, 1),
}


def local(name: str, n: int) -> tuple[list[np.ndarray], dict[str, object]]:
    """Images, weights and biases of a layer, and how it moves."""
    image, filters, kernel_size, stride, padding, groups = LAYERS[name]
    case = ConvCase(
        (n, *image), (filters, image[0] // groups, kernel_size, kernel_size), stride, padding, groups, True, 1
    )
    return case.local_arrays(), {"stride": stride, "padding": padding, "groups": groups}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n", [1, 17, 64])
def test_float32_agrees_with_float64_at_the_sizes_of_layers(name: str, n: int, fast_device: str) -> None:
    arrays, options = local(name, n)
    arrays = [array.astype(np.float32).astype(np.float64) for array in arrays]

    def operation(*tensors: mg.Tensor) -> mg.Tensor:
        return F.locally_connected2d(*tensors, **options)

    expected = operation(*leaves(arrays, fast_device))
    cotangent = moderate(expected.shape, 4).astype(np.float32).astype(np.float64)
    truth = gradients(operation, leaves(arrays, fast_device), cotangent)
    for order in (lambda t: t, chwn):
        tensors = leaves(arrays, fast_device, np.float32)
        assert_close(operation(order(tensors[0]), *tensors[1:]), expected.numpy())
        found = gradients(lambda x, w, b, order=order: operation(order(x), w, b), tensors, cotangent)
        for number, (grad, exact) in enumerate(zip(found, truth, strict=True)):
            assert_close(grad, exact.numpy(), f"gradient of input {number}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_pytorchs_unfold_and_einsum(name: str, dtype: type) -> None:
    """Values and all gradients, for padding that is the same on all sides."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    arrays, options = local(name, 17)
    top, bottom, left, right = (options["padding"],) * 4 if isinstance(options["padding"], int) else options["padding"]
    groups, kernel_size = options["groups"], arrays[1].shape[3]
    x, weight, bias = (torch.tensor(array.astype(dtype), requires_grad=True) for array in arrays)
    padded = torch.nn.functional.pad(x, (left, right, top, bottom))
    columns = torch.nn.functional.unfold(padded, kernel_size, stride=options["stride"])
    places = weight.shape[0] * weight.shape[1]
    y = torch.einsum(
        "ngdp,pdgk->ngkp",
        columns.reshape(17, groups, -1, places),
        weight.reshape(places, -1, groups, weight.shape[5] // groups),
    )
    y = y.reshape(17, weight.shape[5], *weight.shape[:2]) + bias
    cotangent = moderate(tuple(y.shape), 4)
    y.backward(torch.tensor(cotangent.astype(dtype)))
    tensors = leaves(arrays, "cpu", dtype)
    assert_close(F.locally_connected2d(*tensors, **options), y.detach().numpy())
    found = gradients(lambda *t: F.locally_connected2d(*t, **options), tensors, cotangent)
    for number, (grad, theirs) in enumerate(zip(found, (x, weight, bias), strict=True)):
        assert_close(grad, theirs.grad.numpy(), f"gradient of input {number}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["13pct local4", "groups"])
def test_with_the_same_weights_everywhere_it_is_a_convolution(name: str, dtype: type, device: str) -> None:
    (x, weight, bias), options = local(name, 17)
    weight, bias = np.broadcast_to(weight[:1, :1], weight.shape), np.broadcast_to(bias[:, :1, :1], bias.shape)
    shared = np.moveaxis(weight[0, 0], -1, 0), bias[:, 0, 0]
    y = F.conv2d(*leaves([x, *shared], device, dtype), **options)
    assert_close(F.locally_connected2d(*leaves([x, weight, bias], device, dtype), **options), y.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["13pct local4", "few filters"])
def test_its_relu_is_relu_of_the_result(name: str, dtype: type, device: str) -> None:
    arrays, options = local(name, 17)
    apart = F.relu(F.locally_connected2d(*leaves(arrays, device, dtype), **options))
    fused = F.locally_connected2d(*leaves(arrays, device, dtype), **options, relu=True)
    np.testing.assert_array_equal(fused.numpy(), apart.numpy())
    assert 0.2 < np.mean(fused.numpy() == 0) < 0.8
    cotangent = moderate(fused.shape, 4)
    found = gradients(
        lambda *t: F.locally_connected2d(*t, **options, relu=True), leaves(arrays, device, dtype), cotangent
    )
    expected = gradients(
        lambda *t: F.relu(F.locally_connected2d(*t, **options)), leaves(arrays, device, dtype), cotangent
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_the_adjoints(name: str, device: str) -> None:
    """<local(x, w), y> = <x, its gradient along y> = <w, its gradient along y>: it is linear in x and in w."""
    (x, weight, _), options = local(name, 17)

    def operation(*tensors: mg.Tensor) -> mg.Tensor:
        return F.locally_connected2d(*tensors, None, **options)

    value = operation(*leaves([x, weight], device)).numpy()
    cotangent = moderate(value.shape, 4)
    inner = np.vdot(value, cotangent)
    found = gradients(operation, leaves([x, weight], device), cotangent)
    for array, grad in zip((x, weight), found, strict=True):
        np.testing.assert_allclose(np.vdot(array, grad.numpy()), inner, rtol=1e-9)


def test_input_that_needs_no_gradient_gets_none(device: str) -> None:
    for frozen in range(3):
        arrays, options = local("few filters", 2)
        inputs = leaves(arrays, device)
        inputs[frozen] = inputs[frozen].detach()
        F.locally_connected2d(*inputs, **options).sum().backward()
        assert [t.grad is None for t in inputs] == [number == frozen for number in range(3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relu", [False, True])
def test_nan_and_infinity_reach_every_window_that_sees_them(dtype: type, relu: bool, device: str) -> None:
    """Infinity times a weight of nought is NaN; no warning on the way, and nothing in other images."""
    (x, weight, bias), options = local("13pct local4", 17)
    for bad in (np.nan, np.inf):
        x[5, 3, 0, 2] = bad
        y = F.locally_connected2d(*leaves([x, weight * 0, bias], device, dtype), **options, relu=relu).numpy()
        assert np.isfinite(np.delete(y, 5, axis=0)).all()
        seen = np.zeros((6, 6), bool)
        seen[:2, 1:4] = True
        np.testing.assert_array_equal(np.isnan(y[5]), np.broadcast_to(seen, y[5].shape))


def test_it_does_not_change_its_inputs(device: str) -> None:
    for dtype in (np.float32, np.float64):
        arrays, options = local("groups", 17)
        tensors = leaves(arrays, device, dtype)
        F.locally_connected2d(*tensors, **options).sum().backward()
        for tensor, array in zip(tensors, arrays, strict=True):
            np.testing.assert_array_equal(tensor.numpy(), array.astype(dtype))


def test_batch_of_no_images(device: str) -> None:
    weight = mg.tensor(np.ones((3, 3, 1, 3, 3, 2)), device=device, requires_grad=True)
    y = F.locally_connected2d(mg.zeros(0, 1, 5, 5, device=device, dtype=np.float64), weight)
    assert y.shape == (0, 2, 3, 3)
    y.sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), np.zeros(weight.shape))


def test_arguments_that_do_not_fit_complain() -> None:
    x, weight = mg.zeros(1, 4, 5, 5), mg.zeros(3, 3, 4, 3, 3, 2)
    name = "locally_connected2d"
    with complains(name, "(5, 5)"):
        F.locally_connected2d(mg.zeros(5, 5), weight)
    with complains(name, "(4, 4, 3, 3)"):
        F.locally_connected2d(x, mg.zeros(4, 4, 3, 3))
    with complains(name, "3 channels", "(3, 3, 4, 3, 3, 2)"):
        F.locally_connected2d(mg.zeros(1, 3, 5, 5), weight)
    with complains(name, "group", "3 filters"):
        F.locally_connected2d(x, mg.zeros(3, 3, 2, 3, 3, 3), groups=2)
    with complains(name, "groups"):
        F.locally_connected2d(x, weight, groups=0)
    with complains(name, "7 x 3", "5 x 5"):
        F.locally_connected2d(x, mg.zeros(3, 3, 4, 7, 3, 2))
    with complains(name, "3 x 3 places", "5 x 5"):
        F.locally_connected2d(x, weight, padding=1)
    with complains(name, "bias", "(2, 3, 3)", "(2,)"):
        F.locally_connected2d(x, weight, mg.zeros(2))
    with complains(name, "stride"):
        F.locally_connected2d(x, weight, stride=0)
    with complains(name, "padding"):
        F.locally_connected2d(x, weight, padding=-1)
    with complains(name, "float32", "float64", error=TypeError):
        F.locally_connected2d(x, mg.zeros(3, 3, 4, 3, 3, 2, dtype=np.float64))
    with complains(name, "tensor", error=TypeError):
        F.locally_connected2d(x, None)
