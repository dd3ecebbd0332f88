"""Searching the gallery and proposing candidates; runs in the worker."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import queries
from app.candidates.gallery import Searched
from app.candidates.models import Candidate, CandidateList, SearchCause, Support
from app.photos.models import Face, FaceRole, Photo, PhotoState
from app.photos.queries import faces_with_templates
from app.records.models import Record, RecordState
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip
from matching.candidate_list import CandidateList as Chosen
from matching.candidate_list import ProbeFacts
from matching.face_quality import QualityReason
from matching.ranking import unit

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """A face that the gallery is searched with."""

    face_id: UUID
    template: Vector
    seen_on: date
    """Day of the photo, as far as anybody said; else the day it came in."""
    poor_face: bool


def probe_of(face: Face, vector: bytes, tip: Tip) -> Probe:
    """A stored face as a probe."""
    return Probe(
        face.id,
        unit(np.frombuffer(vector, dtype="<f4").astype(np.float32)),
        (tip.observed_at or tip.received_at).date(),
        bool(face.quality.get("reasons")),
    )


def probes_of_tip(session: Session, tip_id: UUID, gallery: Searched, anew: UUID | None = None) -> list[Probe]:
    """The tip's faces that still have to be searched.

    A copy of a picture that was searched for another tip is left out: its candidates stand already, and
    officers see a picture once. So is a face with too few pixels to compare; its tip reaches triage. A
    bystander's is never searched.

    Args:
        session: any session.
        tip_id: the tip.
        gallery: the gallery to search.
        anew: a photo whose faces are searched again: what was found with them was withdrawn meanwhile.
    """
    tip = session.get_one(Tip, tip_id)
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        return []
    searched_with = (gallery.encoder, gallery.version)
    photos = [photo for photo in tip_queries.photos_of(session, tip_id) if photo.state == PhotoState.EXAMINED]
    fresh = [
        photo.id
        for photo in photos
        if photo.id == anew or not queries.picture_searched_before(session, photo, *searched_with)
    ]
    return [
        probe_of(face, template.vector, tip)
        for face, template in faces_with_templates(session, fresh, *searched_with)
        if QualityReason.TOO_SMALL.value not in face.quality.get("reasons", ())
        and face.role != FaceRole.BYSTANDER
        and (face.photo_id == anew or not queries.searched(session, face.id, *searched_with))
    ]


def compare(probe: Probe, gallery: Searched, rows: NDArray[np.intp] | None = None) -> Chosen:
    """Compare one probe with the gallery, outside any transaction.

    Args:
        probe: the face.
        gallery: the gallery.
        rows: references that are compared; None for all.
    """
    return gallery.search(probe.template, ProbeFacts(poor_face=probe.poor_face), probe.seen_on, rows)


def propose(
    session: Session,
    probe: Probe,
    chosen: Chosen,
    gallery: Searched,
    cause: SearchCause,
    short_list: int,
    *,
    anew: bool = False,
) -> int:
    """Write down a search and the candidates it brought up; repeated, it adds none twice.

    Args:
        session: a writing session.
        probe: the face searched with.
        chosen: what `compare` gave.
        gallery: the gallery that was searched.
        cause: why it was searched.
        short_list: most candidates of a face that are shown first; the others stand behind "more".
        anew: whether a face that was searched before is searched again.

    Returns:
        Candidates added.
    """
    alone = cause == SearchCause.RETROACTION
    if not alone and not anew and queries.searched(session, probe.face_id, gallery.encoder, gallery.version):
        return 0
    face, photo, tip = session.exec(
        select(Face, Photo, Tip)
        .select_from(Photo)
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .join(Face, col(Face.photo_id) == col(Photo.id))
        .where(Face.id == probe.face_id)
    ).one()
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER or face.role == FaceRole.BYSTANDER:
        return 0
    standing = [
        choice
        for choice in chosen.candidates
        if not queries.standing(session, photo.cluster_id, probe.face_id, gallery.record_id(choice.record))
        and session.get_one(Record, gallery.record_id(choice.record)).state == RecordState.OPEN
    ]
    if alone and not standing:
        return 0
    made = CandidateList(
        face_id=probe.face_id,
        cause=cause,
        encoder=gallery.encoder,
        encoder_version=gallery.version,
        gallery_size=gallery.size,
        expected_false=chosen.expected_false,
        expected_false_first=chosen.expected_false_first,
    )
    made.operating_point, made.calibration = _rests_on(gallery)
    session.add(made)
    session.flush()
    places = short_list - queries.shown_first(session, probe.face_id)
    for choice in standing:
        first = choice.first and places > 0
        places -= first
        session.add(
            Candidate(
                list_id=made.id,
                tip_id=tip.id,
                face_id=probe.face_id,
                cluster_id=photo.cluster_id,
                record_id=gallery.record_id(choice.record),
                reference_id=gallery.reference_id(choice.reference),
                score=choice.score,
                decision_score=choice.decision,
                threshold=choice.threshold,
                rank=choice.rank,
                shown_first=first,
                log10_lr=choice.likelihood.log10,
                log10_lr_low=choice.likelihood.low,
                log10_lr_high=choice.likelihood.high,
                support=Support(choice.likelihood.support.value),
                hazards=sorted(hazard.value for hazard in choice.hazards),
            )
        )
    audit.record(
        session,
        SYSTEM,
        Action.GALLERY_SEARCHED,
        "face",
        probe.face_id,
        cause=cause.value,
        tip=str(tip.id),
        records=gallery.size,
        candidates=len(standing),
        encoder=f"{gallery.encoder} {gallery.version}",
    )
    return len(standing)


def _rests_on(gallery: Searched) -> tuple[str, str]:
    """How strict a search was, and which calibration spoke: for auditors."""
    if gallery.size == 0:
        return "", ""
    rules, used = gallery.rules, gallery.rules.calibration
    return (
        f"{rules.operating_point} by {rules.false_matches.kind.value} score",
        f"{used.encoder} {used.version} {used.provenance.made_at}",
    )
