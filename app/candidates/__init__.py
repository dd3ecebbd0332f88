"""Candidate lists: what a search brought up, and with which threshold."""
