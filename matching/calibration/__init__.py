"""What a score means: likelihood ratios with an interval, given both ages.

- `load_calibration` gives the deployment's own calibration, or the cited one that is shipped;
- `Calibration.likelihood_ratio` turns a score and two ages into a statement;
- `matching.calibration.fitting` makes one of labelled comparisons, `matching.calibration.measures` says how
  good it is; they load SciPy's optimiser and are imported where they are needed.
"""

from matching.calibration.ages import AgeEstimate, combined, plausibility
from matching.calibration.artefact import (
    CalibrationUnreadable,
    identity,
    load_calibration,
    read_calibration,
    write_calibration,
)
from matching.calibration.cited import CalibrationMissing, default_calibration
from matching.calibration.model import Calibration, LikelihoodRatio, Support
from matching.calibration.provenance import Provenance

__all__ = [
    "AgeEstimate",
    "Calibration",
    "CalibrationMissing",
    "CalibrationUnreadable",
    "LikelihoodRatio",
    "Provenance",
    "Support",
    "combined",
    "default_calibration",
    "identity",
    "load_calibration",
    "plausibility",
    "read_calibration",
    "write_calibration",
]
