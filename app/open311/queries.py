"""A channel's own tips as requests for service: neither where they are nor what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, not_, select

from app.core.render import translate
from app.core.settings import Settings
from app.open311.services import DANGER, IN_NEED, SERVICES
from app.partners.queries import has_status
from app.tips import answers
from app.tips.answers import Status
from app.tips.models import Author, Tip

MOST_ROWS = 200


@dataclass(frozen=True)
class Wanted:
    """Which requests are asked for.

    Attributes:
        ids: only these; empty for all in the span.
        since: received from here on.
        until: received before.
        codes: services; empty for both.
        states: "open" and "closed"; empty for both.
    """

    ids: Sequence[UUID]
    since: datetime
    until: datetime
    codes: frozenset[str]
    states: frozenset[str]


def requests(
    session: Session, settings: Settings, channel_id: UUID, wanted: Wanted, language: str
) -> list[dict[str, Any]]:
    """The newest 200 requests of a channel that are asked for, newest first."""
    asked = select(Tip).where(Tip.channel_id == channel_id)
    if wanted.ids:
        asked = asked.where(col(Tip.id).in_(wanted.ids))
    else:
        asked = asked.where(col(Tip.received_at) >= wanted.since, col(Tip.received_at) < wanted.until)
    if len(wanted.codes) == 1:
        asked = asked.where(col(Tip.danger_now).is_(DANGER in wanted.codes))
    if len(wanted.states) == 1:
        closed = has_status(Status.CLOSED)
        asked = asked.where(closed if "closed" in wanted.states else not_(closed))
    found = session.exec(asked.order_by(col(Tip.received_at).desc(), col(Tip.id).desc()).limit(MOST_ROWS))
    return [row(session, settings, tip, language) for tip in found]


def row(session: Session, settings: Settings, tip: Tip, language: str) -> dict[str, Any]:
    """One request as its sender may read it."""
    answer = answers.answer_to(session, tip, language)
    said = [line for line in answer.lines if line.author != Author.TIPSTER]
    code = DANGER if tip.danger_now else IN_NEED
    return {
        "service_request_id": str(tip.id),
        "status": "closed" if answer.status == Status.CLOSED else "open",
        "status_notes": said[-1].text if said else translate(language, answer.sentence),
        "service_name": translate(language, SERVICES[code][0]),
        "service_code": code,
        "description": None,
        "agency_responsible": settings.operator_name,
        "service_notice": None,
        "requested_datetime": answer.received_at.isoformat(timespec="seconds"),
        "updated_datetime": (said[-1].at if said else answer.received_at).isoformat(timespec="seconds"),
        "expected_datetime": None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": None,
        "extended_attributes": {"detailed_status": answer.status.value, "external_id": tip.external_id},
    }
