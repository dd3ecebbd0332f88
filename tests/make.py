"""Makes rows for tests: real rows in the real database, with photos in the real store."""

import io
import itertools
from datetime import date
from typing import Any
from uuid import UUID

from PIL import Image
from sqlmodel import Session, select

from app.candidates.models import Candidate, CandidateList, SearchCause
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer, Role
from app.photos.models import Face, Photo, PhotoCluster, PhotoState, Rendition, RenditionKind
from app.records.models import Record, Reference
from app.tips.models import Channel, ChannelKind, Tip, TipState

ENCODER, ENCODER_VERSION = "face_recognition", "1.3.0+models-0.3.0"


def jpeg(colour: tuple[int, int, int] = (90, 120, 150), size: tuple[int, int] = (64, 48)) -> bytes:
    """A small valid photo."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


class Make:
    """One deployment's factory."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._count = itertools.count(1)

    def officer(
        self, *roles: Role, name: str | None = None, area: str = "440304", password_hash: str = "unusable"
    ) -> Officer:
        """An officer; without roles a reviewer."""
        number = next(self._count)
        officer = Officer(
            username=f"officer{number}",
            name=name or f"Officer {number}",
            badge=f"B{number:05}",
            password_hash=password_hash,
            roles=[role.value for role in roles or (Role.REVIEWER,)],
            jurisdiction_code=area,
        )
        with self.context.db.write() as session:
            session.add(officer)
        return officer

    def tip(
        self,
        *,
        area: str | None = "440304",
        state: TipState = TipState.ROUTED,
        photos: int = 1,
        **sent: Any,
    ) -> Tip:
        """A tip with examined photos, one face in each; `sent` are columns that cannot be changed later."""
        number = next(self._count)
        with self.context.db.write() as session:
            columns: dict[str, Any] = {
                "channel_id": self._channel(session).id,
                "language": "en",
                "place_text": f"Metro exit {number}",
                "description": f"A child asks passers-by for money ({number}).",
            }
            tip = Tip(
                receipt_lookup=number.to_bytes(32, "big"),
                state=state,
                jurisdiction_code=area,
                **columns | sent,
            )
            session.add(tip)
            session.flush()
            for position in range(photos):
                photo = self._photo(session, tip_id=tip.id, position=position)
                session.add(Face(photo_id=photo.id, position=0, left=8, top=8, width=24, height=24))
        return tip

    def sent_tip(self, *photos: bytes, area: str | None = None, place: str = "福田区") -> Tip:
        """A tip as it stands right after its receipt was sent: photos sealed, nothing looked into."""
        number = next(self._count)
        stored = [self.context.store.put(photo) for photo in photos]
        with self.context.db.write() as session:
            tip = Tip(
                channel_id=self._channel(session).id,
                language="en",
                place_text=place,
                receipt_lookup=number.to_bytes(32, "big"),
                jurisdiction_code=area,
            )
            session.add(tip)
            session.flush()
            for position, file in enumerate(stored):
                session.add(
                    Photo(
                        tip_id=tip.id,
                        position=position,
                        sha256=file.sha256,
                        byte_count=file.byte_count,
                        format="JPEG",
                        store_key=file.store_key,
                        sealed_key=file.sealed_key,
                    )
                )
            jobs.enqueue(session, "process_tip", f"process_tip:{tip.id}", tip_id=str(tip.id))
        return tip

    def sent_record(self, *photos: bytes, age: float = 7.0, area: str = "440304") -> Record:
        """A record as it stands right after a clerk saved it."""
        number = next(self._count)
        stored = [self.context.store.put(photo) for photo in photos]
        with self.context.db.write() as session:
            record = Record(
                number=f"S{number:06}", name="Wu Yan", missing_since=date(2024, 3, 1), jurisdiction_code=area
            )
            session.add(record)
            session.flush()
            for file in stored:
                photo = Photo(
                    sha256=file.sha256,
                    byte_count=file.byte_count,
                    format="JPEG",
                    store_key=file.store_key,
                    sealed_key=file.sealed_key,
                )
                session.add(photo)
                session.flush()
                reference = Reference(record_id=record.id, photo_id=photo.id, age_years=age)
                session.add(reference)
                session.flush()
                jobs.enqueue(
                    session,
                    "examine_reference",
                    f"examine_reference:{reference.id}",
                    reference_id=str(reference.id),
                )
        return record

    def record(self, *, area: str = "440304", name: str = "Lin Xiaoyu") -> Record:
        """An open record with one reference."""
        number = next(self._count)
        with self.context.db.write() as session:
            record = Record(
                number=f"R{number:06}",
                name=name,
                born_on=date(2018, 5, 1),
                missing_since=date(2024, 3, 1),
                jurisdiction_code=area,
            )
            session.add(record)
            session.flush()
            photo = self._photo(session, tip_id=None, position=0)
            face = Face(photo_id=photo.id, position=0, left=8, top=8, width=24, height=24)
            session.add(face)
            session.flush()
            session.add(Reference(record_id=record.id, photo_id=photo.id, face_id=face.id, age_years=5.5))
        return record

    def candidate(
        self, *, tip: Tip | None = None, record: Record | None = None, score: float = 0.7314
    ) -> Candidate:
        """A proposed candidate of a tip's first face."""
        tip = tip or self.tip()
        record = record or self.record()
        with self.context.db.write() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).first()
            assert photo is not None
            face = session.exec(select(Face).where(Face.photo_id == photo.id)).one()
            reference = session.exec(select(Reference).where(Reference.record_id == record.id)).one()
            made = CandidateList(
                face_id=face.id,
                cause=SearchCause.TIP,
                encoder=ENCODER,
                encoder_version=ENCODER_VERSION,
                gallery_size=40,
                expected_false=0.42,
            )
            session.add(made)
            session.flush()
            candidate = Candidate(
                list_id=made.id,
                tip_id=tip.id,
                face_id=face.id,
                cluster_id=photo.cluster_id,
                record_id=record.id,
                reference_id=reference.id,
                score=score,
                threshold=0.5861,
                rank=1,
            )
            session.add(candidate)
        return candidate

    def _channel(self, session: Session) -> Channel:
        channel = session.exec(select(Channel).where(Channel.kind == ChannelKind.WEB)).first()
        if channel is None:
            channel = Channel(kind=ChannelKind.WEB, name="web")
            session.add(channel)
            session.flush()
        return channel

    def _photo(self, session: Session, *, tip_id: UUID | None, position: int) -> Photo:
        number = next(self._count)
        original = self.context.store.put(jpeg((number % 250, 120, 150)))
        cluster = PhotoCluster()
        session.add(cluster)
        session.flush()
        photo = Photo(
            tip_id=tip_id,
            position=position,
            sha256=original.sha256,
            byte_count=original.byte_count,
            format="JPEG",
            store_key=original.store_key,
            sealed_key=original.sealed_key,
            state=PhotoState.EXAMINED,
            examined_at=now(),
            width=64,
            height=48,
            cluster_id=cluster.id,
        )
        session.add(photo)
        session.flush()
        for kind, place in ((RenditionKind.SCENE, -1), (RenditionKind.REDACTED, -1), (RenditionKind.FACE, 0)):
            stored = self.context.store.put(jpeg((number % 250, 100, 100)))
            session.add(
                Rendition(
                    photo_id=photo.id,
                    kind=kind,
                    face_position=place,
                    store_key=stored.store_key,
                    sealed_key=stored.sealed_key,
                    width=64,
                    height=48,
                )
            )
        return photo
