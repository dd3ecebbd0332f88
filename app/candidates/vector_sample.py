"""What rules are learned from where the gallery lies in PostgreSQL: an even sample of its records."""

from collections.abc import Collection
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from app.candidates import gallery_rows, vector_copies
from app.candidates.gallery import GalleryCache, OpenGallery
from app.candidates.gallery_rows import Rows
from app.encoders.models import EnrolledEncoder
from app.records.models import Reference

LEARNED_FROM: Final = 20_000
"""References that the rules are learned from at most: ten times the cohort, and four million comparisons of
strangers in each of five age bands. In memory with 320 numbers: 26 MB, and 26 MB for decisions."""

OVERGROWN: Final = 1.5
"""How many times its size a sample may have before it is drawn anew."""

ASKED_AT_A_TIME: Final = 500
"""Ids in one question."""


class SampleCache(GalleryCache):
    """A gallery in memory of some records only, drawn by their ids: what the rules are learned from.

    Args:
        data_dir: the data folder.
        most: references at which it stops to take all.
    """

    def __init__(self, data_dir: Path, most: int = LEARNED_FROM) -> None:
        super().__init__(data_dir)
        self._most = most
        self._last_draw: int | None = None
        """The highest draw that is in; None for all."""

    @property
    def whole(self) -> bool:
        """Whether it holds every reference."""
        return self._last_draw is None

    def current(self, session: Session) -> OpenGallery:
        """As `GalleryCache` has it; drawn anew once it has become half as large again as it should be."""
        if len(self._index) > OVERGROWN * self._most:
            self._encoder = None
        return super().current(session)

    def _rows(self, session: Session, encoder: EnrolledEncoder, only: Collection[UUID] | None = None) -> Rows:
        return gallery_rows.rows(
            session, encoder, only=self._drawn(session, encoder) if only is None else only
        )

    def _own(self, session: Session, changed: list[UUID]) -> list[UUID]:
        if self._last_draw is None:
            return changed
        record_of: dict[UUID, UUID] = {}
        for start in range(0, len(changed), ASKED_AT_A_TIME):
            some = changed[start : start + ASKED_AT_A_TIME]
            question = select(Reference.id, Reference.record_id).where(col(Reference.id).in_(some))
            record_of |= dict(session.exec(question).all())
        held = set(self._index.ids[self._index.rows_of(gallery_rows.ids_of(changed))].tolist())
        return [
            reference_id
            for reference_id, key in zip(changed, gallery_rows.ids_of(changed).tolist(), strict=True)
            if key in held
            or (
                reference_id in record_of
                and vector_copies.draw_of(record_of[reference_id]) <= self._last_draw
            )
        ]

    def _drawn(self, session: Session, encoder: EnrolledEncoder) -> list[UUID] | None:
        """References of records up to the draw at which there are enough; None for all."""
        self._last_draw = session.execute(
            text(
                "SELECT draw FROM face_index.copy WHERE encoder_id = :encoder "
                "ORDER BY draw OFFSET :most LIMIT 1"
            ),
            {"encoder": encoder.id, "most": self._most},
        ).scalar()
        if self._last_draw is None:
            return None
        found = session.execute(
            text("SELECT reference_id FROM face_index.copy WHERE encoder_id = :encoder AND draw <= :last"),
            {"encoder": encoder.id, "last": self._last_draw},
        )
        return list(found.scalars())
