"""THE flow, from a received tip to candidates before officers, readable as a table.

| state of the tip | step here | state after it |
|---|---|---|
| received | `_start`: its area is found, work begins | processing |
| processing | `examine_photos`: decoded in a child process, renditions, hash, faces, templates | processing |
| processing | `cluster_photos`: the same picture seen before? | processing |
| processing | `search_tip`: each new face against the open records | processing |
| processing | `_hand_over`: to the officers of its area | routed |

Every step commits by itself, asks first what is done already, and may be repeated: a killed worker's tip is
taken up by another and ends as if nothing had happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlmodel import Session, select

from app import erasing
from app.audit.service import SYSTEM
from app.candidates import jobs as candidate_jobs
from app.candidates.gallery import Galleries
from app.core.context import Context
from app.core.jobs import enqueue
from app.enquiries import answering
from app.enquiries.models import Finding
from app.jurisdictions.service import Router
from app.photos import examining, joining
from app.photos.examine_server import ExaminationFailure
from app.photos.models import Face, Photo, PhotoState
from app.photos.sandbox import ExaminationFailed
from app.records import forgetting
from app.records.models import Reference
from app.retention import nights
from app.reviews import golden
from app.sightings import jobs as sighting_jobs
from app.tips import progress
from app.tips import queries as tip_queries
from app.tips.models import Disposition, Tip, TipState
from matching.examination import Examination
from matching.formats import UnreadablePhoto


class ExaminesPhotos(Protocol):
    """Whatever decodes a photo away from keys and database."""

    def examine(self, data: bytes) -> Examination:
        """Examine one photo.

        Raises:
            UnreadablePhoto: the bytes are no photo that can be shown.
            ExaminationFailed: the child died, ran too long or answered nonsense.
        """


@dataclass(frozen=True)
class Tools:
    """What a worker keeps warm between jobs."""

    context: Context
    examiner: ExaminesPhotos
    gallery: Galleries
    router: Callable[[], Router]


def process_tip(tools: Tools, tip_id: UUID) -> None:
    """Bring a tip from received to the officers of its place."""
    with tools.context.db.write() as session:
        if not _start(session, tools, tip_id):
            return
    with tools.context.db.read() as session:
        photo_ids = [photo.id for photo in tip_queries.photos_of(session, tip_id)]
    for photo_id in photo_ids:
        examine_photo(tools, photo_id)
    for photo_id in photo_ids:
        joining.join_cluster(tools.context.db, photo_id)
    candidate_jobs.search_tip(tools.context, tools.gallery, tip_id)
    with tools.context.db.write() as session:
        _hand_over(session, tip_id)
    golden.mix_in_beside_tip(tools.context, tip_id)


def add_photos(tools: Tools, tip_id: UUID) -> None:
    """Look into the photos that a tipster added, as into the first ones; done already, nothing changes."""
    process_tip(tools, tip_id)  # While it is at it, or failed, the photos come before officers with the tip.
    with tools.context.db.read() as session:
        if session.get_one(Tip, tip_id).disposition == Disposition.WITHDRAWN_BY_TIPSTER:
            return
        photo_ids = [photo.id for photo in tip_queries.photos_of(session, tip_id)]
    for photo_id in photo_ids:
        examine_photo(tools, photo_id)
    for photo_id in photo_ids:
        joining.join_cluster(tools.context.db, photo_id)
    candidate_jobs.search_tip(tools.context, tools.gallery, tip_id)
    golden.mix_in_beside_tip(tools.context, tip_id)
    sighting_jobs.suggest(tools.context, tools.gallery, tip_id)


def retroact(tools: Tools, record_id: UUID) -> None:
    """Compare a new or changed record with every retained face."""
    candidate_jobs.retroact(tools.context, tools.gallery, record_id)
    golden.mix_in_beside_record(tools.context, record_id)


def search_separated(tools: Tools, tip_id: UUID, **moved: UUID) -> None:
    """Search with a tip's pictures that stand for themselves now, and look for the child in other tips."""
    candidate_jobs.search_separated(tools.context, tools.gallery, tip_id, **moved)
    sighting_jobs.suggest(tools.context, tools.gallery, tip_id)


def examine_photo(tools: Tools, photo_id: UUID) -> None:
    """Decode a photo in the child process and write down what it found, or why it cannot be read."""
    with tools.context.db.read() as session:
        photo = session.get(Photo, photo_id)
    if photo is None or photo.state != PhotoState.PENDING:  # None: erased since, with its tip.
        return
    original = tools.context.store.get(photo.store_key, photo.sealed_key)
    try:
        found = tools.examiner.examine(original)
    except UnreadablePhoto as error:
        _park(tools, photo_id, error.reason.value)
        return
    except ExaminationFailed as error:
        if error.reason == ExaminationFailure.SERVER_LOST:
            raise  # Says nothing about the photo; the job is tried again.
        _park(tools, photo_id, error.reason.value)
        return
    kept = examining.keep_renditions(tools.context.store, found)
    with tools.context.db.write() as session:
        present = session.get(Photo, photo_id) is not None
        saved = present and examining.save_examination(session, photo_id, found, kept)
    if not saved:
        for rendition in kept:
            tools.context.store.delete(rendition.file.store_key)


def examine_reference(tools: Tools, reference_id: UUID) -> None:
    """Examine a record's photo, take its largest face as the child's, and search retained faces with it."""
    with tools.context.db.read() as session:
        reference = session.get(Reference, reference_id)
    if reference is None:  # Erased since, with its record.
        return
    examine_photo(tools, reference.photo_id)
    if forgetting.drop_if_erased(tools.context, reference_id):
        return
    with tools.context.db.write() as session:
        reference = session.get(Reference, reference_id)
        if reference is None:
            return
        if reference.face_id is None:
            faces = session.exec(select(Face).where(Face.photo_id == reference.photo_id)).all()
            largest = max(faces, key=lambda face: (face.width * face.height, -face.position), default=None)
            if largest is None:
                return
            reference.face_id = largest.id
            session.add(reference)
    retroact(tools, reference.record_id)


def give_up(session: Session, kind: str, args: Mapping[str, str], reason: str) -> None:
    """What a job that was parked leaves behind: its tip is failed, with the reason, before a supervisor.

    An enquiry is answered that its picture could not be looked at; a watch erases the file.
    """
    if kind == "answer_enquiry":
        answering.conclude(session, UUID(args["enquiry_id"]), Finding.UNREADABLE)
    if kind not in {"process_tip", "add_photos"}:
        return
    tip = session.get_one(Tip, UUID(args["tip_id"]))
    if tip.state in {TipState.RECEIVED, TipState.PROCESSING}:
        progress.move(session, tip, TipState.FAILED, SYSTEM, reason)


HANDLERS: dict[str, Callable[[Tools, dict[str, str]], object]] = {
    "process_tip": lambda tools, args: process_tip(tools, UUID(args["tip_id"])),
    "add_photos": lambda tools, args: add_photos(tools, UUID(args["tip_id"])),
    "erase_tip": lambda tools, args: erasing.erase_tip(tools.context, UUID(args["tip_id"])),
    "erase_record": lambda tools, args: forgetting.finish(tools.context, UUID(args["record_id"])),
    "examine_reference": lambda tools, args: examine_reference(tools, UUID(args["reference_id"])),
    "retroact": lambda tools, args: retroact(tools, UUID(args["record_id"])),
    "search_tips": lambda tools, args: candidate_jobs.search_tips(
        tools.context, tools.gallery, UUID(args["first"]), UUID(args["last"])
    ),
    "search_tip": lambda tools, args: search_separated(
        tools, **{name: UUID(value) for name, value in args.items()}
    ),
    "suggest_sightings": lambda tools, args: sighting_jobs.suggest(
        tools.context, tools.gallery, UUID(args["tip_id"])
    ),
    "withdraw_candidates": lambda tools, args: candidate_jobs.withdraw_of_tip(
        tools.context, UUID(args["tip_id"])
    ),
    "withdraw_reference_candidates": lambda tools, args: candidate_jobs.withdraw_of_reference(
        tools.context, UUID(args["reference_id"])
    ),
    "withdraw_record_candidates": lambda tools, args: candidate_jobs.withdraw_of_record(
        tools.context, UUID(args["record_id"])
    ),
    "examine_golden": lambda tools, args: examine_photo(tools, UUID(args["photo_id"])),
    "hand_over_golden": lambda tools, args: golden.hand_over(tools.context, UUID(args["tip_id"])),
    "take_back_golden": lambda tools, args: golden.take_back(tools.context, UUID(args["tip_id"])),
    "retention_night": lambda tools, _args: nights.run(tools.context),
    "answer_enquiry": lambda tools, args: answering.answer(
        tools.context, tools.examiner, UUID(args["enquiry_id"])
    ),
}
"""Every kind of job and what does it."""


def _start(session: Session, tools: Tools, tip_id: UUID) -> bool:
    tip = session.get_one(Tip, tip_id)
    if tip.state not in {TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED}:
        return False
    if tip.jurisdiction_code is None:
        tip.jurisdiction_code = tools.router().route(tip.latitude, tip.longitude, tip.place_text)
        session.add(tip)
    progress.move(session, tip, TipState.PROCESSING, SYSTEM)
    return True


def _hand_over(session: Session, tip_id: UUID) -> None:
    tip = session.get_one(Tip, tip_id)
    if tip.state == TipState.PROCESSING:
        progress.move(session, tip, TipState.ROUTED, SYSTEM)
        lane = f"area {tip.jurisdiction_code}"
        enqueue(session, "suggest_sightings", f"suggest_sightings:{tip_id}", lane=lane, tip_id=str(tip_id))


def _park(tools: Tools, photo_id: UUID, reason: str) -> None:
    with tools.context.db.write() as session:
        examining.park(session, photo_id, reason)
