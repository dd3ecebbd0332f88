"""What is kept for how long: the one table behind the nightly job, its report and the citizens' page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.errors import message
from app.core.settings import Settings
from app.retention import due
from app.retention.due import Question

YEAR = 365.25


@dataclass(frozen=True)
class Keeping:
    """One class of things.

    Attributes:
        code: its name in reports.
        holds: what belongs to it, for readers.
        ends: what happens to it when its time is over.
        days: how long it is kept, in days; from when on, `ends` says.
        question: which of it is due before a moment, as ids, the oldest first.
        stock: all there is of it, against which a night's share is held; None for things nobody would miss.
        personal: it says something of people outside the police, so citizens read of it.
    """

    code: str
    holds: str
    ends: str
    days: Callable[[Settings], float]
    question: Callable[[datetime], Question]
    stock: Callable[[], Question] | None = None
    personal: bool = True

    def cutoff(self, settings: Settings, moment: datetime) -> datetime:
        """What came before this is due at a moment."""
        return moment - timedelta(days=self.days(settings))


CLASSES: tuple[Keeping, ...] = (
    Keeping(
        "open_tips",
        message("A tip on which nobody could decide"),
        message("It is closed as not verified, and you read so under your receipt code."),
        lambda settings: settings.open_tip_days,
        due.open_tips,
        due.all_open_tips,
    ),
    Keeping(
        "contacts",
        message("An address you left for questions, once the tip is closed"),
        message("It is deleted."),
        lambda settings: settings.contact_days,
        due.contacts,
        due.all_contacts,
    ),
    Keeping(
        "templates",
        message("Measurements of faces in the photo of a closed tip that led to nothing"),
        message("They are deleted. The photo is not compared with anybody any more."),
        lambda settings: settings.template_days,
        due.templates,
        due.all_templates,
    ),
    Keeping(
        "tips",
        message("Photos, place and words of a closed tip that led to nothing"),
        message("They are erased. That there was a tip, and its answer, remains."),
        lambda settings: settings.tip_days,
        due.tips,
        due.all_tips,
    ),
    Keeping(
        "cases",
        message("Photos of a tip that police work was done with, once all of it is closed"),
        message("All faces are taken out of them for good. The words stay in the file of the case."),
        lambda settings: settings.case_years * YEAR,
        due.served_tips,
        due.all_served_tips,
    ),
    Keeping(
        "records",
        message("The record of a missing child whose case is closed"),
        message("It is erased, with its photos."),
        lambda settings: settings.record_years * YEAR,
        due.records,
        due.all_records,
    ),
    Keeping(
        "sessions",
        message("When and how officers signed in"),
        message("Ended sessions are deleted."),
        lambda settings: settings.session_days,
        due.sessions,
        personal=False,
    ),
    Keeping(
        "jobs",
        message("Notes of the machine about work that is done"),
        message("They are deleted."),
        lambda settings: settings.session_days,
        due.jobs,
        personal=False,
    ),
)
"""All that the nightly job looks after. Enquiries, drafts of uploads and notices end within hours or days by
watches of their own; the audit log, which holds ids and codes, is kept."""
