"""What rests in another case: no way round a rule, no tip forgotten, and the way back from any order."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.cases import closing, merging, queries, referring, removal, service, splitting
from app.cases.models import Case, CaseMerge, CaseState, CaseTip, Outcome
from app.core.errors import Conflict
from app.referrals.models import Agency
from app.tips.models import TipState
from tests.app.cases.desk import Desk
from tests.app.cases.test_merging import MOTIVE, merge, rows, undo
from tests.app.cases.test_removal import REQUEST, TAKEN, complete


def share(desk: Desk, case: Case, other: Case) -> str:
    """Put the tip of one case into another, as copies of a picture do."""
    with desk.context.db.write() as session:
        tip = queries.tips_of(session, case.id)[0]
        session.add(CaseTip(case_id=other.id, tip_id=tip.id))
        return str(tip.id)


def tip_ids(desk: Desk, case: Case) -> set[str]:
    """The tips that a case has now."""
    with desk.context.db.read() as session:
        return {str(tip.id) for tip in queries.tips_of(session, case.id)}


class TestRemoval:
    @pytest.mark.parametrize("between", [False, True])
    def test_a_merge_is_no_way_round_civil_affairs(self, desk: Desk, *, between: bool) -> None:
        """A child taken away in a case that rests, also in one that rests two steps away, still counts."""
        taken, into = desk.case(CaseState.TASKED), desk.case(CaseState.IDENTITY_REFUTED)
        with desk.context.db.write() as session:
            removal.record(session, desk.supervisor, taken.id, TAKEN)
            referral = referring.send(
                session, desk.investigator, taken.id, Agency.CIVIL_AFFAIRS, "Futian", REQUEST
            )
        if between:
            middle = desk.case(CaseState.TASKED)
            merge(desk, taken, middle)
            merge(desk, middle, into)
        else:
            merge(desk, taken, into)
        with desk.context.db.write() as session:
            service.record_outcome(session, desk.investigator, into.id, Outcome.NOT_MISSING, MOTIVE)

        with desk.context.db.write() as session, pytest.raises(Conflict, match="civil affairs"):
            closing.close(session, desk.supervisor, into.id)
        complete(desk, desk.investigator, referral)
        with desk.context.db.write() as session:
            closing.close(session, desk.supervisor, into.id)

        assert desk.again(into).state == CaseState.CLOSED


class TestTips:
    def test_closing_answers_tips_that_came_in_two_steps(self, desk: Desk) -> None:
        """A case that rests in one that rests holds no tip open."""
        first, second = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
        into = desk.case(CaseState.OUTCOME_RECORDED)
        merge(desk, first, second)
        merge(desk, second, into)
        with desk.context.db.write() as session:
            into_row = session.get_one(Case, into.id)
            into_row.outcome = Outcome.NOT_MISSING
            closing.close(session, desk.supervisor, into.id)

        with desk.context.db.read() as session:
            states = {tip.state for tip in queries.tips_of(session, into.id)}
            assert len(queries.tips_of(session, into.id)) == 3
        assert states == {TipState.DISPOSED}

    def test_a_tip_of_two_resting_cases_stays_until_both_went(self, desk: Desk) -> None:
        """Undoing one merge takes nothing away that the other case brought, too."""
        first, second, into = (desk.case(CaseState.TASKED) for _ in range(3))
        shared = share(desk, first, second)
        before = rows(desk)
        merge(desk, first, into)
        merge(desk, second, into)

        undo(desk, first)
        assert shared in tip_ids(desk, into)
        undo(desk, second)
        assert rows(desk) == before

    def test_what_a_merge_brought_is_not_split_off(self, desk: Desk) -> None:
        """Undoing the merge is the way: a resting case would lose what it rests on."""
        case, into = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
        merge(desk, case, into)
        with desk.context.db.read() as session:
            brought = queries.tips_of(session, case.id)[0]

        with desk.context.db.write() as session, pytest.raises(Conflict, match="merged into this one"):
            splitting.split(session, desk.investigator, into.id, brought.id, MOTIVE)

    @given(
        shared=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4),
        steps=st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=10),
    )
    @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_merges_undone_in_any_order_give_back_the_rows(
        self, desk: Desk, shared: list[tuple[int, int]], steps: list[tuple[bool, int, int]]
    ) -> None:
        """Chains, shared tips, refused steps between: at the end every row is as it was."""
        cases = [desk.case(CaseState.TASKED) for _ in range(4)]
        for one, other in set(shared):
            if one != other and not tip_ids(desk, cases[one]) & tip_ids(desk, cases[other]):
                share(desk, cases[one], cases[other])
        before = rows(desk)
        for forward, one, other in steps:
            if one == other:
                continue
            try:
                merge(desk, cases[one], cases[other]) if forward else undo(desk, cases[one])
            except Conflict:
                continue
            with desk.context.db.read() as session:
                for case in cases:
                    for rests in queries.merged_into(session, case.id):
                        held = {tip.id for tip in queries.tips_of(session, rests)}
                        assert held <= {tip.id for tip in queries.tips_of(session, case.id)}
        while any(_undone(desk, case) for case in cases):
            pass

        assert rows(desk) == before
        with desk.context.db.read() as session:
            assert not session.exec(select(CaseMerge).where(CaseMerge.undone_at == None)).all()  # noqa: E711


def _undone(desk: Desk, case: Case) -> bool:
    try:
        undo(desk, case)
    except Conflict:
        return False
    return True


def test_a_resting_case_takes_no_step_at_all(desk: Desk) -> None:
    """Not even a note: whoever writes there would not be read."""
    case, into = desk.case(CaseState.TASKED), desk.case()
    merge(desk, case, into)

    for step in (
        lambda s: service.add_note(s, desk.investigator, case.id, "A note."),
        lambda s: service.link_copies(s, desk.investigator, case.id),
        lambda s: removal.record(s, desk.supervisor, case.id, TAKEN),
        lambda s: merging.merge(s, desk.investigator, into.id, case.number, MOTIVE),
        lambda s: referring.send(s, desk.investigator, case.id, Agency.SCHOOL, "No 1", REQUEST),
        lambda s: closing.close(s, desk.supervisor, case.id),
        lambda s: closing.reopen(s, desk.supervisor, case.id, MOTIVE),
    ):
        with pytest.raises(Conflict, match="merged"), desk.context.db.write() as session:
            step(session)


def test_two_officers_merging_crosswise_leave_one_case_working(desk: Desk) -> None:
    """Whoever comes second is refused: two cases never rest in each other."""
    first, second = desk.case(CaseState.TASKED), desk.case(CaseState.TASKED)
    said: list[str] = []
    start = threading.Barrier(2)

    def go(case: Case, into: Case) -> None:
        start.wait()
        try:
            merge(desk, case, into)
            said.append("merged")
        except Conflict:
            said.append("refused")

    pairs = ((first, second), (second, first))
    threads = [threading.Thread(target=go, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(said) == ["merged", "refused"]
    with desk.context.db.read() as session:
        assert len(queries.merged_into(session, first.id) + queries.merged_into(session, second.id)) == 1
