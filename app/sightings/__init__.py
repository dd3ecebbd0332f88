"""Tips assessed as the same child at a place and time, and the track they make."""
