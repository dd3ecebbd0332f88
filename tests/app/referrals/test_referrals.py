"""Work handed to other agencies: every step recorded, clocks from events, own area only."""

from datetime import timedelta

import pytest
import time_machine
from sqlmodel import select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Officer, Role
from app.referrals import clocks, queries, service
from app.referrals.clocks import ReferralClockKind
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralOutcome, ReferralState
from tests.conftest import Client
from tests.make import Make

REQUEST = "Please visit the family and see what they need."
SAID = "They know the family and will go there tomorrow."


def send(context: Context, officer: Officer, area: str = "440304") -> Referral:
    with context.db.write() as session:
        return service.send(
            session,
            officer,
            jurisdiction_code=area,
            agency=Agency.CIVIL_AFFAIRS,
            office="福田区民政局",
            request=REQUEST,
        )


def answer(context: Context, officer: Officer, referral: Referral, to: ReferralState, **more: object) -> None:
    with context.db.write() as session:
        values = {"informant": "Ms Li", "text": SAID} | more
        service.answer(session, officer, referral.id, to, **values)  # type: ignore[arg-type]


def line(context: Context, referral: Referral) -> queries.ReferralLine:
    with context.db.read() as session:
        found = session.get_one(Referral, referral.id)
        return queries.lines(session, context.settings, [found])[0]


class TestSteps:
    def test_accepted_then_completed(self, context: Context, make: Make) -> None:
        """Every step keeps who said it and who wrote it down."""
        officer = make.officer()
        referral = send(context, officer)
        answer(context, officer, referral, ReferralState.ACCEPTED)
        done = ReferralOutcome.FAMILY_SUPPORTED
        answer(context, officer, referral, ReferralState.COMPLETED, outcome=done)

        with context.db.read() as session:
            events = session.exec(select(ReferralEvent)).all()
            stored = session.get_one(Referral, referral.id)
        assert [event.state.value for event in events] == ["sent", "accepted", "completed"]
        assert [event.informant for event in events] == ["", "Ms Li", "Ms Li"]
        assert stored.outcome == done

    @pytest.mark.parametrize("ended", [ReferralState.DECLINED, ReferralState.CANCELLED])
    def test_what_ended_takes_no_more_answers(
        self, context: Context, make: Make, ended: ReferralState
    ) -> None:
        """A new referral is sent instead."""
        officer = make.officer()
        referral = send(context, officer)
        answer(context, officer, referral, ended)

        with pytest.raises(Conflict):
            answer(context, officer, referral, ReferralState.ACCEPTED)

    def test_missing_words_are_refused(self, context: Context, make: Make) -> None:
        """Nobody named, no reason, no outcome, an outcome too many: nothing changes."""
        officer = make.officer()
        referral = send(context, officer)
        for to, more in (
            (ReferralState.ACCEPTED, {"informant": " "}),
            (ReferralState.DECLINED, {"text": "no"}),
            (ReferralState.COMPLETED, {}),
            (ReferralState.DECLINED, {"outcome": ReferralOutcome.NO_NEED}),
            (ReferralState.SENT, {}),
        ):
            with pytest.raises(Invalid):
                answer(context, officer, referral, to, **more)

        assert line(context, referral).referral.state == ReferralState.SENT

    def test_another_area_does_not_see_it(self, context: Context, make: Make) -> None:
        """Like tips and cases."""
        referral = send(context, make.officer())
        stranger = make.officer(area="442000")

        with pytest.raises(NotFound):
            answer(context, stranger, referral, ReferralState.ACCEPTED)


class TestClocks:
    def test_an_agency_that_does_not_answer_is_overdue(self, context: Context, make: Make) -> None:
        """First the answer, then the outcome."""
        officer = make.officer()
        with time_machine.travel(now(), tick=False) as clock:
            referral = send(context, officer)
            assert not line(context, referral).overdue
            clock.shift(timedelta(hours=context.settings.referral_answer_hours, seconds=1))
            late = line(context, referral)
            answer(context, officer, referral, ReferralState.ACCEPTED)
            answered = line(context, referral)
            clock.shift(timedelta(days=context.settings.referral_days))
            silent = line(context, referral)

        assert late.overdue
        assert late.clock is not None
        assert late.clock.kind == ReferralClockKind.ANSWER
        assert not answered.overdue
        assert silent.overdue
        assert silent.clock is not None
        assert silent.clock.kind == ReferralClockKind.OUTCOME

    def test_taken_back_nothing_is_due(self, context: Context, make: Make) -> None:
        """Both clocks stand still."""
        officer = make.officer()
        referral = send(context, officer)
        answer(context, officer, referral, ReferralState.CANCELLED)
        with context.db.read() as session:
            events = queries.events_of(session, [referral.id])[referral.id]

        assert clocks.next_due(clocks.of_events(events, context.settings)) is None


class TestPages:
    def test_the_list_and_one_of_it(self, context: Context, client: Client, make: Make) -> None:
        """Found by state and agency, answered on its page, in both languages."""
        officer = make.officer(Role.INVESTIGATOR)
        referral = send(context, officer)
        path = f"/console/referrals/{referral.id}"

        assert path in client.get("/console/referrals", as_=officer).text
        assert path in client.get("/console/referrals?state=sent&agency=civil_affairs").text
        assert path not in client.get("/console/referrals?agency=school").text
        assert REQUEST in client.get(path).text
        assert "民政部门" in client.get(path, headers={"Accept-Language": "zh"}).text

        refused = client.post(f"{path}/answer", data={"state": "declined", "informant": "Ms Li"})
        assert refused.status_code == 422
        assert "Ms Li" in refused.text
        taken = client.post(f"{path}/answer", data={"state": "accepted", "informant": "Ms Li"})
        assert taken.status_code == 303
        assert path in client.get("/console/referrals").text

    def test_strangers_and_clerks_find_nothing(self, context: Context, client: Client, make: Make) -> None:
        """404 for another area, 403 for another role."""
        referral = send(context, make.officer())

        path = f"/console/referrals/{referral.id}"
        assert client.get(path, as_=make.officer(area="442000")).status_code == 404
        assert client.get(path, as_=make.officer(Role.CLERK)).status_code == 403
