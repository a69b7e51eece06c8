"""Images: their sources, how they are prepared, split and measured."""

from lib.data.images import ImageSet, load, missing, prepared, state
from lib.data.layouts import Layout, look
from lib.data.new_images import NewImages
from lib.data.sources.base import Unavailable
from lib.data.sources.tfds import data_folder

__all__ = [
    "ImageSet",
    "Layout",
    "NewImages",
    "Unavailable",
    "data_folder",
    "load",
    "look",
    "missing",
    "prepared",
    "state",
]
