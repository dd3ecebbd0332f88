"""Putting photos into clusters by hand, taking them out, and taking either step back.

A step touches the rows of its own photo alone: its cluster, whether it is kept apart, its links to others.
The audit row of a step holds what these were, so that `take_back` gives back exactly the rows before it, in
whatever order the steps of other photos are taken back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.service import Actor
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict
from app.photos.models import LinkKind, Photo, PhotoCluster, PhotoLink

_STEPS = (Action.PHOTO_CLUSTERED, Action.PHOTO_SEPARATED)


@dataclass(frozen=True)
class Step:
    """A step by hand that stands.

    Attributes:
        seq: number of its row in the audit log.
        joined: whether the photo was put into another's cluster; else it was taken out of one.
        at: when.
        was: the photo's cluster before.
        now: its cluster since.
    """

    seq: int
    joined: bool
    at: datetime
    was: UUID
    now: UUID


def separate(session: Session, photo_id: UUID, actor: Actor) -> None:
    """Undo a merge: give a photo a cluster of its own and never join it to another by itself again.

    Its tip is searched anew, since its picture now stands for itself, and so are those it leaves behind.

    Raises:
        Conflict: the photo shares its cluster with no other.
    """
    photo = session.get_one(Photo, photo_id)
    others = session.exec(
        select(Photo.id).where(Photo.cluster_id == photo.cluster_id, Photo.id != photo.id)
    ).first()
    if photo.cluster_id is None or others is None:
        raise Conflict("This photo shares its cluster with no other.")
    cluster = PhotoCluster()
    session.add(cluster)
    session.flush()
    was_apart, photo.kept_apart = photo.kept_apart, True
    let_go = _let_go(session, photo)
    _move(session, photo, cluster.id, Action.PHOTO_SEPARATED, actor, was_apart=was_apart, let_go=let_go)


def join(session: Session, photo_id: UUID, other_id: UUID, actor: Actor) -> None:
    """Put a photo into another's cluster by hand; `take_back` gives back what was, `separate` sets it apart.

    Only this photo moves: what else is in its cluster was put there for reasons of its own.

    Raises:
        Conflict: they share a cluster already, or one of them has none.
    """
    photo, other = session.get_one(Photo, photo_id), session.get_one(Photo, other_id)
    if photo.cluster_id is None or other.cluster_id is None or photo.cluster_id == other.cluster_id:
        raise Conflict("These photos are together already, or one of them could not be read.")
    was_apart, photo.kept_apart = photo.kept_apart, False
    link = session.get(PhotoLink, (photo.id, other.id))
    made = link is None
    undone = link.undone_at if link is not None else None
    let_go = _let_go(session, photo)
    if link is None:
        link = PhotoLink(photo_id=photo.id, other_id=other.id, kind=LinkKind.BY_HAND, joined=True)
    link.joined, link.undone_at = True, None
    session.add(link)
    _move(
        session,
        photo,
        other.cluster_id,
        Action.PHOTO_CLUSTERED,
        actor,
        same_as=str(other.id),
        was_apart=was_apart,
        let_go=let_go,
        link_made=made,
        link_undone=undone.isoformat() if undone else None,
    )


def take_back(session: Session, photo_id: UUID, actor: Actor) -> Step:
    """Take back a photo's last step that stands: its rows are again what they were before it.

    Returns:
        The step that stands no more.

    Raises:
        Conflict: no step by hand stands.
    """
    photo = session.get_one(Photo, photo_id)
    event = _standing(session, [photo_id]).get(photo_id)
    step = _step(event) if event is not None else None
    if event is None or step is None or photo.cluster_id != step.now:
        raise Conflict("Nothing that was done to this photo by hand can be taken back.")
    photo.kept_apart = event.detail["was_apart"]
    if step.joined:
        link = session.get(PhotoLink, (photo.id, UUID(event.detail["same_as"])))
        if link is not None and event.detail["link_made"]:
            session.delete(link)
        elif link is not None:
            undone = event.detail["link_undone"]
            link.joined, link.undone_at = False, datetime.fromisoformat(undone) if undone else None
            session.add(link)
        session.flush()
    for other_id in filter(None, event.detail["let_go"].split(",")):
        link = session.get(PhotoLink, (photo.id, UUID(other_id)))
        if link is not None:
            link.joined, link.undone_at = True, None
            session.add(link)
    action = Action.PHOTO_SEPARATED if step.joined else Action.PHOTO_CLUSTERED
    _move(session, photo, step.was, action, actor, took_back=step.seq)
    return step


def last_steps(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, Step]:
    """By photo, the last step by hand that stands; photos without one are left out."""
    return {photo_id: _step(event) for photo_id, event in _standing(session, photo_ids).items()}


def _standing(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, AuditEvent]:
    """By photo, the row of its last step that was not taken back."""
    stacks: dict[UUID, list[AuditEvent]] = {}
    for event in session.exec(
        select(AuditEvent)
        .where(
            col(AuditEvent.subject_id).in_([str(photo_id) for photo_id in photo_ids]),
            col(AuditEvent.action).in_(_STEPS),
        )
        .order_by(col(AuditEvent.seq))
    ):
        stack = stacks.setdefault(UUID(event.subject_id), [])
        if "took_back" in event.detail:
            stack.pop()
        elif "let_go" in event.detail:
            stack.append(event)
    return {photo_id: stack[-1] for photo_id, stack in stacks.items() if stack}


def _step(event: AuditEvent) -> Step:
    assert event.seq is not None
    return Step(
        event.seq,
        event.action == Action.PHOTO_CLUSTERED,
        event.at,
        UUID(event.detail["was"]),
        UUID(event.detail["now"]),
    )


def _let_go(session: Session, photo: Photo) -> str:
    """Put the links out of effect by which a photo stands in its cluster.

    Returns:
        The photos it was linked to, for the audit row.
    """
    links = session.exec(
        select(PhotoLink)
        .where(col(PhotoLink.photo_id) == photo.id, col(PhotoLink.joined).is_(True))
        .order_by(col(PhotoLink.other_id))
    ).all()
    for link in links:
        link.joined, link.undone_at = False, now()
        session.add(link)
    session.flush()
    return ",".join(str(link.other_id) for link in links)


def _move(
    session: Session,
    photo: Photo,
    cluster_id: UUID,
    action: Action,
    actor: Actor,
    **detail: str | int | bool | None,
) -> None:
    """Give a photo another cluster and have searched what stands for itself now."""
    was, photo.cluster_id = photo.cluster_id, cluster_id
    session.add(photo)
    audit.record(session, actor, action, "photo", photo.id, was=str(was), now=str(cluster_id), **detail)
    leaves: dict[str, Any] = {"photo_id": str(photo.id)} if action == Action.PHOTO_SEPARATED else {}
    jobs.enqueue(session, "search_tip", tip_id=str(photo.tip_id), left_id=str(was), **leaves)
