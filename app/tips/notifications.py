"""Where a tipster asked to be told that something is new; `app.tips.telling` tells.

The address is sealed, and ends with the tip.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER
from app.core.context import Context
from app.core.errors import Invalid, NotFound
from app.tips import adding, mail, push
from app.tips.models import NotificationKind, Tip, TipNotification

MOST_BROWSERS = 3
"""Browsers of one tip; there is one e-mail address."""


@dataclass(frozen=True)
class Offer:
    """What the receipt page shows of notices.

    Attributes:
        email: whether an e-mail may be asked for.
        push_key: the key that a browser subscribes with; None where that is not offered.
        asked: what the tipster asked for already: id and kind.
    """

    email: bool
    push_key: str | None
    asked: tuple[tuple[UUID, NotificationKind], ...]

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.email or self.push_key or self.asked)


def offer(session: Session, context: Context, tip_id: UUID) -> Offer:
    """What may be asked for, and what was."""
    settings = context.settings
    rows = session.exec(
        select(TipNotification)
        .where(TipNotification.tip_id == tip_id)
        .order_by(col(TipNotification.created_at))
    )
    return Offer(
        mail.is_offered(settings),
        push.public_key(context.keys) if push.is_offered(settings) else None,
        tuple((row.id, row.kind) for row in rows),
    )


def set_email(session: Session, context: Context, tip_id: UUID, typed: str, language: str) -> None:
    """Tell a tipster by e-mail; the address takes the place of the one before.

    Raises:
        Invalid: no address, or this deployment sends no e-mail.
        Conflict: the tip is closed.
    """
    if not mail.is_offered(context.settings):
        raise Invalid("Messages by e-mail are not offered here.", field="email")
    address = mail.checked(typed)
    _set(session, context, tip_id, NotificationKind.EMAIL, address, language, most=1)


def set_push(session: Session, context: Context, tip_id: UUID, subscription: str, language: str) -> None:
    """Tell a tipster through a browser.

    Raises:
        Invalid: no subscription, or this deployment sends none.
        Conflict: the tip is closed.
    """
    if not push.is_offered(context.settings):
        raise Invalid(push.NOT_TAKEN, field="push")
    kept = push.checked(subscription, context.settings)
    _set(session, context, tip_id, NotificationKind.PUSH, kept, language, most=MOST_BROWSERS)


def end(session: Session, tip_id: UUID, notification_id: UUID) -> None:
    """Stop telling; what is gone already is no error.

    Raises:
        NotFound: it is another tip's.
    """
    row = session.get(TipNotification, notification_id)
    if row is not None and row.tip_id != tip_id:
        raise NotFound
    if row is not None:
        session.delete(row)
        audit.record(session, TIPSTER, Action.NOTIFICATION_ENDED, "tip", tip_id, kind=row.kind.value)


def _set(
    session: Session,
    context: Context,
    tip_id: UUID,
    kind: NotificationKind,
    address: str,
    language: str,
    *,
    most: int,
) -> None:
    adding.check_open(session, session.get_one(Tip, tip_id))
    earlier = session.exec(
        select(TipNotification)
        .where(TipNotification.tip_id == tip_id, TipNotification.kind == kind)
        .order_by(col(TipNotification.created_at))
    ).all()
    for row in earlier[: max(len(earlier) - most + 1, 0)]:
        session.delete(row)
    sealed = context.keys.seal(address.encode())
    session.add(TipNotification(tip_id=tip_id, kind=kind, address_sealed=sealed, language=language))
    audit.record(session, TIPSTER, Action.NOTIFICATION_SET, "tip", tip_id, kind=kind.value)
