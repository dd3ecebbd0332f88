"""Which face of a known answer's picture the answer is about, where there are several."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Sequence
from operator import mul
from uuid import UUID

from sqlmodel import Session, col, select

from app.photos.models import Face, Template
from app.records.models import Reference
from app.reviews.models import GoldenItem, GoldenTruth


def probed(session: Session, item: GoldenItem, faces: Sequence[Face]) -> Face:
    """The face that is compared: the one most like the record's in a pair of one person, else the least.

    A companion in the picture would turn the known answer round. Without templates the largest face is taken.

    Args:
        session: any session.
        item: the known answer.
        faces: the faces in its probe, at least one.
    """
    likeness = _likeness(session, item, faces) if len(faces) > 1 else {}
    if not likeness:
        return max(faces, key=lambda face: (face.width * face.height, -face.position))
    best = max if item.truth == GoldenTruth.SAME else min
    return best(faces, key=lambda face: likeness[face.id])


def _likeness(session: Session, item: GoldenItem, faces: Sequence[Face]) -> dict[UUID, float]:
    """How like each face is to the record's nearest one, by an encoder that has encoded all of them."""
    references = set(
        session.exec(
            select(Reference.face_id).where(
                Reference.record_id == item.record_id,
                col(Reference.face_id).is_not(None),
                col(Reference.removed_at).is_(None),
            )
        )
    )
    wanted = {face.id for face in faces}
    vectors: defaultdict[tuple[str, str], dict[UUID, list[float]]] = defaultdict(dict)
    for template in session.exec(
        select(Template)
        .where(col(Template.face_id).in_(wanted | references))
        .order_by(col(Template.encoder), col(Template.encoder_version))
    ):
        vectors[template.encoder, template.encoder_version][template.face_id] = _unit(template.vector)
    for known in vectors.values():
        records = [vector for face_id, vector in known.items() if face_id in references]
        if records and wanted <= known.keys():
            return {
                face_id: max(sum(map(mul, known[face_id], record)) for record in records)
                for face_id in wanted
            }
    return {}


def _unit(vector: bytes) -> list[float]:
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    length = sum(map(mul, values, values)) ** 0.5
    return [value / length for value in values] if length else list(values)
