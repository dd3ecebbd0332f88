"""The tasking sheet: what officers take along, on paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import page_queries
from app.cases.area_sketch import sketch
from app.cases.page_queries import CasePage
from app.cases.paper import Paper
from app.core.clock import now
from app.core.context import Context
from app.core.errors import NotFound, message
from app.core.render import moment, translate, word
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.photos import service as photos
from app.photos.models import PhotoState, RenditionKind

NOTICE = message(
    "Confidential. A resemblance of faces is a reason to look, never a finding. Do not contact the family, "
    "and show no picture to anyone, before the identity is confirmed."
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Picture:
    """A rendition that may be printed.

    Attributes:
        data: JPEG; None when the file is gone.
        caption: English, also the translation key.
        detail: what follows the caption.
    """

    data: bytes | None
    caption: str
    detail: str


def make(session: Session, context: Context, officer: Officer, case_id: UUID, language: str) -> bytes:
    """Print a case's tasking sheet; every picture on it, and the sheet itself, is in the audit log.

    Args:
        session: a writing session.
        context: the deployment.
        officer: who prints; their name and the time stand on every page.
        case_id: the case.
        language: of the sheet.

    Returns:
        A PDF of A4 pages.

    Raises:
        NotFound: no such case in the officer's area.
    """
    shown = page_queries.case_page(session, officer, case_id)
    pictures = approved(session, context, officer, shown)
    audit.record(
        session,
        officer_actor(officer.id),
        Action.TASKING_SHEET_PRINTED,
        "case",
        case_id,
        language=language,
        pictures=len(pictures),
    )
    return draw(shown, pictures, officer, now(), language, context.settings.zone)


def approved(session: Session, context: Context, officer: Officer, shown: CasePage) -> list[Picture]:
    """The pictures that may leave the screen: the compared faces, and scenes with every face hidden."""
    wanted: list[tuple[UUID, RenditionKind, int, str, str]] = []
    if shown.probe is not None:
        wanted.append((shown.probe[0], RenditionKind.FACE, shown.probe[1], FROM_TIP, ""))
    for reference in shown.references:
        age = reference.reference.age_years
        detail = "" if age is None else f" ({age:.1f})"
        if reference.face is not None:
            wanted.append((reference.photo.id, RenditionKind.FACE, reference.face, FROM_RECORD, detail))
    for number, item in enumerate(shown.tips):
        letter = LETTERS[number % len(LETTERS)]
        wanted.extend(
            (photo.id, RenditionKind.REDACTED, -1, SCENE, f" {letter}")
            for photo in item.photos
            if photo.state == PhotoState.EXAMINED
        )
    return [
        Picture(_opened(session, context, officer, photo_id, kind, face), caption, detail)
        for photo_id, kind, face, caption, detail in wanted
    ]


FROM_TIP = message("Face from the tip")
FROM_RECORD = message("Face from the record, age in the photo")
SCENE = message("Scene of tip")


def _opened(
    session: Session, context: Context, officer: Officer, photo_id: UUID, kind: RenditionKind, face: int
) -> bytes | None:
    try:
        return photos.view(session, context.store, officer, photo_id, kind, face)
    except (NotFound, FileNotFoundError):
        return None


def draw(
    shown: CasePage,
    pictures: Sequence[Picture],
    officer: Officer,
    printed_at: datetime,
    language: str,
    zone: ZoneInfo,
) -> bytes:
    """Lay a tasking sheet out.

    Args:
        shown: the case.
        pictures: what may be printed of it.
        officer: who prints.
        printed_at: when.
        language: of the sheet.
        zone: of the times on it.

    Returns:
        A PDF of A4 pages.
    """

    def say(text: str, **values: str | int) -> str:
        return translate(language, text, **values)

    def when(value: datetime | None) -> str:
        return moment(language, value, zone)

    case, area = shown.case, shown.line.area
    printed = {"name": officer.name, "badge": officer.badge, "time": when(printed_at), "number": case.number}
    paper = Paper(case.number, lambda page: say(FOOTER, page=page, **printed))
    paper.heading(say(message("Tasking sheet")) + f" {case.number}", 17)
    paper.text(say(NOTICE))
    record = shown.line.record
    paper.facts(
        [
            (say(message("Area")), _name(area, language)),
            (say(message("Authority")), area.authority or "–"),
            (say(message("State")), word(language, case.state)),
            (say(message("Record")), f"{record.number} · {record.name}" if record else "–"),
            (say(message("Features")), (record.features or "–") if record else "–"),
            (say(message("Rests on")), shown.lead.reason or say(AGREED)),
        ]
    )
    _tasks(paper, shown, language, zone)
    paper.heading(say(message("Places")))
    paper.table(
        [
            ["", *(say(text) for text in PLACE_HEADS)],
            *(
                [
                    LETTERS[number % len(LETTERS)],
                    item.tip.place_text or "–",
                    _coordinates(item.tip.latitude, item.tip.longitude),
                    when(item.tip.observed_at or item.tip.received_at),
                    item.tip.description or "–",
                ]
                for number, item in enumerate(shown.tips)
            ),
        ],
        widths=(0.05, 0.25, 0.18, 0.19, 0.33),
    )
    _map(paper, shown, area, say(MAP_CAPTION, area=_name(area, language)))
    paper.heading(say(message("Pictures")))
    paper.pictures(
        [(picture.data, say(picture.caption) + picture.detail) for picture in pictures],
        say(message("The picture is gone.")),
    )
    return paper.to_pdf()


AGREED = message("Two officers support the same person.")
PLACE_HEADS = (
    message("Place"),
    message("Coordinates (WGS 84)"),
    message("Seen"),
    message("What was seen"),
)
FOOTER = message("%(number)s · printed by %(name)s (%(badge)s) on %(time)s · page %(page)s")
MAP_CAPTION = message("The outline is %(area)s; letters are the places above.")


def _tasks(paper: Paper, shown: CasePage, language: str, zone: ZoneInfo) -> None:
    paper.heading(translate(language, message("Tasks")))
    head = [
        translate(language, text)
        for text in (message("Task"), message("Who does it"), message("To be done by"), message("Result"))
    ]
    rows = [
        [
            f"{item.task.title}\n{item.task.instructions}".strip(),
            item.assignee.name if item.assignee else "–",
            moment(language, item.task.due_at, zone),
            item.task.result,
        ]
        for item in shown.tasks
        if item.task.cancelled_at is None
    ]
    paper.table([head, *(rows or [["", "", "", ""]])], widths=(0.4, 0.16, 0.18, 0.26))
    paper.text("")
    paper.table([[""]], widths=(1.0,), header=False, tall=90)


def _map(paper: Paper, shown: CasePage, area: Jurisdiction, caption: str) -> None:
    known = [
        (LETTERS[number % len(LETTERS)], item.tip.latitude, item.tip.longitude)
        for number, item in enumerate(shown.tips)
        if item.tip.latitude is not None and item.tip.longitude is not None
    ]
    if area.shape is None:
        return
    lines, points = sketch(area.shape, [(latitude, longitude) for _, latitude, longitude in known])
    paper.drawing(lines, [(x, y, letter) for (letter, _, _), (x, y) in zip(known, points, strict=True)])
    paper.text(caption, 8)


def _name(area: Jurisdiction, language: str) -> str:
    return area.name if language == "zh" else area.name_en


def _coordinates(latitude: float | None, longitude: float | None) -> str:
    return "–" if latitude is None or longitude is None else f"{latitude:.5f}\n{longitude:.5f}"
