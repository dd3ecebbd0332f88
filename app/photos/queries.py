"""Questions about photos, and the one door to a picture."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from app.core.errors import NotFound
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo, PhotoHash, Rendition, RenditionKind, Template
from app.tips import queries as tip_queries

TIP_PHOTO_ROLES = (Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR)
REFERENCE_ROLES = (*TIP_PHOTO_ROLES, Role.CLERK)


def get_viewable(
    session: Session, officer: Officer, photo_id: UUID, kind: RenditionKind, face_position: int
) -> Rendition:
    """A rendition that the officer may look at; originals have no such door.

    Args:
        session: any session.
        officer: who looks.
        photo_id: the photo.
        kind: which derived picture.
        face_position: which face a crop shows; -1 for pictures of the whole scene.

    Returns:
        The rendition's row.

    Raises:
        NotFound: no such picture, another area's tip, or a role that sees no photos.
    """
    photo = session.get(Photo, photo_id)
    if photo is None or not officer.has(*(TIP_PHOTO_ROLES if photo.tip_id else REFERENCE_ROLES)):
        raise NotFound
    if photo.tip_id is not None:
        tip_queries.get_visible(session, officer, photo.tip_id)
    rendition = session.exec(
        select(Rendition).where(
            Rendition.photo_id == photo_id,
            Rendition.kind == kind,
            Rendition.face_position == face_position,
        )
    ).first()
    if rendition is None:
        raise NotFound
    return rendition


def near(session: Session, photo_id: UUID, bands: Sequence[Sequence[int]]) -> list[tuple[Photo, PhotoHash]]:
    """Other tips' photos of which at least one hash band lies near.

    Args:
        session: any session.
        photo_id: the photo asked about; left out of the answer.
        bands: four lists of band values to look for, as `matching.hashing` gives them.

    Returns:
        Photos with their hashes, oldest first; the caller compares whole hashes.
    """
    columns = (PhotoHash.band0, PhotoHash.band1, PhotoHash.band2, PhotoHash.band3)
    found: dict[UUID, tuple[Photo, PhotoHash]] = {}
    for column, keys in zip(columns, bands, strict=True):
        rows = session.exec(
            select(Photo, PhotoHash)
            .join(PhotoHash, col(PhotoHash.photo_id) == col(Photo.id))
            .where(
                col(column).in_(keys),
                Photo.id != photo_id,
                col(Photo.tip_id).is_not(None),
                col(Photo.kept_apart).is_(False),
            )
        )
        found.update({photo.id: (photo, stored) for photo, stored in rows})
    return sorted(found.values(), key=lambda pair: (pair[0].received_at, pair[0].id))


def same_bytes(session: Session, photo: Photo) -> Photo | None:
    """The oldest clustered tip photo with the very same bytes."""
    return session.exec(
        select(Photo)
        .where(
            Photo.sha256 == photo.sha256,
            Photo.id != photo.id,
            col(Photo.tip_id).is_not(None),
            col(Photo.cluster_id).is_not(None),
            col(Photo.kept_apart).is_(False),
        )
        .order_by(col(Photo.received_at), col(Photo.id))
    ).first()


def faces_with_templates(
    session: Session, photo_ids: list[UUID], encoder: str, version: str
) -> list[tuple[Face, Template]]:
    """Faces of photos that an encoder has encoded, in order of photo and position."""
    return list(
        session.exec(
            select(Face, Template)
            .join(Template, col(Template.face_id) == col(Face.id))
            .where(
                col(Face.photo_id).in_(photo_ids),
                Template.encoder == encoder,
                Template.encoder_version == version,
            )
            .order_by(col(Face.photo_id), col(Face.position))
        )
    )
