"""The database settings on which promises rest."""

import threading

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from sqlmodel import select, text

from app.core.context import Context, DatabaseGone, open_context
from app.core.crypto import KeyProblem
from app.core.db import SessionDep
from app.core.jobs import Job
from app.core.migrate import SchemaTooNew
from app.tips.models import Tip
from tests.conftest import Client, test_settings
from tests.make import Make


class TestDurability:
    @pytest.mark.sqlite
    def test_sqlite_syncs_fully_and_keeps_a_write_ahead_log(self, context: Context) -> None:
        """With synchronous=NORMAL a power cut loses acknowledged tips."""
        with context.db.read() as session:
            synchronous = session.connection().execute(text("PRAGMA synchronous")).scalar()
            journal = session.connection().execute(text("PRAGMA journal_mode")).scalar()

        assert (synchronous, journal) == (2, "wal")

    def test_two_writers_that_read_first_lose_no_update(self, context: Context) -> None:
        """Python's own transactions let the second writer overwrite the first."""
        with context.db.write() as session:
            session.add(Job(kind="count", args={"n": 0}))

        def add() -> None:
            for _ in range(20):
                with context.db.write() as session:
                    job = session.exec(select(Job)).one()
                    job.args = {"n": job.args["n"] + 1}
                    session.add(job)

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with context.db.read() as session:
            assert session.exec(select(Job)).one().args == {"n": 80}

    def test_a_commit_that_fails_is_not_answered_with_success(self, context: Context, client: Client) -> None:
        """The reply waits for the commit: "we have it" is never said of something lost."""
        app: FastAPI = client._app

        @app.post("/test-commit")
        def accept(session: SessionDep) -> dict[str, str]:
            session.add(Job(kind="one", unique_key="same"))
            return {"answer": "we have it"}

        with context.db.write() as session:
            session.add(Job(kind="zero", unique_key="same"))

        answer = client.post("/test-commit")

        assert answer.status_code == 500
        assert "we have it" not in answer.text


class TestOpening:
    def test_a_later_schema_is_refused(self, context: Context) -> None:
        """An older version does not write into what it does not understand."""
        with context.db.write() as session:
            session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
            session.connection().execute(text("UPDATE schema_reach SET oldest = '9998'"))

        with pytest.raises(SchemaTooNew):
            open_context(context.settings)

    def test_a_later_schema_that_only_added_is_worked_on(self, context: Context, make: Make) -> None:
        """While processes are replaced one after the other, an old one that starts anew does its work."""
        with context.db.write() as session:
            session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
            session.connection().execute(text("ALTER TABLE tip ADD COLUMN of_later INTEGER DEFAULT 7"))

        old = open_context(context.settings)
        tip = make.tip()

        with old.db.read() as session:
            assert session.get_one(Tip, tip.id).id == tip.id
            present = session.connection().execute(text("SELECT version_num FROM alembic_version")).scalar()
        old.close()
        assert present == "9999"

    def test_a_missing_key_beside_stored_photos_is_refused(self, context: Context, make: Make) -> None:
        """Starting with a new key would lock every sealed photo for good without a word."""
        make.tip()
        context.settings.key_file.unlink()

        with pytest.raises(KeyProblem):
            open_context(context.settings)

    @pytest.mark.sqlite
    def test_a_database_that_was_moved_away_is_not_made_anew(self, context: Context, make: Make) -> None:
        """An empty one in its place would greet everybody, and every tip would seem never sent."""
        make.tip()
        file = context.settings.data_dir / "homeward.sqlite"
        away = file.rename(file.with_suffix(".away"))

        with pytest.raises(DatabaseGone):
            open_context(context.settings)

        context.close()  # Connections that are open go on with the file they have.
        with pytest.raises(OperationalError), context.db.read() as session:
            session.exec(select(Tip)).all()
        assert not file.exists()
        away.rename(file)
        with context.db.read() as session:
            assert session.exec(select(Tip)).all()

    def test_settings_of_tests_differ_from_the_defaults_only_in_cost(self, context: Context) -> None:
        """Tests run what operators run."""
        assert context.settings == test_settings(context.settings.data_dir.parent)
