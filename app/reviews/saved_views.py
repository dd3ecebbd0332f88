"""Filters of a list that an officer keeps under a name; nobody else sees them."""

from uuid import UUID

from sqlmodel import Session, col, select

from app.core.errors import Conflict, Invalid, NotFound
from app.core.text import cleaned, legible
from app.officers.models import Officer
from app.reviews.models import SavedView

LONGEST_NAME = 60
"""Characters of a view's name."""
MOST_VIEWS = 20
"""Views that an officer keeps of one list."""


def visible_to(session: Session, officer: Officer, page: str) -> list[SavedView]:
    """The officer's own views of a list, by name.

    Args:
        session: any session.
        officer: whose views.
        page: which list: the last part of its path.
    """
    return list(
        session.exec(
            select(SavedView)
            .where(SavedView.officer_id == officer.id, SavedView.page == page)
            .order_by(col(SavedView.name))
        )
    )


def save(session: Session, officer: Officer, page: str, name: str, query: str) -> SavedView:
    """Keep filters under a name.

    Args:
        session: a writing session.
        officer: whose view it becomes.
        page: which list.
        name: what the officer calls it.
        query: the filters as they stand in the address; the caller has read them.

    Returns:
        The view.

    Raises:
        Invalid: no name, one that is too long, or one that another view of the list has.
        Conflict: the officer keeps as many views as they may.
    """
    name = cleaned(name, "name")
    if not legible(name) or len(name) > LONGEST_NAME:
        raise Invalid("Give the view a name of at most %(most)s characters.", field="name", most=LONGEST_NAME)
    kept = visible_to(session, officer, page)
    if name in {view.name for view in kept}:
        raise Invalid("You have a view of this name already.", field="name")
    if len(kept) >= MOST_VIEWS:
        raise Conflict("You keep as many views as you may. Delete one first.")
    view = SavedView(officer_id=officer.id, page=page, name=name, query=query)
    session.add(view)
    return view


def delete(session: Session, officer: Officer, view_id: UUID) -> None:
    """Delete one of the officer's views.

    Raises:
        NotFound: none such, or a colleague's.
    """
    view = session.get(SavedView, view_id)
    if view is None or view.officer_id != officer.id:
        raise NotFound
    session.delete(view)
