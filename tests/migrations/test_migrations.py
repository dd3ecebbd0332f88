"""The schema: what migrations build is what the code expects, up and down, and data stay."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlmodel import select

from app import tables
from app.core.context import Context, open_context
from app.core.db import Database, open_engine
from app.core.migrate import config_for, migrate
from app.core.partitions import SCHEMA
from app.core.reach import SchemaReach
from app.photos.models import Photo
from app.tips.models import Tip
from tests.conftest import test_settings
from tests.make import Make
from tests.servers import postgres

KEYS_OF_ONE_MONTH = {"uq_tip_receipt_lookup", "uq_photo_store_key", "uq_face_photo_id_position"}


def revisions() -> list[str]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        scripts = list(ScriptDirectory.from_config(config_for(connection)).walk_revisions())
    engine.dispose()
    return [script.revision for script in reversed(scripts)]


class TestSchema:
    def test_models_equal_the_migrated_schema(self, context: Context) -> None:
        """A column that only the code knows would fail in the field, not here."""

        def ours(found: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:  # noqa: FBT001
            # On PostgreSQL, keys of tables kept by month are plain indices, and the months are its own.
            del reflected, other
            if kind == "foreign_key_constraint":
                return SCHEMA not in str(getattr(found, "referred_table", ""))
            return not (postgres.wanted() and name in KEYS_OF_ONE_MONTH)

        with context.db.engine.connect() as connection:
            migrated = MigrationContext.configure(connection, opts={"include_object": ours})
            differences = compare_metadata(migrated, tables.metadata)

        assert differences == []

    @pytest.mark.parametrize("revision", revisions())
    def test_each_revision_is_reached_and_left_again(self, tmp_path: Path, revision: str) -> None:
        """Up to it, down below it, up to the end."""
        engine = open_engine(test_settings(tmp_path).database_address)
        migrate(engine, revision)
        with engine.begin() as connection:
            command.downgrade(config_for(connection), "-1")
        migrate(engine)

        with engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) == {*tables.metadata.tables, "alembic_version"}
        engine.dispose()

    def test_a_migration_that_fails_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A start that dies half-way leaves the schema it found."""
        engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
        real = command.upgrade

        def die_late(*args: object) -> None:
            real(*args)  # type: ignore[arg-type]
            raise RuntimeError("power cut")

        monkeypatch.setattr(command, "upgrade", die_late)
        with pytest.raises(RuntimeError):
            migrate(engine)

        with engine.connect() as connection:
            assert inspect(connection).get_table_names() == []
        engine.dispose()


class TestData:
    def test_rows_and_photos_stay_readable_after_a_start(self, context: Context, make: Make) -> None:
        """Opening a deployment again, as every start does, changes no row."""
        tip = make.tip()
        with context.db.read() as session:
            before = session.get_one(Tip, tip.id).model_dump()
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()

        again = open_context(context.settings)
        with again.db.read() as session:
            after = session.get_one(Tip, tip.id).model_dump()
            original = again.store.get(photo.store_key, photo.sealed_key)
        again.close()

        assert after == before
        assert len(original) == photo.byte_count

    def test_what_a_tip_said_cannot_be_rewritten(self, context: Context, make: Make) -> None:
        """A tip is kept as it was received; its progress is not its content."""
        tip = make.tip()
        database = Database(context.settings.database_address)

        with pytest.raises(Exception, match="kept as they were written"), database.write() as session:
            session.connection().execute(text("UPDATE tip SET description = 'other'"))
        with database.write() as session:
            session.connection().execute(text("UPDATE tip SET state_reason = 'noted'"))
        database.close()

        with context.db.read() as session:
            assert session.get_one(Tip, tip.id).description == tip.description

    def test_a_fresh_deployment_starts_empty(self, tmp_path: Path) -> None:
        """No demo data in a product path."""
        fresh = open_context(test_settings(tmp_path))
        with fresh.db.read() as session:
            counts = {
                name: session.connection().execute(text(f"SELECT count(*) FROM {name}")).scalar()  # noqa: S608
                for name in tables.metadata.tables
                if name != SchemaReach.__tablename__
            }
        fresh.close()

        assert set(counts.values()) == {0}
