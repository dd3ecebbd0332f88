"""One contract for both galleries: that in memory is the oracle, that in PostgreSQL has to agree."""

import copy
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text
from sqlmodel import select

from app.audit.service import SYSTEM
from app.candidates import vector_copies, vector_index, vector_search
from app.candidates.gallery import GalleryCache, Searched, gallery_of
from app.candidates.vector_gallery import VectorGalleryCache
from app.candidates.vector_search import Filters
from app.core.context import Context, open_context
from app.core.crypto import add_key
from app.core.errors import Conflict
from app.encoders import queries as encoder_queries
from app.encoders import service as encoders
from app.encoders.service import EncoderKey
from app.jurisdictions.models import Jurisdiction, Level
from app.photos.models import Template
from app.records.models import Record, Sex
from matching.candidate_list import ProbeFacts
from tests.app.candidates.people import DLIB, OTHER, People, Vectors
from tests.conftest import test_settings
from tests.servers import postgres

SEEN = date(2026, 3, 1)
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, People]:
    """A deployment on PostgreSQL with a hundred and fifty children, all copied; copied for each test."""
    folder = tmp_path_factory.mktemp("contract")
    context = opened(folder)
    people = People(seed=5)
    with context.db.write() as session:
        nation = Jurisdiction(
            code="CN", name="全国", name_en="China", level=Level.NATION, path="CN/", authority="部"
        )
        session.add(nation)
        encoders.ensure_active(session, DLIB, SYSTEM)
        encoders.enrol(session, OTHER, SYSTEM)
    people.enrol(context, 150)
    look(context, VectorGalleryCache(context))
    context.close()
    return folder, people


@pytest.fixture
def deployment(enrolled: tuple[Path, People], tmp_path: Path) -> Iterator[Context]:
    """A deployment of this test's own."""
    folder = tmp_path / "contract"
    shutil.copytree(enrolled[0], folder)
    postgres.copy(enrolled[0], folder)
    context = opened(folder)
    yield context
    context.close()
    postgres.forget(folder)


@pytest.fixture
def people(enrolled: tuple[Path, People]) -> People:
    """The children in it."""
    return copy.deepcopy(enrolled[1])


def opened(folder: Path) -> Context:
    settings = test_settings(folder).model_copy(
        update={"database_url": postgres.database_of(folder), "face_index": "pgvector"}
    )
    return open_context(settings)


def look(context: Context, cache: GalleryCache | VectorGalleryCache) -> Searched:
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


def decided(searched: Searched, probe: Vectors) -> list[tuple[object, ...]]:
    """All that a candidate list says, without numbers of its own."""
    chosen = searched.search(probe, ProbeFacts(), SEEN)
    return [
        (
            searched.record_id(each.record),
            searched.reference_id(each.reference),
            each.first,
            each.rank,
            each.hazards,
            *(
                None if number is None else round(float(number), 3)
                for number in (
                    each.score,
                    each.decision,
                    each.threshold,
                    each.expected_false,
                    each.likelihood.log10,
                    chosen.expected_false,
                    chosen.expected_false_first,
                )
            ),
        )
        for each in chosen.candidates
    ]


WINDOWS: tuple[dict[str, Any], ...] = (
    {},
    {"sex": Sex.FEMALE},
    {"sex": Sex.UNKNOWN},
    {"born": (date(2010, 1, 1), date(2012, 12, 31))},
    {"sex": Sex.MALE, "born": (date(2015, 6, 1), date(2015, 9, 1))},
    {"born": (date(1990, 1, 1), date(1990, 1, 2))},
)


class TestNearest:
    @pytest.mark.parametrize("graph", [False, True])
    def test_both_galleries_find_the_same_through_any_changes(
        self, deployment: Context, people: People, *, graph: bool
    ) -> None:
        """With each filter, after records and references come, change and go; by graph as well."""
        cache = VectorGalleryCache(deployment, exact_limit=0 if graph else 10_000)
        exact = GalleryCache(deployment.settings.data_dir)
        look(deployment, cache)
        if graph:
            build(deployment)
        compared = 0
        for what in ("nothing", "close", "sex", "born", "remove", "erase", "template", "open", "enrol"):
            if what == "enrol":
                people.enrol(deployment, 5)
            else:
                people.change(deployment, what)
            ours, theirs = look(deployment, cache), look(deployment, exact)
            assert ours.size == theirs.size
            for probe in people.probes(3):
                for known in WINDOWS:
                    agree(ours, theirs, probe, **known)
                    compared += 1
        assert compared == 9 * 3 * len(WINDOWS)

    def test_the_graph_is_what_answers_where_many_rows_are_left(
        self, deployment: Context, people: People
    ) -> None:
        """And the exact question can be answered by no graph."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        name = build(deployment)
        with deployment.db.read() as session:
            active = encoder_queries.active(session)
            assert active is not None
            (shelf,) = vector_index.shelves_of(session, active)
            probe = people.probes(1)[0]
            vector_search.by_graph(session, shelf, probe, 20, Filters())
            question = vector_search.graph_question(shelf)
            plan = session.execute(
                text(f"EXPLAIN {question}"), {"probe": vector_copies.as_text(probe), "wanted": 20}
            ).scalars()
            assert name in "\n".join(plan)
            scanned = session.execute(
                text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = :name"), {"name": name}
            )
            del scanned

    def test_another_encoder_is_another_gallery(self, deployment: Context, people: People) -> None:
        """Promoted, it is searched at once: its copies were there before."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        with deployment.db.write() as session:
            encoders.promote(session, OTHER, SYSTEM)
        ours, theirs = look(deployment, cache), oracle(deployment)

        assert ours.encoder == OTHER.name
        for probe in people.probes(5):
            agree(ours, theirs, probe)


class TestDecisions:
    def test_they_are_those_of_the_gallery_in_memory(self, deployment: Context, people: People) -> None:
        """Scores, thresholds, ranks, hazards and expected numbers; also of one record's own references."""
        cache = VectorGalleryCache(deployment)
        ours, theirs = look(deployment, cache), oracle(deployment)
        probes = people.probes(30)
        found = [decided(ours, probe) for probe in probes]

        assert found == [decided(theirs, probe) for probe in probes]
        assert sum(map(bool, found)) > 10
        assert ours.rules.operating_point == theirs.rules.operating_point
        with deployment.db.read() as session:
            record_id = session.exec(select(Record.id).limit(1)).one()
        stacked = np.stack(probes)
        of_ours = ours.promising(stacked, ours.rows_of(record_id))
        assert of_ours.tolist() == theirs.promising(stacked, theirs.rows_of(record_id)).tolist()
        for place in of_ours.tolist():
            one = ours.search(probes[place], ProbeFacts(), SEEN, ours.rows_of(record_id))
            other = theirs.search(probes[place], ProbeFacts(), SEEN, theirs.rows_of(record_id))
            assert [each.score for each in one.candidates] == pytest.approx(
                [each.score for each in other.candidates]
            )

    def test_a_sample_is_strict_for_the_whole_gallery(self, deployment: Context, people: People) -> None:
        """Learned from a third of the records, rules know how many references there are."""
        cache = VectorGalleryCache(deployment, learned_from=130)
        ours, theirs = look(deployment, cache), oracle(deployment)

        assert len(ours.rules.gallery.references) < 150
        assert ours.rules.size == theirs.rules.size
        assert ours.size == theirs.size
        same = [
            {each[0] for each in decided(ours, probe)} == {each[0] for each in decided(theirs, probe)}
            for probe in people.probes(20)
        ]
        assert sum(same) >= 12
        for what in ("erase", "close", "template"):
            people.change(deployment, what)
            # Counted again as often as rules are learned again: after a fiftieth has changed.
            assert abs(look(deployment, cache).size - oracle(deployment).size) <= 2
        people.enrol(deployment, 10)
        ours, theirs = look(deployment, cache), oracle(deployment)
        assert (ours.size, ours.rules.size) == (theirs.size, theirs.rules.size)


class TestCopies:
    def test_an_erased_or_closed_reference_has_no_copy_once_its_change_is_committed(
        self, deployment: Context, people: People
    ) -> None:
        """No worker has to look first; and what was rolled back is there still."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        before = copied(deployment)
        with pytest.raises(RuntimeError), deployment.db.write() as session:
            for template in session.exec(select(Template)).all():
                session.delete(template)
            session.flush()
            raise RuntimeError
        assert copied(deployment) == before
        people.change(deployment, "erase")
        erased = before - copied(deployment)
        people.change(deployment, "close")
        closed = before - copied(deployment) - erased

        assert len(erased) == 1
        assert closed
        look(deployment, cache)
        assert copied(deployment) == before - erased - closed

    def test_two_workers_apply_each_change_once(self, deployment: Context, people: People) -> None:
        """The second one waits for what the first is copying, then finds nothing to do."""
        engine = deployment.db.engine.execution_options(read_only=True)
        with engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({vector_copies.COPYING})"))
            connection.execute(text("DELETE FROM face_index.due"))
            # A change meanwhile waits for the copying of its reference, not for ever.
        assert vector_copies.keep_up(deployment.db, deployment.keys) == 0
        people.change(deployment, "template")
        assert vector_copies.keep_up(deployment.db, deployment.keys) == 1
        assert vector_copies.keep_up(deployment.db, deployment.keys) == 0

    def test_no_copy_is_the_template_itself(self, deployment: Context, people: People) -> None:
        """Each is turned, by another rotation than the sealed one."""
        look(deployment, VectorGalleryCache(deployment))
        with deployment.db.read() as session:
            rows = session.execute(
                text(
                    "SELECT reference_id, CAST(vector AS text) FROM face_index.copy JOIN encoder "
                    "ON encoder.id = encoder_id WHERE encoder.name = 'dlib'"
                )
            ).all()
        assert len(rows) == len(people.templates)
        own = [
            float(np.fromstring(str(copy).strip("[]"), sep=",") @ people.templates[reference_id])
            for reference_id, copy in rows
        ]
        assert np.abs(own).mean() < 0.6

    def test_another_key_turns_all_copies_while_searches_agree(
        self, deployment: Context, people: People
    ) -> None:
        """Half of them turned anew or all: both kinds are searched, each by its own rotation."""
        cache = VectorGalleryCache(deployment)
        look(deployment, cache)
        before = vectors(deployment)
        add_key(deployment.settings.key_file)
        people.enrol(deployment, 3)
        ours, theirs = look(deployment, cache), oracle(deployment)
        with deployment.db.read() as session:
            numbers = session.execute(text("SELECT DISTINCT turned_by FROM face_index.copy")).scalars().all()
        assert sorted(numbers) == [1, 2]
        for probe in people.probes(4):
            agree(ours, theirs, probe)
        vector_copies.keep_up(deployment.db, deployment.keys, renew=vector_copies.ALL)
        after = vectors(deployment)

        assert set(before) < set(after)
        assert not any(before[reference] == after[reference] for reference in before)
        ours = look(deployment, cache)
        for probe in people.probes(4):
            agree(ours, theirs, probe)


class TestIndex:
    def test_a_graph_is_built_anew_beside_the_old_one(self, deployment: Context, people: People) -> None:
        """What was left unfinished goes, the new one serves, the old one is gone."""
        look(deployment, VectorGalleryCache(deployment))
        first = build(deployment)
        with deployment.db.engine.begin() as connection:
            connection.execute(
                text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)"),
                {"name": f"face_index.{first}"},
            )
        second = build(deployment)
        third = build(deployment)
        with deployment.db.read() as session:
            active = encoder_queries.active(session)
            assert active is not None
            found = vector_index.state(session, active, deployment.keys.newest)

        assert len({first, second, third}) == 3
        assert (found.graphs, found.broken) == ((third,), ())
        assert found.copies == len(people.templates)
        assert vector_index.drop_others(deployment.db, []) == [third]

    def test_what_a_restore_lacks_is_found(self, deployment: Context, people: People) -> None:
        """Copies are in no backup; they are made again from what is."""
        look(deployment, VectorGalleryCache(deployment))
        with deployment.db.engine.begin() as connection:
            connection.execute(text("TRUNCATE face_index.copy"))
        assert look(deployment, VectorGalleryCache(deployment)).size == oracle(deployment).size

        assert len(copied(deployment)) == len(people.templates)


def test_the_setting_decides_and_asks_for_postgresql(context: Context, deployment: Context) -> None:
    """Nobody searches elsewhere than they think."""
    assert isinstance(gallery_of(context), GalleryCache)
    assert isinstance(gallery_of(deployment), VectorGalleryCache)
    wrong = open_context(
        context.settings.model_copy(
            update={
                "face_index": "pgvector",
                "database_url": f"sqlite:///{context.settings.data_dir / 'other.sqlite'}",
            }
        )
    )
    with pytest.raises(Conflict):
        gallery_of(wrong)
    wrong.close()


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
