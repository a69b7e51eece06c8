"""Executing a study and rendering it: pages, PDF, and the index of studies."""
