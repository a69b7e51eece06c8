"""Images: where they come from, how they are prepared, divided and measured."""

from lib.data.images import ImageSet, Unavailable, data_folder, load, missing

__all__ = ["ImageSet", "Unavailable", "data_folder", "load", "missing"]
