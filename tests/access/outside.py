"""Asks every route outside of the console with every kind of key, and with none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import col, select, update

from app.core.clock import now
from app.core.context import Context
from app.main import create_app
from app.officers import sessions
from app.officers.models import Role
from app.partners import keys
from app.partners.models import PartnerKey, Scope
from app.tips.models import Channel, ChannelKind
from tests.access.meant_outside import OUTSIDE, SENDING, Open
from tests.conftest import Client
from tests.make import Make
from tests.web.walking import answers

PLACE = re.compile(r"{(\w+)(?::\w+)?}")
LET_IN, REFUSED, UNKNOWN, NOT_THERE = "let in", "refused", "unknown", "not there"
SPOKEN = {"Tus-Resumable": "1.0.0", "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Holder:
    """Somebody who asks.

    Attributes:
        name: how the matrix calls them.
        headers: what they send along.
        scopes: what their key may do; None for who has no key that counts.
        paused: whether their channel is.
        cookie: an officer's session.
    """

    name: str
    headers: Mapping[str, str]
    scopes: frozenset[Scope] | None = None
    paused: bool = False
    cookie: str = ""


def holders(context: Context, make: Make) -> list[Holder]:
    """Nobody, keys that count no more, a key for each thing, paused ones, and an officer with all roles."""
    tips = {Scope.TIPS_SEND, Scope.TIPS_READ, Scope.WEBHOOKS}
    whole = key(context, "whole", tips)
    made = [
        Holder("nobody", {}),
        Holder("made up", bearing("hw1_000000000000_" + "A" * 43)),
        Holder("other secret", bearing(whole[:-4] + "AAAA")),
        Holder("no key at all", bearing("' OR 1=1 --")),
        Holder("revoked", bearing(ended(context, key(context, "revoked", tips), "revoked_at"))),
        Holder("expired", bearing(ended(context, key(context, "expired", tips), "expires_at"))),
        Holder("partner", bearing(whole), frozenset(tips)),
        *(Holder(one.value, bearing(key(context, one.value, {one})), frozenset({one})) for one in tips),
        Holder("registry", bearing(registry_key(context, "registry")), frozenset({Scope.RECORDS})),
        Holder("paused", bearing(key(context, "paused", tips)), frozenset(tips), paused=True),
        Holder(
            "paused reg.", bearing(registry_key(context, "halted")), frozenset({Scope.RECORDS}), paused=True
        ),
    ]
    everything = make.officer(*Role, area="CN")
    with context.db.write() as session:
        session.exec(
            update(Channel).where(col(Channel.name).in_(["paused", "halted"])).values(paused_at=now())
        )
        officer = sessions.start(session, everything)
    return [*made, Holder("officer", {}, cookie=officer)]


def meant(asked: Scope | Open, holder: Holder) -> str:
    """What is meant for somebody who asks for something."""
    if asked == Open.ANYBODY:
        return LET_IN
    if asked == Open.RECEIPT:
        return NOT_THERE
    if holder.scopes is None:
        return UNKNOWN
    held = asked in holder.scopes and not (holder.paused and asked in SENDING)
    return LET_IN if held else REFUSED


def seen_by(context: Context, everybody: list[Holder]) -> dict[tuple[str, str], str]:
    """Ask every declared route as everybody; nothing that is asked for is there.

    Returns:
        The answer by holder's name and route.
    """
    app = create_app(context)
    seen = {}
    for holder in everybody:
        client = Client(app, context)
        if holder.cookie:
            client.cookies.set(sessions.cookie_name(context.settings), holder.cookie)
        asked = {filled(route): (kind, route) for kind, routes in OUTSIDE.items() for route in routes}
        found = answers(client, [split(one) for one in asked], headers={**SPOKEN, **holder.headers})
        for (method, path), answer in found.items():
            kind, route = asked[f"{method} {path}"]
            seen[holder.name, route] = word(kind, route, answer)
    return seen


def word(kind: Scope | Open, route: str, answer: Any) -> str:
    """What an answer says: Open311 has one status for a wrong key and for one that may not."""
    if "/open311/" in route and answer.status_code == 403:
        return UNKNOWN if "valid" in answer.text else REFUSED
    if kind == Open.RECEIPT and answer.status_code in {303, 404, 415, 422}:
        return NOT_THERE
    return {401: UNKNOWN, 403: REFUSED}.get(answer.status_code, LET_IN)


def filled(route: str, places: Mapping[str, str] | None = None) -> str:
    """A route with something in each place of its address."""
    known = {"fmt": "json", "code": "440304", "number": f"R-{uuid4().hex[:8]}", "sha256": "0" * 64}
    known |= dict(places or {})
    return PLACE.sub(lambda place: known.get(place[1], str(uuid4())), route)


def split(route: str) -> tuple[str, str]:
    """Method and path."""
    method, path = route.split(" ", 1)
    return method, path


def bearing(text: str) -> dict[str, str]:
    """The header of a request with a key."""
    return {"Authorization": f"Bearer {text}"}


def key(context: Context, channel: str, scopes: set[Scope]) -> str:
    """A key of a partner's channel."""
    with context.db.write() as session:
        made = keys.add_channel(session, channel)
        return keys.make_key(session, context.keys, made, scopes=scopes).key


def registry_key(context: Context, channel: str, area: str = "440304") -> str:
    """A key of a registry of an area."""
    with context.db.write() as session:
        made = keys.add_channel(session, channel, ChannelKind.REGISTRY, jurisdiction_code=area)
        return keys.make_key(session, context.keys, made).key


def ended(context: Context, text: str, column: str) -> str:
    """The same key, revoked or expired a while ago."""
    with context.db.write() as session:
        held = session.exec(select(PartnerKey).where(PartnerKey.key_id == text.split("_")[1])).one()
        setattr(held, column, now() - timedelta(minutes=1))
        session.add(held)
    return text
