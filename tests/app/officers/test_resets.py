"""Promises about lost second factors: two administrators, and the officer reads of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import col, select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.main import create_app
from app.officers import second_factors
from app.officers.models import FactorKind, FactorReset, Officer, Role, SecondFactor
from tests.app.officers.conftest import MakeAccount
from tests.conftest import Client

Browser = Callable[[Officer], Client]


@pytest.fixture
def browser(context: Context) -> Browser:
    """A browser with an officer signed in."""
    app = create_app(context)

    def opened(officer: Officer) -> Client:
        made = Client(app, context)
        made.get("/console/account", as_=officer)
        return made

    return opened


@pytest.fixture
def officer(context: Context, account: MakeAccount) -> Officer:
    """Somebody with an authenticator app."""
    made = account()
    with context.db.write() as session:
        secret = context.keys.seal(b"JBSWY3DPEHPK3PXP")
        session.add(
            SecondFactor(officer_id=made.id, kind=FactorKind.TOTP, name="Phone", secret_sealed=secret)
        )
    return made


def factors(context: Context, officer: Officer) -> int:
    with context.db.read() as session:
        return len(second_factors.of(session, officer.id))


def changes(context: Context, officer: Officer) -> list[tuple[str | None, str]]:
    """Who did what with the account."""
    with context.db.read() as session:
        rows = session.exec(
            select(AuditEvent)
            .where(AuditEvent.subject_id == str(officer.id), AuditEvent.action == Action.OFFICER_CHANGED)
            .order_by(col(AuditEvent.seq))
        )
        return [(row.actor_id, row.detail["change"]) for row in rows]


def test_two_administrators_take_factors_away(
    context: Context, browser: Browser, account: MakeAccount, officer: Officer
) -> None:
    """One asks, nobody agrees with themselves, another does; all sessions end, and the log has both."""
    first, second = account(Role.ADMIN), account(Role.ADMIN, area="440300")
    asking, agreeing, owner = browser(first), browser(second), browser(officer)
    page = f"/console/officers/{officer.id}"

    assert asking.post(f"{page}/factors").status_code == 303
    assert asking.post(f"{page}/factors/agree").status_code == 403
    assert asking.post(f"{page}/factors").status_code == 409
    assert "factors/agree" not in asking.get(page).text
    assert factors(context, officer) == 1
    assert "asked for your second factors to be taken away" in owner.get("/console/account").text
    assert officer.name in agreeing.get("/console/officers").text
    assert "factors/agree" in agreeing.get(page).text
    assert agreeing.post(f"{page}/factors/agree").status_code == 303

    assert factors(context, officer) == 0
    with context.db.read() as session:
        assert second_factors.taken_away(session, officer.id)
    assert owner.get("/console/account").headers["location"] == "/console/sign-in"
    assert agreeing.post(f"{page}/factors/agree").status_code == 409
    assert changes(context, officer) == [
        (str(first.id), "factors_asked"),
        (str(second.id), "factors_agreed"),
    ]


def test_a_wish_is_dropped_and_ends_by_itself(
    context: Context, browser: Browser, account: MakeAccount, officer: Officer
) -> None:
    """Either of the two drops it; after a day nobody can agree any more."""
    asking, agreeing = browser(account(Role.ADMIN)), browser(account(Role.ADMIN))
    page = f"/console/officers/{officer.id}"
    asking.post(f"{page}/factors")

    assert agreeing.post(f"{page}/factors/keep").status_code == 303
    assert agreeing.post(f"{page}/factors/agree").status_code == 409
    asking.post(f"{page}/factors")
    with context.db.write() as session:
        for wish in session.exec(select(FactorReset)):
            wish.asked_at -= timedelta(days=1)
    assert agreeing.post(f"{page}/factors/agree").status_code == 409
    assert factors(context, officer) == 1


def test_whom_it_is_no_business_of(
    context: Context, browser: Browser, account: MakeAccount, officer: Officer
) -> None:
    """Another area's administrator finds nobody, an officer is refused, and nobody resets themselves."""
    own, foreign = account(Role.ADMIN), account(Role.ADMIN, area="442000")
    inside, outside, reviewer = browser(own), browser(foreign), browser(account())
    inside.post(f"/console/officers/{officer.id}/factors")

    for step in ("", "/agree", "/keep"):
        path = f"/console/officers/{officer.id}/factors{step}"
        assert outside.post(path).status_code == 404
        assert reviewer.post(path).status_code == 403
        assert inside.post(f"/console/officers/{own.id}/factors{step}").status_code == 403
    assert officer.name not in outside.get("/console/officers").text
    assert factors(context, officer) == 1


def test_there_has_to_be_something_to_take(browser: Browser, account: MakeAccount) -> None:
    """No wish lies in wait for a factor that is set up later."""
    newcomer = account()

    answer = browser(account(Role.ADMIN)).post(f"/console/officers/{newcomer.id}/factors")

    assert answer.status_code == 409


def test_it_asks_who_one_is(
    browser: Browser, account: MakeAccount, officer: Officer, context: Context
) -> None:
    """A session left open on a desk neither asks nor agrees."""
    with time_machine.travel(datetime(2026, 5, 4, 8, tzinfo=UTC), tick=False) as clock:
        desk = browser(account(Role.ADMIN))
        clock.shift(timedelta(minutes=context.settings.step_up_minutes))

        for step in ("", "/agree"):
            led = desk.post(f"/console/officers/{officer.id}/factors{step}")
            assert led.headers["location"].startswith("/console/prove")
