"""Keys to seal to: making a new one, and sealing what there is to it."""
