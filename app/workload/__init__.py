"""Workers and queue, before administrators of the nation and operators."""
