"""Cheap detectors that every study shows beside its own, and shortcuts, which look at nothing in the image."""
