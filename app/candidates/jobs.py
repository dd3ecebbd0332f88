"""Background steps of the search. Each may be repeated; none computes inside a writing transaction."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from app.candidates import progress, queries, service
from app.candidates.gallery import Galleries, Searched
from app.candidates.models import SearchCause
from app.candidates.service import Probe
from app.core.context import Context
from app.core.jobs import enqueue
from app.records.models import Record, RecordState, Reference
from matching.candidate_list import CandidateList

RETROACTION_BATCH = 5_000
"""Retained faces compared at a time: 6 MB of templates of 320 numbers."""

WRITTEN_AT_A_TIME = 100
"""Candidate lists in one transaction: other writers wait for milliseconds, not seconds."""


def search_tip(
    context: Context,
    gallery: Galleries,
    tip_id: UUID,
    cause: SearchCause = SearchCause.TIP,
    anew: UUID | None = None,
) -> int:
    """Search the gallery with each face of a tip that was not searched yet.

    Args:
        context: the deployment.
        gallery: the gallery.
        tip_id: the tip.
        cause: why it is searched.
        anew: a photo of the tip whose faces are searched although they were before.

    Returns:
        Candidates proposed.
    """
    with context.db.read() as session:
        current = gallery.current(session)
        probes = service.probes_of_tip(session, tip_id, current, anew)
    found = [(probe, service.compare(probe, current)) for probe in probes]
    return _propose(context, found, current, cause, anew=anew is not None)


def search_tips(context: Context, gallery: Galleries, first: UUID, last: UUID) -> int:
    """Search a range of tips anew with an encoder that was promoted.

    Returns:
        Candidates proposed.
    """
    with context.db.read() as session:
        tips = queries.tips_between(session, first, last)
    return sum(search_tip(context, gallery, tip_id, SearchCause.PROMOTION) for tip_id in tips)


def search_separated(
    context: Context,
    gallery: Galleries,
    tip_id: UUID,
    photo_id: UUID | None = None,
    left_id: UUID | None = None,
) -> int:
    """Give candidates the clusters that their photos have now, then search what stands for itself.

    Args:
        context: the deployment.
        gallery: the gallery.
        tip_id: the tip of a photo that was moved or marked.
        photo_id: that photo, if what was found with it has to be found anew.
        left_id: the cluster it left: a copy there may stand for itself now.

    Returns:
        Candidates proposed.
    """
    with context.db.write() as session:
        progress.follow_photos(session, tip_id)
        left = queries.tips_of_picture(session, left_id) if left_id else []
    added = search_tip(context, gallery, tip_id, anew=photo_id)
    return added + sum(search_tip(context, gallery, other) for other in left if other != tip_id)


def retroact(context: Context, gallery: Galleries, record_id: UUID) -> int:
    """Compare a new or changed record with every retained face of every tip.

    Returns:
        Candidates proposed.
    """
    with context.db.read() as session:
        current = gallery.current(session)
    own = current.rows_of(record_id)
    if not own.size:
        return 0
    added, last = 0, UUID(int=0)
    while True:
        with context.db.read() as session:
            batch = queries.retained_faces(session, current.encoder, current.version, last, RETROACTION_BATCH)
        if not batch:
            return added
        last = batch[-1][0].id
        probes = [service.probe_of(*row) for row in batch]
        places = current.promising(np.stack([probe.template for probe in probes]), own)
        found = [(probes[place], service.compare(probes[place], current, own)) for place in places]
        added += _propose(context, found, current, SearchCause.RETROACTION)


def _propose(
    context: Context,
    found: Sequence[tuple[Probe, CandidateList]],
    gallery: Searched,
    cause: SearchCause,
    *,
    anew: bool = False,
) -> int:
    added = 0
    for start in range(0, len(found), WRITTEN_AT_A_TIME):
        with context.db.write() as session:
            for probe, chosen in found[start : start + WRITTEN_AT_A_TIME]:
                added += service.propose(
                    session, probe, chosen, gallery, cause, context.settings.short_list, anew=anew
                )
    return added


def withdraw_of_tip(context: Context, tip_id: UUID) -> None:
    """Withdraw the open candidates of a tip that its sender took back."""
    with context.db.write() as session:
        progress.withdraw(session, queries.open_of_tip(session, tip_id), "tip_withdrawn")
        progress.search_other_copies(session, tip_id)


def withdraw_of_record(context: Context, record_id: UUID) -> None:
    """Withdraw the open candidates of a record that was closed or erased."""
    with context.db.write() as session:
        record = session.get_one(Record, record_id)
        if record.state != RecordState.OPEN:
            reason = f"record_{record.state.value}"
            progress.withdraw(session, queries.open_of_record(session, record_id), reason)


def withdraw_of_reference(context: Context, reference_id: UUID) -> None:
    """Withdraw the open candidates that rest on a photo which was taken out of its record.

    The record's other photos are compared anew, so that the child is not lost with one photo.
    """
    with context.db.write() as session:
        reference = session.get(Reference, reference_id)
        if reference is None or reference.removed_at is None:  # None: erased since.
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
