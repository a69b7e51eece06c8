"""Detectors that flag what they cannot reconstruct."""
