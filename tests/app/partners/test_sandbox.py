"""The sandbox: the real API for a partner's trials, and nothing of it for an officer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from sqlmodel import select

from app.core.context import Context
from app.core.jobs import Job
from app.officers.models import Officer, Role
from app.partners import sandbox
from app.partners.models import Scope
from app.photos.models import Photo
from app.tips import escalation, queries
from app.tips.models import ChannelKind, Tip, TipState
from tests.app.partners.calls import TIPS, bearing, make_key, send, tips
from tests.conftest import Client
from tests.make import Make
from tests.stored import files as stored_files

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Noon, standing still."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def key(context: Context) -> str:
    """A key of the sandbox."""
    return make_key(context, "Trial", ChannelKind.SANDBOX).key


def trial_in(context: Context, client: Client, key: str, state: TipState, area: str | None) -> UUID:
    """A sandbox tip that claims a state and an area."""
    tip_id = UUID(send(client, key, latitude="22.541", longitude="114.055").json()["id"])
    with context.db.write() as session:
        tip = session.get_one(Tip, tip_id)
        tip.state, tip.jurisdiction_code = state, area
        session.add(tip)
    return tip_id


class TestNothingForOfficers:
    @pytest.mark.parametrize("area", [None, "440304"])
    @pytest.mark.parametrize("state", [TipState.ROUTED, TipState.LEAD, TipState.DISPOSED])
    def test_no_question_of_theirs_finds_it(
        self, context: Context, client: Client, key: str, make: Make, state: TipState, area: str | None
    ) -> None:
        """In its area and in the nation, to be seen or to be compared."""
        trial_in(context, client, key, state, area)
        officers: list[Officer] = [make.officer(area="440304"), make.officer(area="CN")]

        with context.db.read() as session:
            for officer in officers:
                assert session.exec(queries.visible_to(officer)).all() == []
                assert session.exec(queries.reviewable_by(officer)).all() == []

    @pytest.mark.parametrize("page", ["/console/triage", "/console/reviews", "/console/map", "/console/tips"])
    def test_no_page_of_theirs_shows_it(
        self, context: Context, client: Client, key: str, make: Make, page: str
    ) -> None:
        """Its page answers like one that does not exist, and the lists read as if it were not there."""
        roles = (Role.REVIEWER, Role.SUPERVISOR)
        tip_id = trial_in(context, client, key, TipState.ROUTED, "440304")
        officer = make.officer(*roles)

        assert client.get(f"/console/tips/{tip_id}", as_=officer).status_code == 404
        shown = client.get(page, as_=officer)
        assert shown.status_code in {200, 303, 404}
        assert str(tip_id) not in shown.text
        assert "Metro exit A" not in shown.text

    def test_it_never_goes_up_to_the_authority_above(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """Nobody is alarmed by a trial."""
        tip_id = trial_in(context, client, key, TipState.ROUTED, "440304")
        clock.shift(timedelta(days=10))

        with context.db.write() as session:
            assert escalation.overdue(session, context.settings) == []
            assert escalation.escalate(session, context.settings) == 0
        with context.db.read() as session:
            assert session.get_one(Tip, tip_id).escalated_to is None

    def test_no_job_looks_at_it(self, context: Context, client: Client, key: str) -> None:
        """Its photos are compared with nobody."""
        assert send(client, key).status_code == 201

        with context.db.read() as session:
            assert session.exec(select(Job)).all() == []


class TestTheWalk:
    def test_a_tip_goes_through_all_that_a_sender_may_meet(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """Received, with the police, a question, an answer: on time, and told as such."""
        tip_id = send(client, key).json()["id"]
        seen = []
        for pause_s in (0, 29, 1, 89, 1, 179, 1, 3600):
            clock.shift(pause_s)
            sandbox.walk(context)
            seen.append(client.get(f"{TIPS}/{tip_id}", headers=bearing(key)).json())

        assert [body["status"] for body in seen] == [
            "received", "received", "with_police", "with_police", "question", "question", "closed", "closed",
        ]  # fmt: skip
        assert [message["author"] for message in seen[-1]["messages"]] == ["officer", "system"]
        assert seen[-1]["messages"][0]["text"] == sandbox.ASKED

    def test_a_late_look_catches_up(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """A worker that was down leaves no trial behind; a second look changes nothing."""
        send(client, key)
        clock.shift(3600)

        assert sandbox.walk(context) > 0
        assert sandbox.walk(context) == 0
        assert tips(context)[0].state == TipState.DISPOSED

    def test_real_tips_stay_where_they_are(
        self, context: Context, client: Client, clock: time_machine.Traveller
    ) -> None:
        """Nothing walks by itself but trials, and no photo of theirs goes."""
        send(client, make_key(context).key)
        clock.shift(timedelta(days=3))

        assert sandbox.walk(context) == 0
        assert tips(context)[0].state == TipState.RECEIVED
        with context.db.read() as session:
            assert len(session.exec(select(Photo)).all()) == 1

    def test_photos_are_erased_after_a_day(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """Files and rows; the tip can still be read."""
        tip_id = send(client, key).json()["id"]
        clock.shift(timedelta(hours=23))
        sandbox.walk(context)
        with context.db.read() as session:
            store_key = session.exec(select(Photo)).one().store_key
        assert store_key in stored_files(context)
        clock.shift(timedelta(hours=1, seconds=1))
        sandbox.walk(context)

        with context.db.read() as session:
            assert session.exec(select(Photo)).all() == []
        assert stored_files(context) == []
        assert client.get(f"{TIPS}/{tip_id}", headers=bearing(key)).status_code == 200

    def test_one_that_was_taken_back_walks_no_further(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """Its sender's word is the last."""
        tip_id = send(client, key).json()["id"]
        client.post(f"{TIPS}/{tip_id}/withdraw", headers=bearing(key))
        clock.shift(600)
        sandbox.walk(context)

        messages = client.get(f"{TIPS}/{tip_id}", headers=bearing(key)).json()["messages"]
        assert [message["author"] for message in messages] == ["system"]


def test_a_sandbox_key_may_do_what_a_partners_may(context: Context, client: Client, key: str) -> None:
    """A program that runs here runs there; an own scope is kept as well."""
    reads = make_key(context, "Trial", ChannelKind.SANDBOX, scopes=[Scope.TIPS_READ]).key

    assert client.get("/api/v1/webhooks", headers=bearing(key)).status_code == 200
    assert send(client, reads).status_code == 403
