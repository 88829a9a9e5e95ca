"""Data sets, and the way of a picture from its file to a batch: `open_dataset`, `RescaledSplit`, `Loader`.

Everything random here is keyed by seed, epoch and picture, so threads and the order of work do not change a bit.
"""

from alexnet.data.ahead import cores
from alexnet.data.augmentation import VIEWS, Augmentation, augment, centre_view, views
from alexnet.data.formats.images import read_image
from alexnet.data.loader import Loader
from alexnet.data.reading import Rejected, check_share
from alexnet.data.rescaling import RescaledSplit, rescale
from alexnet.data.sampler import Sampler
from alexnet.data.sources import SOURCES, WORDS, open_dataset
from alexnet.data.splits import DataError, DataSet, Split, printable
from alexnet.data.statistics import Statistics

__all__ = [
    "SOURCES",
    "VIEWS",
    "WORDS",
    "Augmentation",
    "DataError",
    "DataSet",
    "Loader",
    "Rejected",
    "RescaledSplit",
    "Sampler",
    "Split",
    "Statistics",
    "augment",
    "centre_view",
    "check_share",
    "cores",
    "open_dataset",
    "printable",
    "read_image",
    "rescale",
    "views",
]
