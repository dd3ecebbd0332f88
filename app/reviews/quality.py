"""Looking at the quality of reviews: it helps training, and every look is in the audit log."""

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.core.paging import Listing
from app.officers.models import Officer
from app.reviews import quality_queries
from app.reviews.quality_queries import ReviewerLine


def view(session: Session, officer: Officer, page: int) -> tuple[Listing[Officer], list[ReviewerLine]]:
    """A page of the area's reviewers, by name, and what is known of their reviews.

    Args:
        session: a writing session.
        officer: the supervisor who looks.
        page: number wanted, from 1.
    """
    found = quality_queries.reviewers(session, officer, page)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.REVIEW_QUALITY_VIEWED,
        "jurisdiction",
        officer.jurisdiction_code,
        page=found.page,
        officers=len(found.items),
    )
    return found, [quality_queries.line(session, shown) for shown in found.items]
