"""Attacks on a deployment of their own, measured: `docs/attacks.md` says what each prints and why."""
