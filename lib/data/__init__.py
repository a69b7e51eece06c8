"""Images: their sources, how they are prepared, split and measured."""

from lib.data.images import ImageSet, load, missing
from lib.data.sources.base import Unavailable
from lib.data.sources.tfds import data_folder

__all__ = ["ImageSet", "Unavailable", "data_folder", "load", "missing"]
