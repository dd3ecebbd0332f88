"""Enrolled encoders: which are searched with, and how a deployment moves from one to the next."""
