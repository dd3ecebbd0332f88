"""What a tip's sender reads: one wording for all open states, one neutral sentence per disposition.

No wording here depends on whether a photo resembled anyone: every state between "the police have it" and "the
work is done" reads alike.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session

from app.core.errors import message
from app.core.render import translate
from app.tips import queries
from app.tips.escalation import ESCALATED
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState


class Status(StrEnum):
    """How far a tip has come, as coarse as its sender may know."""

    RECEIVED = "received"  # It is safe here, and not with the police of its place yet.
    WITH_POLICE = "with_police"  # The same for every state from routed to lead.
    QUESTION = "question"  # An officer asked its sender something.
    CLOSED = "closed"  # There is an answer.


STATUS_OF: dict[TipState, Status] = {
    TipState.RECEIVED: Status.RECEIVED,
    TipState.PROCESSING: Status.RECEIVED,
    TipState.FAILED: Status.RECEIVED,
    TipState.ROUTED: Status.WITH_POLICE,
    TipState.ACKNOWLEDGED: Status.WITH_POLICE,
    TipState.IN_REVIEW: Status.WITH_POLICE,
    TipState.ESCALATED: Status.WITH_POLICE,
    TipState.LEAD: Status.WITH_POLICE,
    TipState.AWAITING_TIPSTER: Status.QUESTION,
    TipState.DISPOSED: Status.CLOSED,
}
"""One word for all states in which a candidate may exist: the answer never tells of one."""

STATUS_SENTENCES: dict[Status, str] = {
    Status.RECEIVED: message("We have your tip. It is on its way to the police of that place."),
    Status.WITH_POLICE: message("The police of that place have your tip."),
    Status.QUESTION: message("An officer has asked you something. Please answer below if you can."),
    Status.CLOSED: message("The police have closed your tip. Their answer stands below."),
}
TAKEN_BACK = message("You took this tip back.")

PHOTOS_ADDED = "photos_added"
"""Notice that the tipster added photos."""

OWN_NOTICES = frozenset({PHOTOS_ADDED, Disposition.WITHDRAWN_BY_TIPSTER.value})
"""Notices of what the tipster did."""

FOLLOWED_UP = message("The police followed this up, and the work is finished. Thank you for looking out.")
"""One sentence for all that was worked on: it tells neither of a case nor of what was known before."""

NOTICES: dict[str, str] = {
    Disposition.CONVERTED_TO_CASE: FOLLOWED_UP,
    Disposition.LINKED_TO_CASE: FOLLOWED_UP,
    Disposition.DUPLICATE_OF: FOLLOWED_UP,
    Disposition.ALREADY_KNOWN: FOLLOWED_UP,
    Disposition.WITH_FAMILY_NO_CONCERN: message(
        "The police checked. The child is with family, and there is no cause for concern. "
        "Please do not share the photo."
    ),
    Disposition.WITH_FAMILY_WELFARE_REFERRAL: message(
        "The police checked, and the family was put in touch with people who can help. "
        "Please do not share the photo."
    ),
    Disposition.NOT_A_CHILD: message(
        "The police checked: this was not about a child. Thank you for looking out."
    ),
    Disposition.INSUFFICIENT_INFORMATION: message(
        "There was too little to go on. If you see it again, send a new tip with the exact place and time."
    ),
    Disposition.UNABLE_TO_LOCATE: message(
        "The police looked and found nobody there. If you see it again, send a new tip right away."
    ),
    Disposition.RECIRCULATED_OLD_PHOTO: message(
        "This is an old photo that is being passed around. Please do not share it further."
    ),
    Disposition.FALSE_MALICIOUS: message("The police closed this tip without further work."),
    Disposition.TRANSFERRED_OUT: message(
        "Your tip was handed to another authority, which is in charge of it now. Thank you for looking out."
    ),
    Disposition.WITHDRAWN_BY_TIPSTER: message(
        "You took this tip back. Your contact details are erased. Photos and words are erased, too, "
        "but for what the law says must be kept as evidence."
    ),
    Disposition.EXPIRED_UNVERIFIED: message(
        "Nobody was able to check this in time, and the tip was closed. If you see it again, send a new tip."
    ),
    PHOTOS_ADDED: message("More photos came in."),
    ESCALATED: message(
        "Nobody at the local police opened your tip in time. It has gone to the authority above."
    ),
}
"""The tipster's sentence for each system notice; a notice without one is not shown."""


@dataclass(frozen=True)
class Line:
    """One message of a thread, ready to be shown.

    Attributes:
        author: who wrote it.
        at: when.
        text: the message, or the notice's sentence in the reader's language.
        is_news: whether its reader did not bring it about.
    """

    author: Author
    at: datetime
    text: str
    is_news: bool = True


@dataclass(frozen=True)
class Answer:
    """What the sender of a tip may read.

    Attributes:
        tip_id: the tip.
        external_id: the sender's own number for it.
        received_at: when it came.
        status: how far it is.
        taken_back: whether its sender took it back.
        lines: the thread, oldest first; of one that was taken back the notice of that alone.
    """

    tip_id: UUID
    external_id: str | None
    received_at: datetime
    status: Status
    taken_back: bool
    lines: tuple[Line, ...]

    @property
    def sentence(self) -> str:
        """The status in words, English; also the translation key."""
        return TAKEN_BACK if self.taken_back else STATUS_SENTENCES[self.status]

    @property
    def is_open(self) -> bool:
        """Whether its sender may still write, or take it back."""
        return self.status != Status.CLOSED


def answer_to(session: Session, tip: Tip, language: str) -> Answer:
    """Gather what the sender of a tip may read.

    Args:
        session: any session.
        tip: the tip.
        language: language of the notices.

    Returns:
        The answer; nothing in it depends on a candidate, a review or a lead.
    """
    status, taken_back, answered = STATUS_OF[tip.state], False, False
    lines: list[Line] = []
    for written in queries.thread(session, tip.id):
        text = _text(written, language)
        if text is None or (answered and written.author == Author.SYSTEM):
            continue
        lines.append(Line(written.author, written.created_at, text, _is_news(written)))
        if written.notice == Disposition.WITHDRAWN_BY_TIPSTER:
            # A lead goes on after this as evidence, and its messages stay; those of other tips are erased.
            # The sender's page shows neither.
            status, taken_back, lines = Status.CLOSED, True, lines[-1:]
            break
        if written.notice in queries.FINAL_NOTICES:
            # An answer stands. Should officers take the tip up again, its sender's page does not open with
            # it: that would tell that a photo resembled somebody after all.
            status, answered = Status.CLOSED, True
    return Answer(tip.id, tip.external_id, tip.received_at, status, taken_back, tuple(lines))


def of_tip(session: Session, tip_id: UUID, language: str) -> Answer:
    """What the holder of a receipt may read."""
    return answer_to(session, session.get_one(Tip, tip_id), language)


def _is_news(written: TipMessage) -> bool:
    return written.author != Author.TIPSTER and written.notice not in OWN_NOTICES


def _text(written: TipMessage, language: str) -> str | None:
    if written.author != Author.SYSTEM:
        return written.text
    sentence = NOTICES.get(written.notice or "")
    return translate(language, sentence) if sentence else None
