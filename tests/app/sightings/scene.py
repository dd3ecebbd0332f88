"""Tips with faces that can be compared, near to and far from each other."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlmodel import col, select

from app.candidates.gallery import GalleryCache
from app.core.clock import now
from app.core.context import Context
from app.encoders.service import EncoderKey
from app.photos.models import Face, Photo, Template
from app.sightings import jobs
from app.sightings.models import SightingFace, SightingSuggestion
from app.tips.models import Tip
from tests.make import Make

KEY = EncoderKey("face_recognition", "test 1")
FUTIAN = (22.5431, 114.0579)


def child(number: int, other: float = 0.0) -> bytes:
    """A template of a child; `other` is by how much this picture differs, 0 to 1."""
    vector = np.random.default_rng(number).normal(size=128)
    noise = np.random.default_rng(int(other * 1e6) + 77).normal(size=128)
    return (vector + other * noise).astype("<f4").tobytes()


class Scene:
    """One deployment's tips and what is suggested between them."""

    def __init__(self, context: Context, make: Make) -> None:
        self.context, self.make = context, make
        self.gallery = GalleryCache(context.settings.data_dir)

    def tip(
        self,
        template: bytes,
        *,
        at: tuple[float, float] | None = FUTIAN,
        hours_ago: float = 1.0,
        area: str = "440304",
        channel_id: UUID | None = None,
    ) -> Tip:
        """A tip with one face, seen at a place and time."""
        sent: dict[str, Any] = {} if channel_id is None else {"channel_id": channel_id}
        tip = self.make.tip(
            area=area,
            latitude=at[0] if at else None,
            longitude=at[1] if at else None,
            observed_at=now() - timedelta(hours=hours_ago),
            **sent,
        )
        with self.context.db.write() as session:
            session.add(
                Template(
                    face_id=self.face(tip).id, encoder=KEY.name, encoder_version=KEY.version, vector=template
                )
            )
        return tip

    def face(self, tip: Tip) -> Face:
        """The face of a tip's first photo."""
        with self.context.db.read() as session:
            question = select(Face).join(Photo, col(Photo.id) == col(Face.photo_id))
            return session.exec(question.where(Photo.tip_id == tip.id)).one()

    def photo(self, tip: Tip) -> Photo:
        """A tip's first photo."""
        with self.context.db.read() as session:
            return session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()

    def suggest(self, tip: Tip) -> int:
        """What the worker does with a new tip."""
        return jobs.suggest(self.context, self.gallery, tip.id)

    def suggestions(self) -> list[SightingSuggestion]:
        """All suggestions, in the order they were made."""
        with self.context.db.read() as session:
            return list(session.exec(select(SightingSuggestion).order_by(col(SightingSuggestion.id))))

    def suggested(self, face: UUID, other: UUID) -> UUID:
        """A suggestion as the worker writes it, of any two faces."""
        first, second = sorted((face, other))
        made = SightingSuggestion(
            face_id=first,
            other_id=second,
            score=0.98765,
            encoder=KEY.name,
            encoder_version=KEY.version,
            distance_m=812.0,
            hours_apart=3.5,
        )
        with self.context.db.write() as session:
            session.add(made)
        return made.id

    def partition(self) -> set[frozenset[UUID]]:
        """Which faces are one child's now."""
        held: dict[UUID, set[UUID]] = {}
        for row in self.standing():
            held.setdefault(row[1], set()).add(row[2])
        return {frozenset(faces) for faces in held.values()}

    def standing(self) -> set[tuple[UUID, UUID, UUID, datetime]]:
        """The rows by which faces are in sightings now."""
        with self.context.db.read() as session:
            rows = session.exec(select(SightingFace).where(col(SightingFace.removed_at).is_(None)))
            return {(row.id, row.sighting_id, row.face_id, row.added_at) for row in rows}
