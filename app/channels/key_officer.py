"""A channel's keys: made, replaced, revoked. A key is shown once, on the page that answers its making."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.audit.service import officer_actor
from app.channels import pages, queries, service
from app.channels.access import ChannelKeeperDep
from app.core.context import Context, ContextDep
from app.core.db import ReadSessionDep, SessionDep
from app.core.errors import Invalid, Refusal
from app.core.render import page
from app.core.web.forms import refused_form
from app.officers.models import Officer
from app.officers.sessions import FRESH
from app.partners import keys
from app.partners.keys import LONGEST_LIFE_DAYS, NewKey
from app.partners.models import Scope

router = APIRouter()

KEY = "console/channel/key.html"
OVERLAPS_H = (0, 24, 72, 168, 720)
"""Hours for which both keys may work."""
USUAL_OVERLAP_H = 72


@router.post("/channels/{channel_id}/keys", dependencies=FRESH)
def make(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    label: Annotated[str, Form(max_length=500)] = "",
    days: Annotated[str, Form(max_length=20)] = str(LONGEST_LIFE_DAYS),
    scopes: Annotated[list[str], Form()] = [],  # noqa: B006 - read only
    *,
    signed: Annotated[bool, Form()] = False,
) -> Response:
    """Make a key and show it, this once."""
    try:
        wanted = _scopes(scopes)
        life = _number(days, "days")
        with context.db.write() as session:
            made = keys.make_key(
                session,
                context.keys,
                queries.get(session, channel_id),
                scopes=wanted,
                days=life,
                label=label,
                signed=signed,
                actor=officer_actor(officer.id),
            )
    except Refusal as refusal:
        typed = {"label": label, "days": days, "scopes": scopes, "signed": signed}
        return pages.refused(request, context, officer, channel_id, refusal, **typed)
    return _with_key(request, context, officer, channel_id, made)


@router.get("/channels/{channel_id}/keys/{key_id}")
def show(
    request: Request, session: ReadSessionDep, officer: ChannelKeeperDep, channel_id: UUID, key_id: str
) -> HTMLResponse:
    """Show a key with the ways to replace and to revoke it."""
    values: dict[str, Any] = {
        "officer": officer,
        "channel": queries.get(session, channel_id),
        "key": service.own_key(session, channel_id, key_id),
    }
    return page(request, KEY, errors={}, overlaps=OVERLAPS_H, chosen=USUAL_OVERLAP_H, **values, **pages.WORDS)


@router.post("/channels/{channel_id}/keys/{key_id}/rotate", dependencies=FRESH)
def rotate(
    request: Request,
    context: ContextDep,
    officer: ChannelKeeperDep,
    channel_id: UUID,
    key_id: str,
    overlap: Annotated[str, Form(max_length=20)] = str(USUAL_OVERLAP_H),
) -> Response:
    """Replace a key and show the new one, this once."""
    try:
        hours = timedelta(hours=_number(overlap, "overlap"))
        with context.db.write() as session:
            service.own_key(session, channel_id, key_id)
            actor = officer_actor(officer.id)
            made = keys.rotate_key(session, context.keys, key_id, overlap=hours, actor=actor)
    except Invalid as refusal:
        with context.db.read() as session:
            shown: dict[str, Any] = {
                "channel": queries.get(session, channel_id),
                "key": service.own_key(session, channel_id, key_id),
            }
        words: dict[str, Any] = {"overlaps": OVERLAPS_H, "chosen": USUAL_OVERLAP_H}
        return refused_form(request, KEY, refusal, officer=officer, **words, **shown, **pages.WORDS)
    return _with_key(request, context, officer, channel_id, made)


@router.post("/channels/{channel_id}/keys/{key_id}/revoke")
def revoke(session: SessionDep, officer: ChannelKeeperDep, channel_id: UUID, key_id: str) -> RedirectResponse:
    """Refuse a key from now on."""
    service.own_key(session, channel_id, key_id)
    keys.revoke_key(session, key_id, officer_actor(officer.id))
    return RedirectResponse(f"/console/channels/{channel_id}#keys", status_code=303)


def _with_key(
    request: Request, context: Context, officer: Officer, channel_id: UUID, made: NewKey
) -> HTMLResponse:
    with context.db.read() as session:
        values = pages.channel(session, context, officer, channel_id)
    return page(request, pages.CHANNEL, errors={}, **values | {"made": made})


def _scopes(typed: list[str]) -> list[Scope]:
    try:
        return [Scope(each) for each in typed[: len(Scope)]]
    except ValueError as error:
        raise Invalid("Choose what the key may do.", field="scopes") from error


def _number(typed: str, field: str) -> int:
    text = typed.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6):  # noqa: PLR2004
        raise Invalid("Give a whole number.", field=field)
    return int(text)
