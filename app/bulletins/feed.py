"""Bulletins as an Atom feed (RFC 4287): what stands on the pages, and nothing else."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session

from app.bulletins import queries
from app.bulletins.queries import Shown
from app.core.errors import message
from app.core.render import INSTALLED, moment, translate
from app.core.settings import Settings

MOST_ENTRIES = 50
BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
"""When a feed without entries was last changed."""
MEDIA_TYPE = "application/atom+xml"

TITLE = message("Bulletins: %(area)s")
WITHDRAWN_TITLE = message("Withdrawn bulletin")
WITHDRAWN = message("This bulletin was withdrawn.")
CORRECTED = message("Corrected on %(when)s. Please read the newer bulletin.")
CORRECTS = message("This bulletin corrects an earlier one.")


@dataclass(frozen=True)
class Feed:
    """A feed, ready to be sent.

    Attributes:
        body: XML.
        updated_at: when one of its entries last changed.
    """

    body: bytes
    updated_at: datetime

    @property
    def tag(self) -> str:
        """The body's ETag."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @property
    def headers(self) -> dict[str, str]:
        """What lets a reader ask whether there is anything new."""
        return {"ETag": self.tag, "Last-Modified": format_datetime(self.updated_at, usegmt=True)}

    def is_known(self, tags: str | None, since: str | None) -> bool:
        """Whether a reader has it already.

        Args:
            tags: its `If-None-Match`; where there is one, `If-Modified-Since` says nothing.
            since: its `If-Modified-Since`.
        """
        if tags is not None:
            known = {each.strip().removeprefix("W/") for each in tags.split(",")}
            return bool(known & {self.tag.removeprefix("W/"), "*"})
        try:
            had = parsedate_to_datetime(since or "")
        except ValueError:
            return False
        had = had if had.tzinfo else had.replace(tzinfo=UTC)
        return self.updated_at.replace(microsecond=0) <= had


def feed(session: Session, settings: Settings, base: str, area: str, language: str) -> Feed:
    """The newest bulletins.

    Args:
        session: any session.
        settings: whose deployment it is.
        base: address of the site, without a slash at its end.
        area: code of an area, which stands for all areas in it; "" for everything.
        language: language of titles and texts; a bulletin without it comes in one that it has.

    Raises:
        NotFound: no such area.
    """
    # Loaded with the first feed only: the web process starts without lxml, which it brings.
    from feedgen.feed import FeedGenerator  # noqa: PLC0415

    place = queries.area_of(session, area)
    entries = queries.recent(session, area, MOST_ENTRIES)
    updated = max((each.updated_at for each in entries), default=BEFORE_ALL).replace(microsecond=0)
    query = f"?{f'area={area}&' if area else ''}lang={language}"
    made = FeedGenerator()
    made.id(uuid5(NAMESPACE_URL, f"homeward:{settings.operator_name}:{area}:{language}").urn)
    named = (place.name if language == "zh" else place.name_en) if place else settings.operator_name
    made.title(translate(language, TITLE, area=named))
    made.language(INSTALLED[language].tag)
    made.updated(updated)
    made.author(name=(place.authority if place else None) or settings.operator_name)
    made.link(href=f"{base}/bulletins/feed.atom{query}", rel="self", type=MEDIA_TYPE)
    made.link(href=f"{base}/bulletins{query}", rel="alternate", type="text/html")
    made.generator("Homeward")
    for each in entries:
        _add(made.add_entry(order="append"), each, settings, base, language)
    return Feed(made.atom_str(), updated)


def _add(entry: Any, each: Shown, settings: Settings, base: str, language: str) -> None:
    entry.id(each.bulletin.id.urn)
    entry.published(each.bulletin.published_at)
    entry.updated(each.updated_at)
    entry.author(name=each.area.authority or settings.operator_name)
    entry.link(href=f"{base}/bulletins/{each.bulletin.id}?lang={language}", rel="alternate", type="text/html")
    if each.is_withdrawn:
        entry.title(translate(language, WITHDRAWN_TITLE))
        entry.content(translate(language, WITHDRAWN), type="text")
        return
    text = each.text(language)
    said = [text.body]
    if each.corrected_by is not None:
        when = moment(language, each.corrected_by.published_at, settings.zone)
        said.insert(0, translate(language, CORRECTED, when=when))
    if each.bulletin.corrects_id is not None:
        said.insert(0, translate(language, CORRECTS))
    entry.title(text.title)
    entry.content("\n\n".join(said), type="text")
