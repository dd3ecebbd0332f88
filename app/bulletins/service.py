"""Publishing, correcting and withdrawing bulletins. Nothing that was published is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.bulletins import queries
from app.bulletins.models import Bulletin, BulletinText
from app.core.clock import now
from app.core.errors import Conflict, Invalid
from app.core.render import LANGUAGES
from app.core.text import cleaned, legible
from app.officers.models import Officer

LONGEST_TITLE = 120
LONGEST_BODY = 10_000
LONGEST_REASON = 500
SHORTEST_REASON = 5
NO_CHARACTERS = frozenset("\ufffe\uffff")
"""What no feed can carry."""


@dataclass(frozen=True)
class Draft:
    """A bulletin before it is published.

    Attributes:
        id: drawn with the form, so that a form that is sent twice publishes once.
        area: code of the area whose authority says it.
        texts: (title, body) by language, at least one.
        corrects: the bulletin that it corrects.
    """

    id: UUID
    area: str
    texts: Mapping[str, tuple[str, str]]
    corrects: UUID | None = None


def checked(session: Session, officer: Officer, draft: Draft) -> Draft:
    """A draft as it would be published.

    Raises:
        Invalid: an area that is not the officer's, no text at all, a text without title or a title without
            text, or one that is too long.
        NotFound: what it corrects is not the officer's.
        Conflict: what it corrects was withdrawn, corrected before, or is another area's.
    """
    if draft.area not in {area.code for area in queries.areas_of(session, officer)}:
        raise Invalid("Choose an area.", field="area")
    if draft.corrects is not None:
        _check_correction(session, officer, draft)
    texts = {}
    for language in LANGUAGES:
        title, body = (_clean(*each) for each in _fields(language, draft.texts.get(language, ("", ""))))
        if not title and not body:
            continue
        if not legible(title):
            raise Invalid("Give a title in this language, too.", field=f"title_{language}")
        if not legible(body):
            raise Invalid("Write the text in this language, too.", field=f"body_{language}")
        if len(title) > LONGEST_TITLE or "\n" in title:
            raise Invalid(
                "A title is one line of at most %(most)s characters.",
                field=f"title_{language}",
                most=LONGEST_TITLE,
            )
        if len(body) > LONGEST_BODY:
            raise Invalid(
                "A text has at most %(most)s characters.", field=f"body_{language}", most=LONGEST_BODY
            )
        texts[language] = (title, body)
    if not texts:
        raise Invalid("Write the bulletin in one language at least.", field=f"title_{next(iter(LANGUAGES))}")
    return Draft(draft.id, draft.area, texts, draft.corrects)


def publish(session: Session, officer: Officer, draft: Draft) -> Bulletin:
    """Publish a draft; sent twice, it is published once.

    Raises:
        Refusal: as `checked`.
        Conflict: its id is another bulletin's.
    """
    known = session.get(Bulletin, draft.id)
    if known is not None:
        if known.written_by != officer.id:
            raise Conflict("This form was used before. Open a new one.")
        return known
    sound = checked(session, officer, draft)
    bulletin = Bulletin(
        id=sound.id, jurisdiction_code=sound.area, written_by=officer.id, corrects_id=sound.corrects
    )
    session.add(bulletin)
    session.flush()
    session.add_all(
        BulletinText(bulletin_id=bulletin.id, language=language, title=title, body=body)
        for language, (title, body) in sound.texts.items()
    )
    audit.record(
        session,
        officer_actor(officer.id),
        Action.BULLETIN_PUBLISHED,
        "bulletin",
        bulletin.id,
        area=sound.area,
        corrects=str(sound.corrects) if sound.corrects else None,
    )
    return bulletin


def withdraw(session: Session, officer: Officer, bulletin_id: UUID, reason: str) -> None:
    """Withdraw a bulletin; the public goes on reading that there was one. Twice, nothing more happens.

    Args:
        session: a writing session.
        officer: who withdraws it.
        bulletin_id: which.
        reason: why, for officers.

    Raises:
        NotFound: none such, or another area's.
        Invalid: no reason in words, or a long one.
    """
    bulletin = queries.get_visible(session, officer, bulletin_id).bulletin
    body = cleaned(reason, "reason")
    if legible(body) < SHORTEST_REASON or len(body) > LONGEST_REASON:
        raise Invalid("Give the reason in 5 to 500 characters.", field="reason")
    if bulletin.withdrawn_at is not None:
        return
    bulletin.withdrawn_at, bulletin.withdrawal_reason = now(), body
    session.add(bulletin)
    audit.record(session, officer_actor(officer.id), Action.BULLETIN_WITHDRAWN, "bulletin", bulletin.id)


def _check_correction(session: Session, officer: Officer, draft: Draft) -> None:
    assert draft.corrects is not None
    wrong = queries.get_visible(session, officer, draft.corrects).bulletin
    if wrong.withdrawn_at is not None:
        raise Conflict("This bulletin was withdrawn. Write a new one.")
    if wrong.jurisdiction_code != draft.area:
        raise Conflict("A correction comes from the authority that made the mistake.")
    if session.exec(select(Bulletin.id).where(Bulletin.corrects_id == wrong.id)).first() is not None:
        raise Conflict("This bulletin was corrected already. Correct the newer one.")


def _fields(language: str, text: tuple[str, str]) -> tuple[tuple[str, str], tuple[str, str]]:
    return (text[0], f"title_{language}"), (text[1], f"body_{language}")


def _clean(text: str, field: str) -> str:
    body = cleaned(text, field)
    if NO_CHARACTERS & set(body):
        raise Invalid("This text holds characters that cannot be saved. Type it again.", field=field)
    return body
