"""What the disk holds after a campaign, against what senders were told."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pyrage import x25519
from sqlmodel import select

from app.audit import service as audit
from app.backup import reading
from app.candidates.models import CandidateList
from app.core.context import Context, open_context
from app.core.crypto import Unsealable
from app.core.jobs import Job, JobState
from app.core.settings import Settings
from app.photos.models import Photo, Rendition, RenditionKind
from app.tips.models import Submission, Tip, TipState
from tests.faults.senders import Told


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        lost: acknowledged tips that are gone, or whose photo is.
        doubled: tips and photos too many.
        problems: other broken promises, a sentence each.
    """

    lost: int
    doubled: int
    problems: tuple[str, ...]


def judge(context: Context, told: Told, *, whole: bool) -> Verdict:
    """Hold a deployment against what senders were told.

    Args:
        context: the deployment; its queue is empty if `whole`.
        told: by whom what was acknowledged.
        whole: everything was worked off, so that its effects are looked at as well.
    """
    by_key, carrying, doubled, problems = _stored(context)
    lost = sum(by_key.get(key) not in carrying for key in told.receipts)
    problems.extend(f"{told.contradictions} keys got two receipts" for _ in range(bool(told.contradictions)))
    if whole:
        problems.extend(_worked_off(context, {by_key[key] for key in told.receipts if key in by_key}))
        if not told.receipts:
            problems.append("no tip was acknowledged, so nothing was tried")
    return Verdict(lost, doubled, tuple(problems))


def judge_backup(
    archive: Path, before: float, told: Told, identity: x25519.Identity, into: Settings
) -> Verdict:
    """Restore a backup that was taken meanwhile; what was told before it began is in it."""
    reading.restore(archive, identity, into)
    context = open_context(into)
    try:
        by_key, carrying, doubled, problems = _stored(context)
    finally:
        context.close()
    wanted = [key for key, moment in told.moments.items() if moment < before]
    return Verdict(sum(by_key.get(key) not in carrying for key in wanted), doubled, tuple(problems))


def _stored(context: Context) -> tuple[dict[str, UUID], set[UUID], int, list[str]]:
    """Tips by key, those whose photo opens, how many tips or photos are too many, and other problems."""
    with context.db.read() as session:
        checked = session.connection().exec_driver_sql("PRAGMA integrity_check").scalar_one()
        problems = [] if checked == "ok" else ["the database is damaged"]
        path = audit.checkpoints_path(context.settings)
        problems.extend(audit.verify(session, path, context.keys.signing).problems)
        by_key = {row.key: row.tip_id for row in session.exec(select(Submission))}
        tips = len(session.exec(select(Tip.id)).all())
        photos = list(session.exec(select(Photo)))
    carrying = {photo.tip_id for photo in photos if photo.tip_id and _opens(context, photo)}
    doubled = tips - len(by_key) + len(photos) - len({photo.tip_id for photo in photos})
    return by_key, carrying, doubled, problems


def _worked_off(context: Context, acknowledged: set[UUID]) -> list[str]:
    with context.db.read() as session:
        jobs = list(session.exec(select(Job)))
        states = {tip.id: tip.state for tip in session.exec(select(Tip))}
        searches = Counter(made.face_id for made in session.exec(select(CandidateList)))
        rows = session.exec(select(Rendition))
        scenes = Counter(row.photo_id for row in rows if row.kind == RenditionKind.SCENE)
    of_tip = Counter(str(job.args["tip_id"]) for job in jobs if job.kind == "process_tip")
    problems = [f"unfinished: {job.kind} {job.state.value}" for job in jobs if job.state != JobState.DONE]
    problems.extend(f"a face was searched {count} times" for count in searches.values() if count > 1)
    problems.extend(f"a photo has {count} scenes" for count in scenes.values() if count != 1)
    if not searches:
        problems.append("no face was searched at all, so nothing was tried")
    for tip_id in acknowledged:
        if states.get(tip_id) not in {TipState.ROUTED, TipState.ESCALATED}:
            problems.append(f"an acknowledged tip is {states.get(tip_id)}")
        if of_tip[str(tip_id)] != 1:
            problems.append(f"a tip has {of_tip[str(tip_id)]} jobs")
    return problems


def _opens(context: Context, photo: Photo) -> bool:
    try:
        plain = context.store.get(photo.store_key, photo.sealed_key)
    except (OSError, Unsealable):
        return False
    return hashlib.sha256(plain).hexdigest() == photo.sha256
