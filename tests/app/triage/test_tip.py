"""Promises about a tip's page and the steps it offers."""

import re
from uuid import uuid4

import pytest
from sqlmodel import select

from app.audit.models import Action
from app.core.jobs import Job
from app.officers.models import Role
from app.photos.models import Photo, PhotoState
from app.reviews.triage import OFFICERS_DISPOSITIONS
from app.tips import answers
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make

STEPS = ("disposition", "lead", "transfer", "messages")
LEAD_REASON = "Seen three days running with a man who drives her away."


class TestOpening:
    def test_the_first_opening_acknowledges_it(self, desk: Desk, make: Make) -> None:
        """Somebody of the place has seen the tip, and the log says who and when."""
        tip, officer = make.tip(), make.officer()

        desk.page(tip, officer)
        desk.page(tip, officer)

        assert desk.stored(tip).state == TipState.ACKNOWLEDGED
        rows = desk.audited(tip.id)
        assert [row.action for row in rows] == [Action.TIP_VIEWED, Action.TIP_STATE, Action.TIP_VIEWED]
        assert {row.actor_id for row in rows} == {str(officer.id)}

    @pytest.mark.parametrize("state", [s for s in TipState if s not in {TipState.ROUTED, TipState.ESCALATED}])
    def test_opening_moves_no_other_state(self, desk: Desk, make: Make, state: TipState) -> None:
        """Looking changes nothing else."""
        tip = make.tip(state=state)

        desk.page(tip, make.officer())

        assert desk.stored(tip).state == state

    def test_faces_are_hidden_until_asked_for(self, desk: Desk, make: Make) -> None:
        """Bystanders are blurred in what is shown first; the whole scene is one link away."""
        tip = make.tip(photos=2)

        text = desk.page(tip, make.officer())

        sources = re.findall(r'<img[^>]*src="([^"]+)"', text)
        assert sources == [f"/console/photos/{photo.id}/redacted" for photo in desk.photos(tip)]
        for photo in desk.photos(tip):
            assert f'href="/console/photos/{photo.id}/scene"' in text

    def test_a_photo_that_cannot_be_read_says_why(self, desk: Desk, make: Make) -> None:
        """A parked photo is no gap: its reason is in words."""
        tip = make.tip(photos=2)
        with desk.db.write() as session:
            photo = session.get_one(Photo, desk.photos(tip)[0].id)
            photo.state, photo.parked_reason = PhotoState.PARKED, "damaged"
            session.add(photo)

        text = desk.page(tip, make.officer())

        assert "The file is damaged." in text
        assert f"/console/photos/{photo.id}/" not in text

    @pytest.mark.parametrize("area", ["440303", "442000"])
    def test_another_areas_tip_is_not_there(self, desk: Desk, make: Make, area: str) -> None:
        """Foreign and missing look alike, for every step."""
        tip, stranger = make.tip(), make.officer(*Role, area=area)
        photo = desk.photos(tip)[0]

        answers = [
            desk.client.get(f"/console/tips/{tip.id}", as_=stranger),
            desk.client.get(f"/console/tips/{uuid4()}", as_=stranger),
            desk.dispose(tip, stranger),
            desk.send(tip, stranger, "lead", lead_reason=LEAD_REASON),
            desk.send(tip, stranger, "transfer", area="442000", transfer_reason="It is ours."),
            desk.send(tip, stranger, "messages", text="Where was it?"),
            desk.send(tip, stranger, f"photos/{photo.id}/separate"),
            desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=stranger),
        ]

        assert [answer.status_code for answer in answers] == [404] * len(answers)
        assert desk.stored(tip).state == TipState.ROUTED
        assert desk.audited(tip.id) == []

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_open_no_tip(self, desk: Desk, make: Make, role: Role) -> None:
        """Neither the page nor a step."""
        tip, officer = make.tip(), make.officer(role)

        answers = [desk.client.get(f"/console/tips/{tip.id}", as_=officer)]
        answers += [desk.send(tip, officer, step) for step in STEPS]

        assert {answer.status_code for answer in answers} == {403}


class TestDisposition:
    @pytest.mark.parametrize("code", [c for c in OFFICERS_DISPOSITIONS if c != Disposition.DUPLICATE_OF])
    def test_closing_answers_in_the_thread(self, desk: Desk, make: Make, code: Disposition) -> None:
        """A tip ends with a code, a reason for officers and an answer for its sender."""
        tip, officer = make.tip(state=TipState.ACKNOWLEDGED), make.officer()

        assert desk.dispose(tip, officer, code.value).headers["location"] == f"/console/triage?done={tip.id}"

        kept = desk.stored(tip)
        assert (kept.state, kept.disposition) == (TipState.DISPOSED, code)
        assert (kept.disposition_reason, kept.disposed_by) == ("A patrol looked twice.", officer.id)
        assert [message.notice for message in desk.thread(tip)] == [code.value]
        assert desk.audited(tip.id)[-1].action == Action.TIP_DISPOSED

    @pytest.mark.parametrize("code", [c for c in Disposition if c not in OFFICERS_DISPOSITIONS])
    def test_what_others_decide_is_not_given_here(self, desk: Desk, make: Make, code: Disposition) -> None:
        """A case, a transfer, the tipster or a clock gives these; no form shortcuts it."""
        tip = make.tip()

        assert desk.dispose(tip, make.officer(), code.value).status_code == 409
        assert (desk.stored(tip).state, desk.stored(tip).disposition) == (TipState.ACKNOWLEDGED, None)

    def test_the_page_offers_only_what_may_be_given(self, desk: Desk, make: Make) -> None:
        """And a repeat only where there is a copy to repeat."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()

        alone = desk.page(tip, officer)
        desk.same_picture(tip, copy)
        together = desk.page(tip, officer)

        for code in Disposition:
            offered = f'value="{code.value}"'
            assert (offered in together) == (code in OFFICERS_DISPOSITIONS)
        assert 'value="duplicate_of"' not in alone

    @pytest.mark.parametrize(
        "data",
        [
            {"reason": ""},
            {"reason": "no"},
            {"disposition": ""},
            {"disposition": "lost"},
            {"disposition": "duplicate_of"},
        ],
    )
    def test_a_code_and_a_reason_are_needed(self, desk: Desk, make: Make, data: dict[str, str]) -> None:
        """Nothing is closed by a slip; what was typed stays on the page."""
        tip = make.tip()
        sent = {"disposition": "not_a_child", "reason": "It was a doll in a pram."} | data

        answer = desk.send(tip, make.officer(), "disposition", **sent)

        assert answer.status_code == 422
        assert desk.stored(tip).disposition is None
        assert desk.thread(tip) == []

    def test_what_was_typed_comes_back_beside_the_reason(self, desk: Desk, make: Make) -> None:
        """A refused form is not typed twice."""
        tip = make.tip()

        answer = desk.dispose(tip, make.officer(), "not_a_child", reason="tiny")

        assert answer.status_code == 422
        assert ">tiny</textarea>" in answer.text
        assert re.search(r'value="not_a_child"\s+selected', answer.text)
        assert 'aria-describedby="reason-error"' in answer.text

    @pytest.mark.parametrize("step", ["disposition", "lead"])
    def test_an_open_candidate_is_decided_first(self, desk: Desk, make: Make, step: str) -> None:
        """Triage is no way past two blind reviewers, in either direction."""
        tip = make.tip(state=TipState.IN_REVIEW)
        make.candidate(tip=tip)

        answer = desk.send(
            tip,
            make.officer(*Role),
            step,
            disposition="not_a_child",
            reason="It was a doll in a pram.",
            lead_reason=LEAD_REASON,
        )

        assert answer.status_code == 409
        assert desk.stored(tip).state == TipState.IN_REVIEW
        assert desk.leads() == []

    @pytest.mark.parametrize("state", [TipState.LEAD, TipState.DISPOSED])
    @pytest.mark.parametrize("step", ["disposition", "lead", "transfer"])
    def test_a_lead_or_closed_tip_is_not_decided_again(
        self, desk: Desk, make: Make, state: TipState, step: str
    ) -> None:
        """A case closes a lead, and what is closed stays closed."""
        tip = make.tip(state=state)

        answer = desk.send(
            tip,
            make.officer(),
            step,
            disposition="not_a_child",
            reason="It was a doll in a pram.",
            lead_reason=LEAD_REASON,
            area="442000",
            transfer_reason="It was seen there.",
        )

        assert answer.status_code == 409
        assert desk.stored(tip).state == state
        assert desk.stored(tip).jurisdiction_code == "440304"


class TestRepeats:
    def test_a_repeat_names_the_tip_it_repeats(self, desk: Desk, make: Make) -> None:
        """The first tip goes on; the copy points to it."""
        first, copy, officer = make.tip(), make.tip(), make.officer()
        desk.same_picture(first, copy)

        answer = desk.dispose(copy, officer, "duplicate_of", duplicate_of=str(first.id))

        assert answer.status_code == 303
        assert desk.stored(copy).duplicate_of_id == first.id
        assert desk.stored(first).state == TipState.ROUTED
        assert f"/console/tips/{first.id}" in desk.page(copy, officer)

    def test_it_names_neither_itself_nor_a_foreign_tip(self, desk: Desk, make: Make) -> None:
        """A tip cannot be closed in favour of nothing."""
        tip, foreign, officer = make.tip(), make.tip(area="442000"), make.officer()

        assert desk.dispose(tip, officer, "duplicate_of", duplicate_of=str(tip.id)).status_code == 422
        assert desk.dispose(tip, officer, "duplicate_of", duplicate_of=str(foreign.id)).status_code == 404
        assert desk.dispose(tip, officer, "duplicate_of", duplicate_of=str(uuid4())).status_code == 404
        assert desk.stored(tip).disposition is None

    def test_two_tips_are_not_closed_as_repeating_each_other(self, desk: Desk, make: Make) -> None:
        """Round in a circle, the clue would be lost."""
        one, two, three, officer = make.tip(), make.tip(), make.tip(), make.officer()
        desk.dispose(two, officer, "duplicate_of", duplicate_of=str(one.id))
        desk.dispose(three, officer, "duplicate_of", duplicate_of=str(two.id))

        assert desk.dispose(one, officer, "duplicate_of", duplicate_of=str(two.id)).status_code == 409
        assert desk.dispose(one, officer, "duplicate_of", duplicate_of=str(three.id)).status_code == 409
        assert desk.stored(one).disposition is None

    def test_a_tip_taken_back_carries_no_other(self, desk: Desk, make: Make) -> None:
        """What its sender took back is not worked on, so nothing is closed in its favour."""
        gone, tip, officer = make.tip(), make.tip(), make.officer()
        with desk.db.write() as session:
            kept = session.get_one(Tip, gone.id)
            kept.state, kept.disposition = TipState.DISPOSED, Disposition.WITHDRAWN_BY_TIPSTER
            session.add(kept)

        assert desk.dispose(tip, officer, "duplicate_of", duplicate_of=str(gone.id)).status_code == 409


class TestLead:
    def test_a_tip_becomes_a_lead_with_a_reason(self, desk: Desk, make: Make) -> None:
        """It needs no candidate, and it names who made it: another officer has to open the case."""
        tip, officer = make.tip(), make.officer()

        assert desk.send(tip, officer, "lead", lead_reason=LEAD_REASON).status_code == 303

        (lead,) = desk.leads()
        assert (lead.tip_id, lead.candidate_id, lead.record_id) == (tip.id, None, None)
        assert (lead.created_by, lead.reason, lead.jurisdiction_code) == (officer.id, LEAD_REASON, "440304")
        assert desk.stored(tip).state == TipState.LEAD

    @pytest.mark.parametrize("reason", ["", "Looks odd.", " " * 40])
    def test_a_short_reason_makes_none(self, desk: Desk, make: Make, reason: str) -> None:
        """The lead rests on the officer's words alone."""
        tip = make.tip()

        answer = desk.send(tip, make.officer(), "lead", lead_reason=reason)

        assert answer.status_code == 422
        assert 'id="lead_reason-error"' in answer.text
        assert desk.leads() == []
        assert desk.stored(tip).state == TipState.ACKNOWLEDGED


class TestTransfer:
    def test_only_the_other_area_sees_it_from_then_on(self, desk: Desk, make: Make) -> None:
        """A tip is one authority's; the move and its reason are kept."""
        tip, officer = make.tip(state=TipState.ACKNOWLEDGED), make.officer()
        theirs = make.officer(area="442000")

        answer = desk.send(tip, officer, "transfer", area="442000", transfer_reason="The square is theirs.")

        assert answer.headers["location"] == "/console/triage"
        assert desk.stored(tip).state == TipState.ROUTED
        assert desk.client.get(f"/console/tips/{tip.id}", as_=officer).status_code == 404
        assert "The square is theirs." in desk.page(tip, theirs)
        with desk.db.read() as session:
            told = answers.of_tip(session, tip.id, "en")
        assert told.lines == ()
        moved = [row for row in desk.audited(tip.id) if row.action == Action.TIP_TRANSFERRED]
        assert [row.detail for row in moved] == [{"was": "440304", "now": "442000"}]

    @pytest.mark.parametrize(
        ("area", "reason"),
        [
            ("440304", "It is here already."),
            ("999999", "No such area."),
            ("", "No area."),
            ("442000", ""),
            ("442000", "  x  "),
        ],
    )
    def test_it_names_another_area_and_a_reason(self, desk: Desk, make: Make, area: str, reason: str) -> None:
        """A tip does not vanish into an area that nobody works in."""
        tip = make.tip()

        answer = desk.send(tip, make.officer(), "transfer", area=area, transfer_reason=reason)

        assert answer.status_code == 422
        assert desk.stored(tip).jurisdiction_code == "440304"

    @pytest.mark.parametrize("state", [TipState.RECEIVED, TipState.PROCESSING, TipState.FAILED])
    def test_a_tip_that_is_not_ready_is_not_moved(self, desk: Desk, make: Make, state: TipState) -> None:
        """The worker still has it."""
        tip = make.tip(state=state)

        answer = desk.send(
            tip, make.officer(), "transfer", area="442000", transfer_reason="The square is theirs."
        )

        assert answer.status_code == 409
        assert desk.stored(tip).jurisdiction_code == "440304"


class TestThread:
    def test_a_message_reaches_the_thread(self, desk: Desk, make: Make) -> None:
        """Officers answer in the tipster's own thread."""
        tip, officer = make.tip(), make.officer(name="Name Unmistakable")

        assert desk.send(tip, officer, "messages", text="  Thank you.  ").status_code == 303

        (message,) = desk.thread(tip)
        assert (message.author, message.officer_id, message.text) == (
            Author.OFFICER,
            officer.id,
            "Thank you.",
        )
        assert desk.stored(tip).state == TipState.ROUTED
        assert desk.audited(tip.id)[-1].action == Action.MESSAGE_SENT
        assert "Thank you." in desk.page(tip, officer)

    def test_a_question_waits_for_the_answer(self, desk: Desk, make: Make) -> None:
        """The tip stays in the list, and says what it waits for."""
        tip, officer = make.tip(), make.officer()

        desk.send(tip, officer, "messages", text="Which exit was it?", ask="true")

        assert desk.stored(tip).state == TipState.AWAITING_TIPSTER
        assert "Waiting for the tipster" in desk.listed(officer)

    @pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
    def test_an_empty_or_endless_message_is_not_sent(self, desk: Desk, make: Make, text: str) -> None:
        """Nothing arrives that cannot be read."""
        tip = make.tip()

        assert desk.send(tip, make.officer(), "messages", text=text).status_code == 422
        assert desk.thread(tip) == []

    def test_a_closed_thread_takes_no_message(self, desk: Desk, make: Make) -> None:
        """The answer was the last word."""
        tip = make.tip(state=TipState.DISPOSED)

        assert desk.send(tip, make.officer(), "messages", text="One more thing.").status_code == 409

    def test_who_took_the_tip_back_is_written_to_no_more(self, desk: Desk, make: Make) -> None:
        """Their page ended there; a message would be read by nobody."""
        tip = make.tip(state=TipState.LEAD)
        with desk.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice="withdrawn_by_tipster"))
        officer = make.officer()

        assert desk.send(tip, officer, "messages", text="One more thing.").status_code == 409
        assert 'id="text"' not in desk.page(tip, officer)


class TestSeparating:
    def test_a_photo_leaves_a_cluster_it_does_not_belong_to(self, desk: Desk, make: Make) -> None:
        """A merge can be undone, is logged, and the photo is searched for itself."""
        tip, copy, officer = make.tip(), make.tip(), make.officer()
        desk.same_picture(tip, copy)
        photo = desk.photos(copy)[0]
        assert "Not the same picture as the others" in desk.page(copy, officer)

        assert desk.send(copy, officer, f"photos/{photo.id}/separate").status_code == 303

        after = desk.photos(copy)[0]
        assert after.kept_apart
        assert after.cluster_id != desk.photos(tip)[0].cluster_id
        assert [row.action for row in desk.audited(photo.id)] == [Action.PHOTO_SEPARATED]
        with desk.db.read() as session:
            assert [job.kind for job in session.exec(select(Job))] == ["search_tip"]
        assert "Not the same picture as the others" not in desk.page(copy, officer)

    def test_a_photo_that_stands_alone_or_elsewhere_is_refused(self, desk: Desk, make: Make) -> None:
        """No step is done twice, and none through another tip's address."""
        tip, other, officer = make.tip(), make.tip(), make.officer()
        own, foreign = desk.photos(tip)[0], desk.photos(other)[0]

        assert desk.send(tip, officer, f"photos/{own.id}/separate").status_code == 409
        assert desk.send(tip, officer, f"photos/{foreign.id}/separate").status_code == 404
