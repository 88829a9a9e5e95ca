"""Recipes made of cuda-convnet's layer files: those of a user, and those that come with this package."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alexnet.cuda_convnet import late_start, parameter_rules, read_sections, read_text, remarks
from alexnet.data import Augmentation, DataError, Split
from alexnet.recipes.recipe import Recipe

__all__ = ["LayerFiles", "fingerprint", "run_name", "whole_or_cropped"]

PICTURES = ("data", "rescale", "augmentation", "batch_size", "epochs", "order", "validation_batch", "all_batches_from")
DROPS = ("drop_factor", "drop_epochs", "bias_lr_falls", "patience", "most_drops")
SMALL = 64  # pixels: pictures of which no side is longer are taken whole
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class LayerFiles:
    """A layer file and its parameter file.

    Attributes:
        layers_file, params_file: their names.
        layers_text, params_text: what is in them; bytes that are no UTF-8 as lone surrogates.
    """

    layers_file: str
    params_file: str
    layers_text: str
    params_text: str

    @classmethod
    def read(cls, layers: Path, params: Path) -> LayerFiles:
        """Read both.

        Raises:
            LayerFileError: one is too large.
            OSError: one cannot be read.
        """
        return cls(str(layers), str(params), read_text(layers), read_text(params))

    @property
    def sections(self) -> dict[str, Mapping[str, Mapping[str, str]]]:
        """As a recipe has them.

        Raises:
            LayerFileError: they are no such files.
        """
        return {
            "layers": read_sections(self.layers_text, self.layers_file),
            "layer_params": read_sections(self.params_text, self.params_file),
        }

    def recipe(self, base: Recipe) -> Recipe:
        """How the net is trained: by the rates of its parameter file, on the pictures of another recipe.

        Args:
            base: whose pictures, augmentation, batch size, epochs and order are taken; not its rates, but, where the
                parameter file has no schedules, the epochs at which rates drop.
        """
        sections = self.sections
        rules = parameter_rules(sections["layers"], sections["layer_params"])
        scheduled = any(rule.schedule.kind for rule in rules.values())
        taken = PICTURES if scheduled else (*PICTURES, *DROPS)
        values: dict[str, Any] = {name: getattr(base, name) for name in taken} | sections
        return Recipe(
            name=run_name(Path(self.layers_file)),
            summary=f"the net of {Path(self.layers_file).name}, as {Path(self.params_file).name} says",
            network="layer-file",
            lr=0.0,
            momentum=0.0,
            weight_decay=0.0,
            **values,
        )

    def told(self, recipe: Recipe, copied: bool = False) -> list[str]:
        """What a user should know before a recipe of these files is trained, in sentences.

        Args:
            recipe: made of them, and perhaps changed.
            copied: whether the weights of another run that functions ask for are there.
        """
        late = late_start(recipe.layer_params, self.params_text)
        return [
            *remarks(recipe.layers, recipe.layer_params, self.layers_file, self.params_file, copied),
            *([f"{self.params_file}: {late}"] if late else []),
        ]

    def contents(self) -> list[bytes]:
        """Both, byte by byte."""
        return [_bytes(text) for text in (self.layers_text, self.params_text)]

    @property
    def fingerprints(self) -> list[str]:
        """Of both, as `fingerprint` tells that of one."""
        return [hashlib.sha256(content).hexdigest() for content in self.contents()]


def fingerprint(path: Path) -> str:
    """What tells a layer file or parameter file from any other: the SHA-256 of its bytes.

    Raises:
        LayerFileError: it is too large.
        OSError: it cannot be read.
    """
    return hashlib.sha256(_bytes(read_text(path))).hexdigest()


def _bytes(text: str) -> bytes:
    """The bytes of a file that `read_text` has read."""
    return text.encode("utf-8", "surrogateescape")


def run_name(layers: Path) -> str:
    """What the recipe of a layer file is called, and the folder of its runs."""
    return NOT_IN_A_NAME.sub("-", layers.stem).strip(".-") or "layer-file"


def whole_or_cropped(base: Recipe, train: Split) -> Recipe:
    """How pictures are taken where no recipe says it: small ones whole, others as a recipe for large ones does.

    Args:
        base: for large ones.
        train: the pictures.

    Returns:
        a recipe of 10 epochs, in the order of the files, with batches of 128.
    """
    side = _small_side(train)
    rescale, augmentation = base.rescale, base.augmentation
    if side:
        rescale, augmentation = side, Augmentation(crop=side, random_crop=False, mirror=False)
    common = replace(base, batch_size=128, epochs=10, order="file", drop_epochs=(), layer_drop_epochs={}, patience=0)
    return replace(common, rescale=rescale, augmentation=augmentation, network_options={})


def _small_side(train: Split) -> int:
    """The longest of the pictures' shorter sides, where no side of any is longer than SMALL; else 0."""
    side = 0
    for index in range(len(train)):
        with suppress(DataError):  # it will be told of when the pictures are measured
            height, width, _ = train.image(index).shape
            if max(height, width) > SMALL:
                return 0
            side = max(side, min(height, width))
    return side
