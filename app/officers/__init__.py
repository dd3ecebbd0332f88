"""Accounts, roles, sessions and what a role may do."""
