"""What a score means: likelihood ratios with an interval, given both ages."""
