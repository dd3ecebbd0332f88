"""Helpers of tests about the gallery in PostgreSQL."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from app.candidates import vector_index
from app.candidates.gallery import Galleries, GalleryCache, Searched
from app.core.context import Context, open_context
from app.encoders import queries as encoder_queries
from app.encoders.service import EncoderKey
from app.jurisdictions.models import Jurisdiction, Level
from tests.app.candidates.people import DLIB, Vectors
from tests.conftest import test_settings
from tests.servers import postgres

ROUNDING = 1e-6


def opened(folder: Path) -> Context:
    settings = test_settings(folder).model_copy(
        update={"database_url": postgres.database_of(folder), "face_index": "pgvector"}
    )
    return open_context(settings)


def nation() -> Jurisdiction:
    return Jurisdiction(
        code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="部"
    )


def look(context: Context, cache: Galleries) -> Searched:
    with context.db.read() as session:
        return cache.current(session)


def oracle(context: Context) -> Searched:
    return look(context, GalleryCache(context.settings.data_dir))


def build(context: Context, key: EncoderKey = DLIB) -> str:
    with context.db.read() as session:
        encoder = encoder_queries.named(session, key.name, key.version)
        assert encoder is not None
        (shelf,) = vector_index.shelves_of(session, encoder)
    return vector_index.build(context.db, shelf, memory="64MB")


def agree(ours: Searched, theirs: Searched, probe: Vectors, **known: object) -> None:
    """The same references in the same order, but for those that are equally similar."""
    found = ours.nearest(probe, 20, **known)  # type: ignore[arg-type]
    meant = theirs.nearest(probe, 20, **known)  # type: ignore[arg-type]
    assert [each.score for each in found] == pytest.approx([each.score for each in meant], abs=ROUNDING)
    for place, (one, other) in enumerate(zip(found, meant, strict=True)):
        equal = [each.reference_id for each in meant if abs(each.score - other.score) <= 2 * ROUNDING]
        assert one.reference_id in equal, place


def copied(context: Context) -> set[UUID]:
    with context.db.read() as session:
        return set(session.execute(text("SELECT DISTINCT reference_id FROM face_index.copy")).scalars())


def vectors(context: Context) -> dict[UUID, str]:
    with context.db.read() as session:
        return {
            row.reference_id: row.vector
            for row in session.execute(
                text(
                    "SELECT reference_id, CAST(vector AS text) AS vector FROM face_index.copy JOIN encoder "
                    "ON encoder.id = encoder_id WHERE encoder.state = 'active'"
                )
            )
        }


def due(context: Context) -> list[UUID]:
    with context.db.read() as session:
        return list(session.execute(text("SELECT reference_id FROM face_index.due")).scalars())
