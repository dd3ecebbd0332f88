"""Whether a picture that somebody holds was sent before, and has been checked."""
