"""The words that codes are shown with, in English; the catalogs hold the other languages."""

from enum import StrEnum

from app.candidates.models import CandidateState, Support
from app.cases.models import CaseEntryKind, CaseState, IdentityEvidence, Outcome
from app.jurisdictions.models import Level
from app.officers.models import Role
from app.photos.models import PhotoState
from app.records.models import RecordState, Sex
from app.reviews.models import Conclusion
from app.tips.models import ChannelKind, Disposition, TipState


def _(message: str) -> str:
    """Mark a message for the catalogs."""
    return message


_PAIRS: tuple[tuple[StrEnum, str], ...] = (
    (TipState.RECEIVED, _("Received")),
    (TipState.PROCESSING, _("Being prepared")),
    (TipState.ROUTED, _("With the local police")),
    (TipState.ACKNOWLEDGED, _("Opened by an officer")),
    (TipState.IN_REVIEW, _("In review")),
    (TipState.AWAITING_TIPSTER, _("Waiting for the tipster")),
    (TipState.ESCALATED, _("Escalated")),
    (TipState.FAILED, _("Processing failed")),
    (TipState.LEAD, _("Lead")),
    (TipState.DISPOSED, _("Closed")),
    (Disposition.CONVERTED_TO_CASE, _("Converted to a case")),
    (Disposition.LINKED_TO_CASE, _("Linked to a case")),
    (Disposition.DUPLICATE_OF, _("Repeats another tip")),
    (Disposition.ALREADY_KNOWN, _("Already known")),
    (Disposition.WITH_FAMILY_NO_CONCERN, _("With family, no concern")),
    (Disposition.WITH_FAMILY_WELFARE_REFERRAL, _("With family, welfare referral")),
    (Disposition.NOT_A_CHILD, _("Not a child")),
    (Disposition.INSUFFICIENT_INFORMATION, _("Not enough information")),
    (Disposition.UNABLE_TO_LOCATE, _("Could not be located")),
    (Disposition.RECIRCULATED_OLD_PHOTO, _("Old photo in circulation")),
    (Disposition.FALSE_MALICIOUS, _("False or malicious")),
    (Disposition.TRANSFERRED_OUT, _("Transferred to another authority")),
    (Disposition.WITHDRAWN_BY_TIPSTER, _("Withdrawn by the tipster")),
    (Disposition.EXPIRED_UNVERIFIED, _("Expired unverified")),
    (CandidateState.PROPOSED, _("Waits for a first review")),
    (CandidateState.DECIDED_ONCE, _("Waits for a second review")),
    (CandidateState.AGREED_SAME, _("Both reviewers: same person")),
    (CandidateState.AGREED_DIFFERENT, _("Both reviewers: different persons")),
    (CandidateState.INCONCLUSIVE, _("Neither reviewer supports the same person")),
    (CandidateState.DISPUTED, _("Reviewers disagree")),
    (CandidateState.EXAMINED, _("Decided by an examiner")),
    (CandidateState.WITHDRAWN, _("Withdrawn")),
    (Support.NONE, _("No support for the same person")),
    (Support.WEAK, _("Weak support for the same person")),
    (Support.MODERATE, _("Moderate support for the same person")),
    (Support.STRONG, _("Strong support for the same person")),
    (Conclusion.SUPPORT_SAME_STRONG, _("Strong support for the same person")),
    (Conclusion.SUPPORT_SAME, _("Support for the same person")),
    (Conclusion.INCONCLUSIVE, _("Inconclusive")),
    (Conclusion.SUPPORT_DIFFERENT, _("Support for different persons")),
    (Conclusion.EXCLUDE, _("Not the same person")),
    (Conclusion.IMAGE_INSUFFICIENT, _("Pictures not good enough to compare")),
    (CaseState.OPEN, _("Open")),
    (CaseState.TASKED, _("Tasked")),
    (CaseState.FIELD_VERIFIED, _("Verified in the field")),
    (CaseState.IDENTITY_CONFIRMED, _("Identity confirmed")),
    (CaseState.IDENTITY_REFUTED, _("Identity refuted")),
    (CaseState.OUTCOME_RECORDED, _("Outcome recorded")),
    (CaseState.CLOSED, _("Case closed")),
    (Outcome.REUNITED, _("Reunited with family")),
    (Outcome.GUARDIAN_VERIFIED, _("Guardian verified")),
    (Outcome.PLACED_IN_CARE, _("Placed in care")),
    (Outcome.WELFARE_SUPPORT, _("Welfare support")),
    (Outcome.PROSECUTION_OPENED, _("Prosecution opened")),
    (Outcome.NOT_MISSING, _("Not missing")),
    (Outcome.UNRESOLVED, _("Unresolved")),
    (IdentityEvidence.DNA, _("DNA comparison")),
    (IdentityEvidence.DOCUMENT, _("Official document")),
    (CaseEntryKind.OPENED, _("Case opened")),
    (CaseEntryKind.NOTE, _("Note")),
    (CaseEntryKind.TASK_ADDED, _("Task added")),
    (CaseEntryKind.TASK_DONE, _("Task done")),
    (CaseEntryKind.STATE, _("State changed")),
    (CaseEntryKind.FAMILY_CONTACT, _("Family contacted")),
    (CaseEntryKind.CLOSED, _("Case closed")),
    (CaseEntryKind.REOPENED, _("Case reopened")),
    (RecordState.OPEN, _("Open")),
    (RecordState.CLOSED, _("Closed")),
    (Sex.FEMALE, _("Girl")),
    (Sex.MALE, _("Boy")),
    (Sex.UNKNOWN, _("Not stated")),
    (Role.REVIEWER, _("Reviewer")),
    (Role.INVESTIGATOR, _("Investigator")),
    (Role.SUPERVISOR, _("Supervisor")),
    (Role.CLERK, _("Records clerk")),
    (Role.AUDITOR, _("Auditor")),
    (Role.CUSTODIAN, _("Custodian")),
    (Role.ADMIN, _("Administrator")),
    (Level.NATION, _("Nation")),
    (Level.PROVINCE, _("Province")),
    (Level.CITY, _("City")),
    (Level.DISTRICT, _("District")),
    (PhotoState.PENDING, _("Not looked into yet")),
    (PhotoState.EXAMINED, _("Examined")),
    (PhotoState.PARKED, _("Cannot be shown")),
    (ChannelKind.WEB, _("Web form")),
    (ChannelKind.PARTNER, _("Partner")),
    (ChannelKind.IMPORT, _("Import")),
)

WORDS: dict[tuple[type[StrEnum], str], str] = {(type(code), code.value): words for code, words in _PAIRS}
"""By enum and value: members of two enums with the same value are equal to Python."""
