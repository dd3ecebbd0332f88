"""A case's timeline: its entries, what agencies answered, and the same of cases that rest in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session

from app.cases import queries
from app.cases.models import Case, CaseEntry, CaseEntryKind, CaseState, Outcome
from app.officers.models import Officer
from app.referrals import queries as referrals
from app.referrals.models import Agency, Referral, ReferralEvent, ReferralOutcome, ReferralState

Code = TypeVar("Code", bound=StrEnum)


@dataclass(frozen=True)
class ShownEntry:
    """An entry of the timeline, who wrote it, and what its codes say.

    Attributes:
        entry: the entry; for an agency's answer one made of the referral's event, not a stored row.
        officer: who wrote it.
        now: the state that the case came to.
        number: number of the case that rests in this one and has the entry; None for the case's own.
        agency: whom a referral went to.
        answer: what the agency answered.
        outcome: what happened to the child, or what the agency reported.
        undone: whether it says that something was undone.
    """

    entry: CaseEntry
    officer: Officer
    now: CaseState | None
    number: str | None = None
    agency: Agency | None = None
    answer: ReferralState | None = None
    outcome: Outcome | ReferralOutcome | None = None
    undone: bool = False


def of_case(session: Session, case: Case, resting: Sequence[Case]) -> list[ShownEntry]:
    """A case's timeline, the newest first.

    Args:
        session: any session.
        case: a case that the reader may see.
        resting: the cases that rest in it.
    """
    numbers = {each.id: each.number for each in resting}
    wanted = [case.id, *numbers]
    written = [entry for case_id in wanted for entry in queries.timeline(session, case_id)]
    entries = [*written, *(answer for case_id in wanted for answer in _answers(session, case_id))]
    people = queries.officers_named(session, {entry.officer_id for entry in entries})
    shown = [_shown(entry, people, numbers) for entry in entries]
    return sorted(shown, key=lambda item: (item.entry.at, item.entry.id), reverse=True)


def _answers(session: Session, case_id: UUID) -> list[CaseEntry]:
    """What agencies answered; that a referral was sent stands in the case's own entries."""
    sent = {row.id: row for row in referrals.of_case(session, case_id)}
    return [
        _answer(case_id, sent[referral_id], event)
        for referral_id, steps in referrals.events_of(session, list(sent)).items()
        for event in steps
        if event.state != ReferralState.SENT
    ]


def _answer(case_id: UUID, referral: Referral, event: ReferralEvent) -> CaseEntry:
    detail = {"agency": referral.agency.value, "answer": event.state.value, "title": referral.office}
    if event.informant:
        detail["informant"] = event.informant
    if event.state == ReferralState.COMPLETED and referral.outcome:
        detail["reported"] = referral.outcome.value
    return CaseEntry(
        id=event.id,
        case_id=case_id,
        at=event.at,
        officer_id=event.officer_id,
        kind=CaseEntryKind.REFERRAL,
        text=event.text,
        detail=detail,
    )


def _shown(entry: CaseEntry, people: Mapping[UUID, Officer], numbers: Mapping[UUID, str]) -> ShownEntry:
    return ShownEntry(
        entry=entry,
        officer=people[entry.officer_id],
        now=_code(entry, "now", CaseState),
        number=numbers.get(entry.case_id),
        agency=_code(entry, "agency", Agency),
        answer=_code(entry, "answer", ReferralState),
        outcome=_code(entry, "outcome", Outcome) or _code(entry, "reported", ReferralOutcome),
        undone=bool(entry.detail.get("undone")),
    )


def _code(entry: CaseEntry, name: str, codes: type[Code]) -> Code | None:
    return codes(entry.detail[name]) if name in entry.detail else None
