"""What a calibration rests on: the data, the command and the figures that made it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of one age band or one age gap."""

    name: str
    people: int
    """Persons with a mated pair there."""
    mated: int
    non_mated: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How good the ratios were on people held out of the fit."""

    name: str
    """An age band, or "all"."""
    mated: int
    non_mated: int
    cllr: float
    """Bits; 1 says nothing."""
    min_cllr: float
    """Bits that perfect calibration of the same order would have left."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a calibration."""

    source: str
    """The data in words."""
    manifest_sha256: str
    """Of the list of labelled pictures; empty for the cited one."""
    command: str
    made_at: str
    """ISO 8601, UTC."""
    synthetic: bool
    """Whether the people in it do not exist; such a calibration says nothing of real children."""
    people: int
    counts: tuple[Counts, ...] = ()
    held_out: tuple[Figures, ...] = ()
    """By five-fold cross-validation over people."""
