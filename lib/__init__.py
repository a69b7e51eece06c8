"""Parameterised notebook reports for image anomaly detection."""
