"""Which faces of other tips may show the child of a new one: what is compared, and from when on it counts.

The threshold is that of a candidate shown first (`matching.policy.Rules`), with the faces compared in the
place of the gallery: a face brings on average at most `EXPECTED_FALSE_FIRST` wrong suggestions, however many
tips a week brings. Ages of faces in tips are unknown, so a pair must convince in every age band, and by the
deployment's own decision scores where its gallery is large enough to have any.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.service import probe_of
from app.photos.models import Face, FaceRole, Photo, Template
from app.sightings.distance import box_around, metres_between
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip
from matching.error_model import AgeBand
from matching.face_quality import QualityReason
from matching.false_match import ScoreKind
from matching.policy import EXPECTED_FALSE_FIRST, WIDE_RATE, Rules

MOST_COMPARED = 5_000
"""Faces of other tips that one is compared with at most, the latest first: 6 MB of templates, a few ms."""

SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True)
class Seen:
    """A face with its template, and where and when it was seen."""

    face_id: UUID
    cluster_id: UUID | None
    tip_id: UUID
    at: datetime
    latitude: float
    longitude: float
    template: NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """Two faces that may be one child's."""

    face_id: UUID
    other_id: UUID
    score: float
    distance_m: float
    hours_apart: float


def faces_of(session: Session, tip_id: UUID, encoder: str, version: str) -> list[Seen]:
    """A tip's faces that can be compared: none of a bystander, of a known answer or without a place."""
    return _seen(session, _comparable().where(Tip.id == tip_id), encoder, version)


def faces_near(
    session: Session, tip: Seen, encoder: str, version: str, *, km: float, days: float
) -> list[Seen]:
    """Faces of other tips that are near in place and time, the latest first.

    Args:
        session: any session.
        tip: a face of the new tip; all of them have one place and time.
        encoder: whose templates.
        version: of the encoder.
        km: how near.
        days: how near in time.
    """
    south, north, west, east = box_around(tip.latitude, tip.longitude, km * 1_000)
    window = timedelta(days=days)
    at = func.coalesce(Tip.observed_at, Tip.received_at)
    question = _comparable().where(
        Tip.id != tip.tip_id,
        # What was seen in the window came in after its start; this part has an index.
        Tip.received_at >= tip.at - window,
        at.between(tip.at - window, tip.at + window),
        col(Tip.latitude).between(south, north),
        col(Tip.longitude).between(west, east),
    )
    return [
        other
        for other in _seen(session, question.limit(MOST_COMPARED), encoder, version)
        if metres_between(tip.latitude, tip.longitude, other.latitude, other.longitude) <= km * 1_000
    ]


def alike(rules: Rules, own: list[Seen], others: list[Seen], most: int) -> list[Likeness]:
    """Pairs of different pictures that are as like as a candidate shown first; pure arithmetic.

    Args:
        rules: what decides in this deployment.
        own: faces of one tip.
        others: faces of other tips near it.
        most: pairs of one face at most, the most alike ones.

    Returns:
        The pairs in the order of their faces' ids, which says nothing of how alike they are.
    """
    if not own or not others:
        return []
    scores = _scores(rules, _stacked(own), _stacked(others))
    least = threshold(rules, len(others))
    found = []
    for face, row in zip(own, scores, strict=True):
        reaching = [
            (float(score), other)
            for score, other in zip(row.tolist(), others, strict=True)
            if score >= least and (face.cluster_id is None or other.cluster_id != face.cluster_id)
        ]
        reaching.sort(key=lambda each: (-each[0], each[1].face_id))
        found += [_likeness(face, other, score) for score, other in reaching[:most]]
    return sorted(found, key=lambda pair: (pair.face_id, pair.other_id))


def threshold(rules: Rules, compared: int) -> float:
    """The score from which two faces are suggested, when a face is compared with so many others."""
    rare = min(EXPECTED_FALSE_FIRST / max(compared, 1), WIDE_RATE)
    return max(rules.false_matches.sure_threshold(rare, band) for band in AgeBand)


def _scores(rules: Rules, own: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    if rules.false_matches.kind == ScoreKind.DECISION and rules.space is not None:
        return rules.space.scores(own, others)
    return own @ others.T


def _stacked(faces: list[Seen]) -> NDArray[np.float32]:
    return np.stack([face.template for face in faces])


def _likeness(face: Seen, other: Seen, score: float) -> Likeness:
    first, second = sorted((face.face_id, other.face_id))
    apart = abs((face.at - other.at).total_seconds()) / SECONDS_PER_HOUR
    distance = metres_between(face.latitude, face.longitude, other.latitude, other.longitude)
    return Likeness(first, second, score, distance, apart)


def _comparable() -> SelectOfScalar[Face]:
    """Faces of tips with a place, the latest tips first; a picture is there once, with its first tip."""
    copy, its_tip = aliased(Photo), aliased(Tip)
    earlier = (
        select(copy.id)
        .join(its_tip, col(its_tip.id) == col(copy.tip_id))
        .where(
            copy.cluster_id == Photo.cluster_id,
            copy.id < Photo.id,
            col(its_tip.set_aside_by).is_(None),
            *_counts(its_tip),
        )
    )
    return (
        select(Face)
        .join(Photo, col(Photo.id) == col(Face.photo_id))
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .where(Face.role != FaceRole.BYSTANDER, ~earlier.exists(), *_counts(Tip))
        .order_by(col(Tip.received_at).desc(), col(Face.id))
    )


def _counts(tip: type[Tip]) -> tuple[ColumnElement[bool], ...]:
    """Tips that somebody sent, that nobody took back, and that say where."""
    return (
        col(tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
        col(tip.channel_id).not_in(tip_queries.golden_channels()),
        col(tip.latitude).is_not(None),
        col(tip.longitude).is_not(None),
    )


def _seen(session: Session, faces: SelectOfScalar[Face], encoder: str, version: str) -> list[Seen]:
    question = (
        faces.join(Template, col(Template.face_id) == col(Face.id))
        .where(Template.encoder == encoder, Template.encoder_version == version)
        .add_columns(col(Template.vector), col(Photo.cluster_id), Tip)
    )
    return [
        Seen(
            face.id,
            cluster_id,
            tip.id,
            tip.observed_at or tip.received_at,
            tip.latitude,
            tip.longitude,
            probe_of(face, vector, tip).template,
        )
        for face, vector, cluster_id, tip in session.execute(question)
        if QualityReason.TOO_SMALL.value not in face.quality.get("reasons", ())
    ]
