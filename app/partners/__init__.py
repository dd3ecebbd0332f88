"""Partner keys and the API that partners use."""
