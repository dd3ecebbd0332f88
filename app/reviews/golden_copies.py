"""Copying a known answer into rows that look like those of any tip and candidate."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from app.candidates.models import Candidate, CandidateList, SearchCause
from app.core.clock import now
from app.core.files import PhotoStore, StoredFile
from app.photos.models import Face, Photo, Rendition
from app.records.models import Reference
from app.reviews import golden_faces
from app.reviews.models import GoldenItem, GoldenUse
from app.tips.models import Tip


@dataclass(frozen=True)
class Copied:
    """A probe's photo, its derived pictures and faces, with durable copies of their files.

    Attributes:
        photo: the photo that was copied.
        file: the copy of its original.
        renditions: its derived pictures, each with its copy.
        faces: the faces in it.
    """

    photo: Photo
    file: StoredFile
    renditions: list[tuple[Rendition, StoredFile]]
    faces: list[Face]


def copy_pictures(session: Session, store: PhotoStore, photo_id: UUID) -> Copied:
    """Copy a photo's files; no row names the copies yet."""
    photo = session.get_one(Photo, photo_id)
    renditions = session.exec(
        select(Rendition)
        .where(Rendition.photo_id == photo_id)
        .order_by(col(Rendition.kind), col(Rendition.face_position))
    ).all()
    faces = session.exec(select(Face).where(Face.photo_id == photo_id).order_by(col(Face.position))).all()
    return Copied(
        photo,
        _copy(store, photo),
        [(rendition, _copy(store, rendition)) for rendition in renditions],
        list(faces),
    )


def drop(store: PhotoStore, copied: Copied) -> None:
    """Remove copies that no row names."""
    for file in (copied.file, *(file for _, file in copied.renditions)):
        store.delete(file.store_key)


def write(
    session: Session, tip: Tip, copied: Copied, item: GoldenItem, beside: Candidate, own_id: UUID
) -> None:
    """Write a disguised tip's photo, faces, candidate list and candidate.

    The photo gets no hash, no cluster and no template: no picture is joined to it, and nothing is searched
    with it. What the search seems to have said is what it said of the candidate beside it.

    Args:
        session: a writing session.
        tip: the disguised tip, flushed.
        copied: the probe's pictures.
        item: the known answer.
        beside: the candidate that it is mixed in with.
        own_id: id of the new candidate.
    """
    photo = Photo(
        tip_id=tip.id,
        sha256=copied.file.sha256,
        byte_count=copied.file.byte_count,
        format=copied.photo.format,
        store_key=copied.file.store_key,
        sealed_key=copied.file.sealed_key,
        state=copied.photo.state,
        examined_at=now(),
        width=copied.photo.width,
        height=copied.photo.height,
    )
    session.add(photo)
    session.flush()
    for rendition, file in copied.renditions:
        session.add(
            Rendition(
                photo_id=photo.id,
                kind=rendition.kind,
                face_position=rendition.face_position,
                store_key=file.store_key,
                sealed_key=file.sealed_key,
                width=rendition.width,
                height=rendition.height,
            )
        )
    faces = {
        face.id: Face(photo_id=photo.id, **face.model_dump(exclude={"id", "photo_id"}))
        for face in copied.faces
    }
    session.add_all(faces.values())
    session.flush()
    probe = faces[golden_faces.probed(session, item, copied.faces).id]
    session.add(_candidate(session, tip, probe, item, beside, own_id))
    session.flush()
    session.add(GoldenUse(candidate_id=own_id, item_id=item.id))


def _candidate(
    session: Session, tip: Tip, face: Face, item: GoldenItem, beside: Candidate, own_id: UUID
) -> Candidate:
    reference = session.exec(
        select(Reference)
        .where(
            Reference.record_id == item.record_id,
            col(Reference.face_id).is_not(None),
            col(Reference.removed_at).is_(None),
        )
        .order_by(col(Reference.id))
    ).first()
    if reference is None:
        msg = f"the record of known answer {item.name} has no face any more"
        raise ValueError(msg)
    said = session.get_one(CandidateList, beside.list_id)
    made = CandidateList(
        **said.model_dump(exclude={"id", "face_id", "cause", "searched_at"}),
        face_id=face.id,
        cause=SearchCause.TIP,
    )
    session.add(made)
    session.flush()
    own = {"id", "list_id", "tip_id", "face_id", "cluster_id", "record_id", "reference_id"}
    progress = {"state", "proposed_at", "settled_at", "rank", "shown_first"}
    return Candidate(
        **beside.model_dump(exclude=own | progress),
        id=own_id,
        list_id=made.id,
        tip_id=tip.id,
        face_id=face.id,
        record_id=item.record_id,
        reference_id=reference.id,
        rank=1,
    )


def _copy(store: PhotoStore, row: Photo | Rendition) -> StoredFile:
    return store.put(store.get(row.store_key, row.sealed_key))
