"""What a reviewer compares: pictures, ages, doubts; no score, no rank and no colleague's conclusion."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateList, Support
from app.photos.models import Face, Photo
from app.records.models import Record, Reference
from app.reviews import queries
from app.reviews.alignment import Eyes, eyes_of
from app.reviews.models import Review
from app.reviews.short_list import Place, place_of
from app.tips.models import Tip

DAYS_IN_YEAR = 365.2425
YOUNG_YEARS = 4.0
"""Below this age at the reference photo, templates of strangers lie close together (FG-NET, UTKFace)."""
WIDE_GAP_YEARS = 3.0
"""Beyond this gap, recognition of growing children falls off (YFA: 98 % at half a year, 95 % at three)."""

LOOKALIKE = "lookalike"
"""Code of the one hazard that only the search knows; `matching.candidate_list.Hazard`."""


@dataclass(frozen=True)
class PictureView:
    """A face to compare, with what is known of its picture."""

    photo_id: UUID
    face_position: int | None
    """Which face of the photo; None if none was found."""
    width: int | None
    """Of the whole picture, pixels."""
    height: int | None
    eyes: Eyes | None
    quality: list[str]
    """Codes of what is wrong with the face; `matching.face_quality.QualityReason`."""


@dataclass(frozen=True)
class ReferenceView(PictureView):
    """A record's photo beside the probe."""

    age_then: float | None
    taken_on: date | None
    years_before: float | None
    """Years between this photo and the tip's; None if neither dates nor ages tell."""


@dataclass(frozen=True)
class Comparison:
    """What a reviewer compares."""

    review: Review
    tip: Tip
    probe: PictureView
    record: Record
    references: list[ReferenceView]
    """Newest first."""
    age_now: float | None
    """Age of the record's child when the tip's child was seen."""
    missing_years: float
    gap_years: float | None
    """Years between the newest reference and the tip's picture."""
    hazards: list[str]
    copies: int
    place: Place


@dataclass(frozen=True)
class Background:
    """What the search said of a pair; shown after the own decision only."""

    expected_false: float
    """Mean number of wrong candidates in a list like this one."""
    expected_false_first: float | None
    """The same among those shown first; None for lists without such a part."""
    shown_first: bool
    support: Support | None
    hazards: list[str]


def comparison(session: Session, review: Review) -> Comparison:
    """Everything a reviewer compares, and nothing that would lead them."""
    candidate = session.get_one(Candidate, review.candidate_id)
    face = session.get_one(Face, candidate.face_id)
    photo = session.get_one(Photo, face.photo_id)
    tip = session.get_one(Tip, candidate.tip_id)
    record = session.get_one(Record, candidate.record_id)
    seen = tip.observed_at or tip.received_at
    age_now = None if record.born_on is None else _years(record.born_on, seen)
    references = _references(session, record, seen, age_now)
    return Comparison(
        review=review,
        tip=tip,
        probe=PictureView(photo.id, face.position, photo.width, photo.height, eyes_of(face), _quality(face)),
        record=record,
        references=references,
        age_now=age_now,
        missing_years=_years(record.missing_since, seen),
        gap_years=references[0].years_before if references else None,
        hazards=_hazards(references, age_now, candidate),
        copies=queries.picture_copies(session, photo),
        place=place_of(session, candidate, review.officer_id),
    )


def background(session: Session, review: Review) -> Background:
    """What the search said of a pair; never shown before the reader's own decision."""
    candidate = session.get_one(Candidate, review.candidate_id)
    made = session.get_one(CandidateList, candidate.list_id)
    return Background(
        made.expected_false,
        made.expected_false_first,
        candidate.shown_first,
        candidate.support,
        candidate.hazards,
    )


def _references(
    session: Session, record: Record, seen: datetime, age_now: float | None
) -> list[ReferenceView]:
    """The record's photos, newest first; never in an order that tells which was most alike."""
    rows = session.exec(
        select(Reference, Photo, Face)
        .join(Photo, col(Photo.id) == col(Reference.photo_id))
        .outerjoin(Face, col(Face.id) == col(Reference.face_id))
        .where(Reference.record_id == record.id, col(Reference.removed_at).is_(None))
        .order_by(col(Reference.created_at), col(Reference.id))
    )
    found = [
        ReferenceView(
            photo.id,
            face.position if face else None,
            photo.width,
            photo.height,
            eyes_of(face) if face else None,
            _quality(face) if face else [],
            reference.age_years,
            reference.taken_on,
            _years_before(reference, seen, age_now),
        )
        for reference, photo, face in rows
    ]
    return sorted(found, key=lambda view: (view.years_before is None, view.years_before or 0.0))


def _years_before(reference: Reference, seen: datetime, age_now: float | None) -> float | None:
    if reference.taken_on is not None:
        return _years(reference.taken_on, seen)
    if reference.age_years is not None and age_now is not None:
        return max(age_now - reference.age_years, 0.0)
    return None


def _hazards(references: list[ReferenceView], age_now: float | None, candidate: Candidate) -> list[str]:
    """Codes of what makes this comparison unreliable, apart from the pictures' own quality."""
    ages = [reference.age_then for reference in references if reference.age_then is not None]
    gaps = [reference.years_before for reference in references if reference.years_before is not None]
    hazards = []
    if any(age < YOUNG_YEARS for age in (*ages, *([] if age_now is None else [age_now]))):
        hazards.append("young")
    if not ages or age_now is None:
        hazards.append("age_unknown")
    if gaps and min(gaps) > WIDE_GAP_YEARS:
        hazards.append("wide_gap")
    if LOOKALIKE in candidate.hazards:
        hazards.append(LOOKALIKE)
    return hazards


def _quality(face: Face) -> list[str]:
    return [reason for reason in face.quality.get("reasons", []) if isinstance(reason, str)]


def _years(since: date, until: datetime) -> float:
    return max((until.date() - since).days / DAYS_IN_YEAR, 0.0)
