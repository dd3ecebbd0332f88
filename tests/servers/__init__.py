"""Real servers that tests start: PostgreSQL, object storage."""
