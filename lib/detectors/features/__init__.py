"""Detectors on the features of networks that were fitted on ImageNet; nothing of a network is fitted here."""
