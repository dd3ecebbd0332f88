"""`python -m app` is the command `homeward`."""

from app.cli import main

main()
