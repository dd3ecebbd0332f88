"""What a score means: likelihood ratios with an interval, given both ages.

- `fit` makes a `Calibration` of labelled comparisons, `write_calibration` keeps it in a file;
- `load_calibration` gives the deployment's own, or the cited one that is shipped;
- `Calibration.likelihood_ratio` turns a score and two ages into a statement.
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
from matching.calibration.fitting import TooFewPeople, fit
from matching.calibration.measures import cllr, ece_curve, min_cllr, reliability
from matching.calibration.model import Calibration, LikelihoodRatio, Support
from matching.calibration.pairs import Pairs, pairs_between
from matching.calibration.provenance import Provenance

__all__ = [
    "AgeEstimate",
    "Calibration",
    "CalibrationMissing",
    "CalibrationUnreadable",
    "LikelihoodRatio",
    "Pairs",
    "Provenance",
    "Support",
    "TooFewPeople",
    "cllr",
    "combined",
    "default_calibration",
    "ece_curve",
    "fit",
    "identity",
    "load_calibration",
    "min_cllr",
    "pairs_between",
    "plausibility",
    "read_calibration",
    "reliability",
    "write_calibration",
]
