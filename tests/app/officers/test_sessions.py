"""Promises about sessions: who ends them, and what a fresh proof is asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.core.errors import NotFound
from app.main import create_app
from app.officers import commands, identities
from app.officers.models import Role
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.conftest import Client

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PAGE = "/console/account"


def entered(context: Context, username: str) -> Client:
    browser = Client(create_app(context), context)
    answer = browser.post("/console/sign-in", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303
    return browser


def test_an_officer_ends_all_others_at_once(context: Context, account: MakeAccount) -> None:
    """The one asked from goes on; a colleague's is not touched; it is in the log with its count."""
    officer, colleague = account(), account()
    browsers = [entered(context, officer.username) for _ in range(3)]
    other = entered(context, colleague.username)

    assert browsers[0].post(f"{PAGE}/sessions/end-others").status_code == 303

    assert [one.get(PAGE).status_code for one in (*browsers, other)] == [200, 303, 303, 200]
    with context.db.read() as session:
        row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.SESSION_ENDED)).one()
    assert (row.subject_id, row.detail) == (str(officer.id), {"count": 2})


def test_an_administrator_signs_an_officer_of_the_area_out(context: Context, account: MakeAccount) -> None:
    """A lost laptop is closed from the desk; of another area, or by another role, it is not."""
    officer, foreign = account(), account(area="442000")
    browser, far = entered(context, officer.username), entered(context, foreign.username)
    admin = entered(context, account(Role.ADMIN, area="440300").username)

    answers = [
        admin.post(f"/console/officers/{officer.id}/sessions/end").status_code,
        admin.post(f"/console/officers/{foreign.id}/sessions/end").status_code,
        far.post(f"/console/officers/{officer.id}/sessions/end").status_code,
    ]

    assert answers == [303, 404, 403]
    assert [one.get(PAGE).status_code for one in (browser, far)] == [303, 200]


def test_accounts_are_changed_with_a_fresh_proof_only(context: Context, account: MakeAccount) -> None:
    """An administrator's desk left open makes nobody an officer and takes nobody's factor."""
    officer = account()
    steps = ("", "/disable", "/enable", "/password", "/factors")
    with time_machine.travel(START, tick=False) as clock:
        admin = entered(context, account(Role.ADMIN, area="440300").username)
        clock.shift(timedelta(minutes=context.settings.step_up_minutes))

        led = [admin.post(f"/console/officers/{officer.id}{step}").headers["location"] for step in steps]

    assert [address.split("?")[0] for address in led] == ["/console/prove"] * len(steps)


def test_a_new_password_is_no_fresh_proof(context: Context, account: MakeAccount) -> None:
    """Whoever knows the password of a desk left open gains no step-up by changing it."""
    with time_machine.travel(START, tick=False) as clock:
        browser = entered(context, account().username)
        clock.shift(timedelta(minutes=context.settings.step_up_minutes))
        typed = {"old_password": PASSWORD, "password": "another set of words"}
        assert browser.post(f"{PAGE}/password", data=typed).status_code == 303

        assert browser.post(f"{PAGE}/factors/codes").headers["location"].startswith("/console/prove")


def test_officers_are_linked_and_freed_from_the_command_line(context: Context, account: MakeAccount) -> None:
    """Whoever runs the service helps the last administrator who lost their key; both are in the log."""
    officer = account()
    settings = context.settings.model_copy(update={"oidc_issuer": "https://sso.example.org"})
    named = replace(context, settings=settings)
    browser = entered(context, officer.username)

    commands.link_officer(named, officer.username, "zhang.san@force")
    commands.reset_factors(named, officer.username)

    with context.db.read() as session:
        found = identities.of(session, officer, "https://sso.example.org")
        actions = session.exec(select(AuditEvent.action)).all()
    assert found is not None
    assert found.subject == "zhang.san@force"
    assert Action.IDENTITY_LINKED in actions
    assert browser.get(PAGE).status_code == 303
    with pytest.raises(NotFound):
        commands.reset_factors(named, "nobody.here")
