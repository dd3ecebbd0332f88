"""The second factor: which ones an officer has, adding and removing them, and giving one."""

from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor, officer_actor
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Keys
from app.core.errors import Conflict, Invalid, NotFound, SecondFactorNeeded
from app.officers import recovery, sessions, throttle, totp
from app.officers.models import FactorKind, Officer, SecondFactor

MOST = 10
"""Factors of one officer."""
LONGEST_NAME = 60
WRONG = "This code is not right, or it was used already. Wait for the next one."


def of(session: Session, officer_id: UUID) -> list[SecondFactor]:
    """The factors that an officer may give, the oldest first."""
    return list(
        session.exec(
            select(SecondFactor)
            .where(SecondFactor.officer_id == officer_id, col(SecondFactor.removed_at).is_(None))
            .order_by(col(SecondFactor.created_at))
        )
    )


def taken_away(session: Session, officer_id: UUID) -> bool:
    """Whether an officer without a factor had one before: an administrator took it away."""
    return (
        session.exec(select(SecondFactor.id).where(SecondFactor.officer_id == officer_id)).first() is not None
    )


def give(context: Context, officer: Officer, code: str, token: str) -> None:
    """Give digits of an authenticator app, or a recovery code, and open the session.

    A try is counted before it is looked at, in a transaction of its own: see `throttle`.

    Args:
        context: the open deployment.
        officer: whose session it is.
        code: as typed.
        token: the session's cookie.

    Raises:
        Invalid: neither digits of now nor a code that is left.
        TooMany: too many wrong ones.
    """
    attempt = throttle.count_attempt(context, f"second {officer.id}", throttle.SECOND)
    with context.db.write() as session:
        actor = officer_actor(officer.id)
        if recovery.use(session, context.keys, officer.id, code):
            audit.record(session, actor, Action.RECOVERY_CODE_USED, "officer", officer.id)
        elif not any(totp.accepts(session, context.keys, factor, code) for factor in of(session, officer.id)):
            code = ""
        if code:
            throttle.forget(session, attempt)
            sessions.prove(session, token)
            audit.record(session, actor, Action.STEPPED_UP, "officer", officer.id)
        else:
            audit.record(session, actor, Action.SECOND_FACTOR_FAILED, "officer", officer.id)
    if not code:
        raise Invalid(WRONG, field="code")


def add(
    session: Session, keys: Keys, officer: Officer, factor: SecondFactor, token: str, *, half: bool = False
) -> list[str]:
    """Add a factor that was just proven, which opens the session.

    Args:
        session: a writing session.
        keys: the deployment's keys.
        officer: whose.
        factor: the proven factor.
        token: the session's cookie.
        half: whether only the password was given in this session.

    Returns:
        Recovery codes, with the first factor; else nothing.

    Raises:
        SecondFactorNeeded: a password alone adds the first one only, also when two arrive at one moment.
        Conflict: the officer has very many already.
    """
    present = of(session, officer.id)
    if len(present) >= MOST:
        raise Conflict("You have very many already. Remove one that you use no more.")
    if any(totp.is_same(keys, one, factor) for one in present):
        # The form was sent twice; two factors of one secret would let digits count twice.
        return []
    if present and half:
        raise SecondFactorNeeded
    factor.name = " ".join(factor.name.split())[:LONGEST_NAME] or factor.kind.value
    session.add(factor)
    sessions.prove(session, token)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.SECOND_FACTOR_ADDED,
        "officer",
        officer.id,
        kind=factor.kind.value,
    )
    return [] if present else renew_recovery(session, keys, officer)


def renew_recovery(session: Session, keys: Keys, officer: Officer) -> list[str]:
    """Make ten recovery codes; older ones count no more."""
    audit.record(session, officer_actor(officer.id), Action.RECOVERY_CODES_MADE, "officer", officer.id)
    return recovery.make(session, keys, officer.id)


def remove(session: Session, officer: Officer, factor_id: UUID, *, needed: bool) -> None:
    """Remove one of the officer's own factors.

    Args:
        session: a writing session.
        officer: whose.
        factor_id: which.
        needed: whether an officer must keep one.

    Raises:
        NotFound: none of the officer's.
        Conflict: it is the last one.
    """
    present = of(session, officer.id)
    chosen = next((factor for factor in present if factor.id == factor_id), None)
    if chosen is None:
        raise NotFound
    if needed and len(present) == 1:
        raise Conflict("This is your last one. Add another before you remove it.")
    _end(session, chosen, officer_actor(officer.id))


def take_away(session: Session, officer: Officer, by: Actor) -> int:
    """Take all factors of somebody who lost them, and end their sessions; they set up new ones.

    Returns:
        How many were taken away.
    """
    present = of(session, officer.id)
    for factor in present:
        _end(session, factor, by)
    recovery.forget(session, officer.id)
    sessions.end_all(session, officer.id)
    return len(present)


def keys_of(session: Session, officer_id: UUID) -> list[SecondFactor]:
    """The security keys among an officer's factors."""
    return [factor for factor in of(session, officer_id) if factor.kind == FactorKind.WEBAUTHN]


def _end(session: Session, factor: SecondFactor, by: Actor) -> None:
    factor.removed_at = now()
    factor.secret_sealed = None
    # Its credential may be registered anew, by this officer or another.
    factor.credential_id = None
    session.add(factor)
    audit.record(
        session, by, Action.SECOND_FACTOR_REMOVED, "officer", factor.officer_id, kind=factor.kind.value
    )
