"""Searching the gallery and proposing candidates; runs in the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.candidates import queries
from app.candidates.gallery import GalleryCache, OpenGallery
from app.candidates.models import (
    Candidate,
    CandidateList,
    SearchCause,
)
from app.photos.models import Face, Photo, PhotoState
from app.photos.queries import faces_with_templates
from app.records.models import Record, RecordState
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip
from matching.face_quality import QualityReason
from matching.policy import Candidate as Chosen
from matching.policy import expected_false_in_list, lowest_threshold, select_candidates
from matching.ranking import rank

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """A face that the gallery is searched with."""

    face_id: UUID
    template: Vector


def probes_of_tip(session: Session, tip_id: UUID, gallery: GalleryCache) -> list[Probe]:
    """The tip's faces that still have to be searched.

    A copy of a picture that was searched for another tip is left out: its candidates stand already, and
    officers see a picture once. So is a face with too few pixels to compare; its tip reaches triage.
    """
    photos = [photo for photo in tip_queries.photos_of(session, tip_id) if photo.state == PhotoState.EXAMINED]
    fresh = [photo.id for photo in photos if not queries.picture_searched_before(session, photo)]
    return [
        Probe(face.id, np.frombuffer(template.vector, dtype="<f4").astype(np.float32))
        for face, template in faces_with_templates(session, fresh, gallery.encoder, gallery.version)
        if QualityReason.TOO_SMALL.value not in face.quality.get("reasons", ())
        and not queries.searched(session, face.id, gallery.encoder, gallery.version)
    ]


def compare(probe: Probe, gallery: OpenGallery, encoder: str) -> list[Chosen]:
    """Compare one probe with the gallery; pure arithmetic, outside any transaction."""
    if gallery.size == 0:
        return []
    ranked = rank(probe.template, gallery.arrays, lowest_threshold(encoder))
    return select_candidates(ranked, gallery.arrays, encoder)


def propose(
    session: Session,
    probe: Probe,
    chosen: Sequence[Chosen],
    gallery: OpenGallery,
    cache: GalleryCache,
    cause: SearchCause,
    searched_records: int,
) -> int:
    """Write down a search and the candidates it brought up; repeated, it adds none twice.

    Args:
        session: a writing session.
        probe: the face searched with.
        chosen: what `compare` gave.
        gallery: the gallery that was searched.
        cache: names encoder and version.
        cause: why it was searched.
        searched_records: records in the whole open gallery, for the expected number of wrong candidates.

    Returns:
        Candidates added.
    """
    if cause == SearchCause.TIP and queries.searched(session, probe.face_id, cache.encoder, cache.version):
        return 0
    photo, tip = session.exec(
        select(Photo, Tip)
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .join(Face, col(Face.photo_id) == col(Photo.id))
        .where(Face.id == probe.face_id)
    ).one()
    if tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER:
        return 0
    standing = [
        choice
        for choice in chosen
        if not queries.standing(session, photo.cluster_id, probe.face_id, gallery.record_ids[choice.record])
        and session.get_one(Record, gallery.record_ids[choice.record]).state == RecordState.OPEN
    ]
    if cause == SearchCause.RETROACTION and not standing:
        return 0
    made = CandidateList(
        face_id=probe.face_id,
        cause=cause,
        encoder=cache.encoder,
        encoder_version=cache.version,
        gallery_size=searched_records,
        expected_false=_expected_false(cache.encoder, chosen, gallery),
    )
    session.add(made)
    session.flush()
    for choice in standing:
        session.add(
            Candidate(
                list_id=made.id,
                tip_id=tip.id,
                face_id=probe.face_id,
                cluster_id=photo.cluster_id,
                record_id=gallery.record_ids[choice.record],
                reference_id=gallery.reference_ids[choice.reference],
                score=choice.score,
                threshold=choice.threshold,
                rank=choice.rank,
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
        records=searched_records,
        candidates=len(standing),
        encoder=f"{cache.encoder} {cache.version}",
    )
    return len(standing)


def _expected_false(encoder: str, chosen: Sequence[Chosen], gallery: OpenGallery) -> float:
    if chosen:
        return chosen[0].expected_false
    if gallery.size == 0:
        return 0.0
    _, firsts = np.unique(gallery.arrays.records, return_index=True)
    return expected_false_in_list(encoder, gallery.arrays.ages[firsts])
