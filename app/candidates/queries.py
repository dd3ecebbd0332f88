"""Questions about candidates and searches."""

from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.candidates.models import OPEN_CANDIDATE_STATES, Candidate, CandidateList, CandidateState, SearchCause
from app.photos.models import Face, FaceRole, Photo, Template
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip


def searched(session: Session, face_id: UUID, encoder: str, version: str) -> bool:
    """Whether a tip's face was compared with all records by this encoder already."""
    found = _searches(encoder, version).where(CandidateList.face_id == face_id)
    return session.exec(found).first() is not None


def picture_searched_before(session: Session, photo: Photo, encoder: str, version: str) -> bool:
    """Whether another tip's copy of the picture, with no fewer faces, was searched and still stands."""
    own_faces = session.exec(
        select(func.count(col(Face.id))).where(Face.photo_id == photo.id, Face.role != FaceRole.BYSTANDER)
    ).one()
    copies = (
        select(Face.photo_id)
        .join(Photo)
        .join(Tip)
        .where(
            Photo.cluster_id == photo.cluster_id,
            Photo.id != photo.id,
            tip_queries.counts(),
            col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
            col(Face.id).in_(_searches(encoder, version)),
        )
        .group_by(col(Face.photo_id))
        .having(func.count(col(Face.id)) >= max(own_faces, 1))
    )
    return photo.cluster_id is not None and session.exec(copies).first() is not None


def _searches(encoder: str, version: str) -> SelectOfScalar[UUID]:
    """Faces that were compared with all records by an encoder."""
    return select(CandidateList.face_id).where(
        col(CandidateList.cause).in_([SearchCause.TIP, SearchCause.PROMOTION]),
        CandidateList.encoder == encoder,
        CandidateList.encoder_version == version,
    )


def standing(session: Session, cluster_id: UUID | None, face_id: UUID, record_id: UUID) -> bool:
    """Whether the same picture or face has a candidate with this record that was not withdrawn."""
    same: ColumnElement[bool] = col(Candidate.face_id) == face_id
    if cluster_id is not None:
        same = (col(Candidate.cluster_id) == cluster_id) & tip_queries.counts() | same
    return (
        session.exec(
            select(Candidate.id)
            .join(Tip, col(Tip.id) == col(Candidate.tip_id))
            .where(same, Candidate.record_id == record_id, Candidate.state != CandidateState.WITHDRAWN)
        ).first()
        is not None
    )


def shown_first(session: Session, face_id: UUID) -> int:
    """How many places of a face's short list are taken; a settled candidate keeps its place."""
    return session.exec(
        select(func.count(col(Candidate.id))).where(
            Candidate.face_id == face_id,
            col(Candidate.shown_first),
            Candidate.state != CandidateState.WITHDRAWN,
        )
    ).one()


def open_of_tip(session: Session, tip_id: UUID) -> list[Candidate]:
    """The tip's candidates that somebody still has to decide."""
    return list(
        session.exec(
            select(Candidate).where(
                Candidate.tip_id == tip_id, col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
            )
        )
    )


def open_of_record(session: Session, record_id: UUID) -> list[Candidate]:
    """The record's candidates that somebody still has to decide."""
    return list(
        session.exec(
            select(Candidate).where(
                Candidate.record_id == record_id, col(Candidate.state).in_(OPEN_CANDIDATE_STATES)
            )
        )
    )


def retained_faces(
    session: Session, encoder: str, version: str, after: UUID, most: int
) -> list[tuple[Face, bytes, Tip]]:
    """Faces of tips that were not taken back, with an encoder's templates, in the order of their ids.

    Bystanders are not among them.
    """
    return list(
        session.exec(
            select(Face, Template.vector, Tip)
            .join(Template, col(Template.face_id) == col(Face.id))
            .join(Photo, col(Photo.id) == col(Face.photo_id))
            .join(Tip, col(Tip.id) == col(Photo.tip_id))
            .where(
                col(Face.id) > after,
                Template.encoder == encoder,
                Template.encoder_version == version,
                Face.role != FaceRole.BYSTANDER,
                col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
                col(Tip.channel_id).not_in(tip_queries.golden_channels()),
            )
            .order_by(col(Face.id))
            .limit(most)
        )
    )


def tips_of_picture(session: Session, cluster_id: UUID) -> list[UUID]:
    """Tips with a photo of a cluster, in the order they came in."""
    return list(
        session.exec(
            select(Tip.id)
            .where(
                col(Tip.id).in_(select(Photo.tip_id).where(Photo.cluster_id == cluster_id)),
                col(Tip.channel_id).not_in(tip_queries.golden_channels()),
            )
            .order_by(col(Tip.received_at), col(Tip.id))
        )
    )


def tips_between(session: Session, first: UUID, last: UUID) -> list[UUID]:
    """Tips from one id to another, in order; known answers are never searched with."""
    return list(
        session.exec(
            select(Tip.id)
            .where(
                col(Tip.id).between(first, last), col(Tip.channel_id).not_in(tip_queries.golden_channels())
            )
            .order_by(col(Tip.id))
        )
    )
