"""Clocks of tips, computed from events, and the ladder that a silent station's tips climb."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM, officer_actor
from app.core.clock import now
from app.core.context import Context
from app.core.settings import Settings
from app.reviews import triage
from app.tips import answers, clocks, escalation, progress, receipts
from app.tips.clocks import Clock, ClockKind
from app.tips.models import Author, Channel, ChannelKind, Tip, TipEvent, TipMessage, TipState
from tests.conftest import Client
from tests.make import Make

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = Settings()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time that moves only when told to."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


class Station:
    """A deployment whose tips are handed over and moved through the service."""

    def __init__(self, context: Context, make: Make) -> None:
        self.context = context
        self.make = make

    def tip(self, *, danger_now: bool = False) -> Tip:
        tip = self.make.tip(state=TipState.PROCESSING, danger_now=danger_now)
        self.move(tip.id, TipState.ROUTED)
        return tip

    def move(self, tip_id: UUID, to: TipState) -> None:
        with self.context.db.write() as session:
            progress.move(session, session.get_one(Tip, tip_id), to, SYSTEM)

    def escalate(self) -> int:
        with self.context.db.write() as session:
            return escalation.escalate(session, self.context.settings)

    def stored(self, tip_id: UUID) -> Tip:
        with self.context.db.read() as session:
            return session.get_one(Tip, tip_id)

    def clocks(self, tip_id: UUID) -> dict[ClockKind, Clock]:
        with self.context.db.read() as session:
            found = clocks.of_tips(session, [session.get_one(Tip, tip_id)], self.context.settings)
        return {clock.kind: clock for clock in found[tip_id]}

    def notices(self, tip_id: UUID) -> list[str | None]:
        with self.context.db.read() as session:
            return list(
                session.exec(
                    select(TipMessage.notice)
                    .where(TipMessage.tip_id == tip_id, TipMessage.author == Author.SYSTEM)
                    .order_by(col(TipMessage.created_at))
                )
            )

    def read_by_sender(self, tip_id: UUID) -> list[str]:
        with self.context.db.read() as session:
            return [line.text for line in answers.of_tip(session, tip_id, "en").lines]


@pytest.fixture
def station(context: Context, make: Make) -> Station:
    """The police of Futian and what is above it."""
    return Station(context, make)


@pytest.mark.usefixtures("clock")
class TestClocks:
    def test_none_runs_before_officers_have_it(self, station: Station) -> None:
        """Time that the machine takes is not the officers'."""
        tip = station.make.tip(state=TipState.RECEIVED)
        station.move(tip.id, TipState.PROCESSING)

        assert station.clocks(tip.id) == {}

    def test_both_start_when_it_is_handed_over(self, station: Station, clock: time_machine.Traveller) -> None:
        """The due times follow from the settings."""
        clock.shift(HOUR)
        found = station.clocks(station.tip().id)

        assert found[ClockKind.ACKNOWLEDGE] == Clock(
            ClockKind.ACKNOWLEDGE, START + HOUR, START + 25 * HOUR, None
        )
        assert found[ClockKind.DECIDE].due_at == START + HOUR + timedelta(hours=SETTINGS.decide_hours)

    def test_danger_now_has_less_time(self, station: Station) -> None:
        """A child in danger is opened within two hours."""
        found = station.clocks(station.tip(danger_now=True).id)

        assert found[ClockKind.ACKNOWLEDGE].due_at == START + 2 * HOUR

    def test_opening_stops_the_first_and_a_lead_the_second(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """What was done in time stays in time, however late it is asked."""
        tip = station.tip()
        clock.shift(HOUR)
        station.move(tip.id, TipState.ACKNOWLEDGED)
        clock.shift(HOUR)
        station.move(tip.id, TipState.LEAD)
        clock.shift(1000 * HOUR)

        found = station.clocks(tip.id)

        assert found[ClockKind.ACKNOWLEDGE].stopped_at == START + HOUR
        assert found[ClockKind.DECIDE].stopped_at == START + 2 * HOUR
        assert not any(each.overdue(now()) for each in found.values())

    def test_back_in_triage_it_stays_acknowledged(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """A review that ended without a lead does not ask the station to open the tip again."""
        tip = station.tip()
        station.move(tip.id, TipState.IN_REVIEW)
        clock.shift(HOUR)
        station.move(tip.id, TipState.ROUTED)

        found = station.clocks(tip.id)

        assert found[ClockKind.ACKNOWLEDGE].stopped_at == START
        assert found[ClockKind.DECIDE].running

    def test_waiting_for_the_tipster_does_not_count(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """An answer that takes three days moves the due time by three days."""
        tip = station.tip()
        before = station.clocks(tip.id)[ClockKind.DECIDE].due_at
        station.move(tip.id, TipState.AWAITING_TIPSTER)
        clock.shift(72 * HOUR)
        while_asked = station.clocks(tip.id)[ClockKind.DECIDE].due_at
        station.move(tip.id, TipState.ACKNOWLEDGED)
        clock.shift(HOUR)

        assert while_asked == before + 72 * HOUR
        assert station.clocks(tip.id)[ClockKind.DECIDE].due_at == before + 72 * HOUR

    def test_a_transfer_starts_them_anew(self, station: Station, clock: time_machine.Traveller) -> None:
        """The next area is not late for what the first one did not do, even if nobody had opened the tip."""
        tip, officer = station.tip(), station.make.officer()
        clock.shift(20 * HOUR)
        with station.context.db.write() as session:
            triage.transfer(session, officer, tip.id, "440303", "Seen on the other side of the street.")

        found = station.clocks(tip.id)

        assert found[ClockKind.ACKNOWLEDGE].started_at == START + 20 * HOUR
        assert found[ClockKind.ACKNOWLEDGE].running

    def test_a_reopened_case_starts_them_anew(self, station: Station, clock: time_machine.Traveller) -> None:
        """A tip that came back a year later is not a year late."""
        tip = station.tip()
        for state in (TipState.LEAD, TipState.DISPOSED):
            station.move(tip.id, state)
        clock.shift(9000 * HOUR)
        station.move(tip.id, TipState.LEAD)
        station.move(tip.id, TipState.ROUTED)

        found = station.clocks(tip.id)

        assert not any(each.overdue(now()) for each in found.values())
        assert found[ClockKind.DECIDE].running

    @given(hours=st.lists(st.floats(0, 500, allow_nan=False), min_size=1, max_size=6), danger=st.booleans())
    @settings(deadline=None)
    def test_a_clock_never_stops_before_it_starts(self, hours: list[float], *, danger: bool) -> None:
        """Whatever a tip went through, its clocks are in order and only one of each kind runs."""
        path = [
            TipState.ROUTED,
            TipState.ACKNOWLEDGED,
            TipState.AWAITING_TIPSTER,
            TipState.IN_REVIEW,
            TipState.ESCALATED,
            TipState.DISPOSED,
        ]
        moment, events = START - 4000 * HOUR, []
        for state, later in zip(path, hours, strict=False):
            moment += timedelta(hours=later)
            events.append(TipEvent(tip_id=UUID(int=1), at=moment, state=state, jurisdiction_code="440304"))

        found = clocks.of_events(events, SETTINGS, danger_now=danger)

        assert [each.kind for each in found] == [ClockKind.ACKNOWLEDGE, ClockKind.DECIDE]
        assert all(each.stopped_at is None or each.stopped_at >= each.started_at for each in found)
        assert all(each.due_at > each.started_at for each in found)


class TestSilentStation:
    def test_it_climbs_the_ladder_and_its_sender_is_told(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """Station, city, province, nation: each gets its time, and then the tip waits at the top."""
        tip = station.tip()
        seen = []
        for _ in range(5):
            clock.shift(23 * HOUR)
            assert station.escalate() == 0
            clock.shift(timedelta(hours=1, seconds=1))
            station.escalate()
            stored = station.stored(tip.id)
            seen.append(stored.escalated_to)

        assert seen == ["440300", "440000", "CN", "CN", "CN"]
        assert stored.state == TipState.ESCALATED
        assert stored.jurisdiction_code == "440304"
        assert station.clocks(tip.id)[ClockKind.ACKNOWLEDGE].overdue(now())
        assert station.notices(tip.id) == [escalation.ESCALATED] * 3
        assert station.read_by_sender(tip.id)[0].startswith("Nobody at the local police opened your tip")

    def test_the_senders_page_says_so(
        self, station: Station, client: Client, clock: time_machine.Traveller
    ) -> None:
        """Under the receipt code, in the sender's language, in the thread and for good."""
        tip = station.tip()
        link = receipts.ReceiptLink(tip.id, receipts.new_code(station.context.keys, "x"), fresh=False)
        before = client.get(receipts.make_link(station.context.keys, link)).text
        clock.shift(25 * HOUR)
        station.escalate()
        station.move(tip.id, TipState.ACKNOWLEDGED)

        address = receipts.make_link(station.context.keys, link)
        pages = {lang: client.get(address, headers={"Accept-Language": lang}).text for lang in ("zh", "en")}

        assert "authority above" not in before
        assert "It has gone to the authority above." in pages["en"]
        assert "线索已转交上级公安机关" in pages["zh"]

    def test_a_station_that_opened_it_in_time_keeps_it(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """Only silence climbs."""
        tip, officer = station.tip(), station.make.officer()
        clock.shift(23 * HOUR)
        with station.context.db.write() as session:
            triage.open_tip(session, officer, tip.id)
        clock.shift(10 * HOUR)

        assert station.escalate() == 0
        assert station.stored(tip.id).escalated_to is None

    def test_the_city_can_open_what_climbed(self, station: Station, clock: time_machine.Traveller) -> None:
        """An officer of the area above finds the tip and stops its clock; the station still sees it."""
        tip = station.tip()
        clock.shift(25 * HOUR)
        station.escalate()
        for area in ("440300", "440304"):
            with station.context.db.write() as session:
                triage.open_tip(session, station.make.officer(area=area), tip.id)

        assert station.stored(tip.id).state == TipState.ACKNOWLEDGED
        assert not station.clocks(tip.id)[ClockKind.ACKNOWLEDGE].running

    def test_the_decide_clock_climbs_without_a_word_to_the_sender(
        self, station: Station, clock: time_machine.Traveller
    ) -> None:
        """A lead has no such clock: a notice would tell, by its absence, which tips became leads."""
        quiet, lead = station.tip(), station.tip()
        for tip in (quiet, lead):
            station.move(tip.id, TipState.ACKNOWLEDGED)
        station.move(lead.id, TipState.LEAD)
        clock.shift(timedelta(hours=SETTINGS.decide_hours + 1))

        assert station.escalate() == 1
        assert station.stored(quiet.id).escalated_to == "440300"
        assert station.read_by_sender(quiet.id) == station.read_by_sender(lead.id) == []

    def test_known_answers_never_climb(
        self, station: Station, context: Context, clock: time_machine.Traveller
    ) -> None:
        """Nobody sent them, so nobody waits for them."""
        tip = station.tip()
        with context.db.write() as session:
            channel = session.exec(select(Channel)).one()
            channel.kind = ChannelKind.GOLDEN
            session.add(channel)
        clock.shift(1000 * HOUR)

        assert station.escalate() == 0
        assert station.stored(tip.id).escalated_to is None

    def test_each_step_is_in_the_audit_log(self, station: Station, clock: time_machine.Traveller) -> None:
        """From whom, to whom, and which clock."""
        tip = station.tip()
        clock.shift(25 * HOUR)
        station.escalate()
        with station.context.db.read() as session:
            row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ESCALATED)).one()

        assert row.subject_id == str(tip.id)
        assert row.detail == {"was": "440304", "now": "440300", "clock": "acknowledge"}

    def test_a_transfer_leaves_the_ladder(self, station: Station, clock: time_machine.Traveller) -> None:
        """Another area begins at its own foot of the ladder."""
        tip = station.tip()
        clock.shift(25 * HOUR)
        station.escalate()
        with station.context.db.write() as session:
            officer = station.make.officer(area="440300")
            triage.transfer(session, officer, tip.id, "440303", "Seen on the other side of the street.")
            progress.move(
                session, session.get_one(Tip, tip.id), TipState.ACKNOWLEDGED, officer_actor(officer.id)
            )

        assert station.stored(tip.id).escalated_to is None
