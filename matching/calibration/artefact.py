"""Calibrations as files: versioned JSON with everything that made them.

A file is read as strictly as a stranger's message, since a wrong number here is a wrong statement about a
child: every field has its range, unknown fields are refused, and so is a file for another encoder.
"""

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from matching.adaptation import read_adaptation, write_adaptation
from matching.calibration.cited import default_calibration
from matching.calibration.fitted import KNOT_SHARES, LEVELS, SLOPES, FittedModel
from matching.calibration.model import Calibration
from matching.calibration.provenance import Counts, Figures, Provenance
from matching.error_model import AgeBand, ErrorModel
from matching.false_match import ScoreKind
from matching.wire import Fields, MalformedMessage

FORMAT: Final = 1
"""Raised when the meaning of a field changes."""

_LARGEST_FILE: Final = 4_000_000
"""Bytes; one with an ensemble of 100 has 60 kB."""
_LARGEST_ENSEMBLE: Final = 1_000
_LARGEST_NUMBER: Final = 1e6
_MOST_PAIRS: Final = 10**12
_NAME: Final = r"[^\x00-\x1f]{1,300}"
_WORDS: Final = r"[^\x00-\x1f]{0,2000}"
_DIGEST: Final = r"[0-9a-f]{64}|"
_TIME: Final = r"[0-9TZ:.+-]{0,40}"


class CalibrationUnreadable(ValueError):
    """The file is no calibration, or not this encoder's."""


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a fitted calibration, and beside it what it adapts templates by; a reader never sees half a file.

    Raises:
        TypeError: the calibration is the cited one, which is part of the program.
    """
    if calibration.adaptation is not None:
        write_adaptation(calibration.adaptation, _companion(path))
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(_content(calibration), allow_nan=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def identity(calibration: Calibration) -> str:
    """A name for the calibration that changes with anything in it, to keep with what was decided by it."""
    if calibration.shipped:
        return f"cited {calibration.encoder}"
    content = json.dumps(_content(calibration), allow_nan=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _content(calibration: Calibration) -> dict[str, object]:
    model = calibration.model
    if not isinstance(model, FittedModel):
        raise TypeError("only a fitted calibration is written to a file")
    return {
        "format": FORMAT,
        "encoder": calibration.encoder,
        "version": calibration.version,
        "kind": calibration.kind.value,
        "lowest": calibration.lowest,
        "highest": calibration.highest,
        "model": {
            "centre": model.centre,
            "scale": model.scale,
            "score_knots": list(model.score_knots),
            "youngest": model.youngest,
            "oldest": model.oldest,
            "widest_gap": model.widest_gap,
            "coefficients": [{"row": row} for row in model.coefficients.tolist()],
        },
        "false_matches": [
            {"band": band.value, "points": [{"score": at, "rate": rate} for at, rate in errors.points]}
            for band, errors in (calibration.false_matches or {}).items()
        ],
        "adaptation": "" if calibration.adaptation is None else calibration.adaptation.sha256,
        "provenance": dataclasses.asdict(calibration.provenance)
        | {"synthetic": int(calibration.provenance.synthetic)},
    }


def read_calibration(path: Path) -> Calibration:
    """Read a calibration of whatever encoder.

    Raises:
        FileNotFoundError: there is none.
        CalibrationUnreadable: the file is none; the message says why.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise CalibrationUnreadable(f"{path.name} is no calibration: too large")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _calibration(Fields(content), _companion(path))
    except (MalformedMessage, ValueError, RecursionError) as error:
        raise CalibrationUnreadable(f"{path.name} is no calibration: {error}") from error


def load_calibration(path: Path, encoder: str, version: str) -> Calibration:
    """The calibration that a deployment decides by: its own, or the cited one where it has none.

    Args:
        path: of the deployment's own, which need not exist.
        encoder: name of the encoder in use.
        version: its version.

    Raises:
        CalibrationMissing: there is neither a file nor a cited calibration of this encoder.
        CalibrationUnreadable: there is a file, and it is broken or another encoder's. It is not passed over
            in silence: whoever calibrated would believe that it is in force.
    """
    try:
        found = read_calibration(path)
    except FileNotFoundError:
        return default_calibration(encoder)
    if (found.encoder, found.version) != (encoder, version):
        raise CalibrationUnreadable(
            f"{path.name} was made for {found.encoder} {found.version}, not for {encoder} {version}"
        )
    return found


def _companion(path: Path) -> Path:
    return path.with_suffix(".npz")


def _calibration(fields: Fields, companion: Path) -> Calibration:
    fields.whole("format", FORMAT, FORMAT)
    encoder, version = fields.text("encoder", _NAME), fields.text("version", _NAME)
    kind = ScoreKind(fields.text("kind", "comparison|decision"))
    lowest, highest = fields.number("lowest", -20, 0), fields.number("highest", 0, 20)
    model, provenance = _model(fields.object("model")), _provenance(fields.object("provenance"))
    false_matches = dict(_errors(each) for each in fields.objects("false_matches", len(AgeBand)))
    digest = fields.text("adaptation", _DIGEST)
    fields.finish()
    adaptation = None
    if digest:
        if not companion.is_file():
            raise MalformedMessage(f"{companion.name} is missing")
        adaptation = read_adaptation(companion)
        if adaptation.sha256 != digest:
            raise MalformedMessage(f"{companion.name} belongs to another calibration")
    if false_matches and len(false_matches) < len(AgeBand):
        raise MalformedMessage("false_matches leave out an age band")
    return Calibration(
        encoder,
        version,
        kind,
        model,
        lowest,
        highest,
        provenance,
        MappingProxyType(false_matches) or None,
        adaptation,
    )


def _errors(fields: Fields) -> tuple[AgeBand, ErrorModel]:
    band = AgeBand(fields.text("band", "|".join(re.escape(each.value) for each in AgeBand)))
    points = []
    for point in fields.objects("points", 50):
        at = point.number("score", -_LARGEST_NUMBER, _LARGEST_NUMBER)
        points.append((at, point.number("rate", 0, 1)))
        point.finish()
    fields.finish()
    return band, ErrorModel(tuple(points))


def _model(fields: Fields) -> FittedModel:
    centre = fields.number("centre", -_LARGEST_NUMBER, _LARGEST_NUMBER)
    scale = fields.number("scale", 1e-9, _LARGEST_NUMBER)
    knots = fields.numbers("score_knots", len(KNOT_SHARES), -_LARGEST_NUMBER, _LARGEST_NUMBER)
    if knots != sorted(knots):
        raise MalformedMessage("score_knots do not rise")
    youngest, oldest = fields.number("youngest", 0, 150), fields.number("oldest", 0, 150)
    widest_gap = fields.number("widest_gap", 0, 150)
    rows = []
    for row in fields.objects("coefficients", _LARGEST_ENSEMBLE + 1):
        rows.append(row.numbers("row", LEVELS + SLOPES, -_LARGEST_NUMBER, _LARGEST_NUMBER))
        row.finish()
    fields.finish()
    coefficients = np.array(rows)
    if not len(coefficients) or (coefficients[:, LEVELS:] < 0).any():
        raise MalformedMessage("coefficients would let a ratio fall as the score rises")
    return FittedModel(centre, scale, tuple(knots), coefficients, youngest, oldest, widest_gap)


def _provenance(fields: Fields) -> Provenance:
    found = Provenance(
        source=fields.text("source", _WORDS),
        manifest_sha256=fields.text("manifest_sha256", _DIGEST),
        command=fields.text("command", _WORDS),
        made_at=fields.text("made_at", _TIME),
        synthetic=bool(fields.whole("synthetic", 0, 1)),
        people=fields.whole("people", 0, _MOST_PAIRS),
        counts=tuple(_counts(each) for each in fields.objects("counts", 50)),
        held_out=tuple(_figures(each) for each in fields.objects("held_out", 50)),
    )
    fields.finish()
    return found


def _counts(fields: Fields) -> Counts:
    found = Counts(
        fields.text("name", _NAME),
        *(fields.whole(name, 0, _MOST_PAIRS) for name in ("people", "mated", "non_mated")),
    )
    fields.finish()
    return found


def _figures(fields: Fields) -> Figures:
    found = Figures(
        fields.text("name", _NAME),
        fields.whole("mated", 0, _MOST_PAIRS),
        fields.whole("non_mated", 0, _MOST_PAIRS),
        fields.number("cllr", 0, 1000),
        fields.number("min_cllr", 0, 1000),
    )
    fields.finish()
    return found
