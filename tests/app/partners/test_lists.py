"""A channel's list of its tips, and taking one back."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.audit.service import SYSTEM
from app.core.context import Context
from app.tips import progress
from app.tips.answers import NOTICES, Status
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState
from tests.app.partners.calls import TIPS, bearing, channel_of, keep_tip, make_key, send, tips
from tests.conftest import Client

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def key(context: Context) -> str:
    """A key of one partner."""
    return make_key(context).key


def listed(client: Client, key: str, **asked: Any) -> Any:
    answer = client.get(TIPS, params=asked, headers=bearing(key))
    assert answer.status_code == 200, answer.text
    return answer.json()


def kept(context: Context, count: int, name: str = "Street watch", **columns: Any) -> list[str]:
    """Tips of a channel, one a minute but every second pair at the same moment."""
    channel = channel_of(context, name).id
    made = [
        keep_tip(context, channel, n, received_at=START + timedelta(minutes=n // 2), **columns)
        for n in range(count)
    ]
    return [str(tip_id) for tip_id in made]


class TestPages:
    def test_they_stay_the_same_while_new_tips_come_in(
        self, context: Context, client: Client, key: str
    ) -> None:
        """Each tip of the first moment once, none twice, newest first."""
        made = set(kept(context, 9))
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = listed(client, key, limit=2, **cursor)
            seen += [tip["id"] for tip in page["tips"]]
            send(client, key)
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}

        assert sorted(seen) == sorted(made)
        times = {str(tip.id): tip.received_at for tip in tips(context)}
        assert [times[tip_id] for tip_id in seen] == sorted((times[i] for i in seen), reverse=True)

    def test_the_link_leads_to_the_next_page_with_all_filters(
        self, context: Context, client: Client, key: str
    ) -> None:
        """A program that follows links needs no cursor of its own."""
        kept(context, 3, external_id="a b/ü")
        answer = client.get(TIPS, params={"limit": 2, "external_id": "a b/ü"}, headers=bearing(key))

        target, _, relation = answer.headers["link"].partition("; ")
        following = client.get(target.strip("<>"), headers=bearing(key))
        assert relation == 'rel="next"'
        assert len(following.json()["tips"]) == 1
        assert "link" not in following.headers

    @pytest.mark.parametrize(
        "said",
        [
            ["0001-01-01T00:00:00+14:00", str(uuid4())],
            ["9999-12-31T23:59:59-14:00", str(uuid4())],
            ["now", str(uuid4())],
            ["2026-01-01T00:00:00+00:00", "x"],
            ["2026-01-01T00:00:00+00:00", 7],
            [1, 2],
            [],
            {},
            None,
        ],
    )
    def test_a_cursor_made_elsewhere_is_refused(self, client: Client, key: str, said: Any) -> None:
        """422, whatever it holds."""
        cursor = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()

        answer = client.get(TIPS, params={"cursor": cursor}, headers=bearing(key))

        assert (answer.status_code, answer.json()["field"]) == (422, "cursor")

    @pytest.mark.parametrize("cursor", ["x", "ü", "%00", "////", "W1tb" * 50, "A" * 201])
    def test_a_cursor_that_is_none_is_refused(self, client: Client, key: str, cursor: str) -> None:
        """422 as well."""
        answer = client.get(TIPS, params={"cursor": cursor}, headers=bearing(key))

        assert answer.status_code == 422


class TestFilters:
    def test_each_finds_its_own(self, context: Context, client: Client, key: str) -> None:
        """External number, status, and times from and until."""
        channel = channel_of(context).id
        early = keep_tip(context, channel, 1, received_at=START, external_id="a")
        late = keep_tip(
            context, channel, 2, received_at=START + timedelta(hours=1), state=TipState.LEAD, external_id="b"
        )

        def ids(**asked: str) -> list[UUID]:
            return [UUID(tip["id"]) for tip in listed(client, key, **asked)["tips"]]

        border = (START + timedelta(hours=1)).isoformat()
        assert ids(external_id="a") == [early]
        assert ids(external_id="c") == []
        assert ids(status="with_police") == [late]
        assert ids(received_from=border) == [late]
        assert ids(received_until=border) == [early]
        assert ids(received_from=START.isoformat(), status="received", external_id="a") == [early]
        assert ids() == [late, early]

    @pytest.mark.parametrize(
        "asked",
        [
            {"status": "lead"},
            {"limit": "0"},
            {"limit": "101"},
            {"received_from": "2026-01-01T00:00:00"},
            {"received_from": "yesterday"},
            {"received_from": "0001-01-01T00:00:00+14:00"},
            {"received_until": "9999-12-31T23:59:59-14:00"},
        ],
    )
    def test_a_bad_filter_is_refused(self, client: Client, key: str, asked: dict[str, str]) -> None:
        """Inner states are no filter: that would tell of candidates."""
        assert client.get(TIPS, params=asked, headers=bearing(key)).status_code == 422

    def test_foreign_tips_are_never_listed(self, context: Context, client: Client, key: str) -> None:
        """Under no filter, nor with the other channel's cursor."""
        make_key(context, "Another")
        kept(context, 3, external_id="a")
        kept(context, 3, "Another", external_id="a")
        own = {tip["id"] for tip in listed(client, key)["tips"]}
        stranger = make_key(context, "Another").key
        cursor = listed(client, stranger, limit=1)["next_cursor"]

        for asked in ({}, {"external_id": "a"}, {"status": "received"}, {"cursor": cursor}):
            assert {tip["id"] for tip in listed(client, key, **asked)["tips"]} <= own
        assert len(listed(client, key)["tips"]) == 3

    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(TipState), st.lists(st.sampled_from([None, "unknown", *NOTICES]), max_size=3)
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_the_filter_agrees_with_what_each_answer_says(
        self, context: Context, client: Client, drawn: list[tuple[TipState, list[str | None]]]
    ) -> None:
        """For every state and thread: a tip is found under the status that it shows, and no other."""
        name = f"Watch {uuid4()}"
        key = make_key(context, name).key
        channel = channel_of(context, name).id
        for number, (state, notices) in enumerate(drawn):
            tip_id = keep_tip(context, channel, number, state=state)
            with context.db.write() as session:
                for notice in notices:
                    author = Author.SYSTEM if notice else Author.OFFICER
                    session.add(TipMessage(tip_id=tip_id, author=author, notice=notice, text="x"))

        every = {tip["id"]: tip["status"] for tip in listed(client, key)["tips"]}
        found = {tip["id"]: s for s in Status for tip in listed(client, key, status=s.value)["tips"]}
        assert len(every) == len(drawn)
        assert found == every


class TestTakingBack:
    def withdraw(self, client: Client, key: str, tip_id: str) -> Any:
        return client.post(f"{TIPS}/{tip_id}/withdraw", headers=bearing(key))

    def test_twice_is_once(self, context: Context, client: Client, key: str) -> None:
        """Both requests read the same, and there is one notice."""
        tip_id = send(client, key).json()["id"]

        first, second = self.withdraw(client, key, tip_id), self.withdraw(client, key, tip_id)

        assert first.status_code == second.status_code == 200
        assert first.json() == second.json()
        assert first.json()["status"] == "closed"
        assert tips(context)[0].disposition == Disposition.WITHDRAWN_BY_TIPSTER

    def test_another_partners_tip_looks_like_none(self, context: Context, client: Client, key: str) -> None:
        """And it stays as it is."""
        tip_id = send(client, key).json()["id"]
        stranger = make_key(context, "Another").key

        foreign, missing = (self.withdraw(client, stranger, each) for each in (tip_id, str(uuid4())))

        assert foreign.status_code == missing.status_code == 404
        assert foreign.content == missing.content
        assert tips(context)[0].state == TipState.RECEIVED

    def test_a_lead_and_another_tip_read_alike(self, context: Context, client: Client, key: str) -> None:
        """Nobody learns from taking a tip back that somebody was recognised on it."""
        answers: list[Any] = []
        for state in (TipState.ROUTED, TipState.IN_REVIEW, TipState.LEAD):
            tip_id = keep_tip(context, channel_of(context).id, len(answers), state=state)
            body = self.withdraw(client, key, str(tip_id)).json()
            answers.append((body["status"], [(m["author"], m["text"]) for m in body["messages"]]))

        assert answers[0] == answers[1] == answers[2]

    def test_a_closed_tip_is_not_taken_back(self, context: Context, client: Client, key: str) -> None:
        """The answer stands."""
        tip_id = keep_tip(context, channel_of(context).id, 1, state=TipState.ROUTED)
        with context.db.write() as session:
            tip = session.get_one(Tip, tip_id)
            progress.dispose(session, tip, Disposition.NOT_A_CHILD, SYSTEM, "not a child")

        assert self.withdraw(client, key, str(tip_id)).status_code == 409
