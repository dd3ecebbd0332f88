"""What a tipster reads: one wording for all open states, one neutral sentence per answer.

No wording here depends on whether a photo resembled anyone: every state between "an officer has it" and "the
work is done" reads alike.
"""

from enum import StrEnum

from app.core.errors import message
from app.tips.models import Disposition, TipState


class Status(StrEnum):
    """How far a tip has come, as coarse as its sender may know."""

    RECEIVED = "received"  # Safe here; no officer has opened it.
    WITH_POLICE = "with_police"  # The police of the place have it.
    QUESTION = "question"  # An officer asked something.
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

STATUS_SENTENCES: dict[Status, str] = {
    Status.RECEIVED: message("We have your tip. It is safe and on its way to the police of that place."),
    Status.WITH_POLICE: message("Your tip is with the police of that place."),
    Status.QUESTION: message("An officer has asked you something. Please answer below if you can."),
    Status.CLOSED: message("The police have finished with your tip. Their answer stands below."),
}

NOTICES: dict[str, str] = {
    Disposition.CONVERTED_TO_CASE: message("The police followed up your tip and have finished. Thank you."),
    Disposition.LINKED_TO_CASE: message("The police followed up your tip and have finished. Thank you."),
    Disposition.DUPLICATE_OF: message("The police had this report already and dealt with it. Thank you."),
    Disposition.ALREADY_KNOWN: message("The police knew of this and have dealt with it. Thank you."),
    Disposition.WITH_FAMILY_NO_CONCERN: message(
        "The police looked into it: the child is with family and safe. Please do not share the photo."
    ),
    Disposition.WITH_FAMILY_WELFARE_REFERRAL: message(
        "The police looked into it and arranged help for the family. Please do not share the photo."
    ),
    Disposition.NOT_A_CHILD: message("The police looked into it: the person is not a child. Thank you."),
    Disposition.INSUFFICIENT_INFORMATION: message(
        "There was not enough to go on. If you see the child again, please send another tip."
    ),
    Disposition.UNABLE_TO_LOCATE: message(
        "The police looked and found nobody there. If you see the child again, please send another tip."
    ),
    Disposition.RECIRCULATED_OLD_PHOTO: message(
        "This is an old photo that is being passed around. Please do not share it further."
    ),
    Disposition.FALSE_MALICIOUS: message("The police looked into it and found no ground for the report."),
    Disposition.TRANSFERRED_OUT: message("Your tip was handed to the authority that is responsible for it."),
    Disposition.WITHDRAWN_BY_TIPSTER: message("You have withdrawn this tip."),
    Disposition.EXPIRED_UNVERIFIED: message("Your tip could not be checked in time. We are sorry."),
    "withdrawal_noted": message(
        "We noted that you want to withdraw. The police are following it up, so the report is kept as evidence; "
        "your contact has been erased."
    ),
}
"""By the notice's code."""
