"""Taking away the second factors of somebody who lost theirs: one administrator asks, another agrees.

Whoever takes a colleague's factors away and resets the password could sign in as them, so it takes two
persons. The officer reads of the wish on their own pages while it waits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.clock import now
from app.core.errors import Conflict, NotAllowed
from app.officers import queries, second_factors
from app.officers.models import FactorReset, Officer

GOOD_FOR = timedelta(days=1)
"""How long a wish waits for a second person."""


@dataclass(frozen=True)
class Waiting:
    """A wish as pages show it.

    Attributes:
        officer: whose factors.
        asked_by: who asked.
        asked_at: when.
    """

    officer: Officer
    asked_by: Officer
    asked_at: datetime


def ask(session: Session, admin: Officer, officer_id: UUID) -> None:
    """Ask that an officer's factors be taken away.

    Raises:
        NotFound: no such officer in the administrator's area.
        NotAllowed: the administrator's own.
        Conflict: there is nothing to take away, or somebody asked already.
    """
    officer = _other(session, admin, officer_id)
    if not second_factors.of(session, officer.id):
        raise Conflict("This officer has no second factor that could be taken away.")
    if _open(session, officer.id) is not None:
        raise Conflict("This was asked for already. Another administrator has to agree.")
    session.add(FactorReset(officer_id=officer.id, asked_by=admin.id))
    _record(session, admin, officer, "factors_asked")


def decide(session: Session, admin: Officer, officer_id: UUID, *, agreed: bool) -> None:
    """Agree to a wish, which takes the factors away and ends all sessions of the officer, or drop it.

    Raises:
        NotFound: no such officer in the administrator's area.
        NotAllowed: the administrator's own factors, or their own wish.
        Conflict: nobody asked, or too long ago.
    """
    officer = _other(session, admin, officer_id)
    wish = _open(session, officer.id)
    if wish is None:
        raise Conflict("Nobody asks for this any more. Open the officer again to see where it stands.")
    if agreed and wish.asked_by == admin.id:
        raise NotAllowed("You asked for this yourself. Another administrator has to agree.")
    wish.decided_by, wish.decided_at, wish.agreed = admin.id, now(), agreed
    session.add(wish)
    if agreed:
        second_factors.take_away(session, officer, officer_actor(admin.id))
    _record(session, admin, officer, "factors_agreed" if agreed else "factors_kept")


def waiting_for(session: Session, officer: Officer) -> Waiting | None:
    """The wish about an officer's factors that waits, for themselves and their administrators."""
    wish = _open(session, officer.id)
    return None if wish is None else Waiting(officer, session.get_one(Officer, wish.asked_by), wish.asked_at)


def waiting(session: Session, admin: Officer) -> list[Waiting]:
    """The wishes that wait in an administrator's area, the oldest first."""
    rows = session.exec(
        queries.visible_to(admin)
        .join(FactorReset, col(FactorReset.officer_id) == Officer.id)
        .where(col(FactorReset.decided_at).is_(None), FactorReset.asked_at > now() - GOOD_FOR)
        .order_by(col(FactorReset.asked_at))
    )
    return [found for officer in rows if (found := waiting_for(session, officer)) is not None]


def _other(session: Session, admin: Officer, officer_id: UUID) -> Officer:
    if officer_id == admin.id:
        raise NotAllowed("Ask another administrator.")
    return queries.get_visible(session, queries.still_admin(session, admin), officer_id)


def _open(session: Session, officer_id: UUID) -> FactorReset | None:
    return session.exec(
        select(FactorReset).where(
            FactorReset.officer_id == officer_id,
            col(FactorReset.decided_at).is_(None),
            FactorReset.asked_at > now() - GOOD_FOR,
        )
    ).first()


def _record(session: Session, admin: Officer, officer: Officer, change: str) -> None:
    audit.record(
        session, officer_actor(admin.id), Action.OFFICER_CHANGED, "officer", officer.id, change=change
    )
