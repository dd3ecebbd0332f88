"""What a step costs, each measured beside the plain way of doing it in the same run."""
