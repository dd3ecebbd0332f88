"""Promises about what a reviewer does not see before they have decided."""

import re
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.candidates.models import Candidate, CandidateState, Support
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer, Role
from app.records.models import Record, Reference
from app.reviews import officer as pages
from app.reviews import quality_officer, queue_officer
from app.reviews.models import Conclusion
from app.tips import progress
from app.tips.models import Channel, ChannelKind, Tip
from tests.app.reviews.conftest import Desk
from tests.make import Make

PLANTED = ("0.7314", "0.731", "73.1", "0.5861", "0.586", "0.42", "face_recognition", "1.3.0", "gallery")
"""Score, threshold, expected number of wrong candidates and encoder, as the factory makes them."""
TELLING = re.compile(
    r"score|threshold|rank|decided_once|proposed|support_same_strong.*checked|first review|second review"
    r"|similarity|probab|confiden",
    re.IGNORECASE,
)


UUID_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def review_paths() -> list[str]:
    """The addresses of every page and answer of the reviews, as the routers themselves list them."""
    known = {"{review_id}", "{candidate_id}"}
    return [
        f"/console{route.path}"
        for router in (pages.router, queue_officer.router, quality_officer.router)
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
        if route.path.startswith("/reviews") and set(re.findall("{.*?}", route.path)) <= known
    ]


def bare(page: str, review_id: UUID) -> str:
    """A comparison page without what differs from one claim to the next: the review's id and its lease."""
    page = page.replace(str(review_id), "REVIEW")
    return re.sub(r"Held for you until [^<]*", "Held for you until LEASE", page)


def queue(desk: Desk, officer: Officer) -> bytes:
    answer = desk.client.get("/console/reviews", as_=officer)
    assert answer.status_code == 200
    return answer.content


def opened(desk: Desk, candidate: Candidate, officer: Officer) -> str:
    """The comparison page as an officer sees it, and the candidate handed back again."""
    review_id = desk.hold(candidate, officer)
    answer = desk.client.get(f"/console/reviews/{review_id}", as_=officer)
    assert answer.status_code == 200
    assert desk.client.post(f"/console/reviews/{review_id}/release", as_=officer).status_code == 303
    return bare(answer.text, review_id)


class TestBeforeTheDecision:
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_no_number_of_the_search_is_in_queue_or_page(self, desk: Desk, make: Make, language: str) -> None:
        """A reviewer who knows how sure the machine is follows the machine."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        pages = [
            desk.client.get(f"{path}?lang={language}", as_=officer).text
            for path in ("/console/reviews", f"/console/reviews/{review_id}")
        ]

        for page in pages:
            assert [planted for planted in PLANTED if planted in page] == []
            assert TELLING.findall(page) == []

    def test_the_second_reviewer_sees_the_same_bytes_as_the_first(self, desk: Desk, make: Make) -> None:
        """Who knew that somebody decided before would wonder what."""
        candidate = make.candidate()
        with desk.db.write() as session:
            progress.note(session, session.get_one(Tip, candidate.tip_id))  # as of every tip that was routed
        ada, bo = make.officer(name="Ada Unmistakable"), make.officer(name="Bo")
        first_queue, first_page = queue(desk, bo), opened(desk, candidate, bo)

        desk.decide(candidate, Conclusion.SUPPORT_SAME_STRONG, ada)
        second_queue, second_page = queue(desk, bo), opened(desk, candidate, bo)

        assert second_queue == first_queue
        assert second_page == first_page
        assert "Ada Unmistakable" not in second_page

    def test_an_examiner_does_not_see_what_the_pair_concluded(self, desk: Desk, make: Make) -> None:
        """The third opinion is its own."""
        candidate = make.candidate()
        desk.dispute(candidate)
        examiner = make.officer(Role.SUPERVISOR, name="Examiner")

        review_id = desk.hold(candidate, examiner)
        page = desk.client.get(f"/console/reviews/{review_id}", as_=examiner).text

        assert "Ear lobes and the scar agree." not in page
        assert "Officer " not in page
        assert re.findall(r'<input type="radio"[^>]*checked', page) == []
        assert [planted for planted in PLANTED if planted in page] == []

    def test_the_order_of_two_candidates_does_not_follow_their_rank(self, desk: Desk, make: Make) -> None:
        """The queue is no candidate list: a face's candidates come in an order of each officer's own."""
        candidate = make.candidate()
        other = desk.another(candidate)
        officers = [make.officer() for _ in range(16)]

        texts = [queue(desk, officer).decode() for officer in officers]

        starts = [text.index(str(candidate.id)) < text.index(str(other.id)) for text in texts]
        assert set(starts) == {True, False}
        assert queue(desk, officers[0]).decode() == texts[0]

    def test_a_colleagues_page_is_not_there(self, desk: Desk, make: Make) -> None:
        """Neither a held review nor a decided one can be read by another officer."""
        candidate = make.candidate()
        holder, other = make.officer(), make.officer(Role.REVIEWER, Role.SUPERVISOR)
        review_id = desk.hold(candidate, holder)

        assert desk.client.get(f"/console/reviews/{review_id}", as_=other).status_code == 404
        desk.send(review_id, holder, Conclusion.EXCLUDE)
        assert desk.client.get(f"/console/reviews/{review_id}", as_=other).status_code == 404

    def test_the_tips_page_shows_no_decision_while_the_second_is_out(self, desk: Desk, make: Make) -> None:
        """Triage is no way around the blindness of a review."""
        candidate = make.candidate()
        desk.decide(candidate, Conclusion.SUPPORT_DIFFERENT, make.officer(name="Ada Unmistakable"))
        reader = make.officer()

        before = desk.client.get(f"/console/tips/{candidate.tip_id}", as_=reader).text
        desk.decide(candidate, Conclusion.SUPPORT_DIFFERENT)
        after = desk.client.get(f"/console/tips/{candidate.tip_id}", as_=reader).text

        for telling in ("Ada Unmistakable", "Ear lobes and the scar agree.", "Support for different persons"):
            assert telling not in before
            assert telling in after
        assert [planted for planted in PLANTED if planted in before + after] == []


class TestEveryAnswer:
    def test_no_answer_of_the_reviews_holds_a_number_of_the_search(self, desk: Desk, make: Make) -> None:
        """Pages, live updates and programs' answers alike: whatever is asked for before the own decision."""
        candidate = make.candidate(score=0.81273)
        desk.change(candidate, threshold=0.59371, rank=17, decision_score=5.31913, log10_lr=2.71717)
        desk.change(candidate, log10_lr_low=1.71213, log10_lr_high=3.91317, support=Support.STRONG)
        other = desk.another(candidate)
        ada, officer = make.officer(name="Ada Unmistakable"), make.officer(Role.REVIEWER, Role.SUPERVISOR)
        foreign = desk.decide(candidate, Conclusion.SUPPORT_SAME_STRONG, ada)
        review_id = desk.hold(candidate, officer)
        paths = [path.format(review_id=review_id, candidate_id=candidate.id) for path in review_paths()]
        numbers = ("81273", "59371", "31913", "71717", "71213", "91317", "strong_support", "decided_once")
        planted = (*numbers, "Ada Unmistakable", "Ear lobes and the scar", str(foreign), "agreed_")

        answers = [
            desk.client.get(path, as_=officer, headers={"Accept": accept})
            for path in paths
            for accept in ("text/html", "application/json")
        ]

        assert "/console/reviews" in paths
        assert f"/console/reviews/{review_id}" in paths
        for answer in answers:
            if answer.status_code == 200:
                said = answer.text + str(answer.headers)
                assert [value for value in planted if value in said] == [], answer.request.url
        assert desk.state(other) == CandidateState.PROPOSED

    def test_a_known_answer_looks_like_any_other(self, desk: Desk, context: Context, make: Make) -> None:
        """Who could tell a test from work would work for the test: pages and the way to them are alike."""
        with context.db.write() as session:
            channel = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(channel)
        moment = now()
        texts: dict[str, Any] = {
            "place_text": "Metro exit",
            "description": "A child asks.",
            "received_at": moment,
        }
        real = make.candidate(tip=make.tip(**texts), record=make.record())
        golden = make.candidate(tip=make.tip(channel_id=channel.id, **texts), record=make.record())
        with context.db.write() as session:
            record = session.get_one(Record, golden.record_id)
            record.golden = True
            session.add(record)
        make.candidate()
        officer = make.officer()

        shown, answers = [], []
        for candidate in (real, golden):
            review_id = desk.hold(candidate, officer)
            page = desk.client.get(f"/console/reviews/{review_id}", as_=officer)
            pictures = re.findall(r'src="(/console/photos/[^"]+)"', page.text)
            for path in pictures:
                picture = desk.client.get(path.replace("&amp;", "&"), as_=officer)
                answers.append((picture.status_code, sorted(picture.headers)))
            shown.append(UUID_SHAPE.sub("ID", bare(page.text, review_id)))
            sent = desk.send(review_id, officer, Conclusion.SUPPORT_SAME, feature_ears="different")
            done = desk.client.get(f"/console/reviews/{review_id}", as_=officer)
            answers.append((sent.status_code, sorted(sent.headers)))
            shown.append(re.sub(r"\d+:\d\d:\d\d", "TIME", UUID_SHAPE.sub("ID", done.text)))

        assert shown[:2] == shown[2:]
        assert answers[: len(answers) // 2] == answers[len(answers) // 2 :]


class TestThePage:
    def test_it_shows_the_face_all_references_and_what_is_hazardous(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """A comparison rests on every photo of the child, with its age, and on stated doubts."""
        candidate = make.candidate()
        officer = make.officer()
        with context.db.write() as session:
            face = desk.face(session, candidate)
            face.quality = {"size": 40, "reasons": ["small"]}
            session.add(face)
            reference = session.exec(
                select(Reference).where(Reference.record_id == candidate.record_id)
            ).one()
            reference.age_years = 3.5
            session.add(reference)

        review_id = desk.hold(candidate, officer)
        page = desk.client.get(f"/console/reviews/{review_id}", as_=officer).text

        with context.db.read() as session:
            photo_id = desk.face(session, candidate).photo_id
        assert f'src="/console/photos/{photo_id}/face?face=0"' in page
        assert f'"/console/photos/{photo_id}/scene"' in page
        assert f'src="/console/photos/{reference.photo_id}/face?face=0"' in page
        assert "Age in the photo: 3.5" in page
        assert "small children look alike" in page
        assert "years lie between the newest photo of the record and the tip" in page
        assert re.search(r"The face in the tip:\s*small", page)
        assert "Lin Xiaoyu" in page
        for conclusion in Conclusion:
            assert f'value="{conclusion.value}"' in page

    def test_a_removed_reference_is_not_compared_with(self, desk: Desk, context: Context, make: Make) -> None:
        """A photo that a clerk took out of the record is no evidence."""
        candidate = make.candidate()
        officer = make.officer()
        with context.db.write() as session:
            reference = session.get_one(Reference, candidate.reference_id)
            reference.removed_at = reference.created_at
            session.add(reference)

        review_id = desk.hold(candidate, officer)
        page = desk.client.get(f"/console/reviews/{review_id}", as_=officer).text

        assert str(reference.photo_id) not in page
        assert "An age is not known" in page

    def test_what_a_tipster_wrote_stays_text(self, desk: Desk, make: Make) -> None:
        """A tip can hold anything, and officers' pages run none of it."""
        candidate = make.candidate(
            tip=make.tip(description="<script>alert(1)</script>", place_text='"><img src=x onerror=alert(1)>')
        )
        officer = make.officer()

        review_id = desk.hold(candidate, officer)
        pages = [
            desk.client.get(path, as_=officer).text
            for path in (
                "/console/reviews",
                f"/console/reviews/{review_id}",
                f"/console/tips/{candidate.tip_id}",
            )
        ]

        for page in pages:
            assert "<script>alert" not in page
            assert "<img src=x" not in page

    def test_looking_at_its_pictures_is_in_the_audit_log(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """Every view of a child's photo names who looked."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        page = desk.client.get(f"/console/reviews/{review_id}", as_=officer).text
        sources = re.findall(r'src="(/console/photos/[^"]+)"', page)

        answers = [desk.client.get(source.replace("&amp;", "&"), as_=officer) for source in sources]

        assert len(sources) == 4
        assert [answer.status_code for answer in answers] == [200] * 4
        with context.db.read() as session:
            seen = session.exec(select(AuditEvent).where(AuditEvent.action == Action.PHOTO_VIEWED)).all()
        assert [row.actor_id for row in seen] == [str(officer.id)] * 4


class TestAfterTheDecision:
    def test_the_own_conclusion_stays_readable(self, desk: Desk, make: Make) -> None:
        """An officer can see what they put down, and how many wrong candidates such a list holds."""
        candidate = make.candidate()
        officer = make.officer()

        review_id = desk.decide(candidate, Conclusion.EXCLUDE, officer)
        page = desk.client.get(f"/console/reviews/{review_id}", as_=officer).text

        assert "Not the same person" in page
        assert "Ear lobes and the scar agree." in page
        assert "0.42" in page
        assert "0.7314" not in page

    def test_the_done_page_tells_nothing_of_the_other(self, desk: Desk, make: Make) -> None:
        """What came of it is read on the tip's page, once it is settled."""
        candidate = make.candidate()
        first = make.officer()
        review_id = desk.decide(candidate, Conclusion.EXCLUDE, first)
        before = desk.client.get(f"/console/reviews/{review_id}", as_=first).text

        desk.decide(candidate, Conclusion.SUPPORT_SAME, make.officer(name="Bo Unmistakable"))
        after = desk.client.get(f"/console/reviews/{review_id}", as_=first).text

        assert after == before
