"""cuda-convnet's own networks."""

from __future__ import annotations

from alexnet.cuda_convnet import cifar10_80sec
from minigrad import nn


def test_the_80sec_net_has_the_sizes_of_cuda_convnet() -> None:
    net = cifar10_80sec()
    sizes = {name: module.weight.shape for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}
    assert sizes == {"conv1": (32, 3, 5, 5), "conv2": (32, 32, 5, 5), "conv3": (64, 32, 5, 5)}
    assert net.fc64.weight.shape == (64, 1024) and net.fc10.weight.shape == (10, 64)
    for name, std in (("conv1", 1e-4), ("conv2", 0.01), ("fc64", 0.1)):
        layer = net._modules[name]
        assert abs(layer.weight.numpy().std() / std - 1) < 0.1 and not layer.bias.numpy().any()
