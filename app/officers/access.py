"""Who may do what: the one table that routes, navigation and the printed matrix are made from.

An area rule says whose things: an officer acts on those of their own area and all areas in it, and what lies
elsewhere answers as if it were not there; some rights belong to the nation's officers alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.officers.models import Role

NATION = "CN"
"""Code of the area of all."""


class Right(StrEnum):
    """Something that officers may do."""

    REVIEW = "review"  # Compare probes with records, blind.
    TRIAGE = "triage"  # Open tips, dispose of them, mark faces, put copies together, read maps.
    INVESTIGATE = "investigate"  # Run cases, referrals and papers; ask for a sealed original.
    SUPERVISE = "supervise"  # Examine, answer appeals, close cases, allow originals, see what is late.
    KEEP_RECORDS = "keep_records"  # Add and change missing-child records, watch imports.
    READ_RECORDS = "read_records"
    OPEN_CONTACT = "open_contact"  # Open a tipster's contact, on a written request.
    READ_AUDIT = "read_audit"
    KEEP_OFFICERS = "keep_officers"  # Accounts, roles, areas, lost second factors.
    READ_CHANNELS = "read_channels"
    KEEP_CHANNELS = "keep_channels"  # Keys, quotas, webhooks, pauses.
    READ_RETENTION = "read_retention"  # What is due to be erased, and how the last nights ended.
    RELEASE_RETENTION = "release_retention"  # Let a night go on that asks a person first.
    KEEP_QUEUE = "keep_queue"  # Workers, what waits for them, and work that was set aside.
    VOID_CHANNELS = "void_channels"  # Take a bad channel's backlog out of the officers' work, and back.


@dataclass(frozen=True)
class Rule:
    """Who holds a right.

    Attributes:
        roles: one of them is enough.
        national: only officers of the nation, since what it is about has no area.
    """

    roles: frozenset[Role]
    national: bool = False


def _of(*roles: Role, national: bool = False) -> Rule:
    return Rule(frozenset(roles), national)


RULES: dict[Right, Rule] = {
    Right.REVIEW: _of(Role.REVIEWER, Role.SUPERVISOR),
    Right.TRIAGE: _of(Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR),
    Right.INVESTIGATE: _of(Role.INVESTIGATOR, Role.SUPERVISOR),
    Right.SUPERVISE: _of(Role.SUPERVISOR),
    Right.KEEP_RECORDS: _of(Role.CLERK),
    Right.READ_RECORDS: _of(Role.CLERK, Role.INVESTIGATOR, Role.SUPERVISOR),
    Right.OPEN_CONTACT: _of(Role.CUSTODIAN),
    Right.READ_AUDIT: _of(Role.AUDITOR),
    Right.KEEP_OFFICERS: _of(Role.ADMIN),
    Right.READ_CHANNELS: _of(Role.ADMIN, Role.SUPERVISOR, national=True),
    Right.KEEP_CHANNELS: _of(Role.ADMIN, national=True),
    Right.KEEP_QUEUE: _of(Role.ADMIN, national=True),
    Right.VOID_CHANNELS: _of(Role.SUPERVISOR, national=True),
    Right.READ_RETENTION: _of(Role.SUPERVISOR, Role.AUDITOR, national=True),
    Right.RELEASE_RETENTION: _of(Role.SUPERVISOR, national=True),
}
