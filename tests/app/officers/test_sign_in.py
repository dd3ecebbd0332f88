"""Promises about signing in."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
import time_machine
from argon2 import PasswordHasher
from sqlmodel import col, select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.core.errors import Invalid, TooMany
from app.main import create_app
from app.officers import passwords, sign_in, throttle
from app.officers.models import Officer, OfficerSession, Role, SignInFailure
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.conftest import Client

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def enter(client: Client, username: str, password: str) -> int:
    return client.post("/console/sign-in", data={"username": username, "password": password}).status_code


class TestSigningIn:
    def test_the_right_password_opens_a_session_that_scripts_and_other_sites_cannot_use(
        self, client: Client, account: MakeAccount
    ) -> None:
        """The cookie is closed to scripts, to other sites and, by its path, to nothing else of ours."""
        officer = account()

        answer = client.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})

        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/" in cookie
        assert client.get("/console/account").status_code == 200

    def test_over_https_the_cookie_is_bound_to_this_host(
        self, context: Context, account: MakeAccount
    ) -> None:
        """The __Host- prefix and Secure keep a neighbour's site or plain HTTP from planting a session."""
        strict = replace(context, settings=context.settings.model_copy(update={"secure_cookies": True}))
        client = Client(create_app(strict), strict)
        officer = account()

        answer = client.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})

        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-officer=")
        assert "Secure" in cookie

    def test_each_sign_in_has_a_new_session_and_ends_the_one_it_came_with(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """A session id that somebody planted or kept is worth nothing after a sign-in."""
        officer = account()
        enter(client, officer.username, PASSWORD)
        first = client.cookies["officer"]

        enter(client, officer.username, PASSWORD)

        assert client.cookies["officer"] != first
        with context.db.read() as session:
            held = session.exec(select(OfficerSession)).all()
        assert sorted(one.ended_at is None for one in held) == [False, True]

    def test_the_user_name_is_the_same_however_it_is_typed(
        self, client: Client, account: MakeAccount
    ) -> None:
        """A full-width keyboard or a capital letter locks nobody out."""
        officer = account()

        assert enter(client, f" {officer.username.upper()} ", PASSWORD) == 303

    def test_unknown_wrong_and_disabled_look_alike_and_cost_alike(
        self,
        client: Client,
        context: Context,
        account: MakeAccount,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nobody learns from an answer, or from the work behind it, which user names exist."""
        present, disabled = account(), account()
        with context.db.write() as session:
            session.get_one(Officer, disabled.id).active = False
        work: list[str] = []

        class Counting(PasswordHasher):
            def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
                work.append(str(password))
                return super().verify(hash, password)

        counting = Counting(time_cost=1, memory_cost=8, parallelism=1)
        monkeypatch.setattr(passwords, "HASHER", counting)
        passwords.fits(None, "so that the stand-in is there")

        answers = []
        for username, password in (
            ("nobody", PASSWORD),
            (present.username, "not the password"),
            (disabled.username, PASSWORD),
        ):
            work.clear()
            answer = client.post("/console/sign-in", data={"username": username, "password": password})
            answers.append((answer.status_code, answer.text.replace(username, ""), len(work)))

        assert answers[0][0] == 422
        assert answers[0][2] == 1
        assert answers[0] == answers[1] == answers[2]

    def test_a_failure_is_on_record_without_what_was_typed(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """People type passwords into the wrong field; the log must not keep them."""
        officer = account()
        enter(client, "my-secret-typed-too-early", "x")
        enter(client, officer.username, "wrong")

        with context.db.read() as session:
            rows = session.exec(
                select(AuditEvent)
                .where(AuditEvent.action == Action.SIGN_IN_FAILED)
                .order_by(col(AuditEvent.seq))
            ).all()

        assert [row.subject_id for row in rows] == ["unknown", str(officer.id)]
        assert all(row.detail == {} for row in rows)

    def test_a_hash_made_with_other_parameters_is_made_anew(
        self, client: Client, context: Context, account: MakeAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When hashing gets costlier, accounts follow at their next sign-in."""
        officer = account()
        monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))

        assert enter(client, officer.username, PASSWORD) == 303

        with context.db.read() as session:
            stored = session.get_one(Officer, officer.id).password_hash
        assert "m=16,t=2" in stored
        assert enter(client, officer.username, PASSWORD) == 303

    def test_a_flood_of_sign_ins_cannot_take_all_memory(
        self, client: Client, account: MakeAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only a few passwords are hashed at once; the rest is told to come back."""
        officer = account()
        monkeypatch.setattr(passwords, "LONGEST_WAIT_S", 0.01)

        with ExitStack() as busy:
            for _ in range(passwords.HASHED_AT_ONCE):
                busy.enter_context(passwords._turn())
            assert enter(client, officer.username, PASSWORD) == 503

        assert enter(client, officer.username, PASSWORD) == 303


class TestThrottle:
    def test_after_five_failures_even_the_right_password_waits(
        self, client: Client, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """Guessing one account is slowed down, and the answer says for how long."""
        officer = account()
        for _ in range(5):
            assert enter(client, officer.username, "wrong") == 422
            clock.shift(60)

        answer = client.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})

        assert answer.status_code == 429
        assert answer.headers["retry-after"] == str(10 * 60 + 1)
        assert "15 minutes" in answer.text
        clock.shift(10 * 60 + 1)
        assert enter(client, officer.username, PASSWORD) == 303

    def test_an_unknown_name_is_slowed_down_just_the_same(self, client: Client) -> None:
        """Otherwise the throttle would tell which user names exist."""
        answers = [enter(client, "nobody", "wrong") for _ in range(6)]

        assert answers == [422] * 5 + [429]

    def test_one_account_does_not_slow_down_another(self, client: Client, account: MakeAccount) -> None:
        """Nobody locks a whole station out by guessing at one officer."""
        guessed, other = account(), account()
        for _ in range(6):
            enter(client, guessed.username, "wrong")

        assert enter(client, other.username, PASSWORD) == 303

    def test_a_success_clears_the_count(self, client: Client, context: Context, account: MakeAccount) -> None:
        """Four slips in the morning do not lock an officer out in the afternoon."""
        officer = account()
        for _ in range(4):
            enter(client, officer.username, "wrong")

        assert enter(client, officer.username, PASSWORD) == 303

        with context.db.read() as session:
            assert session.exec(select(SignInFailure)).all() == []

    def test_guesses_sent_at_once_are_all_counted(self, context: Context, account: MakeAccount) -> None:
        """Twenty guesses in the same moment are not twenty guesses for the price of five."""
        officer = account()

        def guess(number: int) -> type[Exception] | None:
            try:
                sign_in.sign_in(context, officer.username, f"guess number {number}")
            except (Invalid, TooMany) as refusal:
                return type(refusal)
            return None

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(guess, range(20)))

        assert answers.count(Invalid) == throttle.MOST_FAILURES
        assert answers.count(TooMany) == 15

    def test_the_table_of_failures_names_nobody(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """A stolen database does not say whose account is being guessed at."""
        officer = account()
        enter(client, officer.username, "wrong")

        with context.db.read() as session:
            stored = session.exec(select(SignInFailure)).one()

        assert officer.username not in stored.account
        assert len(stored.account) == 64


class TestSessions:
    def test_signing_out_ends_the_session_on_the_server(self, client: Client, account: MakeAccount) -> None:
        """A cookie copied before signing out opens nothing afterwards."""
        officer = account()
        enter(client, officer.username, PASSWORD)
        copied = client.cookies["officer"]

        assert client.post("/console/sign-out").headers["location"] == "/console/sign-in"

        client.cookies.set("officer", copied)
        assert client.get("/console/account").headers["location"] == "/console/sign-in"

    def test_a_session_ends_after_a_rest(
        self, client: Client, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """A desk left alone for half an hour is locked."""
        enter(client, account().username, PASSWORD)
        clock.shift(timedelta(minutes=29))
        assert client.get("/console/account").status_code == 200
        clock.shift(timedelta(minutes=29))
        assert client.get("/console/account").status_code == 200

        clock.shift(timedelta(minutes=30))

        assert client.get("/console/account").status_code == 303

    def test_a_session_ends_after_a_shift_however_busy(
        self, client: Client, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """A stolen cookie that is kept warm is good for ten hours, not for ever."""
        enter(client, account().username, PASSWORD)
        for _ in range(29):
            clock.shift(timedelta(minutes=20))
            assert client.get("/console/account").status_code == 200

        clock.shift(timedelta(minutes=20))

        assert client.get("/console/account").status_code == 303

    @pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.test"}])
    @pytest.mark.parametrize("path", ["/console/sign-in", "/console/sign-out", "/console/account/password"])
    def test_another_site_cannot_send_our_forms(
        self, client: Client, account: MakeAccount, path: str, headers: dict[str, str]
    ) -> None:
        """A page elsewhere neither signs an officer out nor into an account that is not theirs."""
        officer = account()
        enter(client, officer.username, PASSWORD)

        answer = client.post(path, headers=headers, data={"username": officer.username, "password": PASSWORD})

        assert answer.status_code == 403
        assert client.get("/console/account").status_code == 200

    @pytest.mark.parametrize(
        ("roles", "room"),
        [
            ((Role.REVIEWER,), "/console/reviews"),
            ((Role.SUPERVISOR, Role.CLERK), "/console/reviews"),
            ((Role.INVESTIGATOR,), "/console/cases"),
            ((Role.CLERK,), "/console/records"),
            ((Role.CUSTODIAN,), "/console/contacts"),
            ((Role.AUDITOR,), "/console/audit"),
            ((Role.ADMIN,), "/console/officers"),
        ],
    )
    def test_the_start_leads_to_the_first_room_of_the_roles(
        self, client: Client, account: MakeAccount, roles: tuple[Role, ...], room: str
    ) -> None:
        """Nobody has to look for the page they came for."""
        answer = client.get("/console", as_=account(*roles))

        assert (answer.status_code, answer.headers["location"]) == (303, room)

    def test_a_stranger_is_led_to_the_sign_in_page(self, client: Client) -> None:
        """The console shows nothing to who is not signed in."""
        assert client.get("/console").headers["location"] == "/console/sign-in"
        assert client.get("/console/sign-in").status_code == 200
