"""Keeping tips out of the officers' work for a while, and giving them back as they were.

A tip that is set aside keeps its state. Its events show when: one that repeats the event before it begins the
rest, the next such one ends it, and `app.tips.clocks` lets no clock run in between.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, insert, literal, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, col

from app.core.columns import UtcDateTime
from app.tips.models import Tip, TipEvent


class _NewId(FunctionElement[UUID]):
    """An identifier that the database makes, for rows that it writes by the hundred thousand.

    It begins with f: of events of one moment, those that rows make themselves come first.
    """

    type = Uuid()
    inherit_cache = True


@compiles(_NewId)
def _anywhere(_element: _NewId, _compiler: SQLCompiler, **_: Any) -> str:
    return "('f' || substr(gen_random_uuid()::text, 2))::uuid"


@compiles(_NewId, "sqlite")
def _in_sqlite(_element: _NewId, _compiler: SQLCompiler, **_: Any) -> str:
    return "'f' || substr(lower(hex(randomblob(16))), 2)"


def set_aside(session: Session, chosen: Sequence[UUID], void_id: UUID, at: datetime) -> int:
    """Take tips out of the officers' work.

    Args:
        session: a writing session.
        chosen: the tips' ids; none of them is set aside already.
        void_id: what sets them aside.
        at: from when.

    Returns:
        How many tips.
    """
    changed = session.execute(update(Tip).where(col(Tip.id).in_(chosen)).values(set_aside_by=void_id))
    _mark(session, void_id, chosen, at)
    return int(changed.rowcount)  # type: ignore[attr-defined]


def give_back(session: Session, void_id: UUID, at: datetime, chosen: Sequence[UUID]) -> int:
    """Put tips back into the officers' work, where they stood.

    Args:
        session: a writing session.
        void_id: what set them aside.
        at: from when.
        chosen: the tips' ids; those that it does not hold stay.

    Returns:
        How many tips.
    """
    _mark(session, void_id, chosen, at)
    changed = session.execute(
        update(Tip).where(col(Tip.id).in_(chosen), _held(void_id)).values(set_aside_by=None)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def _held(void_id: UUID) -> ColumnElement[bool]:
    # Said twice, so that the few tips are looked up by their ids, and not among all that the voiding holds.
    return (col(Tip.set_aside_by) == void_id).is_(True)


def _mark(session: Session, void_id: UUID, chosen: Sequence[UUID], at: datetime) -> None:
    standing = select(
        _NewId(),
        col(Tip.id),
        literal(at, UtcDateTime()),
        col(Tip.state),
        col(Tip.jurisdiction_code),
        col(Tip.escalated_to),
    ).where(
        col(Tip.id).in_(chosen),
        _held(void_id),
        # Without an event no clock runs, and the mark would start one.
        select(col(TipEvent.id)).where(col(TipEvent.tip_id) == col(Tip.id)).exists(),
    )
    columns = ["id", "tip_id", "at", "state", "jurisdiction_code", "escalated_to"]
    session.execute(insert(TipEvent).from_select(columns, standing))
