"""Promises about the second factor and about proving anew who one is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from sqlmodel import col, select

from app.core.context import Context
from app.main import create_app
from app.officers import second_factors, sessions
from app.officers.models import FactorKind, Officer, OfficerSession, RecoveryCode, Role, SecondFactor
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.conftest import Client
from tests.guards import stored_bytes
from tests.make import Make

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
GIVE = "/console/second-factor"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def strict(context: Context) -> Context:
    """The deployment as it is by default: everybody needs a second factor."""
    return replace(context, settings=context.settings.model_copy(update={"second_factor": True}))


@pytest.fixture
def door(strict: Context) -> Client:
    """A browser of nobody yet."""
    return Client(create_app(strict), strict)


def enter(door: Client, officer: Officer) -> None:
    answer = door.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})
    assert answer.status_code == 303


def set_up(door: Client) -> tuple[str, list[str]]:
    """Set up an app as a person does: read the letters, type the digits; secret and recovery codes."""
    shown = door.get(f"{GIVE}/app").text
    found = re.search(r"<code>([A-Z2-7 ]{39})</code>", shown)
    sealed = re.search(r'name="secret" value="([^"]+)"', shown)
    assert found is not None
    assert sealed is not None
    secret = found[1].replace(" ", "")
    answer = door.post(
        f"{GIVE}/app", data={"secret": sealed[1], "name": "Phone", "code": pyotp.TOTP(secret).now()}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/account/factors")
    page = door.get("/console/account/factors").text
    return secret, re.findall(r"<code>((?:[a-z2-9]{4}-){3}[a-z2-9]{4})</code>", page)


def stored(context: Context, officer: Officer) -> list[SecondFactor]:
    with context.db.read() as session:
        return second_factors.of(session, officer.id)


class TestHalfASession:
    @pytest.mark.parametrize("role", Role)
    def test_a_password_alone_opens_nothing(self, door: Client, account: MakeAccount, role: Role) -> None:
        """No role, and no page, but the ones that ask for the factor."""
        enter(door, account(role))

        for page in ("/console", "/console/reviews", "/console/account", "/console/audit", "/console/prove"):
            answer = door.get(page)
            assert (answer.status_code, answer.headers["location"]) == (303, GIVE)
        assert door.post("/console/account/password").status_code == 401
        assert door.post("/console/account/factors/codes").status_code == 401

    def test_who_has_none_sets_one_up_and_is_in(self, door: Client, account: MakeAccount) -> None:
        """The first sign-in leads through the set-up to the first room, with recovery codes on the way."""
        officer = account()
        enter(door, officer)

        assert "Set up a second factor" in door.get(GIVE).text
        _, codes = set_up(door)

        assert len(set(codes)) == 10
        assert door.get("/console/reviews").status_code == 200
        assert codes[0] not in door.get("/console/account/factors").text

    def test_a_password_alone_adds_no_factor_beside_the_present_one(
        self, door: Client, strict: Context, account: MakeAccount
    ) -> None:
        """Whoever stole a password cannot bring their own phone."""
        officer = account()
        enter(door, officer)
        set_up(door)
        thief = Client(create_app(strict), strict)
        enter(thief, officer)

        assert thief.get(f"{GIVE}/app").headers["location"] == GIVE
        assert thief.post(f"{GIVE}/app", data={"secret": "x", "code": "000000"}).status_code == 401
        assert thief.post(f"{GIVE}/new-key/ask").status_code == 401
        assert thief.post(f"{GIVE}/new-key", data={"answer": "{}"}).status_code == 401
        assert len(stored(strict, officer)) == 1

    def test_a_trial_without_factors_asks_for_none(self, client: Client, account: MakeAccount) -> None:
        """The demo's sign-ins are printed; nothing more is asked there."""
        enter(client, account())

        assert client.get("/console/reviews").status_code == 200


class TestDigits:
    def test_digits_count_once_and_neighbouring_ones_too(
        self, door: Client, strict: Context, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """Who looks over a shoulder cannot use what they saw; a phone half a minute late serves."""
        officer = account()
        enter(door, officer)
        secret, _ = set_up(door)
        maker = pyotp.TOTP(secret)

        def tries(code: str) -> int:
            other = Client(create_app(strict), strict)
            enter(other, officer)
            return other.post(GIVE, data={"code": code}).status_code

        used = maker.at(START)
        assert tries(used) == 422
        clock.shift(timedelta(seconds=90))
        late = maker.at(START + timedelta(seconds=60))
        assert tries(late) == 303
        assert tries(late) == 422
        assert tries(maker.at(START + timedelta(seconds=90 + 61))) == 422

    def test_five_wrong_ones_close_the_door_for_a_while(
        self, door: Client, strict: Context, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """Six digits are not found by trying; the right ones wait, too."""
        officer = account()
        enter(door, officer)
        secret, _ = set_up(door)
        clock.shift(timedelta(minutes=5))
        other = Client(create_app(strict), strict)
        enter(other, officer)

        answers = [other.post(GIVE, data={"code": "000000"}).status_code for _ in range(6)]
        right = other.post(GIVE, data={"code": pyotp.TOTP(secret).now()}).status_code
        clock.shift(timedelta(minutes=6))
        later = other.post(GIVE, data={"code": pyotp.TOTP(secret).now()}).status_code

        assert answers == [422] * 5 + [429]
        assert (right, later) == (429, 303)

    @pytest.mark.parametrize("code", ["", "12345", "１２３４５６", "12345a", "' OR 1", "0" * 400, "\x00" * 6])
    def test_what_is_no_code_is_refused_in_words(self, door: Client, account: MakeAccount, code: str) -> None:
        """Nothing typed comes back, and nothing breaks."""
        officer = account()
        enter(door, officer)
        set_up(door)
        door.post("/console/sign-out")
        enter(door, officer)

        answer = door.post(GIVE, data={"code": code})

        assert answer.status_code == 422
        assert door.get("/console/reviews").status_code == 303

    def test_the_secret_is_sealed(self, door: Client, strict: Context, account: MakeAccount) -> None:
        """A stolen database makes no digits."""
        officer = account()
        enter(door, officer)
        secret, codes = set_up(door)

        raw = stored_bytes(strict)
        assert secret.encode() not in raw
        assert all(code.replace("-", "").encode() not in raw for code in codes)

    def test_a_secret_of_somebody_elses_form_is_none(
        self, door: Client, strict: Context, account: MakeAccount
    ) -> None:
        """Nobody is made to use a secret that another knows."""
        enter(door, account())
        sealed = re.search(r'name="secret" value="([^"]+)"', door.get(f"{GIVE}/app").text)
        assert sealed is not None
        other = Client(create_app(strict), strict)
        enter(other, account())

        answer = other.post(f"{GIVE}/app", data={"secret": sealed[1], "code": "123456"})

        assert answer.status_code == 422


class TestRecovery:
    def test_each_code_opens_once(self, door: Client, strict: Context, account: MakeAccount) -> None:
        """Typed as printed or run together, in any case; the second time it is none."""
        officer = account()
        enter(door, officer)
        _, codes = set_up(door)

        answers = []
        for typed in (codes[0], codes[0], codes[1].replace("-", " ").upper()):
            other = Client(create_app(strict), strict)
            enter(other, officer)
            answers.append(other.post(GIVE, data={"code": typed}).status_code)

        assert answers == [303, 422, 303]
        with strict.db.read() as session:
            left = session.exec(select(RecoveryCode).where(col(RecoveryCode.used_at).is_(None))).all()
        assert len(left) == 8

    def test_new_ones_end_the_old_ones(self, door: Client, strict: Context, account: MakeAccount) -> None:
        """Who finds the old paper finds nothing."""
        officer = account()
        enter(door, officer)
        _, codes = set_up(door)
        assert door.post("/console/account/factors/codes").status_code == 303

        other = Client(create_app(strict), strict)
        enter(other, officer)
        assert other.post(GIVE, data={"code": codes[0]}).status_code == 422


class TestRemoving:
    def test_the_last_one_stays(self, door: Client, strict: Context, account: MakeAccount) -> None:
        """Nobody removes the lock from inside."""
        officer = account()
        enter(door, officer)
        set_up(door)
        (only,) = stored(strict, officer)

        answer = door.post(f"/console/account/factors/{only.id}/remove")

        assert answer.status_code == 409
        assert len(stored(strict, officer)) == 1

    def test_nobody_removes_a_colleagues(self, door: Client, strict: Context, account: MakeAccount) -> None:
        """A foreign factor is not there."""
        officer = account()
        enter(door, officer)
        set_up(door)
        (only,) = stored(strict, officer)
        other = Client(create_app(strict), strict)
        enter(other, account())
        set_up(other)

        assert other.post(f"/console/account/factors/{only.id}/remove").status_code == 404


class TestFreshProof:
    def test_what_is_grave_asks_anew_after_a_while(
        self, door: Client, strict: Context, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """Ten minutes after the last proof a step leads to the question, and back to its page."""
        officer = account()
        enter(door, officer)
        secret, codes = set_up(door)
        clock.shift(timedelta(minutes=strict.settings.step_up_minutes))

        led = door.post(
            "/console/account/factors/codes",
            headers={"Referer": "http://homeward.test/console/account/factors"},
        )
        assert led.headers["location"] == "/console/prove?next=%2Fconsole%2Faccount%2Ffactors"
        wrong = door.post(
            "/console/prove", data={"code": codes[0][:-1] + "0", "to": "/console/account/factors"}
        )
        right = door.post(
            "/console/prove", data={"code": pyotp.TOTP(secret).now(), "to": "/console/account/factors"}
        )
        assert (wrong.status_code, right.headers["location"]) == (422, "/console/account/factors")
        assert door.post("/console/account/factors/codes").status_code == 303
        assert door.get("/console/account/factors").status_code == 200

    def test_without_factors_the_password_proves(
        self, client: Client, context: Context, account: MakeAccount, clock: time_machine.Traveller
    ) -> None:
        """Where none is asked for, a fresh proof still is."""
        enter(client, account())
        clock.shift(timedelta(minutes=context.settings.step_up_minutes))

        assert client.post("/console/prove", data={"code": "wrong"}).status_code == 422
        assert client.post("/console/prove", data={"code": PASSWORD}).headers["location"] == "/console"

    @pytest.mark.parametrize(
        "to",
        [
            "https://evil.example/console",
            "//evil.example/console",
            "/\\evil.example",
            "javascript:alert(1)",
            "/",
            "/console\\@evil.example",
        ],
    )
    def test_it_leads_nowhere_else(self, client: Client, account: MakeAccount, to: str) -> None:
        """A link cannot borrow this page to lead an officer to another site."""
        enter(client, account())

        answer = client.post("/console/prove", data={"code": PASSWORD, "to": to})

        assert answer.headers["location"] == "/console"


class TestKnownBrowser:
    def test_guessing_from_elsewhere_does_not_lock_the_owner_out(
        self, client: Client, context: Context, account: MakeAccount
    ) -> None:
        """Whoever knows a user name can close it for strangers only."""
        officer = account()
        enter(client, officer)
        stranger = Client(create_app(context), context)
        guess = {"username": officer.username, "password": "wrong wrong wrong"}

        answers = [stranger.post("/console/sign-in", data=guess).status_code for _ in range(6)]

        assert answers == [422] * 5 + [429]
        enter(client, officer)

    def test_a_known_browser_guesses_no_longer_than_others(
        self, client: Client, account: MakeAccount
    ) -> None:
        """A stolen laptop is known, too."""
        officer = account()
        enter(client, officer)
        guess = {"username": officer.username, "password": "wrong wrong wrong"}

        answers = [client.post("/console/sign-in", data=guess).status_code for _ in range(6)]

        assert answers == [422] * 5 + [429]


def test_sessions_of_before_are_asked(strict: Context, door: Client, account: MakeAccount) -> None:
    """Who was signed in when the factor became needed gives one at the next click."""
    officer = account()
    with strict.db.write() as session:
        token = sessions.start(session, officer)
        held = session.exec(select(OfficerSession)).one()
        held.second_at = held.stepped_up_at = None
        session.add(held)
    door.cookies.set(sessions.cookie_name(strict.settings), token)

    assert door.get("/console/reviews").headers["location"] == GIVE


def test_kinds_are_what_the_column_holds(strict: Context, account: MakeAccount, door: Client) -> None:
    """The factor is written down with its kind and name."""
    officer = account()
    enter(door, officer)
    set_up(door)

    (factor,) = stored(strict, officer)
    assert (factor.kind, factor.name) == (FactorKind.TOTP, "Phone")


def test_every_door_to_what_is_sealed_or_taken_out_asks_anew(
    client: Client, context: Context, make: Make, clock: time_machine.Traveller
) -> None:
    """Contacts, case files, new keys and webhooks: a session left open on a desk opens none of them."""
    officer = make.officer(Role.CUSTODIAN, Role.INVESTIGATOR, Role.ADMIN, Role.SUPERVISOR, area="CN")
    tip, anything = make.tip(), "01a209ca-c1a0-7e12-9dd0-e019a33b80a7"
    client.get("/console/account", as_=officer)
    clock.shift(timedelta(minutes=context.settings.step_up_minutes))

    led = [
        client.get(f"/console/contacts/{tip.id}"),
        client.post(f"/console/contacts/{tip.id}/open"),
        client.post(f"/console/cases/{anything}/case-file"),
        client.post(f"/console/channels/{anything}/keys"),
        client.post(f"/console/channels/{anything}/keys/{anything}/rotate"),
        client.post(f"/console/channels/{anything}/webhooks"),
        client.post(f"/console/channels/{anything}/webhooks/{anything}/rotate"),
    ]

    assert [answer.headers.get("location", "").split("?")[0] for answer in led] == ["/console/prove"] * 7
