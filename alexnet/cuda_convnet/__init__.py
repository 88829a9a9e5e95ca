"""What comes from cuda-convnet, the library that the paper published with its network."""

from alexnet.cuda_convnet.networks import cifar10_80sec

__all__ = ["cifar10_80sec"]
