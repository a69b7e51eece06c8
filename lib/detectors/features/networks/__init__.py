"""Pretrained networks as makers of features; needs TensorFlow."""
