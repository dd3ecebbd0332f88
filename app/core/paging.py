"""Long lists, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import func
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

Item = TypeVar("Item")

PAGE_ROWS = 50
"""Rows of one page."""


@dataclass(frozen=True)
class Listing(Generic[Item]):
    """One page of a list.

    Attributes:
        items: the rows of this page.
        total: rows of all pages.
        page: number of this page, from 1.
        pages: how many pages there are, at least 1.
    """

    items: Sequence[Item]
    total: int
    page: int
    pages: int


def listing(
    session: Session, question: SelectOfScalar[Item], page: int, rows: int = PAGE_ROWS
) -> Listing[Item]:
    """Ask for one page of an ordered question.

    Args:
        session: any session.
        question: an ordered select.
        page: number wanted, from 1; one past the end gives the last.
        rows: rows of a page.

    Returns:
        The page, with how many there are.
    """
    total = session.exec(select(func.count()).select_from(question.order_by(None).subquery())).one()
    pages = max(1, -(-total // rows))
    shown = min(max(1, page), pages)
    items = session.exec(question.offset((shown - 1) * rows).limit(rows)).all()
    return Listing(items, total, shown, pages)
