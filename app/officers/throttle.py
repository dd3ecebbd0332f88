"""Slowing down who guesses passwords, one user name at a time.

A try is written down as failed, in a short transaction of its own, before the password is looked at: a
refused request takes nothing back, and guesses sent at the same moment cannot all slip through.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import TooMany, message
from app.officers.models import SignInFailure

MOST_FAILURES = 5
"""Wrong passwords of one user name within the window; after them nothing typed is looked at."""

WINDOW = timedelta(minutes=15)
"""How long a wrong password counts."""


@dataclass(frozen=True)
class Limit:
    """How many wrong tries within which time."""

    most: int
    window: timedelta


PASSWORD = (Limit(MOST_FAILURES, WINDOW),)
SECOND = (Limit(5, timedelta(minutes=5)), Limit(20, timedelta(hours=1)))
"""Of second factors: six digits are found in a day without it."""
KEPT = timedelta(hours=1)
"""How long a failure is remembered at all."""


TRY_LATER = message("Too many wrong tries. Wait 15 minutes, then try again.")


@dataclass(frozen=True)
class Attempt:
    """A try that counts as failed until it proves to be right."""

    account: str
    at: datetime


def count_attempt(context: Context, whose: str, limits: Sequence[Limit] = PASSWORD) -> Attempt:
    """Count a try.

    Args:
        context: the open deployment; its key hides in the table whose tries they are.
        whose: normal form of what was typed, whether there is such an account or not.
        limits: how many of them may be wrong.

    Returns:
        The try, for `forget` when it succeeds.

    Raises:
        TooMany: too many failures within a window; this try is not counted.
    """
    moment = now()
    key = context.keys.derive("sign-in account")
    account = hashlib.blake2b(whose.encode(), key=key, digest_size=32).hexdigest()
    with context.db.write() as session:
        session.exec(delete(SignInFailure).where(col(SignInFailure.at) <= moment - KEPT))
        times = session.exec(
            select(SignInFailure.at).where(SignInFailure.account == account).order_by(col(SignInFailure.at))
        ).all()
        for limit in limits:
            recent = [at for at in times if at > moment - limit.window]
            if len(recent) >= limit.most:
                wait = recent[-limit.most] + limit.window - moment
                raise TooMany(TRY_LATER, retry_after_s=int(wait.total_seconds()) + 1)
        session.add(SignInFailure(account=account, at=moment))
    return Attempt(account, moment)


def forget(session: Session, attempt: Attempt) -> None:
    """Clear an account's failures after a success, but not tries that began later."""
    session.exec(
        delete(SignInFailure).where(
            col(SignInFailure.account) == attempt.account, col(SignInFailure.at) <= attempt.at
        )
    )
