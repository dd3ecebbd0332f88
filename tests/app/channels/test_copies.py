"""Promises about pictures: what a voiding holds hides no honest copy of it, wherever officers would look."""

from dataclasses import dataclass

import pytest
from sqlmodel import select

from app.candidates import queries as candidates
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.photos.models import Face, Photo
from app.reviews import cluster_members, queue, triage_list
from app.reviews.triage_list import Filters
from app.tips.models import Tip
from tests.app.channels.conftest import Desk
from tests.make import ENCODER, ENCODER_VERSION


@dataclass
class Pair:
    """A voided tip whose picture was searched, and an honest copy that came later."""

    desk: Desk
    bad: Tip
    honest: Tip
    void: ChannelVoid
    record_id: object

    def searched_before(self) -> bool:
        """Whether the honest copy is taken as searched already."""
        with self.desk.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == self.honest.id)).one()
            return candidates.picture_searched_before(session, photo, ENCODER, ENCODER_VERSION)

    def standing(self, tip: Tip) -> bool:
        """Whether the candidate with the record stands for a tip's face."""
        with self.desk.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
            face = session.exec(select(Face).where(Face.photo_id == photo.id)).one()
            return candidates.standing(session, photo.cluster_id, face.id, self.record_id)  # type: ignore[arg-type]


@pytest.fixture
def pair(desk: Desk) -> Pair:
    """The copy comes in while the first one is set aside."""
    bad = desk.tip()
    candidate = desk.make.candidate(tip=bad)
    void = desk.void()
    honest = desk.make.tip()
    desk.same_picture(bad, honest)
    return Pair(desk, bad, honest, void, candidate.record_id)


class TestHonestCopies:
    def test_they_are_searched_for_themselves(self, pair: Pair) -> None:
        """No search and no candidate of the voided tip stands for them; after undo both do again."""
        assert not pair.searched_before()
        assert not pair.standing(pair.honest)
        assert pair.standing(pair.bad)

        pair.desk.undo(pair.void)

        assert pair.searched_before()
        assert pair.standing(pair.honest)

    def test_triage_does_not_hide_them_behind_a_picture_under_review(self, pair: Pair) -> None:
        """Nobody can review the voided one's candidate, so the copy is anybody's to look at."""
        officer = pair.desk.make.officer()

        with pair.desk.read() as session:
            shown = triage_list.in_triage(session, officer, Filters(), 1).items

        assert [tip.id for tip in shown] == [pair.honest.id]

    def test_voided_copies_make_nothing_more_urgent(self, pair: Pair) -> None:
        """They count neither as tips with the picture nor as copies in other areas."""
        desk = pair.desk
        own = desk.make.candidate(tip=pair.honest)
        officer = desk.make.officer()

        with desk.read() as session:
            entries = queue.entries_of(session, officer, desk.context.settings, now())
            cluster = session.exec(select(Photo.cluster_id).where(Photo.tip_id == pair.honest.id)).one()
            assert cluster is not None
            elsewhere = cluster_members.elsewhere(session, officer, cluster)

        assert [(entry.candidate_id, entry.tips) for entry in entries] == [(own.id, 1)]
        assert elsewhere == 0
