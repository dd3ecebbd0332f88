"""Looking photos up by bands of their hashes, on both databases, beside comparing with every one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlmodel import Session

from app.core.columns import new_id
from app.core.context import Context, open_context
from app.photos import joining, queries
from app.photos.models import Photo, PhotoFingerprint, PhotoHash, PhotoWord
from matching.hashing import SAME_PICTURE_DISTANCE, band_keys, bands, from_signed, hash_distance, to_signed
from matching.pictures.pdq import SAME_PDQ, Pdq, band_words, near_band_words, pdq_distance
from tests.conftest import test_settings
from tests.make import Make
from tests.servers import postgres


@st.composite
def families(draw: st.DrawFn, bits: int, furthest: int) -> tuple[int, list[int]]:
    """A hash, and others: copies of it that differ in up to so many bits, and strangers."""
    probe = draw(st.integers(0, 2**bits - 1))
    distances = draw(st.lists(st.integers(0, furthest), min_size=1, max_size=12))
    copies = [
        probe ^ sum(1 << bit for bit in draw(st.permutations(range(bits)))[:distance])
        for distance in distances
    ]
    return probe, copies + draw(st.lists(st.integers(0, 2**bits - 1), max_size=12))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A deployment on each database, whatever the other tests run on."""
    folder: Path = tmp_path_factory.mktemp("hashes")
    address = (
        postgres.database_of(folder) if request.param == "postgresql" else f"sqlite:///{folder / 'x.sqlite'}"
    )
    context = open_context(test_settings(folder).model_copy(update={"database_url": address}))
    yield context
    context.close()
    if request.param == "postgresql":
        postgres.forget(folder)


@pytest.fixture(scope="module")
def tip_id(stored: Context) -> UUID:
    """Whose photos they are."""
    return Make(stored).tip(area=None, photos=0).id


@contextmanager
def photos(context: Context, tip_id: UUID, count: int) -> Iterator[tuple[Session, list[UUID]]]:
    """A session with so many photos, of which nothing is left behind it."""
    with Session(context.db.engine) as session:
        ids = [new_id() for _ in range(count)]
        rows = [
            Photo(
                id=each,
                tip_id=tip_id,
                sha256="",
                byte_count=1,
                format="JPEG",
                store_key=each.hex,
                sealed_key=b"",
            ).model_dump()
            for each in ids
        ]
        session.execute(insert(Photo), rows)
        yield session, ids
        session.rollback()


@settings(deadline=None, max_examples=15)
@given(family=families(64, SAME_PICTURE_DISTANCE + 3))
def test_every_hash_within_the_distance_is_found_by_its_bands(
    stored: Context, tip_id: UUID, family: tuple[int, list[int]]
) -> None:
    """None is lost, and what is left after comparing is what comparing with all gives."""
    probe, others = family
    with photos(stored, tip_id, len(others)) as (session, ids):
        session.execute(
            insert(PhotoHash),
            [
                {
                    "photo_id": photo_id,
                    "phash": to_signed(other),
                    "verification": bytes(32),
                    "detail": 40.0,
                    **{f"band{place}": band for place, band in enumerate(bands(other))},
                }
                for photo_id, other in zip(ids, others, strict=True)
            ],
        )
        near = queries.near(session, new_id(), band_keys(probe))
        found = {
            photo.id
            for photo, stored_hash in near
            if hash_distance(from_signed(stored_hash.phash), probe) <= SAME_PICTURE_DISTANCE
        }

    assert found == {
        photo_id
        for photo_id, other in zip(ids, others, strict=True)
        if hash_distance(other, probe) <= SAME_PICTURE_DISTANCE
    }


@settings(deadline=None, max_examples=15)
@given(family=families(256, SAME_PDQ + 6))
def test_every_exchanged_hash_within_the_distance_is_found_by_its_words(
    stored: Context, tip_id: UUID, family: tuple[int, list[int]]
) -> None:
    """The same of the long hash, with the distance of each."""
    probe, *others = (Pdq(each.to_bytes(32, "big"), 100) for each in (family[0], *family[1]))
    with photos(stored, tip_id, len(others)) as (session, ids):
        for photo_id, other in zip(ids, others, strict=True):
            row = PhotoFingerprint(
                photo_id=photo_id, pdq=other.hexadecimal, pdq_quality=100, content_pdq="", fingerprint=b"x"
            )
            session.add(row)
            session.flush()
            assert row.number is not None
            session.add_all(PhotoWord(word=word, number=row.number) for word in band_words(other).tolist())
        session.flush()
        rows = joining.near_hashes(session, [probe], near_band_words([probe]).tolist())
        found = {row.photo_id: distance for row, distance in rows}

    assert found == {
        photo_id: pdq_distance(probe, other)
        for photo_id, other in zip(ids, others, strict=True)
        if pdq_distance(probe, other) <= SAME_PDQ
    }
