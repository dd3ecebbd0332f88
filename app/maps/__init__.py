"""Maps drawn from the shapes of areas, with nothing fetched from outside."""
