"""What a channel's page shows, for the routes that answer with it."""

from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from app.channels import lines, queries
from app.channels.backlog import WITH_TIPS
from app.channels.lines import NEEDS, STATES
from app.channels.numbers import WITHOUT_KEYS
from app.channels.service import NEW_KINDS, PAUSE_REASONS
from app.core.context import Context
from app.core.errors import Conflict, NotFound, Refusal, message
from app.core.web.forms import refused_form
from app.officers.models import Officer, Role
from app.partners import quotas
from app.partners.keys import LONGEST_LABEL, LONGEST_LIFE_DAYS
from app.partners.models import TIP_SCOPES, Scope
from app.tips.models import ChannelKind
from app.webhooks import queries as webhooks

CHANNEL = "console/channel.html"

MOST_DELIVERIES, MOST_DEAD = 5, 20
"""Rows of webhooks on a channel's page."""
TOLD = frozenset({ChannelKind.PARTNER, ChannelKind.SANDBOX})
"""Channels whose partners may be told of their tips."""

MISTAKES: dict[str, str] = {
    "invalid": message("A field broke its rule"),
    "too-large": message("More bytes than are taken"),
    "unsupported-photo": message("A file that is no photo of a kind that is read"),
    "not-found": message("It asked for something that is not there"),
    "conflict": message("The same number stood on two different tips"),
    "idempotency-key-reused": message("A repeated request had another content"),
    "unsupported-media-type": message("A content type that is not read"),
    "refused": message("The request was not understood"),
}
"""The refusals of the API in words; another one is shown by its code."""

WORDS: dict[str, Any] = {
    "states": STATES,
    "needs": NEEDS,
    "mistakes": MISTAKES,
    "without_keys": WITHOUT_KEYS,
    "with_tips": WITH_TIPS,
    "expires_soon": lines.expires_soon,
    "works": lines.works,
    "scope_of": Scope,
}
"""What every page of channels needs for its words."""


def channel(session: Session, context: Context, officer: Officer, channel_id: UUID) -> dict[str, Any]:
    """All that a channel's page shows.

    Raises:
        NotFound: no such channel.
    """
    line = lines.of_one(session, channel_id)
    one = line.channel
    keyed = one.kind in NEW_KINDS
    paused = queries.why_paused(session, one.id) if one.paused_at else None
    registry = one.kind == ChannelKind.REGISTRY
    return WORDS | {
        "officer": officer,
        "line": line,
        "keyed": keyed,
        "keeps": officer.has(Role.ADMIN),
        "voids_tips": officer.has(Role.SUPERVISOR) and one.kind in WITH_TIPS,
        "use": quotas.use_of(session, context.settings, one) if keyed else None,
        "area": queries.areas(session, [one.jurisdiction_code]).get(one.jurisdiction_code),
        "voids": queries.voids(session, one.id),
        "paused_for": next((text for code, text in PAUSE_REASONS.items() if code == paused), None),
        "pause_reasons": PAUSE_REASONS,
        "scopes": (Scope.RECORDS,) if registry else TIP_SCOPES,
        "longest_days": LONGEST_LIFE_DAYS,
        "longest_label": LONGEST_LABEL,
        "made": None,
        "secret": None,
        "told": one.kind in TOLD,
        "endpoints": [
            (each, webhooks.deliveries(session, each.id, most=MOST_DELIVERIES))
            for each in webhooks.endpoints(session, one.id)
        ],
        "dead": webhooks.dead(session, one.id, MOST_DEAD),
        "typed": {
            "owner": one.owner,
            "minute_quota": one.minute_quota or "",
            "day_quota": one.day_quota or "",
            "label": "",
            "days": LONGEST_LIFE_DAYS,
            "scopes": [],
            "signed": False,
            "url": "",
        },
        "minute_default": context.settings.partner_minute_quota,
        "day_default": context.settings.partner_day_quota,
    }


def check_told(session: Session, channel_id: UUID) -> None:
    """Refuse webhooks of a channel that has nothing to be told.

    Raises:
        NotFound: no such channel.
        Conflict: it belongs to no partner.
    """
    if queries.get(session, channel_id).kind not in TOLD:
        raise Conflict("Only a partner's channel has webhooks.")


def refused(
    request: Request, context: Context, officer: Officer, channel_id: UUID, refusal: Refusal, **typed: Any
) -> HTMLResponse:
    """Answer a refused form of a channel's page with that page.

    Raises:
        Refusal: the channel is not there, so that there is no page to answer with.
    """
    if isinstance(refusal, NotFound):
        raise refusal
    with context.db.read() as session:
        values = channel(session, context, officer, channel_id)
    values["typed"] |= typed
    return refused_form(request, CHANNEL, refusal, **values)
