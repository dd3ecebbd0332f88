"""Search copies and graphs in PostgreSQL: when they come and go, what they tell, what happens meanwhile."""

import threading
from uuid import UUID

import numpy as np
import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlmodel import Session, select

from app.candidates import vector_copies, vector_index, vector_schema
from app.candidates.gallery import GalleryCache
from app.candidates.vector_gallery import VectorGalleryCache
from app.candidates.vector_schema import VectorMissing
from app.core.context import Context, open_context
from app.core.crypto import add_key, remove_key
from app.core.migrate import config_for, migrate
from app.encoders import queries as encoder_queries
from app.photos.models import Template
from app.records.models import Record, RecordState, Reference
from tests.app.candidates.people import People
from tests.app.candidates.vectors import agree, build, copied, due, look, oracle, vectors
from tests.servers import postgres


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

    def test_a_second_worker_waits_for_the_first_and_does_the_rest(
        self, deployment: Context, people: People
    ) -> None:
        """Each change is applied once, and no search begins before all of them are."""
        with deployment.db.write() as session:
            session.execute(text("UPDATE reference SET taken_on = '2024-01-01'"))
        changed = len(due(deployment))
        assert changed == len(people.templates) > 2 * vector_copies.AT_A_TIME
        done: list[int] = []
        second = threading.Thread(
            target=lambda: done.append(vector_copies.keep_up(deployment.db, deployment.keys))
        )
        with Session(deployment.db.engine.execution_options(read_only=True)) as session, session.begin():
            vector_copies.lock(session)
            first = len(vector_copies.take_due(session, deployment.keys))
            second.start()
            second.join(0.5)
            assert second.is_alive()
        second.join(20)

        assert (first, done) == (vector_copies.AT_A_TIME, [changed - vector_copies.AT_A_TIME])
        assert due(deployment) == []
        assert copied(deployment) == set(people.templates)
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
        early = look(deployment, cache)
        before = vectors(deployment)
        add_key(deployment.settings.key_file)
        people.enrol(deployment, 3)
        ours, theirs = look(deployment, cache), oracle(deployment)
        with deployment.db.read() as session:
            numbers = session.execute(text("SELECT DISTINCT turned_by FROM face_index.copy")).scalars().all()
        assert sorted(numbers) == [1, 2]
        for probe in people.probes(4):
            agree(ours, theirs, probe)
        vector_copies.keep_up(deployment.db, deployment.keys, renew=None)
        # Another worker turned them: who looked before goes on finding them.
        for probe in people.probes(2):
            agree(early, theirs, probe)
        after = vectors(deployment)

        assert set(before) < set(after)
        assert not any(before[reference] == after[reference] for reference in before)
        ours = look(deployment, cache)
        for probe in people.probes(4):
            agree(ours, theirs, probe)

    def test_copies_whose_key_is_gone_are_made_anew_before_a_search(
        self, deployment: Context, people: People
    ) -> None:
        """No probe can be turned like them."""
        add_key(deployment.settings.key_file)
        vector_copies.keep_up(deployment.db, deployment.keys, renew=None)
        add_key(deployment.settings.key_file)
        remove_key(deployment.settings.key_file, 2)
        again = open_context(deployment.settings)
        ours, theirs = look(again, VectorGalleryCache(again)), oracle(deployment)
        with again.db.read() as session:
            active = encoder_queries.active(session)
            assert active is not None
            assert vector_copies.turned_by(session, active.id) == [3]
        for probe in people.probes(2):
            agree(ours, theirs, probe)
        again.close()


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


class TestTogether:
    def test_a_change_during_copying_is_not_lost(self, deployment: Context, people: People) -> None:
        """Who closes a record while its reference is copied waits for that; the copy goes all the same."""
        cache = VectorGalleryCache(deployment)
        people.change(deployment, "template")
        reference_id = due(deployment)[0]
        with Session(deployment.db.engine.execution_options(read_only=True)) as session, session.begin():
            vector_copies.lock(session)
            assert vector_copies.take_due(session, deployment.keys) == [reference_id]
            closing = threading.Thread(target=close, args=(deployment, reference_id))
            closing.start()
            closing.join(0.5)
            assert closing.is_alive()
        closing.join(10)
        assert not closing.is_alive()

        assert reference_id not in copied(deployment)
        assert reference_id in due(deployment)
        assert look(deployment, cache).size == oracle(deployment).size

    def test_searches_and_changes_go_on_while_graphs_are_built(
        self, deployment: Context, people: People
    ) -> None:
        """Two graphs are built one after the other; every answer meanwhile is the exact gallery's."""
        cache, exact = (
            VectorGalleryCache(deployment, exact_limit=0),
            GalleryCache(deployment.settings.data_dir),
        )
        look(deployment, cache)
        build(deployment)
        building = threading.Thread(target=lambda: [build(deployment) for _ in range(3)])
        building.start()
        searched = 0
        while building.is_alive() or searched < 6:
            people.change(deployment, ("template", "close", "open")[searched % 3])
            ours, theirs = look(deployment, cache), look(deployment, exact)
            for probe in people.probes(2):
                agree(ours, theirs, probe)
            searched += 1
        building.join()
        with pytest.raises(vector_index.AlreadyBuilding), deployment.db.engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({vector_index.BUILDING})"))
            build(deployment)


def close(context: Context, reference_id: UUID) -> None:
    with context.db.write() as session:
        record = session.get_one(Record, session.get_one(Reference, reference_id).record_id)
        record.state = RecordState.CLOSED
        session.add(record)


def test_the_schema_goes_and_comes_back(deployment: Context, people: People) -> None:
    """The way back leaves nothing behind; the way up again has everything copied."""
    with deployment.db.engine.begin() as connection:
        command.downgrade(config_for(connection), "0010-1")
    people.change(deployment, "template")
    with deployment.db.read() as session:
        assert session.execute(text("SELECT to_regnamespace('face_index')")).scalar() is None
    migrate(deployment.db.engine)

    assert set(due(deployment)) == set(people.templates)
    look(deployment, VectorGalleryCache(deployment))
    assert copied(deployment) == set(people.templates)


class TestWithoutTheExtension:
    def test_an_account_that_may_not_add_it_is_told_what_to_run(self) -> None:
        """By the name of the statement, for whoever administers the server."""
        server = postgres.shared()
        server.execute("CREATE ROLE plain LOGIN")
        server.create("without")
        engine = create_engine(server.url("without").replace("postgres@", "plain@"))
        with engine.begin() as connection, pytest.raises(VectorMissing, match="CREATE EXTENSION vector"):
            vector_schema.make(connection)
        engine.dispose()
        server.drop("without")
        server.execute("DROP ROLE plain")
