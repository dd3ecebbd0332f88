"""Enrolling, promoting and retiring encoders."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import Actor
from app.core import jobs
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound
from app.encoders import queries
from app.encoders.models import EncoderState, EnrolledEncoder, PhotoEncoding
from app.photos.models import Template
from app.tips.models import Disposition, Tip

SHORTEST_MOTIVE = 5
"""Characters: promoting what does not cover everything is justified in words."""

TIPS_A_JOB = 200
"""Tips that one job searches anew after a promotion."""


@dataclass(frozen=True)
class EncoderKey:
    """What a template is stored under."""

    name: str
    version: str


def ensure_active(session: Session, default: EncoderKey, actor: Actor) -> EnrolledEncoder:
    """The encoder that is searched with; in a new installation the default one becomes it."""
    present = queries.active(session)
    if present is not None:
        return present
    encoder = enrol(session, default, actor)
    _activate(session, encoder)
    audit.record(
        session, actor, Action.ENCODER_PROMOTED, "encoder", encoder.id, now=_label(encoder), reason="first"
    )
    return encoder


def enrol(session: Session, key: EncoderKey, actor: Actor) -> EnrolledEncoder:
    """Have new photos get an encoder's templates, too; enrolled already, it stays what it is.

    A retired encoder begins anew: its templates are gone.
    """
    encoder = queries.named(session, key.name, key.version)
    if encoder is not None and encoder.state != EncoderState.RETIRED:
        return encoder
    if encoder is None:
        encoder = EnrolledEncoder(name=key.name, version=key.version)
    encoder.state, encoder.enrolled_at, encoder.retired_at = EncoderState.ENROLLED, now(), None
    session.add(encoder)
    session.flush()
    audit.record(session, actor, Action.ENCODER_ENROLLED, "encoder", encoder.id, now=_label(encoder))
    return encoder


def promote(session: Session, key: EncoderKey, actor: Actor, motive: str = "") -> int:
    """Have searches compare another encoder's templates, and all tips searched anew with it.

    - It must have gone through every photo, and have a template of every face.
    - With a motive it may be promoted all the same; the motive is kept.
    - The encoder that was active stays enrolled, so that the step can be taken back.

    Args:
        session: a writing session.
        key: the encoder.
        actor: who promotes it.
        motive: why it is promoted although it does not cover everything; empty if it does.

    Returns:
        Jobs that search the tips anew.

    Raises:
        NotFound: it is not enrolled.
        Conflict: it is active already, or does not cover everything.
        Invalid: the motive is no sentence.
    """
    encoder = queries.named(session, key.name, key.version)
    if encoder is None:
        raise NotFound
    if encoder.state != EncoderState.ENROLLED:
        raise Conflict("An enrolled encoder can be promoted; this one is %(state)s.", state=encoder.state)
    covered = queries.coverage(session, encoder)
    if covered.photos_left or covered.templates < covered.faces:
        if not motive:
            raise Conflict(
                "This encoder does not cover everything: %(photos)s photos are not re-encoded, "
                "%(faces)s faces have no template, %(children)s of them those of children in open records. "
                "Run `homeward reencode`, or promote it with --anyway and a motive.",
                photos=covered.photos_left,
                faces=covered.faces - covered.templates,
                children=covered.children,
            )
        if len(motive.strip()) < SHORTEST_MOTIVE:
            raise Invalid("Give the motive in words.", field="motive")
    before = queries.active(session)
    if before is not None:
        before.state = EncoderState.ENROLLED
        session.add(before)
        session.flush()
    _activate(session, encoder)
    audit.record(
        session,
        actor,
        Action.ENCODER_PROMOTED,
        "encoder",
        encoder.id,
        was=_label(before) if before else None,
        now=_label(encoder),
        without=covered.faces - covered.templates,
        reason=motive.strip() or None,
    )
    return _search_all_tips(session, encoder)


def retire(session: Session, key: EncoderKey, actor: Actor) -> int:
    """Stop using an encoder and delete its templates; only encoding everything again brings them back.

    Returns:
        Templates deleted.

    Raises:
        NotFound: it is not enrolled.
        Conflict: it is active, or retired already.
    """
    encoder = queries.named(session, key.name, key.version)
    if encoder is None:
        raise NotFound
    if encoder.state != EncoderState.ENROLLED:
        raise Conflict("An enrolled encoder can be retired; this one is %(state)s.", state=encoder.state)
    of_it = (col(Template.encoder) == encoder.name, col(Template.encoder_version) == encoder.version)
    templates = session.exec(select(func.count(col(Template.id))).where(*of_it)).one()
    session.exec(delete(Template).where(*of_it))
    session.exec(delete(PhotoEncoding).where(col(PhotoEncoding.encoder_id) == encoder.id))
    encoder.state, encoder.retired_at = EncoderState.RETIRED, now()
    session.add(encoder)
    audit.record(
        session,
        actor,
        Action.ENCODER_RETIRED,
        "encoder",
        encoder.id,
        was=_label(encoder),
        templates=templates,
    )
    return templates


def _activate(session: Session, encoder: EnrolledEncoder) -> None:
    encoder.state, encoder.promoted_at = EncoderState.ACTIVE, now()
    session.add(encoder)
    session.flush()


def _search_all_tips(session: Session, encoder: EnrolledEncoder) -> int:
    """Jobs that compare every retained face with every open record, a range of tips each."""
    assert encoder.promoted_at is not None
    tips = session.exec(
        select(Tip.id)
        .where(col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER))
        .order_by(col(Tip.id))
    ).all()
    starts = range(0, len(tips), TIPS_A_JOB)
    for start in starts:
        ours: list[UUID] = list(tips[start : start + TIPS_A_JOB])
        jobs.enqueue(
            session,
            "search_tips",
            f"search_tips:{encoder.id}:{encoder.promoted_at.isoformat()}:{ours[0]}",
            urgency=jobs.Urgency.BULK,
            first=str(ours[0]),
            last=str(ours[-1]),
        )
    return len(starts)


def _label(encoder: EnrolledEncoder) -> str:
    return f"{encoder.name} {encoder.version}"
