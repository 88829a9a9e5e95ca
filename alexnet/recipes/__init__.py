"""What a recipe can say, the recipes by name, and what follows for the optimizer.

Run `python -m alexnet.recipes` to list them, and `python -m alexnet.recipes NAME` to see one as a table.
"""

from alexnet.recipes.catalogue import RECIPES, SMALL_WEIGHT_STD
from alexnet.recipes.optimisation import parameter_groups, set_rates
from alexnet.recipes.recipe import KEYS, Recipe, build_network
from alexnet.recipes.table import summaries

__all__ = [
    "KEYS",
    "RECIPES",
    "SMALL_WEIGHT_STD",
    "Recipe",
    "build_network",
    "parameter_groups",
    "set_rates",
    "summaries",
]
