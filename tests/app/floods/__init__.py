"""Waves of tips."""
