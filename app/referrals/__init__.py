"""Work handed to other agencies, and what they answer."""
