"""From the first version's encoder to the default one, with real networks: nobody is lost on the way."""

from pathlib import Path

import pytest
from sqlmodel import select

from app.audit import service as audit
from app.audit.service import SYSTEM
from app.candidates.models import Candidate, CandidateList, SearchCause
from app.core.context import Context
from app.encoders import queries, reencoding, service
from app.encoders.examiner import EnrolledExaminer
from app.encoders.installed import key_of
from app.encoders.service import EncoderKey
from app.photos.models import Face, Template
from app.photos.sandbox import Examiner
from app.worker import Worker
from matching.encoders.package import FaceRecognitionEncoder
from matching.engine import default_engine
from tests.make import Make

PICTURES = Path(__file__).parents[2] / "app" / "demo" / "pictures"


def picture(name: str) -> bytes:
    return (PICTURES / name).read_bytes()


def templates(context: Context) -> dict[str, int]:
    with context.db.read() as session:
        names = session.exec(select(Template.encoder)).all()
    return {name: names.count(name) for name in set(names)}


@pytest.mark.faces
def test_a_deployment_moves_to_another_encoder(context: Context, make: Make) -> None:
    """Searched with the old one until the new one has everything; then with the new one, old tips too."""
    old = EncoderKey("face_recognition", FaceRecognitionEncoder().version)
    new = key_of(default_engine())
    with context.db.write() as session:
        service.ensure_active(session, old, SYSTEM)

    with EnrolledExaminer(context.db) as examiner:
        worker = Worker(context, examiner)

        # Given a deployment that began with the old encoder
        right = make.sent_record(picture("p0007-portrait0.jpg"))
        for other in ("p0008-portrait0.jpg", "p0005-portrait0.jpg"):
            make.sent_record(picture(other))
        first = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()
        assert set(templates(context)) == {"face_recognition"}

        # When its photos are encoded anew, and a tip comes in meanwhile
        with context.db.write() as session:
            encoder = service.enrol(session, new, SYSTEM)
        make.sent_tip(picture("p0005-tip0.jpg"))
        worker.run_until_idle()
        with context.db.read() as session:
            faces = len(session.exec(select(Face)).all())
        with Examiner(encoders=[new.name]) as again:
            reencoding.reencode(context, encoder, again)

        # Then every face has both templates, and searches still compare the old ones
        with context.db.read() as session:
            lists = session.exec(select(CandidateList)).all()
            assert queries.coverage(session, encoder).share == 1.0
        assert templates(context)[new.name] >= faces
        assert {made.encoder for made in lists} == {"face_recognition"}

        # When it is promoted
        with context.db.write() as session:
            service.promote(session, new, SYSTEM)
        worker.run_until_idle()
        third = make.sent_tip(picture("p0008-tip0.jpg"))
        worker.run_until_idle()

    # Then all tips were searched with it once, and the right record still stands before the officers
    with context.db.read() as session:
        causes = {
            made.face_id: made.cause
            for made in session.exec(select(CandidateList).where(CandidateList.encoder == new.name))
        }
        found = session.exec(select(Candidate.record_id).where(Candidate.tip_id == first.id)).all()
        assert right.id in found
        third_tip = session.exec(select(Candidate).where(Candidate.tip_id == third.id)).all()
        verdict = audit.verify(session, audit.checkpoints_path(context.settings), context.keys.signing)
    assert set(causes.values()) == {SearchCause.PROMOTION, SearchCause.TIP}
    assert third_tip
    assert verdict.problems == ()
