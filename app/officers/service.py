"""What may be done with accounts: add, change, disable, and give or choose a password."""

import re
import unicodedata
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action, ActorKind
from app.audit.service import Actor, officer_actor
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotAllowed, NotFound
from app.jurisdictions.models import Jurisdiction
from app.officers import passwords, queries, sessions
from app.officers.models import Officer, OfficerSession, Role

USERNAME = re.compile(r"[\w.-]{3,40}")
LONGEST_NAME = 80
LONGEST_BADGE = 40


def add_officer(
    session: Session,
    *,
    username: str,
    name: str,
    badge: str,
    password: str,
    roles: Iterable[Role],
    jurisdiction_code: str,
    actor: Actor,
    one_time: bool = False,
) -> Officer:
    """Add an account.

    Args:
        session: a writing session; nothing should have been asked of it yet, since hashing comes first.
        username: what the officer types to sign in.
        name: shown to colleagues.
        badge: the police's own number of the officer.
        password: the first password.
        roles: what the officer is there for.
        jurisdiction_code: the area whose tips and cases the officer sees.
        actor: who adds the account.
        one_time: whether the password only serves to choose another.

    Returns:
        The new officer.

    Raises:
        Invalid: a field breaks its rule, or the user name or badge is taken.
        NotAllowed: the acting administrator is none any more, or the area is not theirs.
        Unavailable: too many passwords are being hashed.
    """
    normal = queries.normal_username(username)
    if not USERNAME.fullmatch(normal) or not _no_lookalikes(normal):
        raise Invalid(
            "A user name has 3 to 40 Latin or Chinese letters, digits, dots, hyphens or underscores.",
            field="username",
        )
    shown, number = _text(name, "name", LONGEST_NAME), _text(badge, "badge", LONGEST_BADGE)
    if not one_time:
        passwords.check_choice(password, normal, shown, number)
    hashed = passwords.hash_new(password, one_time=one_time)
    _check_area(session, actor, jurisdiction_code)
    _check_free(session, normal, number)
    officer = Officer(
        username=normal,
        name=shown,
        badge=number,
        password_hash=hashed,
        roles=_codes(roles),
        jurisdiction_code=jurisdiction_code,
    )
    session.add(officer)
    try:
        session.flush()
    except IntegrityError as error:
        raise Invalid("This user name or badge was taken just now.", field="username") from error
    audit.record(
        session,
        actor,
        Action.OFFICER_ADDED,
        "officer",
        officer.id,
        roles=" ".join(officer.roles),
        area=jurisdiction_code,
    )
    return officer


def change_officer(
    session: Session,
    officer_id: UUID,
    *,
    name: str,
    roles: Iterable[Role],
    jurisdiction_code: str,
    by: Officer,
) -> None:
    """Change an officer's name, roles or area; the change holds from their next click on.

    Raises:
        NotFound: no such officer in the administrator's area.
        NotAllowed: the administrator's own roles or area, or an area that is not theirs.
        Conflict: nobody would be left to add officers.
        Invalid: a field breaks its rule.
    """
    officer = queries.get_visible(session, queries.still_admin(session, by), officer_id)
    shown, codes = _text(name, "name", LONGEST_NAME), _codes(roles)
    if officer.id == by.id and (codes != officer.roles or jurisdiction_code != officer.jurisdiction_code):
        raise NotAllowed("Nobody changes their own roles or area. Ask another administrator.")
    if officer.has(Role.ADMIN) and Role.ADMIN not in codes:
        _check_admins_left(session, officer)
    if jurisdiction_code != officer.jurisdiction_code:
        _check_area(session, officer_actor(by.id), jurisdiction_code)
    changes: dict[str, str] = {}
    if codes != officer.roles:
        changes |= {"roles_were": " ".join(officer.roles), "roles": " ".join(codes)}
    if jurisdiction_code != officer.jurisdiction_code:
        changes |= {"area_was": officer.jurisdiction_code, "area": jurisdiction_code}
    if shown == officer.name and not changes:
        return
    officer.name, officer.roles, officer.jurisdiction_code = shown, codes, jurisdiction_code
    session.add(officer)
    _record_change(session, by, officer, "details", **changes)


def set_active(session: Session, officer_id: UUID, *, active: bool, by: Officer) -> None:
    """Disable an account, which ends its sessions, or enable it again.

    Raises:
        NotFound: no such officer in the administrator's area.
        Conflict: it is so already, or nobody would be left to add officers.
    """
    officer = queries.get_visible(session, queries.still_admin(session, by), officer_id)
    if officer.active == active:
        raise Conflict("The account is in this state already. Open it again to see where it stands.")
    if not active:
        if officer.has(Role.ADMIN):
            _check_admins_left(session, officer)
        sessions.end_all(session, officer.id)
    officer.active = active
    session.add(officer)
    _record_change(session, by, officer, "enabled" if active else "disabled")


def reset_password(session: Session, officer_id: UUID, *, by: Officer) -> str:
    """Give an officer a one-time password and end their sessions.

    Args:
        session: a writing session; nothing should have been asked of it yet, since hashing comes first.
        officer_id: whose.
        by: the administrator.

    Returns:
        The one-time password; it is stored nowhere.

    Raises:
        NotFound: no such officer in the administrator's area.
        NotAllowed: the administrator's own account; the account page asks for the old password.
    """
    if officer_id == by.id:
        raise NotAllowed("Change your own password on your account page.")
    password = passwords.invent()
    hashed = passwords.hash_new(password, one_time=True)
    officer = queries.get_visible(session, queries.still_admin(session, by), officer_id)
    officer.password_hash = hashed
    session.add(officer)
    sessions.end_all(session, officer.id)
    _record_change(session, by, officer, "password_reset")
    return password


def change_password(session: Session, officer: Officer, *, old: str, new: str, token: str) -> str:
    """Let an officer choose another password; all other sessions end, and this one gets a new cookie.

    Args:
        session: a writing session; nothing should have been asked of it yet, since hashing comes first.
        officer: who is signed in.
        old: the present password, as typed.
        new: the one wanted.
        token: the cookie of the session they ask from.

    Returns:
        The cookie value of the session that goes on.

    Raises:
        Invalid: the old password is not right, or the new one is the same or guessed first.
    """
    if not passwords.fits(officer.password_hash, old):
        raise Invalid("This is not your present password.", field="old_password")
    if new == old:
        raise Invalid("Choose another password than the present one.", field="password")
    passwords.check_choice(new, officer.username, officer.name, officer.badge)
    hashed = passwords.hash_new(new)
    kept = session.get_one(Officer, officer.id)
    if kept.password_hash != officer.password_hash or not kept.active:
        raise Conflict("The account was changed meanwhile. Please sign in again.")
    kept.password_hash = hashed
    session.add(kept)
    held = sessions.end(session, token)
    ended = sessions.end_all(session, officer.id)
    _record_change(session, officer, officer, "password", sessions_ended=ended)
    # The password is no second factor: what was proven before stays as old as it is.
    return sessions.start(session, kept, like=held)


def end_session(session: Session, officer: Officer, session_id: UUID) -> None:
    """End one of an officer's own sessions; one that has ended is no error.

    Raises:
        NotFound: the officer has no such session.
    """
    held = session.get(OfficerSession, session_id)
    if held is None or held.officer_id != officer.id:
        raise NotFound
    if held.ended_at is None:
        held.ended_at = now()
        session.add(held)
        audit.record(session, officer_actor(officer.id), Action.SIGNED_OUT, "officer", officer.id)


def end_sessions(session: Session, officer: Officer, by: Actor, *, but: str | None = None) -> int:
    """End an officer's sessions.

    Args:
        session: a writing session.
        officer: whose.
        by: who ends them.
        but: cookie value of the one session that goes on.

    Returns:
        How many were ended.
    """
    ended = sessions.end_all(session, officer.id, but=but)
    audit.record(session, by, Action.SESSION_ENDED, "officer", officer.id, count=ended)
    return ended


def _record_change(session: Session, by: Officer, officer: Officer, change: str, **detail: str | int) -> None:
    audit.record(
        session, officer_actor(by.id), Action.OFFICER_CHANGED, "officer", officer.id, change=change, **detail
    )


def _check_admins_left(session: Session, officer: Officer) -> None:
    if officer.active and queries.other_active_admins(session, officer.id) == 0:
        raise Conflict("This is the last administrator. Make another officer administrator first.")


def _check_area(session: Session, actor: Actor, code: str) -> None:
    area = session.get(Jurisdiction, code)
    if area is None or area.authority is None:
        raise Invalid("Choose an area that has an authority.", field="jurisdiction_code")
    if actor.kind != ActorKind.OFFICER or actor.id is None:
        return
    admin = queries.still_admin(session, session.get_one(Officer, UUID(actor.id)))
    if all(own.code != code for own in queries.areas_for(session, admin)):
        raise Invalid("Choose an area that has an authority.", field="jurisdiction_code")


def _check_free(session: Session, username: str, badge: str) -> None:
    if session.exec(select(Officer.id).where(Officer.username == username)).first():
        raise Invalid("This user name is taken.", field="username")
    if session.exec(select(Officer.id).where(Officer.badge == badge)).first():
        raise Invalid("This badge number is taken.", field="badge")


def _text(typed: str, field: str, longest: int) -> str:
    text = " ".join(unicodedata.normalize("NFC", typed).split())
    # Signs nobody sees turn a name around, or make two of one.
    if not 1 <= len(text) <= longest or not text.isprintable():
        raise Invalid("Write 1 to %(most)s characters here.", field=field, most=longest)
    return text


def _no_lookalikes(username: str) -> bool:
    """Whether a user name has Latin letters and Chinese characters alone: some others look like these."""
    names = [unicodedata.name(sign, "") for sign in username if not sign.isascii()]
    return all(name.startswith("CJK UNIFIED IDEOGRAPH") for name in names)


def _codes(roles: Iterable[Role]) -> list[str]:
    chosen = set(roles)
    if not chosen:
        raise Invalid("Choose at least one role.", field="roles")
    return [role.value for role in Role if role in chosen]
