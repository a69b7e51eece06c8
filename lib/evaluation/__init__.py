"""What scores are worth: thresholds, metrics, verdicts, and how detectors compare."""
