"""The dates on a receipt page: what may be expected by when, the same whatever officers do with the tip."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from app.audit.service import SYSTEM
from app.cases.models import Lead
from app.core.clock import now
from app.core.context import Context
from app.tips import due, escalation, progress
from app.tips.models import Disposition, Tip, TipState
from tests.app.tips.test_receipt_pages import address
from tests.conftest import Client
from tests.make import Make

HOUR = timedelta(hours=1)


def moved(context: Context, tip: Tip, *states: TipState) -> None:
    """Bring a tip along its states."""
    with context.db.write() as session:
        held = session.get_one(Tip, tip.id)
        for state in states:
            progress.move(session, held, state, SYSTEM)


def handed_over(context: Context, make: Make, *, danger_now: bool = False) -> Tip:
    """A tip that officers just got."""
    tip = make.tip(state=TipState.RECEIVED, danger_now=danger_now)
    moved(context, tip, TipState.PROCESSING, TipState.ROUTED)
    return tip


def dates(page: str) -> str:
    """What a page says of dates."""
    found = re.search(r'<p class="due">(.*?)</p>', page, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


class TestDates:
    def test_both_are_told_then_one_then_that_it_is_late(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """An honest sentence at every moment."""
        tip = handed_over(context, make)
        settings = context.settings
        told = []
        for hours in (1, settings.acknowledge_hours + 2, settings.decide_hours + 2):
            with time_machine.travel(now() + timedelta(hours=hours)):
                told.append(dates(client.get(address(context, tip.id)).text))

        assert re.fullmatch(r"The police of that place should open .* An answer is due by .*\.", told[0])
        assert re.fullmatch(r"An answer is due by .*\.", told[1])
        assert re.fullmatch(r"An answer was due by .* It is late\. Your tip stays open .*", told[2])

    def test_danger_is_opened_sooner(self, context: Context, make: Make) -> None:
        """As the officers' own clock has it."""
        plain, danger = handed_over(context, make), handed_over(context, make, danger_now=True)
        settings = context.settings

        with context.db.read() as session:
            by = [due.of_tip(session, tip.id, settings) for tip in (plain, danger)]

        sooner = timedelta(hours=settings.acknowledge_hours - settings.acknowledge_danger_hours)
        assert by[0].opened_by - by[1].opened_by == sooner
        assert by[0].answered_by == by[1].answered_by

    def test_they_are_full_hours(self, context: Context, make: Make) -> None:
        """How long photos were looked at does not show."""
        tip = handed_over(context, make)

        with context.db.read() as session:
            by = due.of_tip(session, tip.id, context.settings)

        for moment in (by.opened_by, by.answered_by):
            assert (moment.minute, moment.second, moment.microsecond) == (0, 0, 0)
        assert timedelta() <= by.answered_by - now() - timedelta(hours=context.settings.decide_hours) <= HOUR

    @pytest.mark.parametrize(
        ("bring", "shown"),
        [
            (lambda _context, _tip: None, True),
            (lambda context, tip: moved(context, tip, TipState.ACKNOWLEDGED), True),
            (lambda context, tip: moved(context, tip, TipState.LEAD), True),
            (lambda context, tip: moved(context, tip, TipState.AWAITING_TIPSTER), False),
        ],
    )
    def test_they_stand_while_officers_have_it(
        self,
        context: Context,
        client: Client,
        make: Make,
        bring: Callable[[Context, Tip], None],
        *,
        shown: bool,
    ) -> None:
        """Not while its sender is asked; an answer ends them."""
        tip = handed_over(context, make)
        bring(context, tip)

        assert bool(dates(client.get(address(context, tip.id)).text)) is shown

    def test_before_and_after_there_are_none(self, context: Context, client: Client, make: Make) -> None:
        """Nothing is promised for a tip that no area has, and nothing for an answered one."""
        waiting, closed = make.tip(state=TipState.RECEIVED), handed_over(context, make)
        with context.db.write() as session:
            progress.dispose(
                session, session.get_one(Tip, closed.id), Disposition.NOT_A_CHILD, SYSTEM, "It was a doll."
            )

        assert [dates(client.get(address(context, tip.id)).text) for tip in (waiting, closed)] == ["", ""]


class TestWhatTheyDoNotTell:
    def test_a_lead_reads_like_any_other_tip(self, context: Context, client: Client, make: Make) -> None:
        """Byte for byte, at every moment: leads have no clock of their own on this page."""
        with time_machine.travel(now(), tick=False):
            tips = [handed_over(context, make) for _ in range(3)]
            plain, lead, proposed = tips
            make.candidate(tip=proposed)
        with time_machine.travel(now() + HOUR, tick=False):
            moved(context, lead, TipState.LEAD)
            moved(context, proposed, TipState.IN_REVIEW)
            with context.db.write() as session:
                session.add(Lead(tip_id=lead.id, jurisdiction_code="440304", reason="Worth a check."))
        moved(context, plain, TipState.ACKNOWLEDGED)

        for hours in (2, 30, 167, 169, 400):
            with time_machine.travel(now() + timedelta(hours=hours), tick=False):
                pages = [_masked(client.get(address(context, tip.id)).text) for tip in tips]
                assert pages[0] == pages[1] == pages[2], hours

    def test_going_up_the_ladder_moves_no_date(self, context: Context, make: Make) -> None:
        """The area above has time of its own; what was promised to the sender stays."""
        tip = handed_over(context, make)
        with context.db.read() as session:
            before = due.of_tip(session, tip.id, context.settings)
        with (
            time_machine.travel(now() + timedelta(hours=context.settings.acknowledge_hours + 1)),
            context.db.write() as session,
        ):
            assert escalation.escalate(session, context.settings) == 1

        with context.db.read() as session:
            assert due.of_tip(session, tip.id, context.settings) == before


def _masked(page: str) -> str:
    page = re.sub(r"/receipt/[\w-]{90,}", "/receipt/TOKEN", page)
    page = re.sub(r"(?:\d{4} ){3}\d{4}", "CODE", page)
    page = re.sub(r'name="submission" value="\w+"', "FORM", page)
    return re.sub(r"<time.*?</time>", "TIME", page)
