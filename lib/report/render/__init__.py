"""Executed notebooks become HTML and PDF."""
