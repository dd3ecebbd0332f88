"""Whose turn a watch is: among many workers each is looked after once when it is due, by one of them.

Due is what the database says. Who takes a watch holds it while looking, and keeps hold by a heartbeat; of one
that died the hold lapses, and another looks instead.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from app.core.clock import now
from app.core.columns import UtcDateTime
from app.core.jobs import CLOCK_JUMP_S

HOLD_S = 60.0
"""How long a hold lasts that is not renewed."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class WatchTurn(SQLModel, table=True):
    """When a watch is due, and who looks just now."""

    __tablename__ = "watch"

    name: str = Field(primary_key=True)
    due_at: datetime = Field(default=EPOCH, sa_type=UtcDateTime)
    held_by: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


def due(session: Session, every_s: dict[str, float]) -> set[str]:
    """Names of the watches that are due and held by nobody.

    Args:
        session: a reading session.
        every_s: all watches, and the seconds between two looks at each.
    """
    waiting = select(WatchTurn.name).where(_free(), _due(max(every_s.values())))
    known = set(session.exec(select(WatchTurn.name)))
    return (set(session.exec(waiting)) | (every_s.keys() - known)) & every_s.keys()


def add_missing(session: Session, names: Iterable[str]) -> None:
    """Add rows of watches that have none; another worker may do so at the same moment."""
    for name in names:
        if session.get(WatchTurn, name) is None:
            try:
                with session.begin_nested():
                    session.add(WatchTurn(name=name))
            except IntegrityError:
                continue


def take(session: Session, name: str, every_s: float, holder: str) -> bool:
    """Hold a watch that is due.

    Args:
        session: a writing session; others may write meanwhile.
        name: the watch.
        every_s: seconds between two looks.
        holder: who takes it.

    Returns:
        Whether the caller holds it now; False says that another was quicker.
    """
    add_missing(session, [name])
    question = update(WatchTurn).where(col(WatchTurn.name) == name, _free(), _due(every_s))
    taken = session.exec(question.values(held_by=holder, held_until=_lapse()))
    return bool(taken.rowcount)


def keep(session: Session, name: str, holder: str) -> bool:
    """Renew a hold; False says that another has it now."""
    return _change(session, name, holder, held_until=_lapse())


def done(session: Session, name: str, holder: str, due_at: datetime) -> bool:
    """End a hold after a look, and say when the next one is due."""
    return _change(session, name, holder, held_by=None, held_until=None, due_at=due_at)


def _change(session: Session, name: str, holder: str, **values: datetime | None) -> bool:
    held = (col(WatchTurn.name) == name, col(WatchTurn.held_by) == holder)
    return bool(session.exec(update(WatchTurn).where(*held).values(**values)).rowcount)


def _lapse() -> datetime:
    return now() + timedelta(seconds=HOLD_S)


def _free() -> ColumnElement[bool]:
    moment = now()
    until = col(WatchTurn.held_until)
    return or_(until.is_(None), until < moment, until > moment + timedelta(seconds=HOLD_S + CLOCK_JUMP_S))


def _due(every_s: float) -> ColumnElement[bool]:
    moment = now()
    # Further ahead than a whole pause: a clock that has been set back since wrote it.
    beyond = moment + timedelta(seconds=every_s + CLOCK_JUMP_S)
    return or_(col(WatchTurn.due_at) <= moment, col(WatchTurn.due_at) > beyond)
