"""Faults of disk, power and processes while tips arrive."""
