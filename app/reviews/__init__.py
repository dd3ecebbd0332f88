"""The queue and the blind decisions on candidates."""
