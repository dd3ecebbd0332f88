"""`homeward faces` on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.audit.service import SYSTEM
from app.candidates import face_commands
from app.cli import app
from app.core.context import Context, open_context
from app.core.errors import Conflict
from app.core.settings import Settings
from app.encoders import service as encoders
from tests.app.candidates.people import DLIB, People
from tests.app.candidates.vectors import nation
from tests.conftest import test_settings
from tests.servers import postgres


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Of a deployment that the commands open by themselves."""
    settings = test_settings(tmp_path).model_copy(
        update={"database_url": postgres.database_of(tmp_path), "face_index": "pgvector"}
    )
    monkeypatch.setattr(face_commands, "Settings", lambda: settings)
    yield settings
    postgres.forget(tmp_path)


def ran(*words: str) -> str:
    result = CliRunner().invoke(app, ["faces", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_copies_and_graphs_are_made_looked_at_and_made_anew(settings: Settings) -> None:
    """Repeated, a step does nothing; made anew, a graph has another name and the old one is gone."""
    context = open_context(settings)
    with context.db.write() as session:
        session.add(nation())
        encoders.ensure_active(session, DLIB, SYSTEM)
    people = People(seed=3)
    people.enrol(context, 12)
    context.close()
    count = len(people.templates)

    assert f"have to be copied: {count}." in ran("status")
    assert "0 graphs built" in ran("index")
    assert f"{count} references copied" not in ran("index")
    assert "1 graphs built" in ran("index", "--small")
    first = ran("status")
    assert "_1_1" in first
    assert "have to be copied: 0." in first
    assert "0 graphs built" in ran("index", "--small")
    assert "1 graphs built" in ran("reindex", "--small")
    assert "_1_2" in ran("status")


def test_without_postgresql_it_says_so(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has no vectors."""
    if context.db.engine.dialect.name == "postgresql":
        pytest.skip("It is about another database.")
    monkeypatch.setattr(face_commands, "Settings", lambda: context.settings)
    with pytest.raises(Conflict):
        CliRunner().invoke(app, ["faces", "status"], catch_exceptions=False)
