"""Slowing down who guesses passwords, one user name at a time.

A try is written down as failed, in a short transaction of its own, before the password is looked at: a
refused request takes nothing back, and guesses sent at the same moment cannot all slip through.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from app.core.clock import now
from app.core.context import Context
from app.core.errors import TooMany
from app.officers.models import SignInFailure

MOST_FAILURES = 5
"""Wrong passwords of one user name within the window; after them nothing typed is looked at."""

WINDOW = timedelta(minutes=15)
"""How long a wrong password counts."""


@dataclass(frozen=True)
class Attempt:
    """A try that counts as failed until it proves to be right."""

    account: str
    at: datetime


def count_attempt(context: Context, username: str) -> Attempt:
    """Count a try.

    Args:
        context: the open deployment; its key hides the user name in the table.
        username: normal form of what was typed, whether there is such an account or not.

    Returns:
        The try, for `forget` when it succeeds.

    Raises:
        TooMany: too many failures within the window; this try is not counted.
    """
    moment = now()
    key = context.keys.derive("sign-in account")
    account = hashlib.blake2b(username.encode(), key=key, digest_size=32).hexdigest()
    with context.db.write() as session:
        session.exec(delete(SignInFailure).where(col(SignInFailure.at) <= moment - WINDOW))
        own = SignInFailure.account == account
        failures = session.exec(select(func.count(col(SignInFailure.id))).where(own)).one()
        if failures >= MOST_FAILURES:
            oldest = session.exec(select(SignInFailure.at).where(own).order_by(col(SignInFailure.at))).first()
            wait = (oldest or moment) + WINDOW - moment
            raise TooMany(
                "Too many wrong passwords for this user name. Wait 15 minutes, then try again.",
                retry_after_s=int(wait.total_seconds()) + 1,
            )
        session.add(SignInFailure(account=account, at=moment))
    return Attempt(account, moment)


def forget(session: Session, attempt: Attempt) -> None:
    """Clear an account's failures after a success, but not tries that began later."""
    session.exec(
        delete(SignInFailure).where(
            col(SignInFailure.account) == attempt.account, col(SignInFailure.at) <= attempt.at
        )
    )
