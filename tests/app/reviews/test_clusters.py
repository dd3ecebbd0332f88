"""Promises about putting copies of a picture together by hand, taking them apart, and taking either back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.candidates.models import Candidate, CandidateState
from app.core.context import Context
from app.core.db import Database
from app.core.errors import Conflict
from app.core.jobs import Job
from app.officers.models import Officer, Role
from app.photos import moving
from app.photos.models import LinkDerived, LinkKind, Photo, PhotoLink
from app.reviews.models import Conclusion
from app.tips.models import Tip, TipState
from tests.app.reviews.conftest import Desk
from tests.conftest import Client
from tests.make import Make

STEP = st.one_of(
    st.tuples(st.just("join"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("separate"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("take back"), st.integers(0, 5), st.just(0)),
)


@contextmanager
def undone(db: Database) -> Iterator[Session]:
    """A transaction of which nothing stays."""
    with db.write() as session:
        yield session
        session.rollback()


def rows(session: Session) -> list[dict[str, object]]:
    """All that a step by hand may change."""
    session.flush()
    session.expire_all()
    photos = session.exec(select(Photo).order_by(col(Photo.id))).all()
    links = session.exec(select(PhotoLink).order_by(col(PhotoLink.photo_id), col(PhotoLink.other_id))).all()
    return [photo.model_dump() for photo in photos] + [link.model_dump() for link in links]


@pytest.fixture
def photo_ids(context: Context, make: Make) -> list[UUID]:
    """Six photos: two joined by the machine, one taken out before, one found alike, two by themselves."""
    tips = [make.tip() for _ in range(6)]
    with context.db.write() as session:
        photos = [session.exec(select(Photo).where(Photo.tip_id == tip.id)).one() for tip in tips]
        first, copy, apart, alike, *_ = photos
        copy.cluster_id = first.cluster_id
        apart.kept_apart = True
        session.add_all([copy, apart])
        session.flush()
        for photo, joined, undone_at in (
            (copy, True, None),
            (apart, False, datetime(2026, 3, 1, 9, 30, 15, 250, tzinfo=UTC)),
            (alike, False, None),
        ):
            session.add(
                PhotoLink(
                    photo_id=photo.id,
                    other_id=first.id,
                    kind=LinkKind.CROP,
                    derived=LinkDerived.FIRST,
                    joined=joined,
                    undone_at=undone_at,
                    keypoints=30,
                )
            )
    return [photo.id for photo in photos]


@pytest.mark.usefixtures("make")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=14), order=st.randoms(use_true_random=False))
def test_whatever_is_put_together_and_apart_can_be_taken_back_to_the_first_row(
    context: Context, photo_ids: list[UUID], steps: list[tuple[str, int, int]], order: Random
) -> None:
    """Taking back all steps gives every photo and link as it was, whichever photo is taken back first."""
    with undone(context.db) as session:
        before = rows(session)

        for kind, index, other in steps:
            photo_id = photo_ids[index]
            try:
                if kind == "join":
                    moving.join(session, photo_id, photo_ids[other], SYSTEM)
                elif kind == "separate":
                    moving.separate(session, photo_id, SYSTEM)
                else:
                    moving.take_back(session, photo_id, SYSTEM)
            except Conflict:
                pass
        while standing := sorted(moving.last_steps(session, photo_ids)):
            moving.take_back(session, order.choice(standing), SYSTEM)

        assert rows(session) == before


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=10), last=STEP)
def test_taking_back_gives_the_rows_before_the_last_step(
    context: Context, photo_ids: list[UUID], steps: list[tuple[str, int, int]], last: tuple[str, int, int]
) -> None:
    """One step back is exactly one step, in the midst of others."""

    def take(session: Session, step: tuple[str, int, int]) -> bool:
        kind, index, other = step
        work: dict[str, Callable[[], object]] = {
            "join": lambda: moving.join(session, photo_ids[index], photo_ids[other], SYSTEM),
            "separate": lambda: moving.separate(session, photo_ids[index], SYSTEM),
            "take back": lambda: moving.take_back(session, photo_ids[index], SYSTEM),
        }
        try:
            work[kind]()
        except Conflict:
            return False
        return True

    with undone(context.db) as session:
        for step in steps:
            take(session, step)
        before = rows(session)

        if take(session, last) and last[0] != "take back":
            moving.take_back(session, photo_ids[last[1]], SYSTEM)

            assert rows(session) == before


class Copies:
    """Two tips, and what officers do with their photos through the routes."""

    def __init__(self, client: Client, context: Context, make: Make) -> None:
        self.client, self.db, self.make = client, context.db, make

    def photo(self, tip: Tip) -> Photo:
        """A tip's photo as it stands."""
        with self.db.read() as session:
            return session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()

    def page(self, cluster_id: UUID | None, officer: Officer, query: str = "") -> httpx.Response:
        """The page of a cluster."""
        return self.client.get(f"/console/clusters/{cluster_id}{query}", as_=officer)

    def add(self, into: Tip, tip: Tip, officer: Officer) -> httpx.Response:
        """Put a tip's photo with another's."""
        path = f"/console/clusters/{self.photo(into).cluster_id}/photos"
        return self.client.post(path, as_=officer, data={"photo_id": str(self.photo(tip).id)})

    def send(self, tip: Tip, step: str, officer: Officer, cluster_id: UUID | None = None) -> httpx.Response:
        """Take a tip's photo out of its cluster, or take the last step back."""
        photo = self.photo(tip)
        path = f"/console/clusters/{cluster_id or photo.cluster_id}/photos/{photo.id}/{step}"
        return self.client.post(path, as_=officer)

    def together(self, *tips: Tip) -> bool:
        """Whether the photos of tips are in one cluster."""
        return len({self.photo(tip).cluster_id for tip in tips}) == 1

    def actions(self, tip: Tip) -> list[str]:
        """What the log says was done to a tip's photo."""
        with self.db.read() as session:
            return [
                event.action
                for event in session.exec(
                    select(AuditEvent)
                    .where(AuditEvent.subject_id == str(self.photo(tip).id))
                    .order_by(col(AuditEvent.seq))
                )
            ]

    def candidate(self, candidate: Candidate) -> Candidate:
        """A candidate as it stands."""
        with self.db.read() as session:
            return session.get_one(Candidate, candidate.id)


@pytest.fixture
def copies(client: Client, context: Context, make: Make) -> Copies:
    """The clusters of this test's deployment."""
    return Copies(client, context, make)


class TestThePage:
    def test_all_copies_with_what_their_senders_state(self, copies: Copies, make: Make) -> None:
        """First sent, largest, places and times: whoever looks sees whether the picture wanders."""
        seen = datetime(2026, 3, 1, 9, tzinfo=UTC)
        first = make.tip(latitude=22.54, longitude=114.06, observed_at=seen, place_text="Square of the first")
        copy, officer = make.tip(latitude=23.13, longitude=113.26, place_text="Far away"), make.officer()
        copies.add(first, copy, officer)

        page = copies.page(copies.photo(first).cluster_id, officer).text

        assert page.index("Square of the first") < page.index("All copies")
        assert page.count("/redacted") == 2
        assert "/scene" not in page
        assert "Far away" in page
        assert "up to 105 km apart" in page
        assert "Put together by an officer with" in page

    def test_of_another_areas_tips_only_the_number_is_told(self, copies: Copies, make: Make) -> None:
        """Whose they are is not this officer's to know."""
        tip, foreign = make.tip(), make.tip(area="442000", place_text="Their corner")
        nation, officer = make.officer(Role.SUPERVISOR, area="CN"), make.officer()
        assert copies.add(tip, foreign, nation).status_code == 303

        page = copies.page(copies.photo(tip).cluster_id, officer).text

        assert "1 more tip of another area." in page
        assert "Their corner" not in page
        assert str(foreign.id) not in page
        assert str(copies.photo(foreign).id) not in page

    def test_a_cluster_without_a_tip_of_the_area_is_not_there(self, copies: Copies, make: Make) -> None:
        """Foreign and missing look alike, for every step."""
        foreign, own, officer = make.tip(area="442000"), make.tip(), make.officer()
        cluster_id = copies.photo(foreign).cluster_id

        answers = [
            copies.page(cluster_id, officer),
            copies.page(UUID(int=7), officer),
            copies.add(foreign, own, officer),
            copies.add(own, foreign, officer),
            copies.send(foreign, "separate", officer),
            copies.send(foreign, "take-back", officer),
        ]

        assert [answer.status_code for answer in answers] == [404] * 6

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_see_no_copies(self, copies: Copies, make: Make, role: Role) -> None:
        """Copies are tips' photos."""
        tip, officer = make.tip(), make.officer(role)

        assert copies.page(copies.photo(tip).cluster_id, officer).status_code == 403
        assert copies.send(tip, "separate", officer).status_code == 403

    def test_a_candidate_under_review_does_not_show(self, copies: Copies, make: Make, desk: Desk) -> None:
        """What reviewers have not settled stays theirs: the page reads as for any other tip."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        copies.add(tip, copy, officer)
        before = copies.page(copies.photo(tip).cluster_id, officer).text
        desk.decide(make.candidate(tip=tip), Conclusion.SUPPORT_SAME)

        assert copies.page(copies.photo(tip).cluster_id, officer).text == before

    def test_a_photo_is_found_by_its_tips_number(self, copies: Copies, make: Make) -> None:
        """Typed, or pasted with the address around it; anything else is answered beside the field."""
        tip, other, foreign, officer = make.tip(), make.tip(photos=2), make.tip(area="442000"), make.officer()
        cluster_id = copies.photo(tip).cluster_id

        found = copies.page(cluster_id, officer, f"?tip=http://x/console/tips/{other.id}").text

        assert found.count('name="photo_id"') == 2
        for number in (str(foreign.id), "12", "' or 1=1", "%00"):
            answer = copies.page(cluster_id, officer, f"?tip={number}")
            assert answer.status_code == 200
            assert "No tip of your area has this number." in answer.text
            assert 'name="photo_id"' not in answer.text


class TestTakingBack:
    def test_a_merge_is_undone_and_both_stand_in_the_log(self, copies: Copies, make: Make) -> None:
        """Both tips go on as before; no tip was closed by any of it."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        was = copies.photo(copy)
        assert copies.add(tip, copy, officer).status_code == 303
        assert copies.together(tip, copy)
        assert "Undo: put together on" in copies.page(copies.photo(tip).cluster_id, officer).text

        assert copies.send(copy, "take-back", officer).status_code == 303

        assert copies.photo(copy) == was
        assert copies.actions(copy) == [Action.PHOTO_CLUSTERED, Action.PHOTO_SEPARATED]
        assert copies.send(copy, "take-back", officer).status_code == 409
        with copies.db.read() as session:
            assert {each.state for each in session.exec(select(Tip))} == {TipState.ROUTED}
            assert session.exec(select(PhotoLink)).all() == []

    def test_taking_out_is_undone_from_where_it_was(self, copies: Copies, make: Make) -> None:
        """The cluster's page still offers the photo that was taken out of it by mistake."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        copies.add(tip, copy, officer)
        joined = copies.photo(copy)
        assert copies.send(copy, "separate", officer).status_code == 303
        assert copies.photo(copy).kept_apart

        page = copies.page(joined.cluster_id, officer).text
        assert "Undo: taken out on" in page
        assert "Taken out by an officer:" in page
        assert copies.send(copy, "take-back", officer, joined.cluster_id).status_code == 303

        assert copies.photo(copy) == joined

    def test_who_stays_behind_is_searched_as_well(self, copies: Copies, make: Make) -> None:
        """The copy that had been searched may be the one that left."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        copies.add(tip, copy, officer)
        cluster_id = copies.photo(tip).cluster_id

        copies.send(copy, "separate", officer)

        with copies.db.read() as session:
            job = session.exec(select(Job).order_by(col(Job.created_at).desc())).first()
        assert job is not None
        assert (job.kind, job.args) == (
            "search_tip",
            {"tip_id": str(copy.id), "left_id": str(cluster_id), "photo_id": str(copies.photo(copy).id)},
        )

    def test_candidates_follow_their_photo_there_and_back(self, copies: Copies, make: Make) -> None:
        """A candidate stands for the picture that its face is in."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        copies.add(tip, copy, officer)
        candidate = make.candidate(tip=tip)
        joined = copies.photo(tip).cluster_id
        assert copies.send(tip, "separate", officer).status_code == 303
        assert copies.candidate(candidate).cluster_id == copies.photo(tip).cluster_id != joined

        assert copies.send(tip, "take-back", officer, joined).status_code == 303

        assert copies.candidate(candidate).cluster_id == joined

    def test_what_was_found_meanwhile_gives_way_unless_somebody_decides_on_it(
        self, copies: Copies, make: Make, desk: Desk
    ) -> None:
        """A picture has one candidate with a record; nobody's decision is lost for it."""
        record, officer = make.record(), make.officer()
        tips = [make.tip() for _ in range(3)]
        first, free, decided = tips
        for tip in (free, decided):
            copies.add(first, tip, officer)
            copies.send(tip, "separate", officer)
        standing, given_up, kept = [make.candidate(tip=tip, record=record) for tip in tips]
        desk.decide(kept, Conclusion.EXCLUDE)

        assert copies.send(free, "take-back", officer).status_code == 303
        assert copies.send(decided, "take-back", officer).status_code == 409

        assert copies.candidate(given_up).state == CandidateState.WITHDRAWN
        assert copies.candidate(standing).state == CandidateState.PROPOSED
        assert copies.candidate(kept).state == CandidateState.DECIDED_ONCE
        assert not copies.together(first, decided)

    def test_a_photo_on_which_officers_decide_is_not_moved_to_another_picture(
        self, copies: Copies, make: Make
    ) -> None:
        """Its candidate would stand for a picture that nobody compared."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        make.candidate(tip=copy)

        assert copies.add(tip, copy, officer).status_code == 409
        assert not copies.together(tip, copy)

    def test_steps_before_there_was_a_way_back_are_only_taken_out(self, copies: Copies, make: Make) -> None:
        """What the machine joined has no step by hand to take back."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        with copies.db.write() as session:
            photo = session.get_one(Photo, copies.photo(copy).id)
            photo.cluster_id = copies.photo(tip).cluster_id
            session.add(photo)

        assert copies.send(copy, "take-back", officer).status_code == 409
        assert copies.send(copy, "separate", officer).status_code == 303
