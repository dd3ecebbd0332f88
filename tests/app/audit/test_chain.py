"""Reading the chain at speed, and showing it to somebody who trusts nobody."""

import json
import os
from itertools import pairwise

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import col, select

from app.audit import chain, export, service
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Invalid
from tests.guards import drop_guards

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS


@given(st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=4), max_size=6))
@settings(deadline=None)
def test_rows_are_written_as_the_standard_has_it(body: dict[str, object]) -> None:
    """The quick way gives the very bytes of RFC 8785, for everything that a row may hold."""
    assert chain.canonical(body) == rfc8785.dumps(body)  # type: ignore[arg-type]


@pytest.fixture
def log(context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Forty rows, a checkpoint over twenty and one over all; two processes are worth it from ten on."""
    monkeypatch.setattr(chain, "LEAST_FOR_TWO", 10)
    for number in range(40):
        with context.db.write() as session:
            service.record(session, SYSTEM, Action.TIP_VIEWED, "tip", f"t{number}", n=number)
            if number in (19, 39):
                path = service.checkpoints_path(context.settings)
                service.write_checkpoint(session, path, context.keys.signing)
    return context


def verdict(context: Context, processes: int, kept: tuple[str, ...] = ()) -> service.Verdict:
    with context.db.read() as session:
        path = service.checkpoints_path(context.settings)
        return service.verify(session, path, context.keys.signing, processes=processes, kept=kept)


def tamper(context: Context, *statements: str) -> None:
    with context.db.write() as session:
        drop_guards(session.connection())
        for statement in statements:
            if "sqlite_sequence" not in statement or session.get_bind().dialect.name == "sqlite":
                session.connection().execute(text(statement))


def chain_anew(context: Context, after: int) -> None:
    """As somebody does it who has the database and knows how rows are chained."""
    with context.db.write() as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))).all()
        for before, event in pairwise(rows):
            if event.seq is not None and event.seq > after:
                event.previous_hash = before.hash
                event.hash = service._hash(event)
                session.add(event)


class TestVerify:
    @pytest.mark.parametrize(
        "statements",
        [
            (),
            ("UPDATE audit_event SET subject_id = 'x' WHERE seq = 21",),
            ("UPDATE audit_event SET action = 'nobody_knows' WHERE seq = 3",),
            ("DELETE FROM audit_event WHERE seq = 20",),
            ("DELETE FROM audit_event WHERE seq > 38",),
            (
                "UPDATE audit_event SET seq = 99 WHERE seq = 20",
                "UPDATE audit_event SET seq = 20 WHERE seq = 21",
            ),
        ],
    )
    def test_several_processes_find_what_one_finds(self, log: Context, statements: tuple[str, ...]) -> None:
        """Also where two ranges meet."""
        if statements:
            tamper(log, *statements)

        alone, together = verdict(log, 1), verdict(log, 2)

        assert alone.rows == together.rows
        assert bool(alone.problems) == bool(together.problems) == bool(statements)

    @pytest.mark.parametrize("gone", [20, 21])
    def test_a_row_taken_out_is_missed_though_all_after_it_were_chained_anew(
        self, log: Context, gone: int
    ) -> None:
        """Its number is missing, also at either side of where two ranges meet, and without a checkpoint."""
        service.checkpoints_path(log.settings).unlink()
        tamper(log, f"DELETE FROM audit_event WHERE seq = {gone}")  # noqa: S608 - a number of this test
        chain_anew(log, gone)

        assert verdict(log, 1).problems != ()
        assert verdict(log, 2).problems != ()

    @pytest.mark.sqlite  # PostgreSQL keeps no such values.
    @pytest.mark.parametrize(
        "change", ["detail = '{\"n\": NaN}'", "detail = '{'", "at = 'yesterday'", "detail = '\"\\ud800\"'"]
    )
    def test_what_cannot_be_read_is_a_problem_and_no_crash(self, log: Context, change: str) -> None:
        """An edit that breaks the reader would be a way to have no verdict at all."""
        tamper(log, f"UPDATE audit_event SET {change} WHERE seq = 5")  # noqa: S608 - words of this test

        assert verdict(log, 1).problems != ()

    def test_a_checkpoint_kept_elsewhere_finds_a_log_that_was_written_anew(self, log: Context) -> None:
        """Together with the file beside the database, which whoever can do that rewrites, too."""
        path = service.checkpoints_path(log.settings)
        kept = tuple(path.read_text().splitlines())
        tamper(log, "DELETE FROM audit_event", "DELETE FROM sqlite_sequence WHERE name = 'audit_event'")
        path.unlink()
        for number in range(40):
            with log.db.write() as session:
                service.record(session, SYSTEM, Action.TIP_VIEWED, "tip", f"other{number}")

        assert verdict(log, 1).problems == ()
        assert len(verdict(log, 1, kept).problems) == 2


class TestExport:
    @pytest.fixture
    def written(self, log: Context) -> list[str]:
        """The whole log as lines."""
        with log.db.read() as session:
            return list(export.lines(session, log.keys.signing))

    def test_it_is_verified_without_database_and_keys(self, log: Context, written: list[str]) -> None:
        """By anybody who was given the public key."""
        public = bytes(log.keys.signing.verify_key).hex()

        found = export.verify(written, public)

        assert (found.first, found.last, found.rows) == (1, 40, 40)
        with pytest.raises(Invalid):
            export.verify(written, "0" * 64)

    @pytest.mark.parametrize("change", ["edit", "drop", "cut", "swap", "add", "head", "garbage"])
    def test_any_change_is_found(self, log: Context, written: list[str], change: str) -> None:
        """A row changed, left out, moved or added; a cut file; a last line of another export."""
        changed = list(written)
        if change == "edit":
            row = json.loads(changed[5])
            changed[5] = json.dumps(row | {"subject_id": "x"}) + "\n"
        elif change == "drop":
            del changed[5]
        elif change == "cut":
            del changed[-1]
        elif change == "swap":
            changed[3], changed[4] = changed[4], changed[3]
        elif change == "add":
            changed.append(changed[0])
        elif change == "head":
            del changed[0]
        else:
            changed[7] = "[" + changed[7]

        with pytest.raises(Invalid):
            export.verify(changed, bytes(log.keys.signing.verify_key).hex())


def test_a_short_chain_is_read_by_one_process(context: Context) -> None:
    """Starting another takes longer than reading twenty thousand rows."""
    with context.db.write() as session:
        service.record(session, SYSTEM, Action.TIP_VIEWED, "tip", "x")
    found = list(chain.stretches(context.settings.database_address, 1, set(), os.cpu_count() or 1))

    assert [stretch.rows for stretch in found] == [1]
