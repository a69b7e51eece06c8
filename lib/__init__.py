"""Parameterised notebook reports for image anomaly detection."""

import os

# Read by TensorFlow once, when it is imported, so they are set before any room of lib can import it.
# oneDNN is off by default on AVX2 processors, where it makes fitting and scoring 1.3 to 2 times faster.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
