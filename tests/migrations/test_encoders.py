"""Revision 0003 on a deployment with data: what was searched goes on being searched, nothing is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from sqlmodel import select

from app.candidates.gallery import GalleryCache
from app.candidates.models import Candidate, CandidateList
from app.core.db import Database
from app.core.migrate import config_for, migrate
from app.encoders import queries
from app.encoders.models import EncoderState
from tests.app.encoders.stub import vector

MOMENT = "2026-01-02 03:04:05.000000"
OLD = ("face_recognition", "1.3.0+models-0.3.0")


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A database as the first version left it: a record, a tip, a candidate, templates of two versions."""
    path = tmp_path / "x.sqlite"
    database = Database(f"sqlite:///{path}")
    migrate(database.engine, "0001")
    database.close()
    ids = {name: uuid4().hex for name in ("photo", "face", "other", "record", "reference", "list", "tip")}
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "INSERT INTO photo (id, position, sha256, byte_count, format, store_key, sealed_key, "
            "received_at, state, kept_apart, examined_at) "
            "VALUES (?, 0, '', 1, 'JPEG', 'x', x'00', ?, 'examined', 0, ?)",
            (ids["photo"], MOMENT, MOMENT),
        )
        for position, name in enumerate(("face", "other")):
            raw.execute(
                'INSERT INTO face (id, photo_id, position, "left", top, width, height, quality) '
                "VALUES (?, ?, ?, 1, 1, 9, 9, '{}')",
                (ids[name], ids["photo"], position),
            )
            raw.execute(
                "INSERT INTO template (id, face_id, encoder, encoder_version, vector) VALUES (?, ?, ?, ?, ?)",
                (uuid4().hex, ids[name], *OLD, vector(position, 128)),
            )
        raw.execute(
            "INSERT INTO template (id, face_id, encoder, encoder_version, vector) VALUES (?, ?, ?, ?, ?)",
            (uuid4().hex, ids["face"], "face_recognition", "1.2.0", vector(5, 128)),
        )
        raw.execute(
            "INSERT INTO record (id, number, name, sex, missing_since, missing_place, features, "
            "jurisdiction_code, state, revision, created_at, updated_at) "
            "VALUES (?, 'R1', 'Wu Yan', 'female', '2024-03-01', '', '', 'CN', 'open', 1, ?, ?)",
            (ids["record"], MOMENT, MOMENT),
        )
        raw.execute(
            "INSERT INTO reference (id, record_id, photo_id, face_id, created_at) VALUES (?, ?, ?, ?, ?)",
            (ids["reference"], ids["record"], ids["photo"], ids["face"], MOMENT),
        )
        raw.execute(
            "INSERT INTO candidate_list (id, face_id, cause, encoder, encoder_version, gallery_size, "
            "expected_false, searched_at) VALUES (?, ?, 'tip', ?, ?, 40, 0.42, ?)",
            (ids["list"], ids["other"], *OLD, MOMENT),
        )
        raw.execute(
            "INSERT INTO candidate (id, list_id, tip_id, face_id, record_id, reference_id, score, threshold, "
            "rank, state, proposed_at) VALUES (?, ?, ?, ?, ?, ?, 0.7, 0.6, 1, 'proposed', ?)",
            (uuid4().hex, ids["list"], ids["tip"], ids["other"], ids["record"], ids["reference"], MOMENT),
        )
    return path


def opened(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    # The rows above leave out what this test is not about, a tip and a jurisdiction among it.
    migrate(database.engine)
    return database


class TestUpgrade:
    def test_the_encoder_with_most_templates_goes_on_being_searched_with(
        self, before: Path, tmp_path: Path
    ) -> None:
        """Nobody who was found before the upgrade stops being found by it."""
        database = opened(before)
        with database.read() as session:
            active = queries.active(session)
            assert active is not None
            assert (active.name, active.version) == OLD
            assert {each.version: each.state for each in queries.enrolled(session)} == {
                OLD[1]: EncoderState.ACTIVE,
                "1.2.0": EncoderState.ENROLLED,
            }
            covered = queries.coverage(session, active)
            assert (covered.photos_left, covered.share, covered.children) == (0, 1.0, 0)
            gallery = GalleryCache(tmp_path).current(session)
        database.close()

        assert (gallery.size, gallery.encoder, gallery.version) == (1, *OLD)

    def test_candidates_stay_and_stand_in_the_short_list(self, before: Path) -> None:
        """They were all shown; what was not computed then is not invented."""
        database = opened(before)
        with database.read() as session:
            candidate = session.exec(select(Candidate)).one()
            made = session.exec(select(CandidateList)).one()
        database.close()

        assert (candidate.shown_first, candidate.hazards) == (True, [])
        assert (candidate.log10_lr, candidate.support, candidate.decision_score) == (None, None, None)
        assert (made.expected_false, made.expected_false_first, made.calibration) == (0.42, None, "")

    def test_the_way_back_keeps_candidates_and_templates(self, before: Path) -> None:
        """A step that can be left again."""
        database = opened(before)
        with database.engine.begin() as connection:
            command.downgrade(config_for(connection), "0001")
        database.close()

        with closing(sqlite3.connect(before)) as raw:
            counts = [
                raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - names of tables.
                for name in ("candidate", "candidate_list", "template", "reference")
            ]
        assert counts == [1, 1, 3, 1]
