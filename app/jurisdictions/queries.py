"""Questions about areas."""

from sqlalchemy import ScalarSelect
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer


def codes_within(officer: Officer) -> SelectOfScalar[str]:
    """The codes of the officer's area and all areas in it: the one rule of who sees which place."""
    own_path: ScalarSelect[str] = (
        select(Jurisdiction.path).where(Jurisdiction.code == officer.jurisdiction_code).scalar_subquery()
    )
    return select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(own_path))


def with_authority(session: Session) -> list[Jurisdiction]:
    """All areas that have an authority of their own, from the nation down."""
    return list(
        session.exec(
            select(Jurisdiction).where(col(Jurisdiction.authority).is_not(None)).order_by(Jurisdiction.path)
        )
    )


def get(session: Session, code: str) -> Jurisdiction | None:
    """One area by its code."""
    return session.get(Jurisdiction, code)
