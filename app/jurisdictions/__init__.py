"""Areas, their authorities, and which of them a place belongs to."""
