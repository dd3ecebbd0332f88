"""Police missing-child records and their reference photos."""
