"""Promises about security keys: an answer serves once, whatever a browser or a thief keeps of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import select

from app.core.context import Context
from app.core.errors import SecondFactorNeeded
from app.main import create_app
from app.officers import passkeys, second_factors, sessions
from app.officers.models import Officer, SecondFactor
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.app.officers.soft_key import SoftKey
from tests.conftest import ORIGIN, Client

GIVE = "/console/second-factor"


@pytest.fixture
def strict(context: Context) -> Context:
    """The deployment as it is by default: everybody needs a second factor."""
    return replace(context, settings=context.settings.model_copy(update={"second_factor": True}))


@pytest.fixture
def key() -> SoftKey:
    """A key bound to the address of these tests."""
    return SoftKey("homeward.test", ORIGIN)


def half(context: Context, officer: Officer) -> Client:
    """A browser that gave the password."""
    door = Client(create_app(context), context)
    data = {"username": officer.username, "password": PASSWORD}
    assert door.post("/console/sign-in", data=data).status_code == 303
    return door


def asked(door: Client, what: str = "key") -> tuple[str, str]:
    """The question, and the cookie that keeps it."""
    answer = door.post(f"{GIVE}/{what}/ask")
    return json.loads(answer.text)["challenge"], door.cookies[passkeys.COOKIE]


def test_a_proof_opens_one_session(strict: Context, account: MakeAccount, key: SoftKey) -> None:
    """The same cookie and the same answer again: refused, in the same browser and in another."""
    officer = account()
    with strict.db.write() as session:
        session.add(key.factor(officer.id))
    door = half(strict, officer)
    question, cookie = asked(door)
    proof = key.proof(question)

    first = door.post(f"{GIVE}/key", data={"answer": proof})
    thief = half(strict, officer)
    thief.cookies.set(passkeys.COOKIE, cookie, domain="homeward.test", path="/console")
    again = thief.post(f"{GIVE}/key", data={"answer": proof})
    question, _ = asked(thief)
    anew = thief.post(f"{GIVE}/key", data={"answer": key.proof(question)})

    assert (first.status_code, again.status_code, anew.status_code) == (303, 422, 303)


def test_an_older_question_is_closed_by_a_later_proof(
    strict: Context, account: MakeAccount, key: SoftKey
) -> None:
    """A question that was put by, unanswered, is none any more once the officer is in."""
    officer = account()
    with strict.db.write() as session:
        session.add(key.factor(officer.id))
    kept = half(strict, officer)
    question, _ = asked(kept)
    door = half(strict, officer)
    later, _ = asked(door)

    assert door.post(f"{GIVE}/key", data={"answer": key.proof(later)}).status_code == 303
    assert kept.post(f"{GIVE}/key", data={"answer": key.proof(question)}).status_code == 422


def test_one_question_makes_one_key_known(strict: Context, account: MakeAccount, key: SoftKey) -> None:
    """A second key cannot come in on the first one's question."""
    officer = account()
    door = half(strict, officer)
    question, cookie = asked(door, "new-key")
    other = replace(key, id=b"another key")

    first = door.post(f"{GIVE}/new-key", data={"answer": key.registration(question), "name": "A"})
    door.cookies.set(passkeys.COOKIE, cookie, domain="homeward.test", path="/console")
    second = door.post(f"{GIVE}/new-key", data={"answer": other.registration(question), "name": "B"})

    assert (first.status_code, second.status_code) == (303, 422)
    with strict.db.read() as session:
        assert [one.name for one in session.exec(select(SecondFactor))] == ["A"]


def test_a_clock_set_back_shuts_nobody_out(strict: Context, account: MakeAccount, key: SoftKey) -> None:
    """A key that was used while the clock stood in another year still opens."""
    officer = account()
    with strict.db.write() as session:
        factor = key.factor(officer.id)
        factor.last_used_at = datetime(2036, 1, 1, tzinfo=UTC)
        session.add(factor)

    with time_machine.travel(datetime(2026, 5, 4, tzinfo=UTC) + timedelta(hours=8), tick=True):
        door = half(strict, officer)
        question, _ = asked(door)
        answer = door.post(f"{GIVE}/key", data={"answer": key.proof(question)})

    assert answer.status_code == 303


def test_of_two_first_factors_at_one_moment_one_is_added(strict: Context, account: MakeAccount) -> None:
    """Whoever stole a password does not slip their key in while the owner adds the first one."""
    officer = account()
    with strict.db.write() as session:
        token = sessions.start(session, officer, half=True)
    first, second = (
        SoftKey("homeward.test", ORIGIN, id=name).factor(officer.id) for name in (b"one", b"two")
    )

    with strict.db.write() as session:
        assert len(second_factors.add(session, strict.keys, officer, first, token, half=True)) == 10
    with pytest.raises(SecondFactorNeeded), strict.db.write() as session:
        second_factors.add(session, strict.keys, officer, second, token, half=True)
