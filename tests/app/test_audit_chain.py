"""The audit chain: whoever edits, removes or reorders a row is found out."""

import json

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, Verdict
from app.core.context import Context
from tests.guards import drop_guards


@pytest.fixture
def chain(context: Context) -> Context:
    """Six rows and a checkpoint over them."""
    for number in range(6):
        with context.db.write() as session:
            audit.record(session, SYSTEM, Action.TIP_VIEWED, "tip", str(number), n=number)
    with context.db.write() as session:
        audit.write_checkpoint(session, audit.checkpoints_path(context.settings), context.keys.signing)
    return context


def verdict(context: Context) -> Verdict:
    with context.db.read() as session:
        return audit.verify(session, audit.checkpoints_path(context.settings), context.keys.signing)


def tamper(context: Context, *statements: str) -> None:
    """Change the file as somebody with the database in hand would: triggers dropped first."""
    with context.db.write() as session:
        drop_guards(session.connection())
        for statement in statements:
            if "sqlite_sequence" not in statement or session.get_bind().dialect.name == "sqlite":
                session.connection().execute(text(statement))


class TestVerify:
    def test_an_untouched_chain_is_whole(self, chain: Context) -> None:
        """No false alarm."""
        assert verdict(chain).problems == ()

    @pytest.mark.parametrize(
        "statements",
        [
            ["UPDATE audit_event SET subject_id = '99' WHERE seq = 3"],
            ["UPDATE audit_event SET detail = '{\"n\": 7}' WHERE seq = 3"],
            ["UPDATE audit_event SET at = '2020-01-01 00:00:00' WHERE seq = 3"],
            ["DELETE FROM audit_event WHERE seq = 3"],
            ["DELETE FROM audit_event WHERE seq = 6"],
            ["DELETE FROM audit_event WHERE seq = 6", "DELETE FROM sqlite_sequence"],
            ["DELETE FROM audit_event", "DELETE FROM sqlite_sequence"],
            [
                "UPDATE audit_event SET seq = 100 WHERE seq = 2",
                "UPDATE audit_event SET seq = 2 WHERE seq = 3",
                "UPDATE audit_event SET seq = 3 WHERE seq = 100",
            ],
        ],
        ids=[
            "subject",
            "detail",
            "time",
            "middle gone",
            "tail gone",
            "tail gone quietly",
            "all gone",
            "order",
        ],
    )
    def test_tampering_is_found(self, chain: Context, statements: list[str]) -> None:
        """Edit, deletion and reordering, also of the last rows."""
        tamper(chain, *statements)

        assert verdict(chain).problems

    def test_a_wholly_rewritten_chain_is_found_by_the_checkpoint(self, chain: Context) -> None:
        """Hashes alone can be computed anew by whoever holds the database."""
        tamper(chain, "DELETE FROM audit_event", "DELETE FROM sqlite_sequence")
        for number in range(6):
            with chain.db.write() as session:
                audit.record(session, SYSTEM, Action.TIP_VIEWED, "tip", str(number), n=number + 1)

        assert any("checkpoint" in problem for problem in verdict(chain).problems)

    def test_a_line_that_a_power_cut_tore_stops_nobody(self, chain: Context) -> None:
        """The worker signs on behind the last whole line; else it would die at each start and do no job."""
        path = audit.checkpoints_path(chain.settings)
        with path.open("ab") as file:
            file.write(b'{"seq": 7, "ha' + b"\0" * 20)

        assert verdict(chain).problems == ()
        with chain.db.write() as session:
            audit.record(session, audit.SYSTEM, Action.TIP_VIEWED, "tip", "x")
            assert audit.write_checkpoint(session, path, chain.keys.signing)
            assert not audit.write_checkpoint(session, path, chain.keys.signing)

        assert len(path.read_text().splitlines()) == 2
        assert verdict(chain).problems == ()

    def test_a_forged_checkpoint_is_found(self, chain: Context) -> None:
        """A checkpoint counts by its signature."""
        path = audit.checkpoints_path(chain.settings)
        body = json.loads(path.read_text())
        path.write_text(json.dumps(body | {"seq": 5}) + "\n")

        assert verdict(chain).problems


class TestAppendOnly:
    @pytest.mark.parametrize("statement", ["UPDATE audit_event SET hash = ''", "DELETE FROM audit_event"])
    def test_the_database_refuses_to_change_a_row(self, chain: Context, statement: str) -> None:
        """Not even our own code edits the log."""
        with pytest.raises(IntegrityError), chain.db.write() as session:
            session.connection().execute(text(statement))

    def test_a_failed_action_leaves_no_row(self, chain: Context) -> None:
        """The log tells what happened, not what was tried and undone."""
        before = verdict(chain).rows
        with pytest.raises(ZeroDivisionError), chain.db.write() as session:
            audit.record(session, SYSTEM, Action.CASE_OPENED, "case", "1")
            _ = 1 / 0

        assert verdict(chain).rows == before
