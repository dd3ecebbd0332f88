"""Promises about signing in through the force's directory, against a small provider that really answers."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.main import create_app
from app.officers.models import Officer, OfficerIdentity, OfficerSession
from tests.app.officers.conftest import PASSWORD, MakeAccount
from tests.conftest import ORIGIN, Client

KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Provider:
    """A directory on loopback: it checks PKCE and says what the test makes it say."""

    issuer: str = ""
    subject: str = "zhang.san@force"
    key: RSAKey = field(default_factory=lambda: KEY)
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    token_requests: int = 0

    def answer(self, path: str, body: str) -> tuple[int, dict[str, Any]]:
        """The answer to one request."""
        if path == "/.well-known/openid-configuration":
            own = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            found = {name: self.issuer + place for name, place in own.items()}
            return 200, {"issuer": self.issuer, **found, **self.metadata}
        if path == "/keys":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        self.token_requests += 1
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != self.asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        moment = int(now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": "homeward",
            "iat": moment,
            "exp": moment + 60,
            "nonce": self.asked["nonce"],
            **self.claims,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": signed}


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A running directory."""
    held = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, found = held.answer(self.path, self.rfile.read(length).decode())
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the standard library names it so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.issuer = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def linked(context: Context, provider: Provider) -> Context:
    """A deployment that offers the directory."""
    more = {"oidc_issuer": provider.issuer, "oidc_client_id": "homeward", "console_url": ORIGIN}
    return replace(context, settings=context.settings.model_copy(update=more))


@pytest.fixture
def door(linked: Context) -> Client:
    """A browser of nobody yet."""
    return Client(create_app(linked), linked)


def go(door: Client, provider: Provider, start: str = "/console/directory") -> str:
    """Set out, sign in there, and give the address of the way back."""
    led = door.get(start)
    assert led.status_code == 303, led.text
    parts = urlsplit(led.headers["location"])
    provider.asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert provider.asked["code_challenge_method"] == "S256"
    assert provider.asked["redirect_uri"] == f"{ORIGIN}/console/directory/back"
    return f"/console/directory/back?code=c&state={provider.asked['state']}"


def link(context: Context, provider: Provider, officer: Officer) -> None:
    with context.db.write() as session:
        session.add(OfficerIdentity(issuer=provider.issuer, subject=provider.subject, officer_id=officer.id))


def started(context: Context) -> int:
    with context.db.read() as session:
        return len(session.exec(select(OfficerSession)).all())


def test_who_is_linked_comes_in(
    door: Client, linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """The directory's word starts a session, and it is in the log how."""
    link(linked, provider, account())

    answer = door.get(go(door, provider))

    assert answer.status_code == 200
    assert door.get("/console/reviews").status_code == 200
    with linked.db.read() as session:
        row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.SIGNED_IN)).one()
    assert row.detail == {"through": "directory"}


def test_the_second_factor_is_asked_for_all_the_same(
    linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """A directory that was taken over opens no child's photo by itself."""
    strict = replace(linked, settings=linked.settings.model_copy(update={"second_factor": True}))
    door = Client(create_app(strict), strict)
    link(linked, provider, account())

    door.get(go(door, provider))

    assert door.get("/console/reviews").headers["location"] == "/console/second-factor"


def test_strangers_and_disabled_officers_stay_out_alike(
    door: Client, linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """The directory makes no officers, and whom Homeward closed out it does not bring back."""
    stranger = door.get(go(door, provider))
    officer = account()
    link(linked, provider, officer)
    with linked.db.write() as session:
        officer.active = False
        session.merge(officer)

    disabled = door.get(go(door, provider))

    assert (stranger.status_code, disabled.status_code) == (422, 422)
    assert stranger.text == disabled.text
    assert started(linked) == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"aud": ["homeward", "another"]},
        {"sub": ""},
        {"sub": ["zhang.san@force"]},
    ],
)
def test_a_word_for_somebody_else_does_not_count(
    door: Client, linked: Context, provider: Provider, account: MakeAccount, claims: dict[str, Any]
) -> None:
    """Of another trip, for another service, of another issuer, too old or without a subject."""
    link(linked, provider, account())
    provider.claims = claims

    assert door.get(go(door, provider)).status_code == 422
    assert started(linked) == 0


def test_a_word_under_another_key_does_not_count(
    door: Client, linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """Whoever stands between cannot sign."""
    link(linked, provider, account())
    provider.key = OTHER

    assert door.get(go(door, provider)).status_code == 422
    assert started(linked) == 0


def test_the_way_back_counts_for_the_browser_that_set_out_and_once(
    door: Client, linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """Nobody is signed in as another by a link, and an address from a history opens nothing."""
    link(linked, provider, account())
    back = go(door, provider)
    elsewhere = Client(create_app(linked), linked)

    assert elsewhere.get(back).status_code == 422
    assert door.get(back + "&iss=https://another.example").status_code == 422
    assert door.get(back).status_code == 422
    assert door.get(go(door, provider) + "x").status_code == 422
    assert provider.token_requests == 0
    assert started(linked) == 0


@pytest.mark.parametrize("name", ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_no_address_outside_the_issuer_is_asked(door: Client, provider: Provider, name: str) -> None:
    """Metadata that lead elsewhere lead nowhere: not Homeward, and not the officer's browser."""
    provider.metadata = {name: "http://127.0.0.1:1/elsewhere"}

    assert door.get("/console/directory").status_code == 503


def test_a_directory_that_is_away_is_said_so(door: Client, provider: Provider) -> None:
    """The page comes back with the password's way open."""
    provider.metadata = {"issuer": None}

    answer = door.get("/console/directory")

    assert answer.status_code == 503
    assert 'name="password"' in answer.text


def test_an_officer_links_themselves_with_a_fresh_proof_and_ends_it(
    door: Client, linked: Context, provider: Provider, account: MakeAccount
) -> None:
    """Linked by who is signed in and confirmed on a page of ours; a colleague's form links nobody else."""
    officer, other = account(), account()
    door.post("/console/sign-in", data={"username": officer.username, "password": PASSWORD})
    shown = door.get(go(door, provider, "/console/account/directory")).text
    sealed = shown.split('name="identity" value="')[1].split('"')[0]
    thief = Client(create_app(linked), linked)
    thief.post("/console/sign-in", data={"username": other.username, "password": PASSWORD})

    assert thief.post("/console/account/directory", data={"identity": sealed}).status_code == 422
    assert door.post("/console/account/directory", data={"identity": sealed}).status_code == 303
    assert "End the link" in door.get("/console/account").text
    with linked.db.read() as session:
        assert session.exec(select(OfficerIdentity.officer_id)).all() == [officer.id]
    assert door.post("/console/account/directory/end").status_code == 303
    assert door.post("/console/account/directory/end").status_code == 404


def test_without_a_directory_there_is_none(client: Client) -> None:
    """No page speaks of what is not there."""
    assert client.get("/console/directory").status_code == 404
    assert client.get("/console/directory/back?code=c&state=s").status_code == 422
    assert "/console/directory" not in client.get("/console/sign-in").text
