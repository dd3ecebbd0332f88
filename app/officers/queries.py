"""Questions about officers. `visible_to` is the only door to them for an administrator."""

import unicodedata
from datetime import timedelta
from uuid import UUID

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.core.clock import now
from app.core.errors import NotAllowed, NotFound
from app.core.paging import Listing, listing
from app.core.settings import Settings
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer, OfficerSession, Role


def normal_username(typed: str) -> str:
    """One form for a user name, however it is typed."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def visible_to(admin: Officer) -> SelectOfScalar[Officer]:
    """The officers of an administrator's area and all areas in it."""
    return select(Officer).where(col(Officer.jurisdiction_code).in_(codes_within(admin)))


def get_visible(session: Session, admin: Officer, officer_id: UUID) -> Officer:
    """One officer of the administrator's area.

    Raises:
        NotFound: no such officer there.
    """
    found = session.exec(visible_to(admin).where(Officer.id == officer_id)).first()
    if found is None:
        raise NotFound
    return found


def still_admin(session: Session, by: Officer) -> Officer:
    """Read an acting administrator anew: two of them may be disabling each other at this moment.

    Raises:
        NotAllowed: they are none any more.
    """
    admin = session.get(Officer, by.id)
    if admin is None or not admin.active or not admin.has(Role.ADMIN):
        raise NotAllowed("Your role does not include this.")
    return admin


def search(session: Session, admin: Officer, text: str, page: int) -> Listing[Officer]:
    """A page of officers by user name, name or badge; active ones first."""
    question = visible_to(admin).order_by(col(Officer.active).desc(), col(Officer.username))
    if text:
        question = question.where(
            or_(
                col(Officer.username).contains(normal_username(text), autoescape=True),
                col(Officer.name).contains(text, autoescape=True),
                col(Officer.badge).contains(text, autoescape=True),
            )
        )
    return listing(session, question, page)


def areas_for(session: Session, officer: Officer) -> list[Jurisdiction]:
    """Areas with an authority of their own that lie in an officer's area."""
    return list(
        session.exec(
            select(Jurisdiction)
            .where(
                col(Jurisdiction.code).in_(codes_within(officer)), col(Jurisdiction.authority).is_not(None)
            )
            .order_by(Jurisdiction.path)
        )
    )


def by_username(session: Session, name: str) -> Officer | None:
    """The officer of a normal user name."""
    return session.exec(select(Officer).where(Officer.username == name)).first()


def other_active_admins(session: Session, officer_id: UUID) -> int:
    """How many active administrators there are beside one officer; their rows stay locked."""
    active = session.exec(
        select(Officer).where(col(Officer.active), Officer.id != officer_id).with_for_update()
    )
    return sum(officer.has(Role.ADMIN) for officer in active)


def live_sessions(session: Session, officer_id: UUID, settings: Settings) -> list[OfficerSession]:
    """The sessions of an officer that would still be let in, newest first."""
    moment = now()
    return list(
        session.exec(
            select(OfficerSession)
            .where(
                OfficerSession.officer_id == officer_id,
                col(OfficerSession.ended_at).is_(None),
                col(OfficerSession.last_seen_at) > moment - timedelta(minutes=settings.session_idle_minutes),
                col(OfficerSession.created_at) > moment - timedelta(hours=settings.session_hours),
            )
            .order_by(col(OfficerSession.created_at).desc())
        )
    )
