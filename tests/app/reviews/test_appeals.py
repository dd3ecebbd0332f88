"""Promises about taking decisions out of account."""

from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select

from app.audit.models import Action
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Lead, LeadDismissal
from app.officers.models import Officer, Role
from app.records.models import RecordState
from app.reviews.models import Appeal, AppealState, Conclusion, Review
from app.tips.models import Disposition, TipState
from tests.app.reviews.conftest import Desk
from tests.make import Make

MOTIVE = "The scar is on the other cheek."
SAME, EXCLUDE = Conclusion.SUPPORT_SAME, Conclusion.EXCLUDE


def reverse(desk: Desk, candidate: Candidate, officer: Officer, motive: str = MOTIVE) -> httpx.Response:
    """Take a decision back."""
    return desk.client.post(
        f"/console/candidates/{candidate.id}/reversal", as_=officer, data={"motive": motive}
    )


def appeal(desk: Desk, candidate: Candidate, officer: Officer, motive: str = MOTIVE) -> httpx.Response:
    """Appeal against how a candidate was settled."""
    return desk.client.post(
        f"/console/candidates/{candidate.id}/appeals", as_=officer, data={"motive": motive}
    )


def answer(
    desk: Desk, appeal_id: UUID, officer: Officer, said: str = "upheld", text: str = "Right, the scar."
) -> httpx.Response:
    """Answer an appeal."""
    return desk.client.post(
        f"/console/appeals/{appeal_id}/answer", as_=officer, data={"answer": said, "text": text}
    )


def only_appeal(desk: Desk) -> Appeal:
    """The one there is."""
    with desk.db.read() as session:
        return session.exec(select(Appeal)).one()


def reviews(desk: Desk, candidate: Candidate) -> list[Review]:
    """The reviews of a candidate, in order."""
    with desk.db.read() as session:
        return list(
            session.exec(
                select(Review).where(Review.candidate_id == candidate.id).order_by(col(Review.claimed_at))
            )
        )


def agreed(desk: Desk, make: Make, conclusion: Conclusion = SAME) -> tuple[Candidate, Officer, Officer]:
    """A candidate that two reviewers agree on."""
    candidate, ada, bob = make.candidate(), make.officer(), make.officer()
    desk.decide(candidate, conclusion, ada)
    desk.decide(candidate, conclusion, bob)
    return candidate, ada, bob


class TestReversal:
    def test_it_takes_effect_at_once(self, desk: Desk, make: Make) -> None:
        """A decision taken back counts no more, and two other people decide."""
        candidate, ada = make.candidate(), make.officer()
        desk.decide(candidate, SAME, ada)

        said = reverse(desk, candidate, ada)

        assert said.status_code == 303
        assert desk.state(candidate) == CandidateState.PROPOSED
        assert reviews(desk, candidate)[0].set_aside_at is not None
        assert only_appeal(desk).state == AppealState.UPHELD
        assert Action.REVIEW_REVERSED in {event.action for event in desk.audited(candidate.id)}

    def test_who_took_it_back_does_not_decide_there_again(self, desk: Desk, make: Make) -> None:
        """Nobody is both halves of a pair, not even with two opinions."""
        candidate, ada = make.candidate(), make.officer()
        desk.decide(candidate, SAME, ada)
        reverse(desk, candidate, ada)

        assert desk.claim(candidate, ada).status_code == 409
        assert str(candidate.id) not in desk.client.get("/console/reviews", as_=ada).text

    def test_the_decision_that_was_set_aside_counts_nowhere(self, desk: Desk, make: Make) -> None:
        """One person's support and another's that was taken back make no lead."""
        candidate, ada = make.candidate(), make.officer()
        desk.decide(candidate, SAME, ada)
        reverse(desk, candidate, ada)

        desk.decide(candidate, SAME)

        assert desk.state(candidate) == CandidateState.DECIDED_ONCE
        assert desk.leads() == []
        desk.decide(candidate, SAME)
        assert len(desk.leads()) == 1

    def test_it_is_too_late_once_a_second_person_has_decided(self, desk: Desk, make: Make) -> None:
        """From then on an appeal is the way: a supervisor looks at both."""
        candidate, ada, _ = agreed(desk, make)

        assert reverse(desk, candidate, ada).status_code == 409
        assert desk.state(candidate) == CandidateState.AGREED_SAME

    def test_only_who_decided_may(self, desk: Desk, make: Make) -> None:
        """A colleague's decision is not taken back over their head."""
        candidate = make.candidate()
        desk.decide(candidate, SAME)

        assert reverse(desk, candidate, make.officer()).status_code == 409
        assert reverse(desk, candidate, make.officer(area="440303")).status_code == 404
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE

    def test_a_motive_in_words_is_needed_and_what_was_typed_stays(self, desk: Desk, make: Make) -> None:
        """Who reads the log later learns why."""
        candidate, ada = make.candidate(), make.officer()
        desk.decide(candidate, SAME, ada)

        said = reverse(desk, candidate, ada, "typo?")

        assert said.status_code == 422
        assert "typo?" in said.text
        assert 'id="motive-error"' in said.text
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE

    def test_a_second_reviewer_at_work_goes_on(self, desk: Desk, make: Make) -> None:
        """Their decision is then the first of a new pair, and no work is lost."""
        candidate, ada, bob = make.candidate(), make.officer(), make.officer()
        desk.decide(candidate, SAME, ada)
        held = desk.hold(candidate, bob)
        reverse(desk, candidate, ada)

        said = desk.send(held, bob, EXCLUDE)

        assert said.status_code == 303
        assert desk.state(candidate) == CandidateState.DECIDED_ONCE


class TestAppeal:
    def test_upheld_sets_all_aside_and_others_review_anew(self, desk: Desk, make: Make) -> None:
        """The lead that rested on it is given up, and its tip waits for a decision again."""
        candidate, ada, bob = agreed(desk, make)
        appeal(desk, candidate, make.officer(Role.INVESTIGATOR))

        said = answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR))

        assert said.status_code == 303, said.text
        assert desk.state(candidate) == CandidateState.PROPOSED
        assert all(review.set_aside_at for review in reviews(desk, candidate))
        assert desk.leads()[0].dismissed_at is not None
        assert desk.tip(candidate).state == TipState.ROUTED
        assert {desk.claim(candidate, officer).status_code for officer in (ada, bob)} == {409}
        actions = {event.action for event in desk.audited(candidate.id, desk.leads()[0].id)}
        assert {Action.APPEAL_MADE, Action.APPEAL_ANSWERED, Action.CANDIDATE_REOPENED} <= actions
        assert Action.LEAD_DISMISSED in actions

    def test_the_lead_comes_back_when_two_others_agree(self, desk: Desk, make: Make) -> None:
        """It is the same lead, and what was said of its end is kept and undone."""
        candidate, *_ = agreed(desk, make)
        appeal(desk, candidate, make.officer())
        answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR))

        desk.decide(candidate, SAME)
        desk.decide(candidate, SAME)

        (lead,) = desk.leads()
        with desk.db.read() as session:
            dismissal = session.exec(select(LeadDismissal)).one()
        assert lead.dismissed_at is None
        assert dismissal.undone_at is not None
        assert desk.tip(candidate).state == TipState.LEAD

    def test_others_who_disagree_leave_it_given_up(self, desk: Desk, make: Make) -> None:
        """A lead needs two people whose decisions stand."""
        candidate, *_ = agreed(desk, make)
        appeal(desk, candidate, make.officer())
        answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR))

        desk.decide(candidate, EXCLUDE)
        desk.decide(candidate, EXCLUDE)

        assert desk.state(candidate) == CandidateState.AGREED_DIFFERENT
        assert desk.leads()[0].dismissed_at is not None

    def test_refused_changes_nothing(self, desk: Desk, make: Make) -> None:
        """The decisions stand, with the answer beside the motive."""
        candidate, *_ = agreed(desk, make, EXCLUDE)
        appeal(desk, candidate, make.officer())

        answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR), "refused")

        assert only_appeal(desk).state == AppealState.REFUSED
        assert desk.state(candidate) == CandidateState.AGREED_DIFFERENT
        assert not any(review.set_aside_at for review in reviews(desk, candidate))
        assert appeal(desk, candidate, make.officer()).status_code == 303

    def test_a_lead_with_a_case_is_not_touched(self, desk: Desk, make: Make) -> None:
        """Officers are out: what becomes of it is decided in the case, to which the page leads."""
        candidate, *_ = agreed(desk, make)
        opener = make.officer(Role.INVESTIGATOR)
        desk.client.post(f"/console/leads/{desk.leads()[0].id}/case", as_=opener)
        appeal(desk, candidate, make.officer())
        supervisor = make.officer(Role.SUPERVISOR)

        said = answer(desk, only_appeal(desk).id, supervisor)

        assert said.status_code == 409
        assert desk.state(candidate) == CandidateState.AGREED_SAME
        assert only_appeal(desk).state == AppealState.OPEN
        page = desk.client.get(f"/console/candidates/{candidate.id}", as_=supervisor).text
        assert "/console/cases/" in page

    @pytest.mark.parametrize("part", ["appealed", "decided"])
    def test_who_took_part_does_not_answer(self, desk: Desk, make: Make, part: str) -> None:
        """Nobody judges their own decision or motive."""
        sun = make.officer(Role.REVIEWER, Role.SUPERVISOR)
        candidate = make.candidate()
        desk.decide(candidate, EXCLUDE, sun if part == "decided" else None)
        desk.decide(candidate, EXCLUDE)
        appeal(desk, candidate, sun if part == "appealed" else make.officer())

        assert answer(desk, only_appeal(desk).id, sun).status_code == 403
        assert only_appeal(desk).state == AppealState.OPEN

    def test_who_appealed_or_answered_is_no_new_pair_of_eyes(self, desk: Desk, make: Make) -> None:
        """Both have said what they think of it."""
        candidate, *_ = agreed(desk, make, EXCLUDE)
        eve, sun = make.officer(), make.officer(Role.REVIEWER, Role.SUPERVISOR)
        appeal(desk, candidate, eve)
        answer(desk, only_appeal(desk).id, sun)

        assert {desk.claim(candidate, officer).status_code for officer in (eve, sun)} == {409}
        assert str(candidate.id) not in desk.client.get("/console/reviews", as_=eve).text
        assert desk.claim(candidate, make.officer()).status_code == 303

    def test_only_a_supervisor_of_the_area_answers_once(self, desk: Desk, make: Make) -> None:
        """Another area's sees none, another role may not, and a second answer comes too late."""
        candidate, *_ = agreed(desk, make)
        appeal(desk, candidate, make.officer())
        appeal_id = only_appeal(desk).id

        assert answer(desk, appeal_id, make.officer(Role.INVESTIGATOR)).status_code == 403
        assert answer(desk, appeal_id, make.officer(Role.SUPERVISOR, area="440303")).status_code == 404
        assert answer(desk, appeal_id, make.officer(Role.SUPERVISOR), "refused").status_code == 303
        assert answer(desk, appeal_id, make.officer(Role.SUPERVISOR), "refused").status_code == 409

    def test_one_at_a_time_and_only_of_what_is_settled(self, desk: Desk, make: Make) -> None:
        """While people still decide there is nothing to appeal against."""
        open_one = make.candidate()
        desk.decide(open_one, SAME)
        settled, *_ = agreed(desk, make)
        appeal(desk, settled, make.officer())

        assert appeal(desk, open_one, make.officer()).status_code == 409
        assert appeal(desk, settled, make.officer()).status_code == 409
        assert appeal(desk, settled, make.officer(area="440303")).status_code == 404
        assert appeal(desk, settled, make.officer(Role.CLERK)).status_code == 403

    @pytest.mark.parametrize(("said", "text"), [("", "Right, the scar."), ("upheld", "yes"), ("maybe", "")])
    def test_an_answer_is_chosen_and_justified(self, desk: Desk, make: Make, said: str, text: str) -> None:
        """An empty click answers nothing."""
        candidate, *_ = agreed(desk, make)
        appeal(desk, candidate, make.officer())

        found = answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR), said, text)

        assert found.status_code == 422
        assert only_appeal(desk).state == AppealState.OPEN

    @pytest.mark.parametrize("gone", ["tip", "record"])
    def test_what_went_away_is_not_reviewed_anew(self, desk: Desk, make: Make, gone: str) -> None:
        """A tip taken back and a record closed stay so."""
        candidate, *_ = agreed(desk, make, EXCLUDE)
        appeal(desk, candidate, make.officer())
        with desk.db.read() as session:
            record = session.get_one(Candidate, candidate.id).record_id
        if gone == "tip":
            desk.change(
                desk.tip(candidate),
                state=TipState.DISPOSED,
                disposition=Disposition.WITHDRAWN_BY_TIPSTER,
            )
        else:
            from app.records.models import Record  # noqa: PLC0415 - only here

            with desk.db.write() as session:
                session.get_one(Record, record).state = RecordState.CLOSED

        assert answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR)).status_code == 409
        assert desk.state(candidate) == CandidateState.AGREED_DIFFERENT

    def test_another_lead_of_the_tip_keeps_it_a_lead(self, desk: Desk, make: Make) -> None:
        """Giving up one lead closes no other."""
        candidate, *_ = agreed(desk, make)
        with desk.db.write() as session:
            session.add(
                Lead(tip_id=candidate.tip_id, jurisdiction_code="440304", reason="Seen again by the metro.")
            )
        appeal(desk, candidate, make.officer())

        answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR))

        assert desk.tip(candidate).state == TipState.LEAD


class TestThePage:
    def test_nothing_is_told_while_people_decide(self, desk: Desk, make: Make) -> None:
        """Not the first decision, not by whom, not that there is one, and no motive of an earlier appeal."""
        candidate, *_ = agreed(desk, make, EXCLUDE)
        appeal(desk, candidate, make.officer(), "planted motive 4711")
        answer(desk, only_appeal(desk).id, make.officer(Role.SUPERVISOR), text="planted answer 4712")
        reader = make.officer()
        empty = desk.client.get(f"/console/candidates/{candidate.id}", as_=reader).text
        desk.decide(candidate, SAME, make.officer(name="Planted Name"))

        page = desk.client.get(f"/console/candidates/{candidate.id}", as_=reader).text

        assert page == empty
        assert not any(word in page for word in ("4711", "4712", "Planted", "Set aside", "Both reviewers"))

    def test_a_settled_one_shows_decisions_and_what_they_say_together(self, desk: Desk, make: Make) -> None:
        """The pair's ratings in words, and who decided what and why."""
        candidate, *_ = agreed(desk, make, Conclusion.SUPPORT_SAME_STRONG)

        page = desk.client.get(
            f"/console/candidates/{candidate.id}", as_=make.officer(Role.INVESTIGATOR)
        ).text

        assert "Taken together: Strong support for the same person." in page

    def test_a_pair_that_points_apart_is_said_to(self, desk: Desk, make: Make) -> None:
        """A mean alone would hide the disagreement that an examiner settled."""
        candidate = make.candidate()
        desk.dispute(candidate)
        desk.decide(candidate, EXCLUDE, make.officer(Role.SUPERVISOR))

        page = desk.client.get(f"/console/candidates/{candidate.id}", as_=make.officer()).text

        assert "They point in opposite directions." in page

    def test_the_list_of_appeals_holds_those_of_the_area(self, desk: Desk, make: Make) -> None:
        """A supervisor finds what waits for an answer, and no other area's."""
        candidate, *_ = agreed(desk, make)
        appeal(desk, candidate, make.officer())

        here = desk.client.get("/console/appeals", as_=make.officer(Role.SUPERVISOR, area="440300")).text
        there = desk.client.get("/console/appeals", as_=make.officer(Role.SUPERVISOR, area="440303")).text

        assert str(candidate.id) in here
        assert str(candidate.id) not in there
        assert desk.client.get("/console/appeals", as_=make.officer()).status_code == 403
