"""A gallery of children who do not exist, for tests of what searches it."""

from datetime import date, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select

from app.core.clock import now
from app.core.context import Context
from app.encoders.service import EncoderKey
from app.photos.models import Face, Photo, PhotoState, Template
from app.records.models import Record, RecordState, Reference, Sex

WIDTH = 24
DLIB, OTHER = EncoderKey("dlib", "contract 1"), EncoderKey("mobilefacenet", "contract 1")
BIRTHS = date(2008, 1, 1)
OF_RECORDS: dict[str, tuple[str, object]] = {
    "close": ("state", RecordState.CLOSED),
    "sex": ("sex", Sex.FEMALE),
    "born": ("born_on", BIRTHS),
}
"""Changes of a record: which column, and what it becomes."""
Vectors = NDArray[np.float32]


class People:
    """Children who do not exist: groups of them look alike, and each has a few pictures.

    Args:
        seed: of everything that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.groups = self.draw.standard_normal((4, WIDTH))
        self.templates: dict[UUID, Vectors] = {}
        """Of the first encoder, by reference."""
        self.count = 0

    def like(self, vector: NDArray[np.floating], noise: float = 0.5) -> Vectors:
        """Another picture of the same."""
        seen = vector + noise * self.draw.standard_normal(WIDTH) * np.linalg.norm(vector) / np.sqrt(WIDTH)
        return np.asarray(seen / np.linalg.norm(seen), dtype=np.float32)

    def enrol(self, context: Context, count: int) -> None:
        """Open records with one to three references, some without sex, birth or age."""
        with context.db.write() as session:
            for _ in range(count):
                self.count += 1
                own = self.groups[self.draw.integers(4)] + 1.2 * self.draw.standard_normal(WIDTH)
                known = self.draw.random() < 0.8
                record = Record(
                    number=f"C{self.count:06}",
                    name="Wu Yan",
                    sex=list(Sex)[self.draw.integers(3)],
                    born_on=BIRTHS + timedelta(days=int(self.draw.integers(5_000))) if known else None,
                    missing_since=date(2024, 3, 1),
                    jurisdiction_code="CN",
                )
                session.add(record)
                session.flush()
                for _ in range(self.draw.integers(1, 4)):
                    photo = Photo(
                        sha256="",
                        byte_count=1,
                        format="JPEG",
                        store_key=f"{self.count}-{self.draw.integers(1 << 60)}",
                        sealed_key=b"",
                        state=PhotoState.EXAMINED,
                    )
                    session.add(photo)
                    session.flush()
                    face = Face(photo_id=photo.id, position=0, left=1, top=1, width=9, height=9)
                    session.add(face)
                    session.flush()
                    age = float(self.draw.uniform(0, 17)) if self.draw.random() < 0.8 else None
                    reference = Reference(
                        record_id=record.id, photo_id=photo.id, face_id=face.id, age_years=age
                    )
                    session.add(reference)
                    for key in (DLIB, OTHER):
                        template = self.like(own)
                        session.add(
                            Template(
                                face_id=face.id,
                                encoder=key.name,
                                encoder_version=key.version,
                                vector=template.astype("<f4").tobytes(),
                            )
                        )
                        if key == DLIB:
                            self.templates[reference.id] = template

    def probes(self, count: int) -> list[Vectors]:
        """Pictures of children in the gallery, and of strangers."""
        known = list(self.templates.values())
        return [
            self.like(known[self.draw.integers(len(known))], 0.3)
            if place % 3
            else self.like(self.groups[self.draw.integers(4)], 1.0)
            for place in range(count)
        ]

    def give_a_baby_photo(self, context: Context) -> tuple[Vectors, UUID]:
        """Let a child have photos at two and at nine, the first a little more like the probe returned."""
        with context.db.write() as session:
            twice = select(Reference.record_id).group_by(col(Reference.record_id)).having(func.count() == 2)
            record_id = session.exec(twice.order_by(col(Reference.record_id)).limit(1)).one()
            photos = session.exec(select(Reference).where(Reference.record_id == record_id)).all()
            child = self.like(self.groups[0], 1.0)
            for reference, age, score in zip(photos, (2.0, 9.0), (0.97, 0.96), strict=True):
                reference.age_years = age
                self.templates[reference.id] = self._at(child, score)
                self._give(session, reference, self.templates[reference.id])
            return child, photos[1].id

    def make_twins(self, context: Context, count: int) -> None:
        """Let some references look nearly like one of another record."""
        ids = list(self.templates)
        with context.db.write() as session:
            for one, other in zip(ids[:count], ids[-count:], strict=True):
                reference = session.get_one(Reference, one)
                self.templates[one] = self.like(self.templates[other], 0.1)
                self._give(session, reference, self.templates[one])

    def _at(self, probe: Vectors, score: float) -> Vectors:
        """A template of which a probe has this comparison score."""
        beside = self.draw.standard_normal(WIDTH)
        beside -= (beside @ probe) * probe
        return np.asarray(
            score * probe + np.sqrt(1 - score**2) * beside / np.linalg.norm(beside), dtype=np.float32
        )

    @staticmethod
    def _give(session: Session, reference: Reference, vector: Vectors) -> None:
        of_face = Template.face_id == reference.face_id
        template = session.exec(select(Template).where(of_face, Template.encoder == DLIB.name)).one()
        template.vector = vector.astype("<f4").tobytes()
        session.add(template)

    def change(self, context: Context, what: str) -> None:
        """One change of a record, a reference or a template, as officers and clocks make them."""
        with context.db.write() as session:
            references = session.exec(select(Reference).order_by(col(Reference.id))).all()
            reference = references[int(self.draw.integers(len(references)))]
            if what in OF_RECORDS:
                record = session.get_one(Record, reference.record_id)
                setattr(record, *OF_RECORDS[what])
            elif what == "open":
                for closed in session.exec(select(Record).where(Record.state == RecordState.CLOSED)).all():
                    closed.state = RecordState.OPEN
            elif what == "remove":
                reference.removed_at = now()
            else:
                self._change_templates(session, reference, erase=what == "erase")

    def _change_templates(self, session: Session, reference: Reference, *, erase: bool) -> None:
        of_face = select(Template).where(Template.face_id == reference.face_id)
        for template in session.exec(of_face).all():
            if erase:
                session.delete(template)
            else:
                template.vector = self.like(self.groups[0]).astype("<f4").tobytes()
        if erase:
            session.delete(reference)
