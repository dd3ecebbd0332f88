"""The pictures of a case that may leave the screen: compared faces, and scenes with every face hidden."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from app.cases.area_sketch import letter
from app.cases.page_queries import CasePage
from app.core.crypto import Unsealable
from app.core.errors import NotFound, message
from app.core.files import PhotoStore
from app.officers.models import Officer
from app.photos import service as photos
from app.photos.models import Face, FaceRole, PhotoState, RenditionKind

FROM_TIP = message("Face from the tip, compared with the record")
MARKED = message("Face from tip %(letter)s, marked as the child")
FROM_RECORD = message("Face from the record")
FROM_RECORD_AT = message("Face from the record, at the age of %(age)s")
SCENE = message("Scene of tip %(letter)s, faces hidden")


@dataclass(frozen=True)
class Sealed:
    """A file of the store, to be opened when it is needed."""

    store_key: str
    sealed_key: bytes

    def data(self, store: PhotoStore) -> bytes | None:
        """Its bytes; None when the file is gone or was altered."""
        try:
            return store.get(self.store_key, self.sealed_key)
        except (FileNotFoundError, Unsealable):
            return None


@dataclass(frozen=True)
class Picture:
    """A rendition that may be printed.

    Attributes:
        photo_id: its photo.
        kind: which derived picture.
        face: position of the face it shows; -1 for a scene.
        caption: English, also the translation key.
        values: for the caption.
        sealed: where its bytes lie; None when there is no such picture, or not for this officer.
    """

    photo_id: UUID
    kind: RenditionKind
    face: int
    caption: str
    values: dict[str, str]
    sealed: Sealed | None = None


def of_case(session: Session, shown: CasePage) -> list[Picture]:
    """All pictures of a case that may be printed; of photos that are one picture, the first."""
    return [*_faces(session, shown), *_scenes(shown)]


def opened(
    picture: Picture, store: PhotoStore, officer: Officer, moment: datetime, zone: ZoneInfo
) -> bytes | None:
    """A picture's bytes, marked with who took it out and when; None when the file is gone.

    Raises:
        Unavailable: it could not be marked.
    """
    data = picture.sealed.data(store) if picture.sealed else None
    if data is None:
        return None
    return photos.marked(data, officer, picture.photo_id, picture.kind, moment, zone)


def logged(session: Session, officer: Officer, pictures: Iterable[Picture]) -> list[Picture]:
    """Pictures ready to be opened, each in the audit log as seen by the officer."""
    return [_logged(session, officer, picture) for picture in pictures]


def _faces(session: Session, shown: CasePage) -> Iterator[Picture]:
    if shown.probe is not None:
        yield Picture(shown.probe[0], RenditionKind.FACE, shown.probe[1], FROM_TIP, {})
    for number, item in enumerate(shown.tips):
        marked = select(Face).where(
            col(Face.photo_id).in_([photo.id for photo in item.photos]), Face.role == FaceRole.CHILD
        )
        for face in session.exec(marked.order_by(col(Face.photo_id), col(Face.position))):
            if (face.photo_id, face.position) != shown.probe:
                yield Picture(
                    face.photo_id, RenditionKind.FACE, face.position, MARKED, {"letter": letter(number)}
                )
    for each in shown.references:
        if each.face is not None:
            age = each.reference.age_years
            told = (FROM_RECORD, {}) if age is None else (FROM_RECORD_AT, {"age": f"{age:.1f}"})
            yield Picture(each.photo.id, RenditionKind.FACE, each.face, *told)


def _scenes(shown: CasePage) -> Iterator[Picture]:
    seen = set()
    for number, item in enumerate(shown.tips):
        for photo in item.photos:
            if photo.state == PhotoState.EXAMINED and (photo.cluster_id or photo.id) not in seen:
                seen.add(photo.cluster_id or photo.id)
                yield Picture(photo.id, RenditionKind.REDACTED, -1, SCENE, {"letter": letter(number)})


def _logged(session: Session, officer: Officer, picture: Picture) -> Picture:
    try:
        row = photos.show(session, officer, picture.photo_id, picture.kind, picture.face)
    except NotFound:
        return picture
    return replace(picture, sealed=Sealed(row.store_key, row.sealed_key))
