"""The form that a bulletin is written in: what was typed, and how it will look."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlmodel import Session

from app.bulletins import service
from app.bulletins.models import Bulletin, BulletinText
from app.bulletins.queries import Shown
from app.bulletins.service import Draft
from app.core.columns import new_id
from app.core.errors import Invalid
from app.core.render import LANGUAGES
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer


class Step(StrEnum):
    """What a button of the form does."""

    PREVIEW = "preview"
    CHANGE = "change"
    PUBLISH = "publish"


@dataclass(frozen=True)
class Typed:
    """What was typed, as it was.

    Attributes:
        id: of the bulletin that it becomes.
        area: code of an area.
        texts: (title, body) by language.
        corrects: id of the bulletin that it corrects, or "".
        step: which button was pressed.
    """

    id: str
    area: str
    texts: Mapping[str, tuple[str, str]]
    corrects: str
    step: str = Step.CHANGE

    def title(self, language: str) -> str:
        """The title in a language."""
        return self.texts.get(language, ("", ""))[0]

    def body(self, language: str) -> str:
        """The text in a language."""
        return self.texts.get(language, ("", ""))[1]

    def draft(self) -> Draft:
        """The bulletin that it may become.

        Raises:
            Invalid: the form's own fields were changed.
        """
        try:
            corrects = UUID(self.corrects) if self.corrects else None
            return Draft(UUID(self.id), self.area, self.texts, corrects)
        except ValueError as error:
            raise Invalid("This form is incomplete. Open the page again and send it from there.") from error


async def typed(request: Request) -> Typed:
    """Read the form; a dependency, since there are fields for each language that is installed."""
    form = await request.form(max_files=0, max_fields=50)
    plain = {name: value for name, value in form.items() if isinstance(value, str)}
    texts = {
        language: (plain.get(f"title_{language}", ""), plain.get(f"body_{language}", ""))
        for language in LANGUAGES
    }
    return Typed(
        plain.get("id", ""),
        plain.get("area", ""),
        texts,
        plain.get("corrects", ""),
        plain.get("step", Step.PREVIEW),
    )


TypedDep = Annotated[Typed, Depends(typed)]


def preview(session: Session, officer: Officer, draft: Draft) -> Shown:
    """A draft as the public would read it; nothing is saved.

    Raises:
        Refusal: it cannot be published like this.
    """
    sound = service.checked(session, officer, draft)
    bulletin = Bulletin(
        id=sound.id, jurisdiction_code=sound.area, written_by=officer.id, corrects_id=sound.corrects
    )
    texts = {
        language: BulletinText(bulletin_id=sound.id, language=language, title=title, body=body)
        for language, (title, body) in sound.texts.items()
    }
    return Shown(bulletin, session.get_one(Jurisdiction, sound.area), texts, None)


def correction_of(shown: Shown) -> Typed:
    """A form that begins with what is to be corrected."""
    texts = {language: (text.title, text.body) for language, text in shown.texts.items()}
    return Typed(str(new_id()), shown.area.code, texts, str(shown.bulletin.id))
