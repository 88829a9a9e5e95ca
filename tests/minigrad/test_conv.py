"""conv2d: strides, paddings, groups, biases, and the sizes at which a backend takes its fast paths."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_close, check_conv2d, chwn, complains, gradients, leaves
from hypothesis import example, given
from strategies import ConvCase, Padding, Size, conv_cases, moderate

import minigrad as mg
import minigrad.functional as F

WHOLE_IMAGE = ConvCase((17, 2, 3, 4), (3, 2, 3, 4), 1, 0, 1, True, 0)
ONE_PIXEL = ConvCase((17, 4, 3, 3), (6, 2, 1, 1), 1, 0, 2, True, 0)
OVERHANG = ConvCase((1, 1, 8, 8), (2, 1, 4, 4), 3, (0, 2, 0, 2), 1, True, 0)
ONLY_PADDING = ConvCase((2, 1, 1, 1), (1, 1, 1, 1), 1, 2, 1, False, 0)
DEPTHWISE = ConvCase((3, 4, 4, 4), (4, 1, 3, 3), 1, 1, 4, True, 0)
WINOGRAD_EDGE = ConvCase((17, 3, 7, 5), (4, 3, 3, 3), 1, 1, 1, True, 0)
FAR_STRIDE = ConvCase((2, 2, 7, 7), (2, 2, 2, 2), (3, 1), 0, 1, False, 0)


@given(case=conv_cases())
@example(WHOLE_IMAGE)
@example(ONE_PIXEL)
@example(OVERHANG)
@example(ONLY_PADDING)
@example(DEPTHWISE)
@example(WINOGRAD_EDGE)
@example(FAR_STRIDE)
def test_conv2d(device: str, case: ConvCase) -> None:
    check_conv2d(case, device)


# The layers of the paper's net in small, and shapes beside them: (x, weight, stride, padding, groups).
Layer = tuple[tuple[int, ...], tuple[int, ...], Size, Padding, int]
LAYERS: dict[str, Layer] = {
    "conv1": ((3, 35, 35), (16, 3, 11, 11), 4, (0, 3, 0, 3), 1),
    "conv2": ((8, 13, 13), (16, 8, 5, 5), 1, 2, 1),
    "conv3": ((32, 13, 13), (24, 32, 3, 3), 1, 1, 1),
    "conv4": ((32, 13, 13), (24, 16, 3, 3), 1, 1, 2),
    "small conv5": ((16, 6, 6), (16, 16, 3, 3), 1, 1, 1),
    "wide conv": ((17, 9, 30), (33, 17, 3, 3), 1, (1, 2), 1),
    "no padding": ((16, 14, 11), (20, 16, 3, 3), 1, 0, 1),
    "one side": ((16, 10, 10), (16, 16, 5, 5), 1, (0, 4, 1, 3), 1),
    "stride 2": ((16, 13, 13), (16, 16, 3, 3), 2, 1, 1),
    "strides": ((16, 13, 12), (16, 16, 3, 3), (1, 2), 1, 1),
    "one pixel": ((40, 7, 7), (24, 40, 1, 1), 1, 0, 1),
    "one pixel, stride 2": ((40, 7, 7), (24, 40, 1, 1), 2, 0, 1),
    "whole image": ((16, 6, 6), (50, 16, 6, 6), 1, 0, 1),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n", [1, 17, 64])
def test_float32_agrees_with_float64_at_the_sizes_of_layers(name: str, n: int, fast_device: str) -> None:
    """float64 is im2col, held against the reference; float32 may take other algorithms (Winograd, direct)."""
    image, weight_shape, stride, padding, groups = LAYERS[name]
    arrays = [moderate((n, *image), 1), moderate(weight_shape, 2), moderate(weight_shape[:1], 3)]
    arrays = [array.astype(np.float32).astype(np.float64) for array in arrays]

    def convolution(x: mg.Tensor, weight: mg.Tensor, bias: mg.Tensor) -> mg.Tensor:
        return F.conv2d(x, weight, bias, stride, padding, groups=groups)

    expected = convolution(*leaves(arrays, fast_device))
    cotangent = moderate(expected.shape, 4).astype(np.float32).astype(np.float64)
    truth = gradients(convolution, leaves(arrays, fast_device), cotangent)
    for order in (lambda t: t, chwn):
        tensors = leaves(arrays, fast_device, np.float32)
        assert_close(convolution(order(tensors[0]), *tensors[1:]), expected.numpy())
        found = gradients(lambda x, w, b, order=order: convolution(order(x), w, b), tensors, cotangent)
        for number, (grad, exact) in enumerate(zip(found, truth, strict=True)):
            assert_close(grad, exact.numpy(), f"gradient of input {number}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["conv1", "small conv5", "strides"])
def test_its_relu_is_relu_of_the_result(name: str, bias: bool, dtype: type, device: str) -> None:
    image, weight_shape, stride, padding, groups = LAYERS[name]
    arrays = [moderate((17, *image), 1), moderate(weight_shape, 2), moderate(weight_shape[:1], 3)][: 3 if bias else 2]

    def convolution(*tensors: mg.Tensor, relu: bool = False) -> mg.Tensor:
        return F.conv2d(tensors[0], tensors[1], tensors[2] if bias else None, stride, padding, groups=groups, relu=relu)

    tensors = leaves(arrays, device, dtype)
    apart = F.relu(convolution(*tensors))
    fused = convolution(*tensors, relu=True)
    cotangent = moderate(fused.shape, 4)
    np.testing.assert_array_equal(fused.numpy(), apart.numpy())
    assert 0.2 < np.mean(fused.numpy() == 0) < 0.8
    found = gradients(lambda *t: convolution(*t, relu=True), leaves(arrays, device, dtype), cotangent)
    expected = gradients(lambda *t: F.relu(convolution(*t)), leaves(arrays, device, dtype), cotangent)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert_close(one, other.numpy(), f"gradient of input {number}")


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_the_adjoints(name: str, device: str) -> None:
    """<conv(x, w), y> = <x, its gradient along y> = <w, its gradient along y>: conv2d is linear in x and in w."""
    image, weight_shape, stride, padding, groups = LAYERS[name]
    arrays = [moderate((17, *image), 1), moderate(weight_shape, 2)]

    def convolution(x: mg.Tensor, weight: mg.Tensor) -> mg.Tensor:
        return F.conv2d(x, weight, None, stride, padding, groups=groups)

    value = convolution(*leaves(arrays, device)).numpy()
    cotangent = moderate(value.shape, 4)
    inner = np.vdot(value, cotangent)
    for array, grad in zip(arrays, gradients(convolution, leaves(arrays, device), cotangent), strict=True):
        np.testing.assert_allclose(np.vdot(array, grad.numpy()), inner, rtol=1e-9)


def test_groups_are_convolutions_of_their_own(device: str) -> None:
    x, weight, bias = leaves([moderate((17, 6, 5, 5), 1), moderate((4, 3, 3, 3), 2), moderate((4,), 3)], device)
    whole = F.conv2d(x, weight, bias, padding=1, groups=2)
    halves = [
        F.conv2d(x[:, 3 * g : 3 * g + 3], weight[2 * g : 2 * g + 2], bias[2 * g : 2 * g + 2], padding=1) for g in (0, 1)
    ]
    np.testing.assert_allclose(whole.numpy(), mg.cat(halves, dim=1).numpy(), rtol=1e-12)


def test_input_that_needs_no_gradient_gets_none(device: str) -> None:
    """The frozen layer, and the first one, whose images need no gradient."""
    for frozen in range(3):
        inputs = leaves([moderate((2, 3, 5, 5), 1), moderate((4, 3, 3, 3), 2), moderate((4,), 3)], device)
        inputs[frozen] = inputs[frozen].detach()
        F.conv2d(*inputs, padding=1).sum().backward()
        assert [t.grad is None for t in inputs] == [number == frozen for number in range(3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["conv2", "conv3", "stride 2"])
def test_nan_and_infinity_reach_every_window_that_sees_them(name: str, dtype: type, device: str) -> None:
    """Infinity times a weight of nought is NaN; no warning on the way."""
    image, weight_shape, stride, padding, _ = LAYERS[name]
    step = stride if isinstance(stride, int) else stride[0]
    weight = mg.zeros(*weight_shape, device=device, dtype=dtype)
    for bad in (np.nan, np.inf):
        x = moderate((17, *image), 1).astype(dtype)
        x[5, 3, 6, 6] = bad
        y = F.conv2d(mg.tensor(x, device=device), weight, None, stride, padding).numpy()
        assert np.isfinite(np.delete(y, 5, axis=0)).all(), "it went over to another image"
        assert np.isnan(y[5, :, 6 // step, 6 // step]).all()


def test_conv2d_does_not_change_its_inputs(device: str) -> None:
    arrays = [moderate((17, 4, 6, 6), 1), moderate((4, 4, 3, 3), 2), moderate((4,), 3)]
    for dtype in (np.float32, np.float64):
        tensors = leaves(arrays, device, dtype)
        F.conv2d(*tensors, padding=1).sum().backward()
        for tensor, array in zip(tensors, arrays, strict=True):
            np.testing.assert_array_equal(tensor.numpy(), array.astype(dtype))


def test_channels_that_do_not_fit_complain() -> None:
    with complains("conv2d", "4", "3"):
        F.conv2d(mg.zeros(1, 4, 5, 5), mg.zeros(2, 3, 3, 3))


def test_groups_that_do_not_divide_complain() -> None:
    with complains("conv2d", "group", "2"):
        F.conv2d(mg.zeros(1, 6, 5, 5), mg.zeros(3, 3, 3, 3), groups=2)
    with complains("conv2d", "groups"):
        F.conv2d(mg.zeros(1, 6, 5, 5), mg.zeros(3, 6, 3, 3), groups=0)


def test_image_smaller_than_the_kernel_complains() -> None:
    with complains("conv2d", "5", "7"):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(1, 1, 7, 7))


def test_wrong_number_of_dims_complains() -> None:
    with complains("conv2d", "(5, 5)"):
        F.conv2d(mg.zeros(5, 5), mg.zeros(1, 1, 3, 3))
    with complains("conv2d", "(3, 3)"):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(3, 3))
    with complains("conv2d", "bias"):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(2, 1, 3, 3), mg.zeros(3))


@pytest.mark.parametrize("stride", [0, -1, (1, 0), (1, 2, 3), 1.5, "a"])
def test_impossible_stride_complains(stride: object) -> None:
    with complains("stride"):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(1, 1, 3, 3), stride=stride)


@pytest.mark.parametrize("padding", [-1, (1, -1), (1, 2, 3), 0.5, "same"])
def test_impossible_padding_complains(padding: object) -> None:
    with complains("padding"):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(1, 1, 3, 3), padding=padding)


def test_two_dtypes_complain() -> None:
    with complains("conv2d", "float32", "float64", error=TypeError):
        F.conv2d(mg.zeros(1, 1, 5, 5), mg.zeros(1, 1, 3, 3, dtype=np.float64))


def test_integer_images_complain() -> None:
    with complains("conv2d", "uint8", error=TypeError):
        F.conv2d(mg.tensor(np.zeros((1, 1, 5, 5), np.uint8)), mg.zeros(1, 1, 3, 3))


def test_what_is_no_tensor_complains() -> None:
    for x, weight in ((np.zeros((1, 1, 5, 5), np.float32), mg.zeros(1, 1, 3, 3)), (mg.zeros(1, 1, 5, 5), None)):
        with complains("conv2d", "tensor", error=TypeError):
            F.conv2d(x, weight)


def test_batch_of_no_images(device: str) -> None:
    weight = mg.tensor(np.ones((2, 1, 3, 3)), device=device, requires_grad=True)
    y = F.conv2d(mg.zeros(0, 1, 5, 5, device=device, dtype=np.float64), weight)
    assert y.shape == (0, 2, 3, 3)
    y.sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy(), np.zeros((2, 1, 3, 3)))
