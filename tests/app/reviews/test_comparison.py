"""Promises about what the comparison page shows."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlmodel import select

from app.candidates.models import Candidate, CandidateList, CandidateState
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer
from app.photos.models import Face, Photo
from app.records.models import Record, Reference
from app.reviews.models import Conclusion, Review
from app.reviews.short_list import shuffled
from tests.app.reviews.conftest import Desk
from tests.make import Make


def shown(desk: Desk, candidate: Candidate, officer: Officer) -> str:
    review_id = desk.hold(candidate, officer)
    answer = desk.client.get(f"/console/reviews/{review_id}", as_=officer)
    assert answer.status_code == 200
    return answer.text


def add_reference(make: Make, record_id: UUID, **values: Any) -> UUID:
    with make.context.db.write() as session:
        photo = make._photo(session, tip_id=None, position=0)
        face = Face(photo_id=photo.id, position=0, left=8, top=8, width=24, height=24)
        session.add(face)
        session.flush()
        session.add(Reference(record_id=record_id, photo_id=photo.id, face_id=face.id, **values))
        return photo.id


class TestPictures:
    def test_all_references_stand_there_newest_first_with_their_ages(self, desk: Desk, make: Make) -> None:
        """A child is compared as it was nearest in time, and as it was before."""
        candidate = make.candidate(tip=make.tip(received_at=now()))
        old = add_reference(make, candidate.record_id, age_years=1.0)
        new = add_reference(make, candidate.record_id, taken_on=now().date() - timedelta(days=200))

        page = shown(desk, candidate, make.officer())

        assert page.index(str(new)) < page.index(str(old))
        assert "Age in the photo: 5.5" in page
        assert "Age in the photo: 1.0" in page
        assert "0.5 years before the tip" in page
        assert "The record's child was then" in page

    def test_eyes_are_told_where_they_are_known(self, desk: Desk, context: Context, make: Make) -> None:
        """The script turns two faces alike; faces without landmarks stay as they are."""
        candidate = make.candidate()
        with context.db.write() as session:
            face = desk.face(session, candidate)
            face.landmarks = [[14.0, 16.0], [26.0, 16.0], [20.0, 22.0]]
            session.add(face)

        page = shown(desk, candidate, make.officer())

        assert re.findall(r'data-eyes="([^"]+)"', page) == ["0.3750 0.4167 0.6250 0.4167"]

    def test_quality_and_hazards_are_stated_in_words(self, desk: Desk, context: Context, make: Make) -> None:
        """A reviewer reads what makes pictures deceive before comparing them."""
        candidate = make.candidate()
        desk.change(candidate, hazards=["lookalike", "infant"])
        with context.db.write() as session:
            reference = session.exec(
                select(Reference).where(Reference.record_id == candidate.record_id)
            ).one()
            for face_id, reasons in (
                (candidate.face_id, ["blurred"]),
                (reference.face_id, ["turned", "dark"]),
            ):
                face = session.get_one(Face, face_id)
                face.quality = {"reasons": reasons}
                session.add(face)
            record = session.get_one(Record, candidate.record_id)
            record.born_on = date(2010, 1, 1)
            session.add(record)

        page = shown(desk, candidate, make.officer())

        assert "a sibling, a twin, or the same child twice" in page
        assert re.search(r"\d+\.\d years lie between the newest photo of the record and the tip", page)
        assert re.search(r"The face in the tip:\s*blurred", page)
        assert re.search(r"Face:\s*turned aside, dark", page)

    def test_pictures_are_covered_until_asked_for(self, desk: Desk, make: Make) -> None:
        """Nobody meets a child's picture unprepared; without script the box below uncovers them."""
        page = shown(desk, make.candidate(), make.officer())

        cover = re.search(r'<input type="checkbox"\s+id="cover"[^>]*>', page)
        assert cover is not None
        assert "checked" not in cover.group()


class TestShortList:
    def test_it_is_shuffled_for_each_officer_and_stays(self, desk: Desk, make: Make) -> None:
        """Order says nothing: not the rank, and not the same to two officers."""
        candidate = make.candidate()
        others = [desk.another(candidate) for _ in range(3)]
        everything = [candidate, *others]
        orders = set()

        for officer in [make.officer() for _ in range(12)]:
            order = sorted(everything, key=lambda item: shuffled(officer.id, item.id))
            orders.add(tuple(item.id for item in order))
            at = order.index(candidate) + 1
            first, second = (shown(desk, candidate, officer) for _ in range(2))
            assert f"Record {at} of 4 in this short list" in first
            assert f"Record {at} of 4 in this short list" in second
            review_id = desk.hold(candidate, officer)
            desk.client.post(f"/console/reviews/{review_id}/release", as_=officer)

        assert len(orders) > 6

    def test_its_length_tells_nothing_of_what_others_decided(self, desk: Desk, make: Make) -> None:
        """A record that colleagues have settled still counts; one that was withdrawn is gone."""
        candidate = make.candidate()
        settled, gone, more = (desk.another(candidate) for _ in range(3))
        desk.change(settled, state=CandidateState.AGREED_DIFFERENT)
        desk.change(gone, state=CandidateState.WITHDRAWN)
        desk.change(more, shown_first=False)

        page = shown(desk, candidate, make.officer())

        assert "of 2 in this short list" in page
        assert "decided by you" not in page

    def test_the_own_decisions_are_marked_and_nobody_elses(self, desk: Desk, make: Make) -> None:
        """An officer finds what they have done; what others did stays hidden."""
        candidate = make.candidate()
        mine, theirs = desk.another(candidate), desk.another(candidate)
        officer = make.officer()
        own = desk.decide(mine, Conclusion.EXCLUDE, officer)
        foreign = desk.decide(theirs, Conclusion.EXCLUDE, make.officer())

        page = shown(desk, candidate, officer)

        assert page.count("decided by you") == 1
        assert f'href="/console/reviews/{own}"' in page
        assert str(foreign) not in page

    @pytest.mark.parametrize(
        ("first", "told"),
        [
            (0.1, "about 0.1 wrong candidates"),
            (2.345, "about 2.3 wrong candidates"),
            (0.02, "fewer than 0.1 wrong candidates"),
        ],
    )
    def test_it_says_how_many_wrong_candidates_such_a_list_holds(
        self, desk: Desk, context: Context, make: Make, first: float, told: str
    ) -> None:
        """A candidate is a reason to look, and most lists hold nobody."""
        candidate = make.candidate()
        with context.db.write() as session:
            made = session.get_one(CandidateList, candidate.list_id)
            made.expected_false_first = first
            session.add(made)

        assert told in shown(desk, candidate, make.officer())


class TestExposure:
    @pytest.mark.parametrize(
        ("told", "kept"), [("35", 35.0), ("", None), ("0", 0.0), ("99999", 60.0), ("2.04", 2.0)]
    )
    def test_it_is_kept_with_the_decision(
        self, desk: Desk, context: Context, make: Make, told: str, kept: float | None
    ) -> None:
        """How long pictures were uncovered, as far as a script told, and never longer than they were held."""
        candidate, officer = make.candidate(), make.officer()
        with time_machine.travel(now(), tick=False) as clock:
            review_id = desk.hold(candidate, officer)
            clock.shift(60)
            answer = desk.send(review_id, officer, Conclusion.EXCLUDE, exposure=told)

        assert answer.status_code == 303
        with context.db.read() as session:
            assert session.get_one(Review, review_id).exposure_s == kept

    @pytest.mark.parametrize("told", ["-1", "nan", "inf", "soon"])
    def test_nonsense_is_refused(self, desk: Desk, make: Make, told: str) -> None:
        """Nothing but seconds is kept."""
        candidate, officer = make.candidate(), make.officer()
        review_id = desk.hold(candidate, officer)

        assert desk.send(review_id, officer, Conclusion.EXCLUDE, exposure=told).status_code == 422
        assert desk.state(candidate) == CandidateState.PROPOSED


def test_the_page_has_no_way_to_tip_or_record(desk: Desk, make: Make) -> None:
    """Where nothing but faces is compared, a known answer has no page that could tell it apart."""
    candidate = make.candidate()

    page = shown(desk, candidate, make.officer())

    targets = set(re.findall(r'(?:href|action|formaction)="(/console/[a-z]+/[0-9a-f-]{36})', page))
    assert not any(target.startswith(("/console/tips", "/console/records")) for target in targets)
    with make.context.db.read() as session:
        photo = session.get_one(Photo, session.get_one(Face, candidate.face_id).photo_id)
    assert str(candidate.tip_id) not in page
    assert str(candidate.record_id) not in page
    assert str(photo.cluster_id) not in page
