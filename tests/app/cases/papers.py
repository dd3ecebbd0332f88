"""A case with everything that papers show, and how tests read what was printed."""

import json
from datetime import timedelta

import pypdfium2
from sqlmodel import select

from app.cases import referring, tasks
from app.cases.models import Case, CaseState
from app.core.clock import now
from app.jurisdictions.models import Jurisdiction
from app.photos.models import Face, FaceRole, Photo
from app.records.models import Record
from app.referrals.models import Agency
from tests.app.cases.desk import Desk

SQUARE = {
    "type": "Polygon",
    "coordinates": [[[114.0, 22.5], [114.1, 22.5], [114.1, 22.6], [114.0, 22.6], [114.0, 22.5]]],
}
PLACE = "福田区华强北地铁站A出口" * 4
CONTACT = b"138-0013-8000"
NAME = "林小雨 (Lin Xiaoyu)"
A4 = (595, 842)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def rich_case(desk: Desk) -> Case:
    """A case in Futian with places, tasks, a referral and a tipster who left a contact."""
    sealed = desk.context.keys.seal(CONTACT)
    tip = desk.make.tip(
        place_text=PLACE, latitude=22.54, longitude=114.05, contact_sealed=sealed, danger_now=True
    )
    made = desk.case(CaseState.TASKED, desk.agreed_lead(tip))
    with desk.context.db.write() as session:
        area = session.get_one(Jurisdiction, "440304")
        area.shape = json.dumps(SQUARE)
        session.add(area)
        assert made.record_id is not None
        record = session.get_one(Record, made.record_id)
        record.name = NAME
        session.add(record)
        for number in range(9):
            tasks.add(
                session,
                desk.investigator,
                made.id,
                title=f"第{number}项：到现场走访并询问周边商户 <b>&amp;",
                assignee_id=desk.supervisor.id if number == 0 else None,
                due_at=now() + timedelta(days=number + 1),
                instructions=f"Look out for van {number}. " * 9,
            )
        request = "Please see what the family needs."
        referring.send(session, desk.investigator, made.id, Agency.CIVIL_AFFAIRS, "福田区民政局", request)
    return made


def mark_child(desk: Desk, tip_id: object) -> None:
    """Mark the face of a tip's photo as the child."""
    with desk.context.db.write() as session:
        face = session.exec(select(Face).join(Photo).where(Photo.tip_id == tip_id)).one()
        face.role = FaceRole.CHILD
        session.add(face)


def text_of(pdf: bytes) -> tuple[str, list[tuple[int, int]]]:
    """The text of a PDF without spaces, and the size of each page in points."""
    document = pypdfium2.PdfDocument(pdf)
    texts, sizes = [], []
    for page in document:
        view = page.get_textpage()
        texts.append(view.get_text_bounded())
        view.close()
        width, height = page.get_size()
        sizes.append((round(width), round(height)))
        page.close()
    document.close()
    return "".join("".join(texts).split()), sizes


def blackness(pdf: bytes) -> list[float]:
    """How much of each page is not white, 0 to 1."""
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for page in document:
        bitmap = page.render(scale=0.5, grayscale=True)
        histogram = bitmap.to_pil().histogram()
        found.append(1 - histogram[255] / sum(histogram))
        bitmap.close()
        page.close()
    document.close()
    return found
