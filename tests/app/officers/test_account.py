"""Promises about an officer's own account."""

import pytest
from sqlmodel import select

from app.core.context import Context
from app.core.errors import Invalid
from app.officers import passwords
from app.officers.models import OfficerSession
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.conftest import Client
from tests.make import Make

NEW = "another set of words"


def change(client: Client, old: str, new: str) -> int:
    data = {"old_password": old, "password": new}
    return client.post("/console/account/password", data=data).status_code


class TestPassword:
    def test_a_new_password_ends_every_other_session_and_renews_this_one(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """Whoever held a session before the change is out."""
        officer = account()
        client.get("/console/account", as_=officer)
        other = client.cookies["officer"]
        client.get("/console/account", as_=officer)
        present = client.cookies["officer"]

        assert change(client, PASSWORD, NEW) == 303

        assert client.get("/console/account").status_code == 200
        for ended in (other, present):
            client.cookies.clear()
            client.cookies.set("officer", ended)
            assert client.get("/console/account").status_code == 303
        client.cookies.clear()
        data = {"username": officer.username, "password": NEW}
        assert client.post("/console/sign-in", data=data).status_code == 303
        with context.db.read() as session:
            assert len(session.exec(select(OfficerSession)).all()) == 4

    def test_the_old_password_is_asked_for_and_guesses_are_counted(
        self, client: Client, account: MakeAccount
    ) -> None:
        """A desk left open, or a stolen cookie, does not hand over the account."""
        client.get("/console/account", as_=account())

        answers = [change(client, "wrong", NEW) for _ in range(5)]

        assert answers == [422] * 5
        assert change(client, PASSWORD, NEW) == 429

    @pytest.mark.parametrize(
        "password",
        ["eleven char", "Password1234", "aaaaaaaaaaaaaaa", "wang.li.dadui", "WANG.LI.DADUI2026", "x" * 201],
    )
    def test_passwords_that_are_guessed_first_are_refused(self, password: str) -> None:
        """Length helps only where the password is not on every list, or on the door."""
        username = "wang.li.dadui"

        with pytest.raises(Invalid):
            passwords.check_choice(password, username)

    def test_the_same_password_again_is_no_change(self, client: Client, account: MakeAccount) -> None:
        """A password that may be known is not kept by typing it twice."""
        client.get("/console/account", as_=account())

        assert change(client, PASSWORD, PASSWORD) == 422

    def test_a_one_time_password_serves_only_to_choose_another(
        self, client: Client, account: MakeAccount
    ) -> None:
        """What an administrator has seen opens no page with a child in it."""
        client.get("/console/account", as_=account(one_time=True))

        assert client.get("/console").headers["location"] == "/console/account"
        assert client.get("/console/records").status_code == 403
        assert client.get("/console/reviews").status_code in {403, 404}
        assert change(client, PASSWORD, NEW) == 303
        assert client.get("/console").headers["location"] == "/console/reviews"


class TestSessions:
    def test_an_officer_ends_a_session_of_their_own(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """A phone that was lost is signed out from the desk."""
        officer = account()
        client.get("/console/account", as_=officer)
        with context.db.read() as session:
            lost = session.exec(select(OfficerSession)).one()
        client.get("/console/account", as_=officer)

        answer = client.post(f"/console/account/sessions/{lost.id}/end")

        assert answer.status_code == 303
        with context.db.read() as session:
            assert session.get_one(OfficerSession, lost.id).ended_at is not None
        page = client.get("/console/account")
        assert page.text.count("This session") == 1
        assert str(lost.id) not in page.text

    def test_nobody_ends_or_sees_a_colleagues_session(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """Another officer's session does not exist for this one."""
        client.get("/console/account", as_=make.officer())
        with context.db.read() as session:
            theirs = session.exec(select(OfficerSession)).one()

        answer = client.post(f"/console/account/sessions/{theirs.id}/end", as_=make.officer())

        assert answer.status_code == 404
        with context.db.read() as session:
            assert session.get_one(OfficerSession, theirs.id).ended_at is None
