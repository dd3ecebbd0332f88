"""Background steps of the search. Each may be repeated; none computes inside a writing transaction."""

from uuid import UUID

import numpy as np
from sqlmodel import col, select, update

from app.candidates import progress, queries, service
from app.candidates.gallery import GalleryCache
from app.candidates.models import Candidate, SearchCause
from app.core.context import Context
from app.core.jobs import enqueue
from app.photos.models import Face, Photo, Template
from app.records.models import Record, RecordState, Reference
from app.tips.models import Disposition, Tip

RETROACTION_BATCH = 5_000
"""Retained faces compared at a time: 2.5 MB of templates."""


def search_tip(context: Context, gallery: GalleryCache, tip_id: UUID) -> int:
    """Search the gallery with each face of a tip that was not searched yet.

    Returns:
        Candidates proposed.
    """
    with context.db.read() as session:
        probes = service.probes_of_tip(session, tip_id, gallery)
        current = gallery.current(session)
    added = 0
    for probe in probes:
        chosen = service.compare(probe, current, gallery.encoder)
        with context.db.write() as session:
            added += service.propose(session, probe, chosen, current, gallery, SearchCause.TIP, current.size)
    return added


def search_separated(context: Context, gallery: GalleryCache, tip_id: UUID) -> int:
    """Give candidates the clusters that their photos have now, then search what stands for itself."""
    with context.db.write() as session:
        photos = session.exec(select(Photo).where(Photo.tip_id == tip_id)).all()
        for photo in photos:
            session.exec(
                update(Candidate)
                .where(col(Candidate.face_id).in_(select(Face.id).where(Face.photo_id == photo.id)))
                .values(cluster_id=photo.cluster_id)
            )
    return search_tip(context, gallery, tip_id)


def retroact(context: Context, gallery: GalleryCache, record_id: UUID) -> int:
    """Compare a new or changed record with every retained face of every tip.

    Returns:
        Candidates proposed.
    """
    with context.db.read() as session:
        record = session.get(Record, record_id)
        if record is None or record.state != RecordState.OPEN:
            return 0
        own = gallery.only(session, record_id)
        searched_records = gallery.current(session).size
    if own.size == 0:
        return 0
    added, last = 0, UUID(int=0)
    while True:
        with context.db.read() as session:
            rows = session.exec(
                select(Face.id, Template.vector)
                .join(Template, col(Template.face_id) == col(Face.id))
                .join(Photo, col(Photo.id) == col(Face.photo_id))
                .join(Tip, col(Tip.id) == col(Photo.tip_id))
                .where(
                    col(Face.id) > last,
                    Template.encoder == gallery.encoder,
                    Template.encoder_version == gallery.version,
                    col(Tip.disposition).is_distinct_from(Disposition.WITHDRAWN_BY_TIPSTER),
                )
                .order_by(col(Face.id))
                .limit(RETROACTION_BATCH)
            ).all()
        if not rows:
            return added
        last = rows[-1][0]
        for face_id, vector in rows:
            probe = service.Probe(face_id, np.frombuffer(vector, dtype="<f4").astype(np.float32))
            chosen = service.compare(probe, own, gallery.encoder)
            if chosen:
                with context.db.write() as session:
                    added += service.propose(
                        session, probe, chosen, own, gallery, SearchCause.RETROACTION, searched_records
                    )


def withdraw_of_tip(context: Context, tip_id: UUID) -> None:
    """Withdraw the open candidates of a tip that its sender took back."""
    with context.db.write() as session:
        progress.withdraw(session, queries.open_of_tip(session, tip_id), "tip_withdrawn")
        progress.search_other_copies(session, tip_id)


def withdraw_of_record(context: Context, record_id: UUID) -> None:
    """Withdraw the open candidates of a record that was closed."""
    with context.db.write() as session:
        record = session.get_one(Record, record_id)
        if record.state == RecordState.CLOSED:
            progress.withdraw(session, queries.open_of_record(session, record_id), "record_closed")


def withdraw_of_reference(context: Context, reference_id: UUID) -> None:
    """Withdraw the open candidates that rest on a photo which was taken out of its record.

    The record's other photos are compared anew, so that the child is not lost with one photo.
    """
    with context.db.write() as session:
        reference = session.get_one(Reference, reference_id)
        if reference.removed_at is None:
            return
        resting = [
            candidate
            for candidate in queries.open_of_record(session, reference.record_id)
            if candidate.reference_id == reference_id
        ]
        progress.withdraw(session, resting, "reference_removed")
        for candidate in resting:
            # Withdrawn, it must not stand in the way of the same face's next candidate.
            enqueue(
                session,
                "retroact",
                f"retroact:{reference.record_id}:without:{candidate.id}",
                record_id=str(reference.record_id),
            )
