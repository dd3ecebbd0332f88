"""Questions about suggestions and sightings. `visible_to` and `suggestions_visible_to` are the only doors."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos.models import Face, FaceRole, Photo
from app.sightings.models import Sighting, SightingFace, SightingSuggestion, SuggestionState
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip
from app.tips.queries import NATION

PAIRS_A_PAGE = 5
DECIDED_SHOWN = 10


def suggestions_visible_to(officer: Officer) -> SelectOfScalar[SightingSuggestion]:
    """Suggestions of which the officer may see both tips."""
    return select(SightingSuggestion).where(
        _face_visible_to(officer, col(SightingSuggestion.face_id)),
        _face_visible_to(officer, col(SightingSuggestion.other_id)),
    )


def _face_visible_to(officer: Officer, face_id: Mapped[UUID]) -> ColumnElement[bool]:
    # Asked of each suggestion: there are few of them, and very many tips.
    return (
        tip_queries.visible_to(officer)
        .join(Photo, col(Photo.tip_id) == col(Tip.id))
        .join(Face, col(Face.photo_id) == col(Photo.id))
        .where(col(Face.id) == face_id)
        .correlate(SightingSuggestion)
        .exists()
    )


def visible_to(officer: Officer) -> SelectOfScalar[Sighting]:
    """Sightings of which the officer may see at least one tip."""
    seen = (
        tip_queries.visible_to(officer)
        .join(SightingFace, col(SightingFace.tip_id) == col(Tip.id))
        .where(
            col(SightingFace.sighting_id) == col(Sighting.id),
            or_(
                col(SightingFace.removed_at).is_(None),
                col(SightingFace.removed_at) == col(Sighting.ended_at),
            ),
        )
        .correlate(Sighting)
    )
    return select(Sighting).where(seen.exists())


def get_suggestion(session: Session, officer: Officer, suggestion_id: UUID) -> SightingSuggestion:
    """One suggestion, kept from others' hands until the transaction ends.

    Raises:
        NotFound: no such suggestion among those the officer may see.
    """
    question = suggestions_visible_to(officer).where(SightingSuggestion.id == suggestion_id)
    found = session.exec(question.with_for_update(of=SightingSuggestion)).first()
    if found is None:
        raise NotFound
    return found


def get_visible(session: Session, officer: Officer, sighting_id: UUID, *, hold: bool = False) -> Sighting:
    """One sighting.

    Args:
        session: any session.
        officer: who asks.
        sighting_id: the sighting.
        hold: keep others from changing it until this transaction ends.

    Raises:
        NotFound: no such sighting among those the officer may see.
    """
    question = visible_to(officer).where(Sighting.id == sighting_id)
    found = session.exec(question.with_for_update(of=Sighting) if hold else question).first()
    if found is None:
        raise NotFound
    return found


def waits() -> ColumnElement[bool]:
    """Whether a suggestion is still to be decided.

    Nobody has decided it, both faces still stand for a child of a tip that was not taken back, they are not
    one picture by now, and no other decision has put them into one sighting already.
    """
    first, second = aliased(SightingFace), aliased(SightingFace)
    together = (
        select(first.id)
        .join(second, col(second.sighting_id) == col(first.sighting_id))
        .where(
            first.face_id == SightingSuggestion.face_id,
            second.face_id == SightingSuggestion.other_id,
            col(first.removed_at).is_(None),
            col(second.removed_at).is_(None),
        )
    )
    return and_(
        col(SightingSuggestion.state) == SuggestionState.OPEN, ~_fallen().exists(), ~together.exists()
    )


def _fallen() -> SelectOfScalar[UUID]:
    """Why a suggestion of the outer question may not be decided: its faces or tips no longer count."""
    face, other = aliased(Face), aliased(Face)
    photo, copy = aliased(Photo), aliased(Photo)
    tip, its_tip = aliased(Tip), aliased(Tip)
    return (
        select(face.id)
        .select_from(face)
        .join(photo, col(photo.id) == col(face.photo_id))
        .join(tip, col(tip.id) == col(photo.tip_id))
        .join(other, col(other.id) == col(SightingSuggestion.other_id))
        .join(copy, col(copy.id) == col(other.photo_id))
        .join(its_tip, col(its_tip.id) == col(copy.tip_id))
        .where(
            face.id == SightingSuggestion.face_id,
            or_(
                face.role == FaceRole.BYSTANDER,
                other.role == FaceRole.BYSTANDER,
                tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER,
                its_tip.disposition == Disposition.WITHDRAWN_BY_TIPSTER,
                photo.cluster_id == copy.cluster_id,
            ),
        )
        .correlate(SightingSuggestion)
    )


def still_counts(session: Session, suggestion: SightingSuggestion) -> bool:
    """Whether a suggestion's faces still stand for children of tips that count, in different pictures."""
    question = select(SightingSuggestion.id).where(
        SightingSuggestion.id == suggestion.id, ~_fallen().exists()
    )
    return session.exec(question).first() is not None


def waiting(session: Session, officer: Officer, page: int) -> Listing[SightingSuggestion]:
    """A page of the suggestions that wait, oldest first: the order says nothing of a score."""
    question = (
        suggestions_visible_to(officer)
        .where(waits())
        .order_by(col(SightingSuggestion.made_at), col(SightingSuggestion.id))
    )
    return listing(session, question, page, PAIRS_A_PAGE)


def decided_by(session: Session, officer: Officer) -> list[SightingSuggestion]:
    """The suggestions that the officer decided last, and still sees."""
    return list(
        session.exec(
            suggestions_visible_to(officer)
            .where(
                SightingSuggestion.decided_by == officer.id,
                col(SightingSuggestion.state).in_([SuggestionState.CONFIRMED, SuggestionState.DECLINED]),
            )
            .order_by(col(SightingSuggestion.decided_at).desc())
            .limit(DECIDED_SHOWN)
        )
    )


def standing(session: Session, officer: Officer, page: int) -> Listing[Sighting]:
    """A page of the sightings that stand, the newest first."""
    question = (
        visible_to(officer)
        .where(col(Sighting.ended_at).is_(None))
        .order_by(col(Sighting.made_at).desc(), col(Sighting.id).desc())
    )
    return listing(session, question, page)


def of_tips(session: Session, officer: Officer, tip_ids: Collection[UUID]) -> list[Sighting]:
    """The sightings that stand and hold a face of one of these tips, the newest first."""
    seen = visible_tip_ids(session, officer, tip_ids)
    held = select(SightingFace.sighting_id).where(
        col(SightingFace.tip_id).in_(seen), col(SightingFace.removed_at).is_(None)
    )
    question = visible_to(officer).where(col(Sighting.id).in_(held), col(Sighting.ended_at).is_(None))
    return list(session.exec(question.order_by(col(Sighting.made_at).desc(), col(Sighting.id).desc())))


def rows_of(session: Session, sighting_ids: Collection[UUID]) -> list[SightingFace]:
    """All rows of sightings in the order they were added, also of faces taken out; none of an undone step."""
    return list(
        session.exec(
            select(SightingFace)
            .where(col(SightingFace.sighting_id).in_(sighting_ids), _held_ever())
            .order_by(col(SightingFace.added_at), col(SightingFace.id))
        )
    )


def last_step(
    session: Session, sighting_ids: Collection[UUID], face_ids: Collection[UUID]
) -> datetime | None:
    """When something was last done with sightings or faces; None if nothing was."""
    rows = session.exec(
        select(SightingFace).where(
            or_(
                col(SightingFace.sighting_id).in_(sighting_ids),
                col(SightingFace.face_id).in_(face_ids),
            )
        )
    )
    return max((row.removed_at or row.added_at for row in rows), default=None)


def _held_ever() -> ColumnElement[bool]:
    """Whether a row is of a step that was not undone: an undone one ends when it began."""
    return or_(
        col(SightingFace.removed_at).is_(None),
        col(SightingFace.removed_at) != col(SightingFace.added_at),
    )


def standing_row(session: Session, face_id: UUID) -> SightingFace | None:
    """The row by which a face is in a sighting now."""
    return session.exec(
        select(SightingFace).where(SightingFace.face_id == face_id, col(SightingFace.removed_at).is_(None))
    ).first()


def ended_into(session: Session, face_ids: Collection[UUID], at: datetime) -> list[SightingFace]:
    """Rows that ended at a moment because their sighting was joined to another, by the faces that moved."""
    return list(
        session.exec(
            select(SightingFace)
            .join(Sighting, col(Sighting.id) == col(SightingFace.sighting_id))
            .where(
                col(SightingFace.face_id).in_(face_ids),
                col(SightingFace.removed_at) == at,
                col(Sighting.ended_at) == at,
                _held_ever(),
            )
        )
    )


def may_be_suggested(session: Session, face_id: UUID, other_id: UUID) -> bool:
    """Whether two faces were not suggested before, and are not in one sighting."""
    known = select(SightingSuggestion.id).where(
        SightingSuggestion.face_id == face_id, SightingSuggestion.other_id == other_id
    )
    if session.exec(known).first() is not None:
        return False
    row, other = standing_row(session, face_id), standing_row(session, other_id)
    return row is None or other is None or row.sighting_id != other.sighting_id


def faces_shown(session: Session, face_ids: Collection[UUID]) -> dict[UUID, tuple[Face, Photo, Tip]]:
    """Faces with their photos and tips, by the faces' ids."""
    found = session.exec(
        select(Face, Photo, Tip)
        .join(Photo, col(Photo.id) == col(Face.photo_id))
        .join(Tip, col(Tip.id) == col(Photo.tip_id))
        .where(col(Face.id).in_(face_ids))
    )
    return {face.id: (face, photo, tip) for face, photo, tip in found}


def visible_tip_ids(session: Session, officer: Officer, tip_ids: Collection[UUID]) -> set[UUID]:
    """Those of the tips that the officer may see."""
    question = tip_queries.visible_to(officer).where(col(Tip.id).in_(tip_ids))
    return {tip.id for tip in session.exec(question)}


def doubted(session: Session, face_ids: Sequence[UUID]) -> int:
    """How many pairs of these faces were declined as suggestions."""
    return session.exec(
        select(func.count(col(SightingSuggestion.id))).where(
            SightingSuggestion.state == SuggestionState.DECLINED,
            col(SightingSuggestion.face_id).in_(face_ids),
            col(SightingSuggestion.other_id).in_(face_ids),
        )
    ).one()


def common_area(session: Session, codes: Collection[str | None]) -> str:
    """The smallest area that holds all of some areas; the nation where one is not known."""
    question = select(Jurisdiction.path).where(col(Jurisdiction.code).in_([code or NATION for code in codes]))
    paths = [path.strip("/").split("/") for path in session.exec(question)]
    shared = [each[0] for each in zip(*paths, strict=False) if len(set(each)) == 1]
    return shared[-1] if shared else NATION
