"""Promises about two officers on one tip: one step counts, and no work is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from app.core.context import Context
from app.core.errors import Conflict
from app.referrals.models import Referral
from app.reviews import triage
from app.tips.models import Disposition, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make

REQUEST = "Please visit the mother at the east gate; the girl has no winter coat."
STEPS = {
    "disposition": {"disposition": "not_a_child", "reason": "It was a doll in a pram."},
    "welfare": {"request": REQUEST},
    "lead": {"lead_reason": "Seen three days running with a man who drives her away."},
    "transfer": {"area": "442000", "transfer_reason": "The square is theirs."},
    "messages": {"text": "Which exit was it, please?"},
}


@pytest.mark.parametrize("step", STEPS)
def test_who_comes_second_is_told_and_keeps_what_they_wrote(desk: Desk, make: Make, step: str) -> None:
    """The tip's page, as it stands now, with the words that were not saved."""
    tip, second = make.tip(), make.officer()
    desk.dispose(tip, make.officer(), "already_known")

    answer = desk.send(tip, second, step, **STEPS[step])

    assert answer.status_code == 409
    assert "What you wrote was not saved" in answer.text
    assert list(STEPS[step].values())[-1] in answer.text
    assert "Already known" in answer.text
    assert desk.stored(tip).disposition == Disposition.ALREADY_KNOWN


def test_a_refused_step_leaves_no_half_behind(desk: Desk, make: Make) -> None:
    """A referral of a tip that cannot be closed with it is not sent."""
    tip = make.tip()
    make.candidate(tip=tip)

    assert desk.send(tip, make.officer(), "welfare", request=REQUEST).status_code == 409

    with desk.db.read() as session:
        assert session.exec(select(Referral)).all() == []


def test_of_many_closings_at_once_one_counts(desk: Desk, context: Context, make: Make) -> None:
    """One code, one answer, one referral; the others are refused."""
    tip = make.tip()
    officers = [make.officer() for _ in range(8)]

    def close(number: int) -> bool:
        try:
            with context.db.write() as session:
                if number % 2:
                    triage.refer_to_welfare(session, officers[number], tip.id, "", REQUEST)
                else:
                    triage.dispose(
                        session, officers[number], tip.id, Disposition.NOT_A_CHILD, "It was a doll.", None
                    )
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(close, range(8)))

    assert done.count(True) == 1
    assert desk.stored(tip).state == TipState.DISPOSED
    assert len(desk.thread(tip)) == 1
    with desk.db.read() as session:
        sent = len(session.exec(select(Referral)).all())
    assert sent == (desk.stored(tip).disposition == Disposition.WITH_FAMILY_WELFARE_REFERRAL)
