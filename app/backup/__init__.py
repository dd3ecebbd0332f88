"""Backups: one sealed file of everything, made while all runs, and the way back from it."""
