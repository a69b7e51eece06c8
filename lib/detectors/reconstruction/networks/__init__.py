"""The Keras models of the reconstruction detectors: how they are built, fitted and run; needs TensorFlow."""
