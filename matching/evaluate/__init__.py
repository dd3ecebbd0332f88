"""Measuring engines on labelled pictures: `python -m matching.evaluate MANIFEST --engine NAME ...`."""
