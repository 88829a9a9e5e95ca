"""The recipes by name. Every number of the paper's training is here, in the recipe `paper`, with its section.

The numbers of the network itself, with those of its initial weights, are in `alexnet.model.alexnet`.
"""

from __future__ import annotations

from typing import Any

from alexnet.cuda_convnet.nets import read_net
from alexnet.data import Augmentation
from alexnet.recipes.recipe import Recipe

__all__ = ["RECIPES", "SMALL_WEIGHT_STD"]

# How the small recipes start. In nets this narrow N(0, 0.01) would let the signal fade from layer to layer; from conv2
# to fc7 N(0, sqrt(2 / fan-in)) keeps its size. fc8 starts small: the loss then begins near that of chance, and the
# first gradients are small. Pixels are numbers of the size of 60, so that a step of conv1 moves its outputs 60^2 times
# as far as one of a layer that reads numbers of the size of 1. At the others' rate, with an fc8 like the others, its
# outputs grow ten- to fortyfold in three steps, and with some seeds all ReLUs of a later layer are then off for good.
# conv1 therefore learns at a hundredth of the rate, and it starts small, so that what it learns shows in its filters.
SMALL_WEIGHT_STD = {"conv1": 0.002, **dict.fromkeys(("conv2", "conv3", "conv4", "conv5", "fc6", "fc7")), "fc8": 0.01}

_COLUMN = read_net("mnist")


def _of_a_file(name: str, summary: str, augmentation: Augmentation, **more: Any) -> Recipe:
    """One of cuda-convnet's nets for CIFAR-10: its rates, decay and initial weights are in its files."""
    return Recipe(
        name=f"cifar10-{name}",
        summary=f"cuda-convnet's net for CIFAR-10 {summary}",
        network="layer-file",
        data="",
        rescale=32,
        augmentation=augmentation,
        batch_size=128,
        lr=0.0,
        momentum=0.0,
        weight_decay=0.0,
        order="file",
        **{**read_net(name), **more},
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="shapes",
            summary="a small AlexNet on pictures that the project draws: minutes on a laptop",
            network="alexnet",
            network_options={"image_size": 64, "width": 0.25, "weight_std": SMALL_WEIGHT_STD},
            data="shapes",
            rescale=72,
            augmentation=Augmentation(crop=64),
            batch_size=64,
            epochs=12,
            lr=0.004,
            momentum=0.9,
            weight_decay=0.0005,
            layer_lr={"conv1": 0.00004},
            drop_epochs=(11,),
        ),
        Recipe(
            name="small",
            summary="a small AlexNet for photographs, 112 x 112: minutes for a few classes",
            network="alexnet",
            network_options={"image_size": 112, "width": 0.25, "weight_std": SMALL_WEIGHT_STD},
            data="",
            rescale=128,
            augmentation=Augmentation(crop=112, colour_noise=0.1),
            batch_size=64,
            epochs=80,
            lr=0.002,
            momentum=0.9,
            weight_decay=0.0005,
            layer_lr={"conv1": 0.00002},
            drop_epochs=(60, 75),
        ),
        Recipe(
            name="cifar10-80sec",
            summary="cuda-convnet's first CIFAR-10 net: 26 % test error after about ten epochs",
            network="cifar10-80sec",
            data="",
            rescale=32,
            augmentation=Augmentation(crop=32, random_crop=False, mirror=False),
            batch_size=128,
            epochs=10,
            lr=0.001,
            momentum=0.9,
            weight_decay=0.004,
            layer_weight_decay={"fc64": 0.03, "fc10": 0.03},
            bias_lr_factor=2.0,
            decay_biases=False,
            drop_epochs=(9,),
        ),
        # cuda-convnet's ladder, as its parameter files and its wiki's page on methodology tell it
        _of_a_file(
            "19pct",
            "without a hidden layer: 19 % test error after some 150 epochs",
            Augmentation(crop=32, random_crop=False, mirror=False),
            epochs=150,  # its length is not documented
        ),
        _of_a_file(
            "18pct",
            "with normalisation within maps: 18 % test error after 140 epochs",
            Augmentation(crop=32, random_crop=False, mirror=False),
            epochs=140,
            drop_epochs=(121, 131),
        ),
        _of_a_file(
            "13pct",
            "with local layers, on crops: 13 % test error after 160 epochs",
            Augmentation(crop=24),
            epochs=160,
            validation_batch=5,
            all_batches_from=101,
            drop_epochs=(141, 151),
            bias_lr_falls=False,
        ),
        _of_a_file(
            "11pct",
            "with local layers and normalisation: 11 % test error after 520 epochs",
            Augmentation(crop=24),
            epochs=520,
            validation_batch=5,
            all_batches_from=351,
            drop_epochs=(501, 511),
            bias_lr_falls=False,
        ),
        Recipe(
            name="mnist",
            summary="a column of the committee for MNIST that section 1 cites, on digits distorted anew each epoch",
            network="layer-file",
            data="",
            rescale=28,
            augmentation=Augmentation(
                crop=28,
                random_crop=False,
                mirror=False,
                rotation=15,
                scaling=0.15,
                translation=1,
                elastic_alpha=36,
                elastic_sigma=6,
            ),
            batch_size=128,
            epochs=100,
            lr=0.0,
            momentum=0.0,
            weight_decay=0.0,
            layers=_COLUMN["layers"],
            layer_params=_COLUMN["layer_params"],
        ),
        Recipe(
            name="paper",
            summary="the paper to the letter: 224 x 224, two columns, about 90 epochs of ImageNet",
            network="alexnet",
            data="",
            rescale=256,  # section 2
            augmentation=Augmentation(crop=224, colour_noise=0.1),  # section 4.1
            batch_size=128,  # this and all that follows, but for patience: section 5
            epochs=90,  # "roughly 90 cycles through the training set"
            lr=0.01,
            momentum=0.9,
            weight_decay=0.0005,
            drop_factor=10.0,  # "divide the learning rate by 10 when the validation error rate stopped improving"
            patience=5,  # epochs after which we say that it did; the paper does not say how many
            most_drops=3,  # "three times prior to termination"
        ),
        Recipe(  # run 145 of 2012: layers-145.cfg and layer-params-145.cfg in the program's source
            name="original",
            summary="what the authors' own program did in 2012, which is not always what the paper says",
            network="alexnet",
            network_options={
                "activation_last": ("conv1", "conv5"),
                "lrn_alpha": 1e-4,
                "within_map_norm": True,
                "weight_std": {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03},  # the others 0.01
            },
            data="",
            rescale=256,
            augmentation=Augmentation(
                crop=224, colour_noise=0.1, crop_group=32, noise_off_epoch=67, noise_divides=True
            ),
            batch_size=128,
            epochs=90,  # it was ended at 91, as the rates fell at 25, 51 and 79
            lr=0.01,
            momentum=0.9,
            weight_decay=0.0005,
            bias_lr_factor=2.0,
            bias_lr_falls=False,
            decay_biases=False,
            drop_epochs=(25, 51, 79),
            layer_drop_epochs={"conv1": (25, 51, 67)},
            frozen_from={"conv1": 72},
        ),
    )
}
