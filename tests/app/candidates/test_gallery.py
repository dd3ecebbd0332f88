"""The worker's gallery: what the database has, at every look, without reading all of it again."""

from datetime import date
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import Session, select

from app.audit.service import SYSTEM, officer_actor
from app.candidates import gallery_rows
from app.candidates.gallery import GalleryCache, NoActiveEncoder, OpenGallery
from app.core.context import Context, open_context
from app.core.db import Database
from app.encoders import service as encoders
from app.encoders.service import EncoderKey
from app.officers.models import Role
from app.photos.models import Template
from app.records import service as records
from app.records.models import Record, RecordState, Reference, Sex
from matching.policy import Rules
from tests.app.encoders.stub import vector
from tests.make import Make

KEY = EncoderKey("dlib", "test 1")


@pytest.fixture(autouse=True)
def active(context: Context) -> None:
    """An encoder to search with."""
    with context.db.write() as session:
        encoders.ensure_active(session, KEY, SYSTEM)


@pytest.fixture
def cache(context: Context) -> GalleryCache:
    """A worker's gallery."""
    return GalleryCache(context.settings.data_dir)


def encode(session: Session, record_id: UUID, seed: int = 1, key: EncoderKey = KEY) -> Reference:
    """Give the face of a record's reference a template."""
    reference = session.exec(select(Reference).where(Reference.record_id == record_id)).first()
    assert reference is not None
    assert reference.face_id is not None
    session.add(
        Template(
            face_id=reference.face_id, encoder=key.name, encoder_version=key.version, vector=vector(seed)
        )
    )
    return reference


def enrolled(context: Context, make: Make, count: int = 1, **given: str) -> list[Record]:
    """Open records with a template each."""
    made = [make.record(**given) for _ in range(count)]
    with context.db.write() as session:
        for seed, record in enumerate(made):
            encode(session, record.id, seed)
    return made


def look(context: Context, cache: GalleryCache) -> OpenGallery:
    with context.db.read() as session:
        return cache.current(session)


def content(gallery: OpenGallery) -> dict[UUID, tuple[UUID, float, bytes]]:
    """Everything that a search would see, by reference."""
    index = gallery._index
    return {
        gallery.reference_id(row): (
            gallery.record_id(index.facts["number"][row]),
            round(float(np.nan_to_num(index.facts["age"][row], nan=-1)), 3),
            index.templates[row].tobytes(),
        )
        for row in range(len(index))
    }


class TestChanges:
    def test_a_change_by_another_process_is_seen_by_the_next_look(
        self, context: Context, make: Make, cache: GalleryCache
    ) -> None:
        """The web process closes and opens records, the worker searches."""
        record, _ = enrolled(context, make, 2)
        assert look(context, cache).size == 2
        other = Database(context.settings.database_address)

        with other.write() as session:
            row = session.get_one(Record, record.id)
            row.state = RecordState.CLOSED
            session.add(row)
        closed = look(context, cache).size
        with other.write() as session:
            row = session.get_one(Record, record.id)
            row.state = RecordState.OPEN
            session.add(row)
        other.close()

        assert (closed, look(context, cache).size) == (1, 2)

    def test_only_what_changed_is_read(
        self, context: Context, make: Make, cache: GalleryCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One record's change does not cost a reading of all."""
        made = enrolled(context, make, 5)
        look(context, cache)
        asked: list[list[UUID] | None] = []
        real = gallery_rows.rows

        def watched(session: Session, encoder: object, only: list[UUID] | None = None) -> object:
            asked.append(only)
            return real(session, encoder, only)  # type: ignore[arg-type]

        monkeypatch.setattr(gallery_rows, "rows", watched)
        look(context, cache)
        with context.db.write() as session:
            row = session.get_one(Record, made[2].id)
            row.born_on = date(2019, 1, 1)
            session.add(row)
            reference = session.exec(select(Reference.id).where(Reference.record_id == row.id)).one()
        look(context, cache)
        look(context, cache)

        assert asked == [[reference]]

    def test_a_change_that_the_gallery_does_not_show_is_no_change(
        self, context: Context, make: Make, cache: GalleryCache
    ) -> None:
        """A new name or a new tip's face makes nobody compute anything."""
        record = enrolled(context, make)[0]
        before = look(context, cache)
        make.tip()
        with context.db.write() as session:
            row = session.get_one(Record, record.id)
            row.name = "Lin Xiaoyue"
            session.add(row)

        assert look(context, cache) is before

    @pytest.mark.parametrize("change", ["closed", "removed", "face unnamed", "template gone", "deleted"])
    def test_what_is_not_searched_any_more_leaves_it(
        self, context: Context, make: Make, cache: GalleryCache, change: str
    ) -> None:
        """By whatever way it went."""
        gone, stays = enrolled(context, make, 2)
        look(context, cache)
        with context.db.write() as session:
            record = session.get_one(Record, gone.id)
            reference = session.exec(select(Reference).where(Reference.record_id == gone.id)).one()
            if change == "closed":
                record.state = RecordState.CLOSED
            elif change == "removed":
                reference.removed_at = record.updated_at
            elif change == "face unnamed":
                reference.face_id = None
            elif change == "template gone":
                session.delete(
                    session.exec(select(Template).where(Template.face_id == reference.face_id)).one()
                )
            else:
                session.delete(reference)

        now = look(context, cache)
        assert [record_id for record_id, _, _ in content(now).values()] == [stays.id]
        assert content(now) == content(look(context, GalleryCache(Path("nowhere"))))

    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(["close", "open", "date", "encode", "remove"]), st.integers(0, 5)),
            max_size=25,
        )
    )
    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_after_any_changes_it_is_the_gallery_read_anew(
        self, context: Context, make: Make, steps: list[tuple[str, int]]
    ) -> None:
        """Step by step or all at once, a search sees the same."""
        made = [make.record() for _ in range(6)]
        cache = GalleryCache(context.settings.data_dir)
        look(context, cache)
        for number, (what, which) in enumerate(steps):
            with context.db.write() as session:
                record = session.get_one(Record, made[which].id)
                reference = session.exec(select(Reference).where(Reference.record_id == record.id)).one()
                if what in {"close", "open"}:
                    record.state = RecordState.OPEN if what == "open" else RecordState.CLOSED
                elif what == "date":
                    reference.age_years = float(number)
                elif what == "remove":
                    reference.removed_at = None if reference.removed_at else record.updated_at
                elif session.exec(select(Template).where(Template.face_id == reference.face_id)).first():
                    continue
                else:
                    encode(session, record.id, number)
                session.add_all([record, reference])
            if number % 3 == 0:
                look(context, cache)

        assert content(look(context, cache)) == content(look(context, GalleryCache(Path("nowhere"))))

    def test_the_table_of_changes_does_not_outgrow_the_references(self, context: Context, make: Make) -> None:
        """One row each, however often something changes."""
        record = enrolled(context, make)[0]
        for year in range(2000, 2020):
            with context.db.write() as session:
                row = session.get_one(Record, record.id)
                row.born_on = date(year, 1, 1)
                session.add(row)

        with context.db.read() as session:
            assert session.execute(text("SELECT count(*) FROM gallery_change")).scalar() == 1
            assert gallery_rows.last_change(session) > 20

    def test_without_an_active_encoder_nothing_is_searched(
        self, context: Context, cache: GalleryCache
    ) -> None:
        """Loudly: the job is tried again, and no tip passes as searched."""
        with context.db.write() as session:
            session.execute(text("DELETE FROM encoder"))

        with pytest.raises(NoActiveEncoder):
            look(context, cache)


class TestFacts:
    def test_ages_sex_and_birth_come_from_record_and_reference(
        self, context: Context, make: Make, cache: GalleryCache
    ) -> None:
        """A stated age comes first; a birth follows from an age if it is not stated."""
        born, aged, unknown = enrolled(context, make, 3)
        with context.db.write() as session:
            for record, birth, age, sex in (
                (born, date(2018, 5, 1), None, Sex.FEMALE),
                (aged, None, 4.0, Sex.MALE),
                (unknown, None, None, Sex.UNKNOWN),
            ):
                row = session.get_one(Record, record.id)
                row.born_on, row.sex = birth, sex
                reference = session.exec(select(Reference).where(Reference.record_id == row.id)).one()
                reference.age_years = age
                session.add_all([row, reference])
        found = look(context, cache)
        ages = dict(zip(_records(found), found._index.facts["age"].tolist(), strict=True))
        later = dict(zip(_records(found), found.expected_ages(date(2026, 3, 1)).tolist(), strict=True))

        assert ages[born.id] == pytest.approx(5.83, abs=0.01)
        assert ages[aged.id] == 4.0
        assert np.isnan(ages[unknown.id])
        assert later[born.id] == pytest.approx(7.83, abs=0.01)
        assert later[aged.id] == pytest.approx(6.0, abs=0.01)
        assert np.isnan(later[unknown.id])
        girls = found.mask(sex=Sex.FEMALE, born=(date(2018, 1, 1), date(2018, 12, 31)))
        assert [record for record, is_in in zip(_records(found), girls, strict=True) if is_in] == [
            record for record in _records(found) if record in {born.id, unknown.id}
        ]


def _records(gallery: OpenGallery) -> list[UUID]:
    return [gallery.record_id(number) for number in gallery._index.facts["number"]]


def test_the_registry_changes_it_as_clerks_do(context: Context, make: Make, cache: GalleryCache) -> None:
    """Closing by the service, read by another process that was open before."""
    clerk = make.officer(Role.CLERK)
    record = enrolled(context, make)[0]
    other = open_context(context.settings)
    assert look(other, cache).size == 1

    with context.db.write() as session:
        records.close_record(session, record.id, "Found at home.", officer_actor(clerk.id), revision=1)

    assert look(other, cache).size == 0
    other.close()


class TestRules:
    def test_a_small_change_keeps_what_was_learned_and_decides_alike(
        self, context: Context, make: Make, cache: GalleryCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One record more among many does not cost measuring the whole gallery."""
        made = enrolled(context, make, 230)
        learned = look(context, cache).rules
        monkeypatch.setattr(Rules, "of", None)
        for record in made[:3]:
            with context.db.write() as session:
                row = session.get_one(Record, record.id)
                row.state = RecordState.CLOSED
                session.add(row)
        more = make.record()
        with context.db.write() as session:
            encode(session, more.id, 999)

        renewed = look(context, cache).rules
        monkeypatch.undo()

        assert renewed.false_matches is learned.false_matches
        anew = look(context, GalleryCache(Path("nowhere"))).rules
        assert np.array_equal(renewed.gallery.references, anew.gallery.references)
        assert np.array_equal(renewed.bands, anew.bands)
        probe = np.frombuffer(vector(999), "<f4").astype(np.float32)
        ours = renewed.search(probe).candidates[0]
        theirs = anew.search(probe).candidates[0]
        assert (ours.reference, ours.score) == (theirs.reference, theirs.score)
        assert ours.decision == pytest.approx(theirs.decision, abs=1e-4)

    def test_many_changes_have_it_learned_anew(
        self, context: Context, make: Make, cache: GalleryCache
    ) -> None:
        """The rates follow the gallery."""
        enrolled(context, make, 20)
        before = look(context, cache).rules
        enrolled(context, make, 1)

        assert look(context, cache).rules.false_matches is not before.false_matches
