"""Signing in: the only step of this room with transactions of its own.

A wrong password is refused, and a refusal takes its transaction back; the failure has to stay counted all the
same. So the try is counted before the password is looked at (see `throttle`), the password is hashed while no
transaction is open, and the outcome is written in another.
"""

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, officer_actor
from app.core.context import Context
from app.core.errors import Invalid
from app.officers import passwords, queries, sessions, throttle
from app.officers.models import Officer

WRONG = "The user name or the password is not right."
"""One answer for an unknown name, a wrong password and a disabled account."""


def sign_in(
    context: Context, username: str, password: str, held: str | None = None, browser: str = ""
) -> str:
    """Check a user name and a password and start a session.

    Args:
        context: the open deployment.
        username: as typed.
        password: as typed.
        held: the cookie that the browser sent along; its session ends, whoever's it is.
        browser: what a browser that this officer signed in with before is counted as; see `known`.

    Returns:
        The new session's cookie value.

    Raises:
        Invalid: unknown name, wrong password or disabled account; the three look alike and cost alike.
        TooMany: too many failures of this name within the last minutes.
        Unavailable: too many sign-ins are under way.
    """
    name = queries.normal_username(username)
    attempt = throttle.count_attempt(context, f"name {name} {browser}".strip())
    with context.db.read() as session:
        officer = queries.by_username(session, name)
    stored = officer.password_hash if officer else None
    right = passwords.fits(stored, password)
    if officer is None or stored is None or not right or not officer.active:
        _write_failure(context, officer)
        raise Invalid(WRONG, field="password")
    renewed = None
    if passwords.is_outdated(stored):
        renewed = passwords.hash_new(password, one_time=passwords.is_one_time(stored))
    with context.db.write() as session:
        kept = session.get_one(Officer, officer.id)
        if not kept.active or kept.password_hash != stored:
            # Disabled, or given another password, while this one was being hashed.
            raise Invalid(WRONG, field="password")
        if renewed is not None:
            kept.password_hash = renewed
            session.add(kept)
        throttle.forget(session, attempt)
        if held:
            sessions.end(session, held)
        audit.record(session, officer_actor(officer.id), Action.SIGNED_IN, "officer", officer.id)
        return sessions.start(session, kept, half=context.settings.second_factor)


def sign_out(session: Session, officer: Officer, token: str) -> None:
    """End the session of a cookie on the server."""
    sessions.end(session, token)
    audit.record(session, officer_actor(officer.id), Action.SIGNED_OUT, "officer", officer.id)


def _write_failure(context: Context, officer: Officer | None) -> None:
    with context.db.write() as session:
        # What was typed is not written down: people type passwords into the wrong field.
        subject = officer.id if officer else "unknown"
        audit.record(session, SYSTEM, Action.SIGN_IN_FAILED, "officer", subject)
