"""Sending what is due: at least once, in no order, and nobody waits for anybody else's server.

A delivery is claimed by moving its next try past the longest time that one takes, so of several workers one
sends it; a worker that is killed has its deliveries sent again under the same id.
"""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import structlog
from sqlmodel import Session, col, delete, func, select

from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.webhooks import messages, outward, service, signatures
from app.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookMessage

log = structlog.get_logger()

BACK_OFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Pauses after the first, second ... failed try, as Standard Webhooks advises; after the tenth it is dead."""
SPREAD = 0.1
"""Share by which a pause is made longer at random, so that what failed together does not return together."""
LONGEST_WISH = timedelta(hours=24)
"""The longest pause that a partner's `Retry-After` may ask for."""
LEASE = timedelta(seconds=60)
"""Longer than a lane runs: its last request begins within `LONGEST_S` and ends `PATIENCE_S` later."""
LANES = 8
"""Endpoints that are served at once."""
PER_ENDPOINT = 20
"""Deliveries of one endpoint in one look."""
LONGEST_S = 5.0
"""Seconds of a look in which requests begin."""
KEPT = timedelta(days=30)
"""How long messages are kept, delivered or not."""
ERASED_AT_A_TIME = 200


@dataclass(frozen=True)
class _Claim:
    """A delivery that this worker sends.

    Attributes:
        delivery_id: which.
        tries: with this one; another number later on says that somebody else has taken it up.
        message_id: the message's id.
        body: the message's bytes.
    """

    delivery_id: UUID
    tries: int
    message_id: UUID
    body: bytes


@dataclass(frozen=True)
class _Lane:
    """What is due at one endpoint; one request after the other."""

    url: str
    secrets: Sequence[str]
    claims: list[_Claim] = field(default_factory=list)


@dataclass(frozen=True)
class _Outcome:
    """How a try went; without status and error it was not made."""

    claim: _Claim
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def was_made(self) -> bool:
        """Whether anything was sent."""
        return self.status is not None or self.error is not None


def send_due(context: Context) -> int:
    """Send what is due, a few messages for each endpoint, and note how it went.

    Returns:
        Messages that their partners took.
    """
    moment = now()
    with context.db.read() as session:
        if not _due(session, moment):
            return 0
    with context.db.write() as session:
        lanes = _claimed(session, context, moment)
    end = time.monotonic() + LONGEST_S
    delivered = 0
    with ThreadPoolExecutor(LANES, thread_name_prefix="webhooks") as pool:
        running = [pool.submit(_serve, context, lane, end) for lane in lanes]
        for lane in as_completed(running):
            delivered += _note(context, lane)
    return delivered


def erase_old(context: Context) -> int:
    """Erase messages that are older than what is kept, and secrets that sign no more.

    Returns:
        Messages that were erased.
    """
    moment = now()
    with context.db.read() as session:
        old = session.exec(
            select(WebhookMessage.id)
            .where(
                col(WebhookMessage.id) < UUID(int=int((moment - KEPT).timestamp() * 1000) << 80),
            )
            .order_by(col(WebhookMessage.id))
            .limit(ERASED_AT_A_TIME)
        ).all()
        ended = session.exec(
            select(WebhookEndpoint.id).where(col(WebhookEndpoint.old_secret_until) < moment)
        ).all()
    if old or ended:
        with context.db.write() as session:
            session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.message_id).in_(old)))
            session.exec(delete(WebhookMessage).where(col(WebhookMessage.id).in_(old)))
            for endpoint in session.exec(
                select(WebhookEndpoint).where(col(WebhookEndpoint.old_secret_until) < moment)
            ):
                endpoint.old_secret_sealed = endpoint.old_secret_until = None
                session.add(endpoint)
    return len(old)


def _due(session: Session, moment: datetime) -> list[tuple[WebhookDelivery, WebhookMessage, WebhookEndpoint]]:
    """What is due, the oldest first, no more than a few of each endpoint."""
    place = func.row_number().over(
        partition_by=col(WebhookDelivery.endpoint_id), order_by=col(WebhookDelivery.next_try_at)
    )
    ranked = (
        select(col(WebhookDelivery.id).label("id"), place.label("place"))
        .where(WebhookDelivery.state == DeliveryState.WAITING, col(WebhookDelivery.next_try_at) <= moment)
        .subquery()
    )
    rows = session.exec(
        select(WebhookDelivery, WebhookMessage, WebhookEndpoint)
        .join(ranked, ranked.c.id == col(WebhookDelivery.id))
        .join(WebhookMessage, col(WebhookMessage.id) == col(WebhookDelivery.message_id))
        .join(WebhookEndpoint, col(WebhookEndpoint.id) == col(WebhookDelivery.endpoint_id))
        .where(
            ranked.c.place <= PER_ENDPOINT,
            col(WebhookEndpoint.paused_at).is_(None),
            col(WebhookEndpoint.removed_at).is_(None),
        )
        .order_by(col(WebhookDelivery.next_try_at))
    )
    return list(rows)


def _claimed(session: Session, context: Context, moment: datetime) -> list[_Lane]:
    """Take what is due; what waited longest is first, so a partner whose turn never came comes first."""
    lanes: dict[UUID, _Lane] = {}
    for delivery, message, endpoint in _due(session, moment):
        if endpoint.id not in lanes:
            signing = signatures.secrets_of(endpoint, context.keys, moment)
            lanes[endpoint.id] = _Lane(endpoint.url, signing)
        delivery.tries += 1
        delivery.next_try_at = moment + LEASE
        session.add(delivery)
        lanes[endpoint.id].claims.append(
            _Claim(delivery.id, delivery.tries, message.id, messages.encoded(message.body))
        )
    return list(lanes.values())


def _serve(context: Context, lane: _Lane, end: float) -> list[_Outcome]:
    """Send a lane's messages until the time is over or its server does not answer."""
    outcomes: list[_Outcome] = []
    silent = False
    for claim in lane.claims:
        if silent or time.monotonic() > end:
            outcomes.append(_Outcome(claim))
            continue
        outcomes.append(_sent(context, lane, claim))
        silent = outcomes[-1].status in {None, HTTPStatus.GONE}
    return outcomes


def _sent(context: Context, lane: _Lane, claim: _Claim) -> _Outcome:
    signed = signatures.headers(claim.message_id, lane.secrets, now(), claim.body)
    try:
        reply = outward.post(lane.url, claim.body, signed, inside=context.settings.webhooks_inside)
    except outward.NotReached as error:
        return _Outcome(claim, error=error.failure.value)
    kind = reply.status // 100
    if kind == 2:  # noqa: PLR2004 - taken
        return _Outcome(claim, status=reply.status)
    return _Outcome(claim, reply.status, "redirect" if kind == 3 else "status", reply.retry_after_s)  # noqa: PLR2004


def _note(context: Context, lane: "Future[list[_Outcome]]") -> int:
    try:
        outcomes = lane.result()
    except Exception as error:  # noqa: BLE001 - the other lanes go on; this one's leases run out
        log.warning("webhook_lane_failed", error=type(error).__name__)
        return 0
    with context.db.write() as session:
        return sum(_noted(session, outcomes))


def _noted(session: Session, outcomes: Sequence[_Outcome]) -> Iterator[bool]:
    moment = now()
    put_off = moment
    for outcome in outcomes:
        delivery = session.get(WebhookDelivery, outcome.claim.delivery_id)
        stands = delivery is not None and delivery.state == DeliveryState.WAITING
        if delivery is None or not stands or delivery.tries != outcome.claim.tries:
            continue  # Removed, or taken up by somebody else meanwhile.
        session.add(delivery)
        if not outcome.was_made:
            delivery.tries -= 1
            delivery.next_try_at = put_off
            continue
        delivery.last_status, delivery.last_error = outcome.status, outcome.error
        if outcome.error is None:
            delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, moment
            yield True
        elif outcome.status == HTTPStatus.GONE:
            put_off = service.HELD
            _given_up(session, delivery)
        elif delivery.tries > len(BACK_OFF):
            delivery.state = DeliveryState.DEAD
        else:
            delivery.next_try_at = moment + _pause(delivery.tries, outcome.retry_after_s)
            if outcome.status is None:
                # Its server is silent: the messages behind this one wait with it, and cost nobody time.
                put_off = delivery.next_try_at


def _given_up(session: Session, delivery: WebhookDelivery) -> None:
    """The partner says that nothing is there any more: pause until the partner says otherwise."""
    delivery.next_try_at = service.HELD
    endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id)
    if endpoint.paused_at is None:
        service.pause(session, SYSTEM, endpoint)


def _pause(tries: int, wished_s: float | None) -> timedelta:
    """How long to wait after a failed try."""
    pause = BACK_OFF[tries - 1] * (1 + random.uniform(0, SPREAD))  # noqa: S311 - no secret
    wish = timedelta(seconds=min(wished_s or 0.0, LONGEST_WISH.total_seconds()))
    return max(pause, wish)
