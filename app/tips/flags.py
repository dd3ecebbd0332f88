"""Signs that nobody filled in the form by hand. They order work, hide nothing, and change no answer."""

import secrets
from collections.abc import Iterable
from uuid import UUID

from sqlmodel import Session, col, select

from app.core.clock import now
from app.tips.models import FlagKind, Tip, TipFlag

TRAP = "homepage"
"""A field that people do not see: a program that fills in all of a form fills it in, too."""

HASTE_S = 3
"""Seconds in which nobody opens the form, chooses a photo, tells a place and sends."""


def form_key() -> str:
    """The key of one form, which also says when the form was made. Whoever forges it only dodges a flag."""
    return f"{int(now().timestamp()):x}.{secrets.token_urlsafe(18)}"


def of_form(trap: str, key: str) -> frozenset[FlagKind]:
    """What a sent form speaks for.

    Args:
        trap: what stands in the field that people do not see.
        key: the form's own key; one that says no moment says nothing.
    """
    found = set()
    if trap.strip():
        found.add(FlagKind.HONEYPOT)
    try:
        made = int(key.partition(".")[0], 16) if "." in key else None
    except ValueError:
        made = None
    if made is not None and 0 <= now().timestamp() - made < HASTE_S:
        found.add(FlagKind.HASTE)
    return frozenset(found)


def of_tips(session: Session, tips: Iterable[Tip]) -> dict[UUID, list[FlagKind]]:
    """The flags of several tips, by their ids."""
    found: dict[UUID, list[FlagKind]] = {}
    for flag in session.exec(select(TipFlag).where(col(TipFlag.tip_id).in_([tip.id for tip in tips]))):
        found.setdefault(flag.tip_id, []).append(flag.kind)
    return found
