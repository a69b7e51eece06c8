"""A study: its parameters, images and split, its fitted detectors, and its run folder."""
