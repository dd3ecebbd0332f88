"""What supervisors watch over."""
