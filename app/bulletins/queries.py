"""Questions about bulletins: what the public reads, and what the officers of an area look after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.bulletins.models import Bulletin, BulletinText
from app.core.errors import NotFound
from app.core.paging import Listing, listing
from app.jurisdictions.models import Jurisdiction
from app.jurisdictions.queries import codes_within
from app.officers.models import Officer

PAGE_ROWS = 20


@dataclass(frozen=True)
class Shown:
    """A bulletin with what belongs to it.

    Attributes:
        bulletin: the bulletin.
        area: whose authority says it.
        texts: what it says, by language; nobody but its area's officers reads them once it is withdrawn.
        corrected_by: the bulletin that corrects it.
    """

    bulletin: Bulletin
    area: Jurisdiction
    texts: dict[str, BulletinText]
    corrected_by: Bulletin | None

    @property
    def is_withdrawn(self) -> bool:
        """Whether only the fact that it was there is shown."""
        return self.bulletin.withdrawn_at is not None

    @property
    def updated_at(self) -> datetime:
        """When what readers see of it last changed."""
        moments = (
            self.bulletin.published_at,
            self.bulletin.withdrawn_at,
            self.corrected_by.published_at if self.corrected_by else None,
        )
        return max(moment for moment in moments if moment is not None)

    def text(self, language: str) -> BulletinText:
        """What it says in a language, or in one that it has."""
        return self.texts.get(language) or self.texts[min(self.texts)]

    def paragraphs(self, language: str) -> list[str]:
        """The body's paragraphs; blank lines part them."""
        return [part.strip() for part in self.text(language).body.split("\n\n") if part.strip()]


def published(session: Session, area: str, page: int) -> Listing[Shown]:
    """One page of the public's list, the newest first.

    Args:
        session: any session.
        area: code of an area, which stands for all areas in it; "" for everything.
        page: from 1.

    Raises:
        NotFound: no such area.
    """
    return _page(session, _of_area(session, area), page)


def recent(session: Session, area: str, most: int) -> list[Shown]:
    """The newest bulletins of an area and those in it, or of all areas.

    Raises:
        NotFound: no such area.
    """
    return shown(session, session.exec(_newest(_of_area(session, area)).limit(most)).all())


def get(session: Session, bulletin_id: UUID) -> Shown:
    """One bulletin.

    Raises:
        NotFound: no such bulletin.
    """
    bulletin = session.get(Bulletin, bulletin_id)
    if bulletin is None:
        raise NotFound
    return shown(session, [bulletin])[0]


def areas(session: Session) -> list[Jurisdiction]:
    """The areas that have published something, with those above them, from the nation down."""
    paths = session.exec(
        select(Jurisdiction.path)
        .join(Bulletin, col(Bulletin.jurisdiction_code) == Jurisdiction.code)
        .distinct()
    )
    codes = {code for path in paths for code in path.strip("/").split("/")}
    return list(
        session.exec(
            select(Jurisdiction).where(col(Jurisdiction.code).in_(codes)).order_by(Jurisdiction.path)
        )
    )


def area_of(session: Session, code: str) -> Jurisdiction | None:
    """An area by its code; None for "".

    Raises:
        NotFound: no such area.
    """
    if not code:
        return None
    area = session.get(Jurisdiction, code)
    if area is None:
        raise NotFound
    return area


def visible_to(officer: Officer) -> SelectOfScalar[Bulletin]:
    """The bulletins that an officer's area looks after: its own, and those of the areas in it."""
    return select(Bulletin).where(col(Bulletin.jurisdiction_code).in_(codes_within(officer)))


def of_officer(session: Session, officer: Officer, page: int) -> Listing[Shown]:
    """One page of the bulletins that an officer looks after, the newest first."""
    return _page(session, visible_to(officer), page)


def get_visible(session: Session, officer: Officer, bulletin_id: UUID) -> Shown:
    """One of the bulletins that an officer looks after.

    Raises:
        NotFound: none such, or another area's.
    """
    bulletin = session.exec(visible_to(officer).where(Bulletin.id == bulletin_id)).first()
    if bulletin is None:
        raise NotFound
    return shown(session, [bulletin])[0]


def areas_of(session: Session, officer: Officer) -> list[Jurisdiction]:
    """The areas for whose authorities an officer may speak."""
    return list(
        session.exec(
            select(Jurisdiction)
            .where(
                col(Jurisdiction.code).in_(codes_within(officer)), col(Jurisdiction.authority).is_not(None)
            )
            .order_by(Jurisdiction.path)
        )
    )


def writer_of(session: Session, bulletin: Bulletin) -> Officer:
    """Who wrote a bulletin; for officers' eyes."""
    return session.get_one(Officer, bulletin.written_by)


def shown(session: Session, bulletins: Iterable[Bulletin]) -> list[Shown]:
    """Bulletins with what belongs to them, in the same order."""
    rows: Sequence[Bulletin] = list(bulletins)
    ids = [row.id for row in rows]
    codes = {row.jurisdiction_code for row in rows}
    areas = {
        area.code: area
        for area in session.exec(select(Jurisdiction).where(col(Jurisdiction.code).in_(codes)))
    }
    corrections = {
        each.corrects_id: each
        for each in session.exec(select(Bulletin).where(col(Bulletin.corrects_id).in_(ids)))
    }
    texts: dict[UUID, dict[str, BulletinText]] = {}
    for text in session.exec(select(BulletinText).where(col(BulletinText.bulletin_id).in_(ids))):
        texts.setdefault(text.bulletin_id, {})[text.language] = text
    return [Shown(row, areas[row.jurisdiction_code], texts[row.id], corrections.get(row.id)) for row in rows]


def _of_area(session: Session, code: str) -> SelectOfScalar[Bulletin]:
    area = area_of(session, code)
    if area is None:
        return select(Bulletin)
    within = select(Jurisdiction.code).where(col(Jurisdiction.path).startswith(area.path))
    return select(Bulletin).where(col(Bulletin.jurisdiction_code).in_(within))


def _newest(question: SelectOfScalar[Bulletin]) -> SelectOfScalar[Bulletin]:
    return question.order_by(col(Bulletin.published_at).desc(), col(Bulletin.id).desc())


def _page(session: Session, question: SelectOfScalar[Bulletin], page: int) -> Listing[Shown]:
    found = listing(session, _newest(question), page, PAGE_ROWS)
    return Listing(shown(session, found.items), found.total, found.page, found.pages)
