"""The tasking sheet: what officers take along, on paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import officer_actor
from app.cases import approved, area_sketch, page_queries, queries
from app.cases.approved import Picture
from app.cases.area_sketch import letter
from app.cases.page_queries import CasePage, ShownTask, ShownTip
from app.cases.paper import Paper
from app.core.clock import now
from app.core.errors import message
from app.core.files import PhotoStore
from app.core.render import LOCALES, moment, translate, word
from app.officers.models import Officer
from app.photos.models import RenditionKind

MOST_SCENES = 12
"""Scenes on a sheet; a widely copied picture has one anyway."""
TO_WRITE_ON = 3
"""Lines for the result of a task."""

NOTICE = message(
    "A resemblance of faces is a reason to look, never a finding. Do not contact the family, and show no "
    "picture to anyone, before the identity is confirmed."
)
CONFIDENTIAL = message("Confidential · tasking sheet")
FOOT = message("%(number)s · printed by %(name)s (%(badge)s) on %(time)s · page %(page)s of %(pages)s")
AGREED = message("Two officers support the same person.")
PLACE_HEADS = (message("Place"), message("Coordinates (WGS 84)"), message("Time"), message("What was seen"))


@dataclass(frozen=True)
class Sheet:
    """What stands on a tasking sheet.

    Attributes:
        shown: the case.
        tasks: those of its tasks that are printed.
        pictures: what may be printed of its pictures.
        left: scenes that are left out because there are many.
        officer: who prints.
        printed_at: when.
    """

    shown: CasePage
    tasks: Sequence[ShownTask]
    pictures: Sequence[Picture]
    left: int
    officer: Officer
    printed_at: datetime


def prepare(
    session: Session, officer: Officer, case_id: UUID, language: str, task_id: UUID | None = None
) -> Sheet:
    """Gather a case's tasking sheet; every picture on it, and the sheet itself, is in the audit log.

    Args:
        session: a writing session; nothing is drawn while it holds others up.
        officer: who prints; their name and the time stand on every page.
        case_id: the case.
        language: of the sheet.
        task_id: the one task that is wanted; None for all.

    Returns:
        The sheet, to be drawn after the commit.

    Raises:
        NotFound: no such case in the officer's area, or no such task of the case.
    """
    shown = page_queries.case_page(session, officer, case_id)
    wanted = queries.get_task(session, case_id, task_id).id if task_id else None
    pictures, left = few(approved.of_case(session, shown))
    audit.record(
        session,
        officer_actor(officer.id),
        Action.TASKING_SHEET_PRINTED,
        "case",
        case_id,
        language=language,
        pictures=len(pictures),
        task=str(wanted) if wanted else None,
    )
    tasks = [item for item in standing(shown) if wanted in {None, item.task.id}]
    return Sheet(shown, tasks, approved.logged(session, officer, pictures), left, officer, now())


def standing(shown: CasePage) -> list[ShownTask]:
    """The tasks of a case that were not cancelled."""
    return [item for item in shown.tasks if item.task.cancelled_at is None]


def few(pictures: Sequence[Picture]) -> tuple[list[Picture], int]:
    """All faces and the first scenes, and how many scenes are left out."""
    scenes = [each for each in pictures if each.kind == RenditionKind.REDACTED]
    faces = [each for each in pictures if each.kind != RenditionKind.REDACTED]
    return [*faces, *scenes[:MOST_SCENES]], max(0, len(scenes) - MOST_SCENES)


def draw(sheet: Sheet, store: PhotoStore, language: str, zone: ZoneInfo) -> bytes:
    """Lay a tasking sheet out.

    Args:
        sheet: what stands on it.
        store: where its pictures lie.
        language: of the sheet.
        zone: of the times on it.

    Returns:
        A PDF of A4 pages.
    """
    return _Draft(sheet, language, zone).pages(store)


class _Draft:
    """A sheet while it is laid out in a language."""

    def __init__(self, sheet: Sheet, language: str, zone: ZoneInfo) -> None:
        self.sheet, self.shown = sheet, sheet.shown
        self.language, self.zone = language, zone
        printed = {
            "name": sheet.officer.name,
            "badge": sheet.officer.badge,
            "time": self.when(sheet.printed_at),
        }
        number = self.shown.case.number
        self.paper = Paper(
            title=number,
            language=language,
            head=(self.say(CONFIDENTIAL), number),
            foot=lambda page, pages: self.say(FOOT, number=number, page=page, pages=pages, **printed),
            watermark=" · ".join(printed.values()),
        )

    def say(self, text: str, **values: str | int) -> str:
        return translate(self.language, text, **values)

    def when(self, value: datetime | None) -> str:
        return moment(self.language, value, self.zone)

    def day(self, value: date | None) -> str:
        return format_date(value, "medium", locale=LOCALES[self.language]) if value else "–"

    def pages(self, store: PhotoStore) -> bytes:
        self._case()
        self._tasks()
        self._places()
        self._pictures(store)
        return self.paper.to_pdf()

    def _case(self) -> None:
        case, area, record, paper = self.shown.case, self.shown.line.area, self.shown.line.record, self.paper
        paper.heading(f"{self.say(message('Tasking sheet'))} {case.number}", 17)
        paper.notice(self.say(NOTICE))
        name = area.name if self.language == "zh" else area.name_en
        paper.facts(
            [
                (self.say(message("Area")), f"{name} ({area.code})"),
                (self.say(message("State")), word(self.language, case.state)),
                (self.say(message("Authority")), area.authority or "–"),
                (self.say(message("Opened on")), self.when(case.opened_at)),
            ],
            across=2,
        )
        if record is not None:
            paper.facts([(self.say(message("Record")), f"{record.name} · {record.number}")])
            paper.facts(
                [
                    (self.say(message("Sex")), word(self.language, record.sex)),
                    (self.say(message("Born")), self.day(record.born_on)),
                    (self.say(message("Missing since")), self.day(record.missing_since)),
                    (self.say(message("Missing from")), record.missing_place or "–"),
                ],
                across=2,
            )
            paper.facts([(self.say(message("Features")), record.features or "–")])
        paper.facts([(self.say(message("Rests on")), self.shown.lead.reason or self.say(AGREED))])

    def _tasks(self) -> None:
        paper = self.paper
        paper.heading(self.say(message("Tasks")))
        open_ones = [item for item in self.sheet.tasks if item.task.done_at is None]
        for number, item in enumerate(open_ones, 1):
            task, who = item.task, item.assignee
            told = f"{who.name} ({who.badge})" if who else self.say(message("Nobody in particular"))
            due = self.say(message("To be done by")) + f" {self.when(task.due_at)}" if task.due_at else ""
            paper.bar([f"{number}. {task.title}", told, due], (0.5, 0.24, 0.26))
            if task.instructions:
                paper.text(task.instructions, indent=6)
            paper.lines(self.say(message("Result, with date, time and signature:")), TO_WRITE_ON)
        if not open_ones:
            paper.lines(self.say(message("No task is open. Notes:")), TO_WRITE_ON)
        done = [item.task for item in self.sheet.tasks if item.task.done_at is not None]
        if done:
            heads = [self.say(text) for text in (message("Task"), message("Done"), message("Result"))]
            rows = [[task.title, self.when(task.done_at), task.result] for task in done]
            paper.table([heads, *rows], (0.4, 0.2, 0.4))

    def _places(self) -> None:
        paper, area = self.paper, self.shown.line.area
        paper.heading(self.say(message("Places")))
        rows = [self._place(number, item) for number, item in enumerate(self.shown.tips)]
        heads = ["", *(self.say(text) for text in PLACE_HEADS)]
        paper.table([heads, *rows], (0.06, 0.24, 0.14, 0.18, 0.38))
        known = [
            (letter(number), item.tip.latitude, item.tip.longitude)
            for number, item in enumerate(self.shown.tips)
            if item.tip.latitude is not None and item.tip.longitude is not None
        ]
        made = area_sketch.drawing(area.shape, known)
        if made is None:
            return
        sketch, outside = made
        paper.gap(8)
        paper.drawing(sketch)
        name = area.name if self.language == "zh" else area.name_en
        outline = self.say(message("The outline is %(area)s."), area=name) + " " if area.shape else ""
        paper.text(outline + self.say(message("Letters are the places of the table.")), 8)
        if outside:
            paper.text(
                self.say(message("Outside of the sketch: %(letters)s."), letters=", ".join(outside)), 8
            )

    def _place(self, number: int, item: ShownTip) -> list[str]:
        tip = item.tip
        known = tip.latitude is not None and tip.longitude is not None
        seen = self.say(message("Seen %(moment)s"), moment=self.when(tip.observed_at))
        received = self.say(message("Received %(moment)s"), moment=self.when(tip.received_at))
        danger = self.say(message("The sender saw danger.")) + "\n" if tip.danger_now else ""
        return [
            letter(number),
            tip.place_text or "–",
            f"{tip.latitude:.5f}\n{tip.longitude:.5f}" if known else "–",
            f"{seen}\n{received}" if tip.observed_at else received,
            danger + (tip.description or "–"),
        ]

    def _pictures(self, store: PhotoStore) -> None:
        self.paper.heading(self.say(message("Pictures")), room=200 if self.sheet.pictures else 60)
        gone = self.say(message("The picture is gone."))
        drawn = [
            (
                each.kind,
                (
                    approved.opened(each, store, self.sheet.officer, self.sheet.printed_at, self.zone),
                    self.say(each.caption, **each.values),
                ),
            )
            for each in self.sheet.pictures
        ]
        self.paper.pictures([told for kind, told in drawn if kind == RenditionKind.FACE], 4, gone)
        self.paper.pictures([told for kind, told in drawn if kind == RenditionKind.REDACTED], 2, gone)
        if not drawn:
            self.paper.text(self.say(message("There is no picture.")))
        if self.sheet.left:
            self.paper.text(
                self.say(message("%(left)s more scenes are in the console."), left=self.sheet.left)
            )
