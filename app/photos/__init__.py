"""Photos, renditions, photo clusters and faces."""
