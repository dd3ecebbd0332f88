"""Promises about reading the audit log."""

from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import text

from app.audit import service
from app.audit.models import Action, ActorKind
from app.audit.service import SYSTEM, Actor, officer_actor
from app.audit.words import ACTIONS, ACTORS
from app.core.context import Context
from app.officers.models import Officer, Role
from tests.conftest import Client
from tests.guards import drop_guards
from tests.make import Make

SUBJECT = "0197c3a0-0000-7000-8000-000000000001"


def write(context: Context, action: Action, by: Actor = SYSTEM, subject: str = SUBJECT) -> None:
    with context.db.write() as session:
        service.record(session, by, action, "tip", subject, was="routed", unheard_of="x")


@pytest.fixture
def auditor(make: Make) -> Officer:
    """An auditor of a district, who reads the whole log all the same."""
    return make.officer(Role.AUDITOR)


def rows_in(page: str) -> int:
    return page.count('data-label="No."')


class TestLog:
    def test_rows_are_told_in_words_newest_first(
        self, client: Client, context: Context, make: Make, auditor: Officer
    ) -> None:
        """An auditor reads who did what to what, not codes."""
        officer = make.officer(name="Wang Li")
        write(context, Action.TIP_VIEWED, officer_actor(officer.id))
        write(context, Action.TIP_STATE)

        page = client.get("/console/audit", as_=auditor).text

        assert f"Wang Li ({officer.badge})" in page
        assert page.index("A tip moved on</td>") < page.index("A tip was opened</td>")
        assert "before: <code>routed</code>" in page
        assert "unheard_of: <code>x</code>" in page
        assert rows_in(page) == 2

    def test_every_filter_narrows_the_log(
        self, client: Client, context: Context, make: Make, auditor: Officer
    ) -> None:
        """By what was done, by whom, to what, and on which days where the officers are."""
        officer = make.officer()
        with time_machine.travel(datetime(2026, 5, 4, 15, 59, tzinfo=UTC), tick=False):
            write(context, Action.TIP_VIEWED, officer_actor(officer.id))  # 23:59 in Shanghai
        with time_machine.travel(datetime(2026, 5, 4, 16, 0, tzinfo=UTC), tick=False):
            write(context, Action.TIP_STATE, subject="other")  # Midnight: the next day
        found = {
            query: rows_in(client.get(f"/console/audit?{query}", as_=auditor).text)
            for query in (
                "action=tip_viewed",
                f"who={officer.badge}",
                f"who={officer.username.upper()}",
                "subject=other",
                "since=2026-05-05&until=2026-05-06",
                "until=2026-05-04",
                "since=2026-05-04&until=2026-05-05",
                "action=tip_viewed&subject=other",
            )
        }

        assert list(found.values()) == [1, 1, 1, 1, 1, 1, 2, 0]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("action=nonsense", "action"),
            ("who=nobody", "who"),
            ("since=yesterday", "since"),
            ("until=9999-12-31", "until"),
        ],
    )
    def test_a_filter_that_means_nothing_is_told_so(
        self, client: Client, context: Context, auditor: Officer, query: str, field: str
    ) -> None:
        """A misspelt name does not look like an officer who did nothing."""
        write(context, Action.TIP_VIEWED)

        answer = client.get(f"/console/audit?{query}", as_=auditor)

        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert rows_in(answer.text) == 0

    def test_a_long_log_is_paged_and_the_filter_goes_along(
        self, client: Client, context: Context, auditor: Officer
    ) -> None:
        """The second page is of the same question."""
        for _ in range(51):
            write(context, Action.TIP_VIEWED)
        write(context, Action.TIP_STATE)

        first = client.get("/console/audit?action=tip_viewed", as_=auditor).text
        second = client.get("/console/audit?action=tip_viewed&page=2").text

        assert (rows_in(first), rows_in(second)) == (50, 1)
        assert "action=tip_viewed&amp;page=2" in first

    def test_verifying_tells_a_whole_log_from_an_edited_one(
        self, client: Client, context: Context, auditor: Officer
    ) -> None:
        """The button reads the chain itself and the signed checkpoints outside the database."""
        for _ in range(3):
            write(context, Action.TIP_VIEWED)
        with context.db.read() as session:
            service.write_checkpoint(
                session, service.checkpoints_path(context.settings), context.keys.signing
            )
        whole = client.get("/console/audit?verify=true", as_=auditor).text

        with context.db.engine.begin() as connection:
            drop_guards(connection)
            connection.execute(text("UPDATE audit_event SET subject_id = 'forged' WHERE seq = 2"))
        edited = client.get("/console/audit?verify=true").text

        assert "The log is whole: 3 rows" in whole
        assert "The log is not whole." in edited
        assert "row 2 was changed" in edited

    def test_looking_at_the_log_writes_nothing_into_it(
        self, client: Client, context: Context, auditor: Officer
    ) -> None:
        """A log that grew by being read would drown what it is for."""
        write(context, Action.TIP_VIEWED)

        client.get("/console/audit?verify=true", as_=auditor)

        assert rows_in(client.get("/console/audit").text) == 1


class TestWords:
    def test_every_action_and_actor_has_words(self) -> None:
        """A new action is not shown to an auditor as a code."""
        assert set(ACTIONS) == set(Action)
        assert set(ACTORS) == set(ActorKind)
