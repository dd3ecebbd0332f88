"""Who may write a record: clerks of its area, and the police system that keeps it."""

from uuid import UUID

from sqlmodel import Session, col, select

from app.audit.models import ActorKind
from app.audit.service import Actor
from app.core.errors import NotAllowed, NotFound, message
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer
from app.records import queries
from app.records.models import Record
from app.tips.models import Channel

OTHER_AREA = message("This record belongs to another area. A clerk of that area changes it.")
BEYOND = message("This registry keeps records of its own area and those within it.")


def keeper(session: Session, actor: Actor) -> str:
    """Name of the police system that acts; empty for everybody else."""
    if actor.kind != ActorKind.PARTNER or actor.id is None:
        return ""
    return session.get_one(Channel, UUID(actor.id)).name


def check(session: Session, actor: Actor, record: Record | None, *codes: str) -> None:
    """Hold a writer against the record and the areas it touches.

    Args:
        session: any session.
        actor: officers write for their own area and below, a registry what it keeps; the command line all.
        record: the record, None for a new one.
        codes: the areas concerned.

    Raises:
        NotFound: a registry asks for a record that it does not keep.
        NotAllowed: an area is not the writer's.
    """
    if actor.id is None:
        return
    if actor.kind == ActorKind.OFFICER:
        officer = session.get_one(Officer, UUID(actor.id))
        if not queries.may_write(session, officer, *codes):
            raise NotAllowed(OTHER_AREA)
    elif actor.kind == ActorKind.PARTNER:
        channel = session.get_one(Channel, UUID(actor.id))
        if record is not None and record.kept_by != channel.name:
            raise NotFound
        own = session.get(Jurisdiction, channel.jurisdiction_code) if channel.jurisdiction_code else None
        paths = session.exec(select(Jurisdiction.path).where(col(Jurisdiction.code).in_(codes))).all()
        if own is None or not all(path.startswith(own.path) for path in paths):
            raise NotAllowed(BEYOND)
