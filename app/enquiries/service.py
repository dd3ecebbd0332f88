"""Asking whether a picture has been checked: what the web process does. It stores the picture and waits.

`app.enquiries.answering` compares it in the worker; `app.enquiries.erasing` sees that nothing stays.
"""

import base64
import contextlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import Request
from nacl.exceptions import CryptoError
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import TIPSTER
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.core.crypto import Keys
from app.core.errors import Invalid, Refusal, TooMany, Unavailable, message
from app.core.web.limiting import Door
from app.enquiries import queries
from app.enquiries.models import Enquiry, Finding
from app.tips.parts import PHOTOS, NewPhoto, Parts, read_parts

KEPT_FOR = timedelta(days=1)
"""How long an enquiry can be read; then its row goes too."""
WORK = "work"
MANY_ASK = message("Many photos are being asked about just now. Wait a few minutes and ask again.")

ASK = Door("enquiry", own="", crowd="1 per minute", slow="10 per 10 minute", busy=MANY_ASK)
"""Everybody brings work; without script there is a slower way, one a minute for all."""


class EnquiryEnded(Refusal):
    """The address of an answer was altered, or its day is over; one may ask again."""

    status = 303
    code = "enquiry-ended"

    def __init__(self) -> None:
        super().__init__(message("This answer is no longer here. You can ask again."))
        self.headers = {"Location": "/checked?ended=1"}


@dataclass(frozen=True)
class Answer:
    """What somebody who asked may read now.

    Attributes:
        finding: the answer; None while everybody of the same moment waits.
        wait_s: whole seconds until it is worth looking again; 0 once the answer is shown.
    """

    finding: Finding | None
    wait_s: int


async def read_form(request: Request) -> Parts:
    """Read the form with the picture; a dependency, since only reading the body has to wait."""
    return await read_parts(request, frozenset({WORK}))


def picture_of(parts: Parts) -> NewPhoto:
    """The one picture of the form.

    Raises:
        Refusal: none, several, or no photo of a kind we read.
    """
    if parts.problem is not None:
        raise parts.problem
    if len(parts.photos) != 1:
        raise Invalid("Ask about one photo at a time.", field=PHOTOS)
    return parts.photos[0]


def ask(context: Context, picture: NewPhoto) -> UUID:
    """Keep a picture, sealed, until a worker has compared it; nothing here looks at it.

    A process that is killed between the two steps leaves a sealed file whose key is gone with it.

    Returns:
        The enquiry.

    Raises:
        TooMany: as many as are taken in an hour have asked already.
        Unavailable: the disk or the database does not take it; nothing was kept.
    """
    with context.db.read() as session:
        _require_room(session, context)
    try:
        stored = context.store.put(picture.data)
    except OSError as error:
        raise Unavailable(
            "The service cannot keep photos just now and saved nothing. Please send it again later.",
            retry_after_s=60,
        ) from error
    moment = now()
    enquiry = Enquiry(
        asked_at=moment,
        shown_from=tick(moment, context.settings.enquiry_seconds, ahead=True),
        store_key=stored.store_key,
        sealed_key=stored.sealed_key,
    )
    try:
        with context.db.write() as session:
            _require_room(session, context)
            session.add(enquiry)
            jobs.enqueue(
                session,
                "answer_enquiry",
                f"answer_enquiry:{enquiry.id}",
                urgency=jobs.Urgency.PEOPLE,
                lane="enquiries",
                enquiry_id=str(enquiry.id),
            )
            audit.record(session, TIPSTER, Action.ENQUIRY_MADE, "enquiry", enquiry.id)
    except TooMany:
        with contextlib.suppress(OSError):
            context.store.delete(stored.store_key)
        raise
    except OperationalError as error:
        raise Unavailable("The service is busy and saved nothing. Please send it again.") from error
    return enquiry.id


def read(session: Session, enquiry_id: UUID, wait_s: float) -> Answer:
    """What may be read of an enquiry now.

    All that were asked for one moment are shown at one moment. If the worker is late with one of them, all of
    them wait for a later one: nobody sees how long a picture took.

    Args:
        session: any session.
        enquiry_id: the enquiry.
        wait_s: how long everybody waits, in seconds.

    Raises:
        EnquiryEnded: its day is over.
    """
    enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.asked_at + KEPT_FOR < now():
        raise EnquiryEnded
    moment = now()
    waiting, last = queries.progress_of(session, enquiry.shown_from)
    shown_from = max(enquiry.shown_from, tick(moment if waiting or last is None else last, wait_s))
    if moment < shown_from or waiting:
        return Answer(None, max(1, math.ceil((shown_from - moment).total_seconds())))
    return Answer(enquiry.finding, 0)


def tick(moment: datetime, wait_s: float, *, ahead: bool = False) -> datetime:
    """The first of the moments, `wait_s` apart, at which answers are shown, that is not before a moment.

    Args:
        moment: the moment.
        wait_s: seconds between two such moments; 0 makes every moment one.
        ahead: whether `wait_s` has to pass first.
    """
    if not wait_s:
        return moment
    earliest = moment.timestamp() + (wait_s if ahead else 0)
    return datetime.fromtimestamp(math.ceil(earliest / wait_s) * wait_s, UTC)


def make_link(keys: Keys, enquiry_id: UUID) -> str:
    """The address of an answer; it opens to nobody but this deployment."""
    sealed = keys.box("enquiry link").encrypt(json.dumps({"enquiry": str(enquiry_id)}).encode())
    return f"/checked/{base64.urlsafe_b64encode(bytes(sealed)).rstrip(b'=').decode()}"


def open_link(keys: Keys, token: str) -> UUID:
    """Read the last part of an answer's address.

    Raises:
        EnquiryEnded: altered.
    """
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return UUID(json.loads(keys.box("enquiry link").decrypt(sealed))["enquiry"])
    except (CryptoError, ValueError, TypeError) as error:
        raise EnquiryEnded from error


def _require_room(session: Session, context: Context) -> None:
    if queries.asked_since(session, now() - timedelta(hours=1)) >= context.settings.enquiries_per_hour:
        raise TooMany(MANY_ASK, retry_after_s=600)
