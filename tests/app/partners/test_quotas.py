"""Quotas: what a channel may send, what it is told of it, and what of its requests is counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
import time_machine

from app.core.clock import now
from app.core.context import Context
from app.partners import keys, quality, quotas
from app.partners.models import ChannelDay
from app.tips import service
from app.tips.models import Channel, Disposition, TipState
from tests.app.partners.calls import (
    TIPS,
    bearing,
    change_channel,
    channel_of,
    day_of,
    keep_tip,
    make_key,
    send,
    tips,
)
from tests.conftest import Client

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Noon, standing still."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def key(context: Context) -> str:
    """A key of one partner."""
    return make_key(context).key


def judged(context: Context, good: int, bad: int, *, days_ago: int = 1) -> UUID:
    """Tips of the usual channel that officers closed."""
    channel = channel_of(context).id
    at = now() - timedelta(days=days_ago)
    for number in range(good + bad):
        disposition = Disposition.WITH_FAMILY_NO_CONCERN if number < good else Disposition.FALSE_MALICIOUS
        keep_tip(
            context,
            channel,
            number,
            state=TipState.DISPOSED,
            disposition=disposition,
            disposed_at=at,
            received_at=at,
        )
    return channel


def use_of(context: Context) -> quotas.Use:
    with context.db.read() as session:
        return quotas.use_of(session, context.settings, session.get_one(Channel, channel_of(context).id))


class TestTheMinute:
    def test_beyond_it_a_tip_is_refused_until_the_oldest_is_a_minute_old(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """429 with the time to wait; nothing of the refused tip is kept."""
        change_channel(context, minute_quota=2)
        first = send(client, key)
        clock.shift(20)
        second = send(client, key)
        beyond = send(client, key)

        assert [first.status_code, second.status_code, beyond.status_code] == [201, 201, 429]
        assert beyond.json()["code"] == "too-many"
        assert int(beyond.headers["retry-after"]) == 40
        assert len(tips(context)) == 2
        clock.shift(40.5)
        assert send(client, key).status_code == 201

    def test_the_headers_say_what_is_left(self, context: Context, client: Client, key: str) -> None:
        """Before and after: the policy, what is left and when there is more."""
        change_channel(context, minute_quota=2, day_quota=1000)

        answers = [send(client, key) for _ in range(3)]

        assert {answer.headers["ratelimit-policy"] for answer in answers} == {
            '"minute";q=2;w=60, "day";q=1000;w=86400'
        }
        assert [answer.headers["ratelimit"] for answer in answers] == [
            '"minute";r=2;t=60', '"minute";r=1;t=60', '"minute";r=0;t=60',
        ]  # fmt: skip

    def test_another_channels_tips_use_nothing_up(self, context: Context, client: Client, key: str) -> None:
        """A quota is its channel's own."""
        change_channel(context, minute_quota=1)
        other = make_key(context, "Another").key
        for _ in range(3):
            assert send(client, other).status_code == 201

        assert send(client, key).status_code == 201

    def test_two_keys_of_a_channel_share_its_quota(self, context: Context, client: Client, key: str) -> None:
        """A second key buys nothing."""
        change_channel(context, minute_quota=1)
        send(client, key)

        assert send(client, make_key(context).key).status_code == 429

    def test_reading_is_not_held_up(self, context: Context, client: Client, key: str) -> None:
        """What was sent can be followed at any time."""
        change_channel(context, minute_quota=1)
        tip_id = send(client, key).json()["id"]
        assert send(client, key).status_code == 429

        assert client.get(f"{TIPS}/{tip_id}", headers=bearing(key)).status_code == 200


class TestTheDay:
    def test_it_is_counted_by_the_days_row_and_ends_at_midnight(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """UTC; the wait is told in seconds."""
        change_channel(context, day_quota=5)
        with context.db.write() as session:
            session.add(ChannelDay(channel_id=channel_of(context).id, day=NOON.date(), accepted=4))

        assert send(client, key).status_code == 201
        beyond = send(client, key)

        assert beyond.status_code == 429
        assert int(beyond.headers["retry-after"]) == 12 * 3600
        assert beyond.headers["ratelimit"] == f'"day";r=0;t={12 * 3600}'
        clock.shift(12 * 3600)
        assert send(client, key).status_code == 201

    def test_an_operators_own_numbers_go_before_the_settings(self, context: Context, key: str) -> None:
        """A large partner may send more."""
        assert key
        change_channel(context, minute_quota=7, day_quota=70)
        use = use_of(context)
        change_channel(context, minute_quota=None, day_quota=None)
        usual = use_of(context)

        assert (use.minute_quota, use.day_quota) == (7, 70)
        assert usual.minute_quota == context.settings.partner_minute_quota
        assert usual.day_quota == context.settings.partner_day_quota


@pytest.mark.usefixtures("key")
class TestQuality:
    @pytest.mark.parametrize(
        ("good", "bad", "left"),
        [(0, 40, 0.1), (3, 37, 0.1), (4, 36, 0.25), (9, 31, 0.25), (10, 30, 0.5), (20, 20, 1.0), (40, 0, 1)],
    )
    def test_worthless_tips_lower_the_quota_in_steps(
        self, context: Context, good: int, bad: int, left: float
    ) -> None:
        """By the share of tips that were worth the officers' time."""
        change_channel(context, minute_quota=100, day_quota=1000)
        judged(context, good, bad)

        use = use_of(context)

        assert (use.minute_quota, use.day_quota) == (int(100 * left), int(1000 * left))

    def test_it_never_falls_to_nothing(self, context: Context) -> None:
        """One good tip may be the one that counts."""
        change_channel(context, minute_quota=3, day_quota=3)
        judged(context, 0, 40)

        assert (use_of(context).minute_quota, use_of(context).day_quota) == (1, 1)

    def test_a_few_answers_or_old_ones_say_nothing(self, context: Context) -> None:
        """A new partner is not judged by its first tips, nor an old one by last year's."""
        channel = judged(context, 0, quality.LEAST_ANSWERED - 1)
        old = channel_of(context).id
        with context.db.read() as session:
            few = quality.score(session, channel)
        for number in range(40):
            keep_tip(
                context,
                old,
                1000 + number,
                state=TipState.DISPOSED,
                disposition=Disposition.FALSE_MALICIOUS,
                disposed_at=now() - timedelta(days=91),
            )

        with context.db.read() as session:
            assert few.factor == quality.score(session, channel).factor == 1.0
            assert few.share is None

    def test_what_says_nothing_of_a_tip_is_not_counted(self, context: Context) -> None:
        """Taken back, never verified, handed on: none is the sender's fault."""
        channel = channel_of(context).id
        for number, disposition in enumerate(sorted(quality.NOT_JUDGED) * 20):
            keep_tip(
                context,
                channel,
                number,
                state=TipState.DISPOSED,
                disposition=disposition,
                disposed_at=now() - timedelta(days=1),
            )

        with context.db.read() as session:
            assert quality.score(session, channel) == quality.Quality(0, 0)


class TestPaused:
    def test_nothing_is_sent_and_all_can_be_read(self, context: Context, client: Client, key: str) -> None:
        """An operator stops a flood without hiding the answers to what came before."""
        tip_id = send(client, key).json()["id"]
        change_channel(context, paused_at=now())

        refused = send(client, key)

        assert (refused.status_code, refused.json()["detail"]) == (403, quotas.PAUSED)
        assert len(tips(context)) == 1
        assert client.get(TIPS, headers=bearing(key)).status_code == 200
        assert client.get(f"{TIPS}/{tip_id}", headers=bearing(key)).status_code == 200
        change_channel(context, paused_at=None)
        assert send(client, key).status_code == 201


class TestCounts:
    def test_each_kind_of_end_has_its_number(
        self, context: Context, client: Client, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Taken, refused, throttled and failed here, with the code of the newest mistake."""
        change_channel(context, minute_quota=2)
        send(client, key)
        send(client, key, latitude="91", longitude="1")
        client.get(f"{TIPS}/none", headers=bearing(key))

        def broken(*_: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(service, "accept", broken)
            assert send(client, key).status_code == 500
        send(client, key)
        assert send(client, key).status_code == 429

        day = day_of(context)
        assert day is not None
        assert (day.accepted, day.refused, day.throttled, day.failed) == (2, 2, 1, 1)
        assert day.last_refusal == "not-found"

    def test_a_repeated_request_counts_once(self, context: Context, client: Client, key: str) -> None:
        """A partner on a bad line does not use its day up by repeating."""
        for _ in range(3):
            assert send(client, key, repeat="request-0001").status_code == 201

        day = day_of(context)
        assert day is not None
        assert day.accepted == 1

    def test_reading_and_strangers_leave_no_count(self, context: Context, client: Client, key: str) -> None:
        """A wrong key is nobody's request."""
        client.get(TIPS, headers=bearing(key))
        client.get(TIPS, headers=bearing(key + "x"))
        make_key(context, "Another")

        assert day_of(context) is None

    def test_the_last_use_of_a_key_is_known_to_the_hour(
        self, context: Context, client: Client, key: str, clock: time_machine.Traveller
    ) -> None:
        """One write an hour, not one for each request; a wrong key leaves no trace."""
        key_id = key.split("_")[1]

        def last_use() -> datetime | None:
            with context.db.read() as session:
                return keys.get_key(session, key_id).last_used_at

        client.get(TIPS, headers=bearing(key + "x"))
        assert last_use() is None
        client.get(TIPS, headers=bearing(key))
        clock.shift(1800)
        client.get(TIPS, headers=bearing(key))
        assert last_use() == NOON
        clock.shift(1801)
        client.get(TIPS, headers=bearing(key))
        assert last_use() == NOON + timedelta(seconds=3601)


def test_a_quota_is_asked_for_before_anything_is_kept(context: Context, client: Client, key: str) -> None:
    """A batch goes whole or not at all when it passes the quota."""
    change_channel(context, minute_quota=2)
    items = '[{"idempotency_key": "item-0001", "place_text": "x", "photos": ["a"]}]'.replace("]}]", "]}")
    answer: httpx.Response = client.post(
        f"{TIPS}/batch",
        headers=bearing(key),
        files=[("tips", (None, f"{items}, {items[1:]}, {items[1:]}]")), ("a", ("a.jpg", b"x", "image/jpeg"))],
    )

    assert answer.status_code == 429
    assert tips(context) == []
