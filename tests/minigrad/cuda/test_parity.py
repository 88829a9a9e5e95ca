"""CUDA against the CPU beyond single primitives: small workspaces, copies, the two-column network on two devices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity import Chwn, check_arguments, convolutions, on, signed

import minigrad as mg
import minigrad.functional as F
from alexnet import train
from alexnet.model import AlexNet
from minigrad import nn, optim

CUDA = mg.device("cuda:0")


@pytest.fixture(autouse=True, params=["any", pytest.param("gpu", marks=pytest.mark.gpu)])
def driver(request: pytest.FixtureRequest) -> None:
    """All of these tests once more with -m gpu, where they run on real GPUs or not at all."""
    if request.param == "gpu":
        request.getfixturevalue("gpu")


@pytest.mark.parametrize("workspace", [1, 500, 3000])
@pytest.mark.parametrize("kind", ["value", "input", "weight"])
def test_convolution_through_a_small_workspace(workspace: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns made one position, a part of a row or a few rows at a time."""
    name = {"value": "conv2d", "input": "conv2d_grad_input", "weight": "conv2d_grad_weight"}[kind]
    monkeypatch.setattr("minigrad.backends.cuda.convolution.WORKSPACE", workspace)
    for arguments in convolutions(kind)[::2]:
        check_arguments(name, arguments, np.float64, "cuda:0")


def test_a_batch_of_nothing_passes_through_linear() -> None:
    backend = CUDA.backend
    x, weight = on(signed(0, 70), CUDA), on(signed(33, 70), CUDA)
    y = backend.linear(x, weight, on(signed(33), CUDA))
    assert y.shape == (0, 33) and backend.linear_grad_input(y, weight).shape == (0, 70)
    np.testing.assert_array_equal(backend.to_host(backend.linear_grad_weight(y, x)), np.zeros((33, 70)))


def test_copies_between_devices() -> None:
    backend, array = CUDA.backend, signed(17, 3, 2)
    for x in (on(array, CUDA), on(Chwn(array), CUDA)):
        y = backend.copy_to(x, mg.device("cuda:1"))
        assert str(y.device) == "cuda:1" and y.chwn == x.chwn
        np.testing.assert_array_equal(backend.to_host(y), array)
        there = mg.Tensor(x).to("cpu")
        assert there.array.chwn == x.chwn
        np.testing.assert_array_equal(there.numpy(), array)


# the network


def network(devices: tuple[str, ...], dtype: Any = np.float64) -> AlexNet:
    """Two columns of an eighth of the width; the same weights wherever they are."""
    mg.manual_seed(7)
    return AlexNet(7, devices=devices, width=1 / 8, image_size=67, weight_std=None).to(dtype)


def pass_through(net: AlexNet, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits and gradients of one training pass, dropout included."""
    mg.manual_seed(5)
    net.zero_grad()
    logits = net(mg.tensor(x))
    F.cross_entropy(logits, mg.tensor(labels, device=logits.device)).backward()
    return logits.numpy(), {name: p.grad.numpy() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [1, 5])
def test_two_columns_on_two_devices_agree_with_the_cpu(dtype: type, count: int) -> None:
    x = (signed(count, 3, 67, 67) * 30).astype(dtype)
    labels = np.arange(count) % 7
    logits, gradients = pass_through(network(("cuda:0", "cuda:1"), dtype), x, labels)
    wanted, wanted_gradients = pass_through(network(("cpu",), dtype), x, labels)
    tolerance = 1e-10 if dtype == np.float64 else 1e-4  # float32: the roundings of eight layers
    np.testing.assert_allclose(logits, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
    assert set(gradients) == set(wanted_gradients)
    for name, gradient in wanted_gradients.items():
        np.testing.assert_allclose(
            gradients[name], gradient, rtol=0, atol=tolerance * np.abs(gradient).max(), err_msg=name
        )


def test_one_device_for_both_columns_and_a_second_run_give_the_same_bits() -> None:
    x, labels = (signed(5, 3, 67, 67) * 30).astype(np.float32), np.arange(5)
    runs = [
        pass_through(network(devices, np.float32), x, labels)
        for devices in (("cuda:0", "cuda:1"), ("cuda",), ("cuda",))
    ]
    for logits, gradients in runs[1:]:
        np.testing.assert_array_equal(logits, runs[0][0])
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(gradient, runs[0][1][name], err_msg=name)


def test_training_follows_the_cpu() -> None:
    """The same losses, step by step, from the same start."""
    images, labels = signed(12, 3, 67, 67).astype(np.float32) * 30, np.arange(12) % 7
    curves = []
    for devices in (("cuda:0", "cuda:1"), ("cpu",)):
        net = network(devices, np.float32)
        optimizer = optim.SGD(net.parameters(), lr=0.002, momentum=0.9, weight_decay=5e-4)
        curve = []
        for _ in range(6):
            optimizer.zero_grad()
            logits = net(mg.tensor(images))
            loss = F.cross_entropy(logits, mg.tensor(labels, device=logits.device))
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        curves.append(curve)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)
    assert curves[0][-1] < curves[0][0]


def test_the_command_follows_the_cpu_on_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m alexnet.train` in two columns, with all that is around the network: the same loss, step by step."""
    monkeypatch.chdir(tmp_path)
    curves = []
    for devices in ("cuda:0,cuda:1", "cpu:0,cpu:1"):
        flags = f"--devices {devices} --steps 3 --batch-size 16 --out {devices[:3]}"
        assert train.main(flags.split()) == 0
        out = capsys.readouterr().out
        curves.append([float(loss) for loss in re.findall(r"^step .*loss +([\d.]+)", out, re.MULTILINE)])
    assert len(curves[0]) == 3
    np.testing.assert_allclose(curves[0], curves[1], rtol=2e-3)


def test_the_whole_network_agrees_with_the_cpu_on_one_image() -> None:
    """Full width and size: the 60 million weights of the paper, float32."""
    x = (signed(1, 3, 224, 224) * 60).astype(np.float32)
    results = []
    for devices in (("cuda:0", "cuda:1"), ("cpu",)):
        mg.manual_seed(7)
        results.append(pass_through(AlexNet(devices=devices, weight_std=None), x, np.array([3])))
    (logits, gradients), (wanted, wanted_gradients) = results
    np.testing.assert_allclose(logits, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    for name, gradient in wanted_gradients.items():
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=2e-4 * scale, err_msg=name)


def test_a_weight_left_on_the_other_device_complains() -> None:
    net = network(("cuda:0", "cuda:1"))
    net.column1.conv2.weight = nn.Parameter(
        mg.zeros(*net.column1.conv2.weight.shape, device="cuda:0", dtype=np.float64)
    )
    with pytest.raises(mg.DeviceMismatchError, match=r"column1\.conv2.*cuda"):
        net(mg.tensor(signed(1, 3, 67, 67)))
