"""Leads, cases, tasks and outcomes."""
