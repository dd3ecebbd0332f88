"""How long what is kept: classes, clocks, the nightly job and its report."""
