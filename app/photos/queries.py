"""Questions about photos, and the one door to a picture."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.core.errors import NotFound
from app.officers.models import Officer, Role
from app.photos.models import (
    Face,
    KnownList,
    KnownPicture,
    KnownWord,
    Photo,
    PhotoFingerprint,
    PhotoHash,
    PhotoLink,
    PhotoOnList,
    PhotoWord,
    Rendition,
    RenditionKind,
    Template,
)
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
        compares = officer.has(Role.REVIEWER, Role.SUPERVISOR)
        door = tip_queries.get_reviewable if compares else tip_queries.get_visible
        door(session, officer, photo.tip_id)
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
    """Other tips' photos without a fingerprint of which at least one hash band lies near.

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
                col(Photo.id).not_in(select(PhotoFingerprint.photo_id)),
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


def fingerprint_of(session: Session, photo_id: UUID) -> PhotoFingerprint | None:
    """A photo's fingerprint, if it has one."""
    return session.exec(select(PhotoFingerprint).where(PhotoFingerprint.photo_id == photo_id)).first()


def newest_fingerprint(session: Session) -> int:
    """The number of the fingerprint that was filed last; 0 if there is none."""
    return session.exec(select(func.max(col(PhotoFingerprint.number)))).one() or 0


class FiledHashes(NamedTuple):
    """What is read of the many photos that share a word by chance."""

    number: int | None
    photo_id: UUID
    pdq: str
    content_pdq: str
    cluster_id: UUID | None


def with_hash_words(session: Session, words: Collection[int], after: int = 0) -> list[FiledHashes]:
    """Hashes of photos that are filed under one of the words, and under a number above `after`."""
    numbers = select(PhotoWord.number).where(col(PhotoWord.word).in_(words), col(PhotoWord.number) > after)
    rows = session.exec(
        select(  # type: ignore[call-overload]
            PhotoFingerprint.number,
            PhotoFingerprint.photo_id,
            PhotoFingerprint.pdq,
            PhotoFingerprint.content_pdq,
            Photo.cluster_id,
        )
        .join(Photo, col(Photo.id) == col(PhotoFingerprint.photo_id))
        .where(col(PhotoFingerprint.number).in_(numbers))
    )
    return [FiledHashes(*row) for row in rows]


def sharing_words(session: Session, words: Collection[int], after: int, most: int) -> set[int]:
    """Numbers, above `after`, of those photos that are filed under most of the words."""
    shared = func.count()
    return set(
        session.exec(
            select(PhotoWord.number)
            .where(col(PhotoWord.word).in_(words), col(PhotoWord.number) > after)
            .group_by(col(PhotoWord.number))
            .order_by(shared.desc(), col(PhotoWord.number))
            .limit(most)
        )
    )


def common_words(session: Session, words: Collection[int], photos: int) -> set[int]:
    """Those of the words that at least so many photos are filed under."""
    return set(
        session.exec(
            select(PhotoWord.word)
            .where(col(PhotoWord.word).in_(words))
            .group_by(col(PhotoWord.word))
            .having(func.count() >= photos)
        )
    )


def open_fingerprints(session: Session, numbers: Collection[int]) -> list[PhotoFingerprint]:
    """Fingerprints of tips' photos that others may be joined to."""
    return list(
        session.exec(
            select(PhotoFingerprint)
            .join(Photo, col(Photo.id) == col(PhotoFingerprint.photo_id))
            .where(
                col(PhotoFingerprint.number).in_(numbers),
                col(Photo.tip_id).is_not(None),
                col(Photo.kept_apart).is_(False),
            )
            .order_by(col(PhotoFingerprint.number))
        )
    )


def clustered(session: Session, photo_ids: Sequence[UUID]) -> list[Photo]:
    """Those of the photos that have a cluster and are not kept apart, in the order given."""
    found = {
        photo.id: photo
        for photo in session.exec(
            select(Photo).where(
                col(Photo.id).in_(photo_ids),
                col(Photo.cluster_id).is_not(None),
                col(Photo.kept_apart).is_(False),
            )
        )
    }
    return [found[photo_id] for photo_id in photo_ids if photo_id in found]


def known_with_words(session: Session, words: Collection[int]) -> list[KnownPicture]:
    """Known pictures of all lists that are filed under one of the words."""
    numbers = select(KnownWord.number).where(col(KnownWord.word).in_(words))
    return list(session.exec(select(KnownPicture).where(col(KnownPicture.number).in_(numbers))))


def links_of(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, list[PhotoLink]]:
    """By photo, what it is of others; those by which it stands in its cluster first."""
    found: dict[UUID, list[PhotoLink]] = {}
    for link in session.exec(
        select(PhotoLink)
        .where(col(PhotoLink.photo_id).in_(photo_ids))
        .order_by(col(PhotoLink.joined).desc(), col(PhotoLink.made_at))
    ):
        found.setdefault(link.photo_id, []).append(link)
    return found


def lists_of(
    session: Session, photo_ids: Collection[UUID]
) -> dict[UUID, list[tuple[KnownList, KnownPicture]]]:
    """By photo, the known pictures that it or a copy of it looks like: each list once, the nearest one."""
    found: dict[UUID, dict[UUID, tuple[KnownList, KnownPicture]]] = {}
    copy = aliased(Photo)
    itself = col(copy.id) == col(Photo.id)
    for photo_id, known_list, known in session.exec(
        select(Photo.id, KnownList, KnownPicture)
        .join(copy, itself | (col(copy.cluster_id) == col(Photo.cluster_id)))
        .join(PhotoOnList, col(PhotoOnList.photo_id) == col(copy.id))
        .join(KnownPicture, col(KnownPicture.number) == col(PhotoOnList.known_number))
        .join(KnownList, col(KnownList.id) == col(KnownPicture.list_id))
        .where(col(Photo.id).in_(photo_ids))
        .order_by(col(PhotoOnList.distance), col(KnownList.name))
    ):
        found.setdefault(photo_id, {}).setdefault(known_list.id, (known_list, known))
    return {photo_id: list(lists.values()) for photo_id, lists in found.items()}


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
