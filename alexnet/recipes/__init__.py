"""What a recipe can say, the recipes by name, and what follows for the optimizer.

Run `python -m alexnet.recipes` to list them, and `python -m alexnet.recipes NAME` to see one as a table.
"""

from alexnet.recipes.catalogue import RECIPES, SMALL_WEIGHT_STD
from alexnet.recipes.layer_files import LayerFiles, fingerprint, run_name, whole_or_cropped
from alexnet.recipes.optimisation import keep_limits, parameter_groups, set_rates
from alexnet.recipes.recipe import KEYS, Recipe, build_network
from alexnet.recipes.table import how_pictures_come, summaries

__all__ = [
    "KEYS",
    "RECIPES",
    "SMALL_WEIGHT_STD",
    "LayerFiles",
    "Recipe",
    "build_network",
    "fingerprint",
    "how_pictures_come",
    "keep_limits",
    "parameter_groups",
    "run_name",
    "set_rates",
    "summaries",
    "whole_or_cropped",
]
