"""Tests, and the campaigns and measures that are run by hand."""

import os

# The suite runs in two processes on two cores: NumPy's own threads would only wait for each other, and made
# the tests that fit calibrations seven times slower. Set before anything imports NumPy.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
