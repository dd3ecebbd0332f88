"""The matrix of roles and routes: as it is meant, and as the application answers."""
