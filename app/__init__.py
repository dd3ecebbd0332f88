"""Homeward's service: web, worker and command line around the matching library."""
