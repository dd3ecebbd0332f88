"""What is due, and how the last nights ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer
from app.retention.classes import CLASSES, Keeping
from app.retention.models import RetentionRun

FLOOR = 50
"""A share is not looked at before this many of a class are due: in a small deployment half may be due."""


@dataclass(frozen=True)
class Due:
    """What is due of one class.

    Attributes:
        keeping: the class.
        count: how many.
        stock: all there is; None where no share is held against it.
    """

    keeping: Keeping
    count: int
    stock: int | None

    def is_too_much(self, share: float) -> bool:
        """Whether a person has to look before so much goes in a night."""
        return self.stock is not None and self.count > FLOOR and self.count > share * self.stock


def preview(context: Context) -> list[Due]:
    """Count what is due now; nothing is changed."""
    moment = now()
    with context.db.read() as session:
        return [
            Due(
                keeping,
                _count(session, keeping, keeping.cutoff(context.settings, moment)),
                None if keeping.stock is None else _size(session, keeping),
            )
            for keeping in CLASSES
        ]


def recent(session: Session, most: int = 30) -> Sequence[tuple[RetentionRun, Officer | None]]:
    """The last runs, newest first, with whoever let them go on."""
    question = (
        select(RetentionRun, Officer)
        .outerjoin(Officer, col(RetentionRun.released_by) == col(Officer.id))
        .order_by(col(RetentionRun.started_at).desc())
    )
    return session.exec(question.limit(most)).all()


def _count(session: Session, keeping: Keeping, cutoff: datetime) -> int:
    return _size_of(session, keeping.question(cutoff).order_by(None).subquery())


def _size(session: Session, keeping: Keeping) -> int:
    return 0 if keeping.stock is None else _size_of(session, keeping.stock().subquery())


def _size_of(session: Session, rows: object) -> int:
    return int(session.exec(select(func.count()).select_from(rows)).one())  # type: ignore[arg-type]
