"""Many candidates at once, as plain rows: pictures without files, for tests of the queue alone."""

from datetime import date, timedelta
from hashlib import sha256
from random import Random

from app.candidates.models import Candidate, CandidateList, SearchCause
from app.core.clock import now
from app.core.context import Context
from app.photos.models import Face, Photo, PhotoCluster, PhotoState
from app.records.models import Record, Reference
from app.tips import progress
from app.tips.models import Channel, ChannelKind, Tip, TipState
from tests.make import ENCODER, ENCODER_VERSION

RECORDS = 7


def crowd(
    context: Context, faces: int, *, areas: tuple[str, ...] = ("440304",), name: str = "crowd"
) -> list[Candidate]:
    """Candidates of as many faces, each of a tip of its own; every third picture came twice."""
    dice = Random(4)  # noqa: S311 - the same crowd every time
    with context.db.write() as session:
        channel = Channel(kind=ChannelKind.WEB, name=name)
        session.add(channel)
        records = [
            Record(
                number=f"{name} {number}",
                name="Lin Xiaoyu",
                born_on=date(2012 + number, 5, 1),
                missing_since=date(2024, 3, 1),
                jurisdiction_code="440304",
            )
            for number in range(RECORDS)
        ]
        clusters = [PhotoCluster() for _ in range(faces)]
        session.add_all([*records, *clusters])
        session.flush()
        pictures = [_photo(f"{name} r{number}") for number in range(RECORDS)]
        session.add_all(pictures)
        session.flush()
        references = [
            Reference(record_id=record.id, photo_id=photo.id)
            for record, photo in zip(records, pictures, strict=True)
        ]
        session.add_all(references)
        tips = [
            Tip(
                channel_id=channel.id,
                language="en",
                place_text=f"Metro exit {number}",
                receipt_lookup=sha256(f"{name} {number}".encode()).digest(),
                state=TipState.ROUTED,
                jurisdiction_code=dice.choice(areas),
                danger_now=dice.random() < 0.1,
                received_at=now() - timedelta(hours=dice.uniform(0, 300)),
            )
            for number in range(faces + faces // 3)
        ]
        session.add_all(tips)
        session.flush()
        for tip in tips:
            progress.note(session, tip)
        photos = [_photo(f"{name} t{number}", tip) for number, tip in enumerate(tips)]
        for number, photo in enumerate(photos):
            photo.cluster_id = clusters[number % faces].id
        session.add_all(photos)
        session.flush()
        seen = [Face(photo_id=photo.id, position=0, left=8, top=8, width=24, height=24) for photo in photos]
        session.add_all(seen)
        session.flush()
        lists = [
            CandidateList(
                face_id=face.id,
                cause=SearchCause.TIP,
                encoder=ENCODER,
                encoder_version=ENCODER_VERSION,
                gallery_size=RECORDS,
                expected_false=0.42,
                searched_at=tip.received_at,
            )
            for face, tip in zip(seen[:faces], tips, strict=False)
        ]
        session.add_all(lists)
        session.flush()
        candidates = [
            Candidate(
                list_id=made.id,
                tip_id=tips[number].id,
                face_id=made.face_id,
                cluster_id=clusters[number].id,
                record_id=records[number % RECORDS].id,
                reference_id=references[number % RECORDS].id,
                score=0.7314,
                threshold=0.5861,
                rank=1,
            )
            for number, made in enumerate(lists)
        ]
        session.add_all(candidates)
    return candidates


def _photo(name: str, tip: Tip | None = None) -> Photo:
    return Photo(
        tip_id=tip.id if tip else None,
        sha256=name,
        byte_count=1,
        format="JPEG",
        store_key=name,
        sealed_key=b"",
        state=PhotoState.EXAMINED,
        examined_at=now(),
    )
