"""Promises about keeping, skipping and handing over a candidate, and about work that is never lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action
from app.candidates.models import Candidate
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict
from app.officers.models import Officer, Role
from app.reviews import claims, settling
from app.reviews.models import Conclusion, Review, ReviewState
from app.tips.models import Channel, ChannelKind, Tip, TipMessage, TipState
from tests.app.reviews.conftest import NOWHERE, Desk
from tests.make import Make

LEASE_MINUTES = 15
WORDS = "The left ear lobe hangs free in both; the scar is missing."


def after(minutes: float) -> datetime:
    return now() + timedelta(minutes=minutes)


def beat(desk: Desk, review_id: UUID, officer: Officer) -> int:
    return desk.client.post(f"/console/reviews/{review_id}/heartbeat", as_=officer).status_code


def order(desk: Desk, officer: Officer, *candidates: Candidate) -> list[UUID]:
    """The candidates that an officer's queue shows, in its order."""
    text = desk.client.get("/console/reviews", as_=officer).text
    shown = [candidate.id for candidate in candidates if str(candidate.id) in text]
    return sorted(shown, key=lambda found: text.index(str(found)))


@pytest.fixture
def golden_tip(context: Context, make: Make) -> Callable[[], Tip]:
    """Makes tips on the channel of known answers."""
    with context.db.write() as session:
        channel = Channel(kind=ChannelKind.GOLDEN, name="golden")
        session.add(channel)
    return lambda: make.tip(channel_id=channel.id)


class TestHeartbeat:
    def test_an_open_page_keeps_its_candidate(self, desk: Desk, make: Make) -> None:
        """Careful work that takes longer than a lease is not interrupted."""
        candidate = make.candidate()
        officer, other = make.officer(), make.officer()
        review_id = desk.hold(candidate, officer)

        with time_machine.travel(after(LEASE_MINUTES - 1), tick=False):
            kept = beat(desk, review_id, officer)
        with time_machine.travel(after(2 * LEASE_MINUTES - 2), tick=False):
            refused = desk.claim(candidate, other)

        assert kept == 204
        assert refused.status_code == 409

    def test_a_page_that_slept_takes_up_again_what_nobody_took(self, desk: Desk, make: Make) -> None:
        """A closed lid is no reason to begin anew."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        with time_machine.travel(after(LEASE_MINUTES + 5), tick=False):
            assert beat(desk, review_id, officer) == 204
            assert desk.claim(candidate, make.officer()).status_code == 409

    def test_a_lease_that_somebody_took_over_is_lost(self, desk: Desk, make: Make) -> None:
        """The page learns it before the decision is sent."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        with time_machine.travel(after(LEASE_MINUTES + 1), tick=False):
            desk.hold(candidate, make.officer())
            assert beat(desk, review_id, officer) == 409

    def test_a_forgotten_page_lets_go(self, desk: Desk, make: Make) -> None:
        """A page left open overnight blocks no child's case; a claim by hand begins anew."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        said = []
        for step in range(1, 3 * claims.MOST_LEASES):
            with time_machine.travel(after(step * LEASE_MINUTES / 2), tick=False):
                said.append(beat(desk, review_id, officer))

        kept = 2 * claims.MOST_LEASES - 1
        assert said == [204] * kept + [409] * (len(said) - kept)
        with time_machine.travel(after(60 * 10), tick=False):
            assert desk.hold(candidate, officer) == review_id
            assert desk.claim(candidate, make.officer()).status_code == 409

    def test_only_ones_own_held_review_is_kept(self, desk: Desk, make: Make) -> None:
        """A colleague's is not there; one handed back or decided is over."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        foreign = beat(desk, review_id, make.officer())
        desk.client.post(f"/console/reviews/{review_id}/release", as_=officer)
        released = beat(desk, review_id, officer)
        decided = desk.decide(candidate, Conclusion.EXCLUDE, officer)

        assert (foreign, released, beat(desk, decided, officer)) == (404, 409, 409)
        assert beat(desk, NOWHERE, officer) == 404
        assert beat(desk, review_id, make.officer(Role.CLERK)) == 403

    def test_a_candidate_that_was_settled_is_not_held_on(self, desk: Desk, make: Make) -> None:
        """Nobody goes on comparing what was withdrawn."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        desk.change(candidate, state="withdrawn")

        assert beat(desk, review_id, officer) == 409


class TestReturned:
    def test_every_lease_that_ran_out_is_returned_at_once(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """After a crash nothing stays held: once for all, and each with its row in the audit log."""
        officer = make.officer()
        candidates = [make.candidate() for _ in range(3)]
        reviews = [desk.hold(candidate, officer) for candidate in candidates]
        with time_machine.travel(after(LEASE_MINUTES / 2), tick=False):
            later = desk.hold(make.candidate(), officer)

        with time_machine.travel(after(LEASE_MINUTES + 1), tick=False):
            with context.db.write() as session:
                assert claims.release_expired(session) == 3
            with context.db.write() as session:
                assert claims.release_expired(session) == 0

        with context.db.read() as session:
            states = {review_id: session.get_one(Review, review_id).state for review_id in [*reviews, later]}
        assert [states[review_id] for review_id in reviews] == [ReviewState.RELEASED] * 3
        assert states[later] == ReviewState.CLAIMED
        for candidate in candidates:
            assert desk.audited(candidate.id)[-1].detail == {"lease_ran_out": True}

    def test_ones_own_lapsed_claim_is_found_again(self, desk: Desk, make: Make) -> None:
        """The page that is still open stays good: another press on "take" makes no second review of it."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        with time_machine.travel(after(LEASE_MINUTES + 1), tick=False):
            next_one = desk.client.post("/console/reviews/next", as_=officer)
            assert next_one.headers["location"].endswith(str(review_id))
            assert desk.send(review_id, officer, Conclusion.EXCLUDE).status_code == 303


class TestTypedTextSurvives:
    def test_a_decision_that_came_too_late_is_shown_again(self, desk: Desk, make: Make) -> None:
        """Two officers on one item: who lost the lease keeps every word, ready to be copied."""
        candidate = make.candidate()
        slow = make.officer()
        review_id = desk.hold(candidate, slow)

        with time_machine.travel(after(LEASE_MINUTES + 1), tick=False):
            desk.hold(candidate, make.officer())
            late = desk.send(review_id, slow, Conclusion.SUPPORT_SAME, WORDS, feature_ears="different")

        assert late.status_code == 409
        assert "a colleague has taken it over" in late.text
        assert f"{WORDS}</textarea>" in late.text
        assert "None of it was recorded." in late.text
        assert "Support for the same person" in late.text
        assert late.text.count("Agrees") == 9
        assert late.text.count("Differs") == 1
        with desk.db.read() as session:
            assert session.get_one(Review, review_id).conclusion is None

    def test_a_refusal_at_the_last_step_records_nothing(
        self, desk: Desk, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The page that shows the words again is no success: decision and log row go with the refusal."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        def refuse(*_: object) -> None:
            raise Conflict("This candidate has been settled or withdrawn meanwhile.")

        monkeypatch.setattr(settling, "settle", refuse)
        answer = desk.send(review_id, officer, Conclusion.EXCLUDE, WORDS)

        assert answer.status_code == 409
        assert WORDS in answer.text
        with desk.db.read() as session:
            assert session.get_one(Review, review_id).state == ReviewState.CLAIMED
        assert Action.REVIEW_DECIDED not in [row.action for row in desk.audited(candidate.id)]

    def test_a_tip_that_went_elsewhere_takes_no_words_along(self, desk: Desk, make: Make) -> None:
        """The pair is not there any more; what was typed is."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        desk.change(desk.tip(candidate), jurisdiction_code="442000")

        answer = desk.send(review_id, officer, Conclusion.EXCLUDE, f"{WORDS} <b>")

        assert answer.status_code == 404
        assert f"{WORDS} &lt;b&gt;</textarea>" in answer.text
        assert str(candidate.record_id) not in answer.text


class TestSkip:
    def test_a_skipped_one_comes_last_for_who_skipped_it_alone(self, desk: Desk, make: Make) -> None:
        """Even a child in danger, even behind the others; colleagues' lists do not change."""
        danger = make.candidate(tip=make.tip(danger_now=True))
        plain = make.candidate()
        officer, other = make.officer(), make.officer()
        before = order(desk, other, danger, plain)

        review_id = desk.hold(danger, officer)
        answer = desk.client.post(
            f"/console/reviews/{review_id}/skip", as_=officer, data={"reason": "half a draft"}
        )

        assert (answer.status_code, answer.headers["location"]) == (303, "/console/reviews")
        assert order(desk, officer, danger, plain) == [plain.id, danger.id]
        assert order(desk, other, danger, plain) == before == [danger.id, plain.id]
        assert "Skipped by you" in desk.client.get("/console/reviews", as_=officer).text
        with desk.db.read() as session:
            review = session.get_one(Review, review_id)
            assert (review.state, review.reason, review.conclusion) == (ReviewState.SKIPPED, "", None)
        assert desk.audited(danger.id)[-1].action == Action.REVIEW_SKIPPED

    def test_it_may_be_taken_again_and_decided(self, desk: Desk, make: Make) -> None:
        """A skip is no decision."""
        candidate = make.candidate()
        officer = make.officer()
        skipped = desk.hold(candidate, officer)
        desk.client.post(f"/console/reviews/{skipped}/skip", as_=officer)

        late = desk.send(skipped, officer, Conclusion.EXCLUDE)
        desk.decide(candidate, Conclusion.EXCLUDE, officer)

        assert late.status_code == 409
        assert order(desk, officer, candidate) == []

    def test_a_reason_may_be_given(self, desk: Desk, make: Make) -> None:
        """It is kept beside the skip, and not in the audit log."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        form = desk.client.get(f"/console/reviews/{review_id}/aside", as_=officer)
        too_long = desk.client.post(
            f"/console/reviews/{review_id}/skip", as_=officer, data={"skip_reason": "w" * 501}
        )
        told = desk.client.post(
            f"/console/reviews/{review_id}/skip", as_=officer, data={"skip_reason": " I know the family. "}
        )

        assert form.status_code == 200
        assert too_long.status_code == 422
        assert "w" * 501 in too_long.text
        assert told.status_code == 303
        with desk.db.read() as session:
            assert session.get_one(Review, review_id).reason == "I know the family."
        assert desk.audited(candidate.id)[-1].detail == {}

    def test_only_a_held_one_of_ones_own_is_skipped(self, desk: Desk, make: Make) -> None:
        """Nobody skips for a colleague, and nothing is skipped twice."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        skip = f"/console/reviews/{review_id}/skip"

        foreign = desk.client.post(skip, as_=make.officer())
        first = desk.client.post(skip, as_=officer)
        again = desk.client.post(skip, as_=officer)
        page = desk.client.get(f"/console/reviews/{review_id}/aside", as_=officer)

        assert [answer.status_code for answer in (foreign, first, again, page)] == [404, 303, 409, 409]


class TestTransfer:
    def send(self, desk: Desk, review_id: UUID, officer: Officer, **sent: str) -> tuple[int, str]:
        data = {"area": "442000", "transfer_reason": "It was seen in Zhongshan."} | sent
        answer = desk.client.post(f"/console/reviews/{review_id}/transfer", as_=officer, data=data)
        return answer.status_code, answer.headers.get("location") or answer.text

    def test_the_tip_goes_to_the_other_area_with_its_candidate(self, desk: Desk, make: Make) -> None:
        """Who has it in front of them sees first that it is elsewhere; the other area goes on at once."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        assert self.send(desk, review_id, officer) == (303, "/console/reviews")

        tip = desk.tip(candidate)
        assert (tip.jurisdiction_code, tip.state) == ("442000", TipState.ROUTED)
        assert order(desk, officer, candidate) == []
        assert desk.claim(candidate, make.officer(area="442000")).status_code == 303
        actions = [row.action for row in desk.audited(candidate.id, candidate.tip_id)]
        assert Action.TIP_TRANSFERRED in actions
        assert Action.REVIEW_RELEASED in actions

    def test_a_known_answer_is_handed_over_like_any_tip(
        self, desk: Desk, make: Make, golden_tip: Callable[[], Tip]
    ) -> None:
        """Answer, list, log and thread are alike: nobody finds out by trying."""
        officer = make.officer()
        seen = []
        for tip in (make.tip(), golden_tip()):
            candidate = make.candidate(tip=tip)
            review_id = desk.hold(candidate, officer)
            form = desk.client.get(f"/console/reviews/{review_id}/aside", as_=officer)
            refused = self.send(desk, review_id, officer, area="")[0]
            answer = self.send(desk, review_id, officer)
            gone = desk.client.get(f"/console/reviews/{review_id}", as_=officer).status_code
            with desk.db.read() as session:
                notes = session.exec(select(TipMessage).where(TipMessage.tip_id == tip.id)).all()
            log = [
                (row.action, row.subject_kind, sorted(row.detail))
                for row in desk.audited(candidate.id, tip.id)
            ]
            left = order(desk, officer, candidate)
            seen.append((form.status_code, refused, answer, gone, left, len(notes), log))

        assert seen[0] == seen[1]
        assert seen[0][2] == (303, "/console/reviews")

    def test_a_colleagues_work_on_the_same_tip_is_not_taken_away(self, desk: Desk, make: Make) -> None:
        """Who compares another candidate of it would lose sight of the pair."""
        candidate = make.candidate()
        other = desk.another(candidate)
        officer = make.officer()
        review_id = desk.hold(candidate, officer)
        desk.hold(other, make.officer())

        status, text = self.send(desk, review_id, officer)

        assert status == 409
        assert "A colleague compares a picture of this tip just now." in text
        assert desk.tip(candidate).jurisdiction_code == "440304"

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"area": "999999"}, "Choose another area that has an authority."),
            ({"area": "440304"}, "Choose another area that has an authority."),
            ({"transfer_reason": "-"}, "Give the reason in words."),
        ],
    )
    def test_what_is_missing_is_said_beside_its_field(
        self, desk: Desk, make: Make, sent: dict[str, str], said: str
    ) -> None:
        """Nothing is handed over without an area and a reason; the claim stands."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        status, text = self.send(desk, review_id, officer, **sent)

        assert status == 422
        assert said in text
        assert beat(desk, review_id, officer) == 204

    def test_only_a_held_one_of_ones_own_is_handed_over(self, desk: Desk, make: Make) -> None:
        """Not a colleague's, not a decided one, not by another role."""
        candidate = make.candidate()
        officer = make.officer()
        review_id = desk.hold(candidate, officer)

        assert self.send(desk, review_id, make.officer())[0] == 404
        assert self.send(desk, review_id, make.officer(Role.INVESTIGATOR))[0] == 403
        desk.send(review_id, officer, Conclusion.EXCLUDE)
        assert self.send(desk, review_id, officer)[0] == 409
