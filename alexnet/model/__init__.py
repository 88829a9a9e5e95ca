"""The network of the paper, the table of its layers, and the networks that a recipe can name."""

from alexnet.model.alexnet import AlexNet, Column
from alexnet.model.registry import NETWORKS, Network
from alexnet.model.table import LayerRow, format_table, layer_table

__all__ = ["NETWORKS", "AlexNet", "Column", "LayerRow", "Network", "format_table", "layer_table"]
