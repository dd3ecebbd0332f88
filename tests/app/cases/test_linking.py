"""Tips linked to a case by hand, and taken out again."""

from uuid import uuid4

import pytest
from sqlmodel import Session, select

from app.audit.models import Action
from app.cases import closing, leads, linking, queries
from app.cases.models import Case, CaseState, CaseTip
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Officer, Role
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipState
from tests.app.cases.desk import Desk
from tests.app.cases.test_merging import MOTIVE, merge, rows
from tests.conftest import Client
from tests.make import Make


def link(desk: Desk, case: Case, tip: Tip, officer: Officer | None = None) -> None:
    with desk.context.db.write() as session:
        linking.link(session, officer or desk.investigator, case.id, f"/console/tips/{tip.id}", MOTIVE)


def unlink(desk: Desk, case: Case, tip: Tip) -> None:
    with desk.context.db.write() as session:
        linking.unlink(session, desk.investigator, case.id, tip.id, MOTIVE)


def tips(session: Session, case: Case) -> set[object]:
    return {tip.id for tip in queries.tips_of(session, case.id)}


class TestLink:
    @pytest.mark.parametrize("state", sorted(queries.JOINABLE))
    def test_an_open_tip_joins_with_a_reason(self, desk: Desk, make: Make, state: TipState) -> None:
        """It is a lead's tip from then on, and the timeline says why."""
        case, tip = desk.case(), make.tip(state=state)
        link(desk, case, tip)

        assert desk.tip(tip.id).state == TipState.LEAD
        with desk.context.db.read() as session:
            assert tip.id in tips(session, case)
            assert queries.timeline(session, case.id)[0].text == MOTIVE
        assert desk.audited(Action.CASE_CHANGED)[-1].detail == {"linked_tip": str(tip.id)}

    @pytest.mark.parametrize("state", [TipState.DISPOSED, TipState.RECEIVED, TipState.PROCESSING])
    def test_a_closed_or_unprepared_tip_does_not(self, desk: Desk, make: Make, state: TipState) -> None:
        """What was decided about it stays decided."""
        case, tip = desk.case(), make.tip(state=state)

        with pytest.raises(Invalid):
            link(desk, case, tip)
        assert desk.tip(tip.id).state == state

    def test_what_is_not_there_foreign_or_a_known_answer_is_refused_alike(
        self, desk: Desk, make: Make
    ) -> None:
        """The refusal tells nothing about tips of others."""
        with desk.context.db.write() as session:
            channel = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(channel)
        case, foreign, golden = desk.case(), make.tip(area="442000"), make.tip(channel_id=channel.id)
        said = set()
        for address in ("", "no address", f"/console/tips/{uuid4()}", str(foreign.id), str(golden.id)):
            with pytest.raises(Invalid) as refusal, desk.context.db.write() as session:
                linking.link(session, desk.investigator, case.id, address, MOTIVE)
            said.add((refusal.value.message, refusal.value.field))

        assert len(said) == 1

    def test_a_candidate_is_decided_first(self, desk: Desk, make: Make) -> None:
        """A case is no way round the blind pair."""
        case, candidate = desk.case(), make.candidate()

        with pytest.raises(Conflict, match="reviewers"):
            link(desk, case, desk.tip(candidate.tip_id))

    def test_refusals(self, desk: Desk, make: Make) -> None:
        """Twice, without a reason, into a closed case or one that rests."""
        case, tip = desk.case(), make.tip()
        with pytest.raises(Invalid), desk.context.db.write() as session:
            linking.link(session, desk.investigator, case.id, str(tip.id), "same")
        link(desk, case, tip)
        with pytest.raises(Conflict, match="already"):
            link(desk, case, tip)
        with pytest.raises(Conflict, match="closed"):
            link(desk, desk.case(CaseState.CLOSED), make.tip())
        merge(desk, case, desk.case())
        with pytest.raises(Conflict, match="merged"):
            link(desk, case, make.tip())
        with pytest.raises(NotFound):
            link(desk, case, make.tip(), make.officer(Role.INVESTIGATOR, area="442000"))

    def test_closing_answers_it(self, desk: Desk, make: Make) -> None:
        """Who sent it reads what became of the case."""
        case, tip = desk.case(CaseState.IDENTITY_REFUTED), make.tip()
        link(desk, case, tip)
        with desk.context.db.write() as session:
            row = session.get_one(Case, case.id)
            row.state = CaseState.OUTCOME_RECORDED
            session.flush()
            closing.close(session, desk.supervisor, case.id)

        assert desk.tip(tip.id).disposition == Disposition.LINKED_TO_CASE
        assert desk.notices(tip.id) == ["linked_to_case"]


class TestUnlink:
    def test_it_goes_back_to_triage_and_may_come_again(self, desk: Desk, make: Make) -> None:
        """The rows are those from before."""
        case, tip = desk.case(), make.tip()
        before = rows(desk)
        link(desk, case, tip)
        unlink(desk, case, tip)

        assert rows(desk) == before
        assert desk.tip(tip.id).state == TipState.ROUTED
        with pytest.raises(NotFound):
            unlink(desk, case, tip)
        link(desk, case, tip)
        assert desk.tip(tip.id).state == TipState.LEAD

    def test_a_tip_that_other_work_rests_on_stays_a_leads(self, desk: Desk, make: Make) -> None:
        """Another waiting lead, or another open case."""
        case, other, tip, leading = desk.case(), desk.case(), make.tip(), make.tip()
        for each in (case, other):
            link(desk, each, tip)
        with desk.context.db.write() as session:
            leads.from_triage(session, session.get_one(Tip, leading.id), desk.supervisor, MOTIVE)
        link(desk, case, leading)
        unlink(desk, case, tip)
        unlink(desk, case, leading)

        assert desk.tip(tip.id).state == TipState.LEAD
        assert desk.tip(leading.id).state == TipState.LEAD

    def test_only_what_came_by_hand_and_by_nothing_else(self, desk: Desk, make: Make) -> None:
        """The lead's own tip stays; so does one that a resting case has, too."""
        case, resting, tip = desk.case(), desk.case(), make.tip()
        with desk.context.db.read() as session:
            own = queries.tips_of(session, case.id)[0]
        with pytest.raises(Conflict, match="by hand"):
            unlink(desk, case, own)
        link(desk, case, tip)
        link(desk, resting, tip)
        merge(desk, resting, case)
        with pytest.raises(Conflict, match="Undo the merge"):
            unlink(desk, case, tip)

    def test_the_page_does_both_steps(self, client: Client, desk: Desk, make: Make) -> None:
        """A refused form comes back with what was typed beside the reason."""
        case, tip = desk.case(), make.tip()
        path = f"/console/cases/{case.id}/tips"
        refused = client.post(
            f"{path}/link", data={"tip": "nonsense", "link_reason": MOTIVE}, as_=desk.investigator
        )
        linked = client.post(f"{path}/link", data={"tip": str(tip.id), "link_reason": MOTIVE})
        shown = client.get(f"/console/cases/{case.id}").text
        unlinked = client.post(f"{path}/{tip.id}/unlink", data={"unlink_reason": MOTIVE})

        assert refused.status_code == 422
        assert 'value="nonsense"' in refused.text
        assert 'id="tip-error"' in refused.text
        assert (linked.status_code, unlinked.status_code) == (303, 303)
        assert "Linked by hand" in shown
        assert "Tip taken out again" in client.get(f"/console/cases/{case.id}").text
        with desk.context.db.read() as session:
            assert session.exec(select(CaseTip).where(CaseTip.tip_id == tip.id)).first() is None
