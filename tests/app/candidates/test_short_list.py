"""Promises about how many candidates of a face are shown first."""

from uuid import UUID

import numpy as np
import pytest
from sqlmodel import Session, col, select

from app.audit.service import SYSTEM
from app.candidates import service
from app.candidates.gallery import GalleryCache, OpenGallery
from app.candidates.models import Candidate, SearchCause
from app.candidates.service import Probe
from app.core.clock import now
from app.core.context import Context
from app.encoders import service as encoders
from app.photos.models import Face, Photo
from matching.calibration import LikelihoodRatio
from matching.candidate_list import Candidate as Choice
from matching.candidate_list import CandidateList
from matching.false_match import ScoreKind
from tests.app.candidates.test_gallery import KEY, enrolled
from tests.make import Make


@pytest.fixture
def gallery(context: Context, make: Make) -> OpenGallery:
    """Four records to be like."""
    with context.db.write() as session:
        encoders.ensure_active(session, KEY, SYSTEM)
    enrolled(context, make, 4)
    with context.db.read() as session:
        return GalleryCache(context.settings.data_dir).current(session)


def probe_of(session: Session, tip_id: UUID) -> Probe:
    face = session.exec(select(Face.id).join(Photo).where(Photo.tip_id == tip_id)).one()
    return Probe(face, np.zeros(128, np.float32), now().date(), poor_face=False)


def choice(number: int, *, first: bool) -> Choice:
    return Choice(
        record=number,
        reference=number,
        score=0.9 - number / 10,
        decision=None,
        decided_by=ScoreKind.COMPARISON,
        threshold=0.3,
        rank=number + 1,
        first=first,
        expected_false=0.1,
        likelihood=LikelihoodRatio(1.0, 0.5, 1.5),
        hazards=frozenset(),
    )


def shown(context: Context) -> list[tuple[int, bool]]:
    with context.db.read() as session:
        rows = session.exec(select(Candidate.rank, Candidate.shown_first).order_by(col(Candidate.rank))).all()
    return [(rank, first) for rank, first in rows]


class TestShortList:
    def test_no_more_are_shown_first_than_the_setting_says(
        self, context: Context, make: Make, gallery: OpenGallery
    ) -> None:
        """Long lists mislead: what does not fit stands behind "more", the least alike first."""
        tip = make.tip()
        chosen = CandidateList(tuple(choice(number, first=number < 3) for number in range(4)), 0.1, 0.4)

        with context.db.write() as session:
            probe = probe_of(session, tip.id)
            added = service.propose(session, probe, chosen, gallery, SearchCause.TIP, short_list=2)

        assert added == 4
        assert shown(context) == [(1, True), (2, True), (3, False), (4, False)]

    def test_records_that_come_later_do_not_lengthen_it(
        self, context: Context, make: Make, gallery: OpenGallery
    ) -> None:
        """A list that grew by retroaction would be as long as any."""
        tip = make.tip()
        before = CandidateList(tuple(choice(number, first=True) for number in range(2)), 0.1, 0.4)
        later = CandidateList((choice(3, first=True),), 0.1, 0.4)

        with context.db.write() as session:
            probe = probe_of(session, tip.id)
            service.propose(session, probe, before, gallery, SearchCause.TIP, short_list=2)
            service.propose(session, probe, later, gallery, SearchCause.RETROACTION, short_list=2)

        assert shown(context) == [(1, True), (2, True), (4, False)]
