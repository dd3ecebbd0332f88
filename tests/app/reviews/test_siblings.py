"""Several candidates of one tip: nothing of one leads whoever decides another."""

from sqlmodel import select

from app.audit.service import SYSTEM
from app.candidates.models import Candidate
from app.core.context import Context
from app.officers.models import Officer
from app.tips import answers, progress
from app.tips.answers import Status
from app.tips.models import Disposition, Tip, TipState
from tests.conftest import Client
from tests.make import Make

WORDS = "Planted words about brows and ears."


def conclude(client: Client, officer: Officer, candidate: Candidate) -> None:
    address = client.post(f"/console/reviews/claim/{candidate.id}", as_=officer).headers["location"]
    answer = client.post(f"{address}/decision", as_=officer, data={"conclusion": "exclude", "reason": WORDS})
    assert answer.status_code == 303


class TestSiblings:
    def test_what_was_decided_on_one_is_hidden_while_another_is_open(
        self, client: Client, make: Make
    ) -> None:
        """A colleague's words on the same face would lead the eye."""
        tip = make.tip()
        first, second = make.candidate(tip=tip), make.candidate(tip=tip)
        ada, bob = make.officer(name="Ada Colleague"), make.officer()
        conclude(client, ada, first)
        conclude(client, bob, first)

        during = client.get(f"/console/tips/{tip.id}", as_=bob).text
        conclude(client, ada, second)
        conclude(client, bob, second)
        after = client.get(f"/console/tips/{tip.id}", as_=bob).text

        assert "Planted words" not in during
        assert "Ada Colleague" not in during
        assert "Planted words" in after

    def test_ids_do_not_follow_the_order_of_a_list(self, context: Context, make: Make) -> None:
        """An id that told the time would tell the rank."""
        tip = make.tip()
        for _ in range(3):
            make.candidate(tip=tip)

        with context.db.read() as session:
            assert {candidate.id.version for candidate in session.exec(select(Candidate))} == {4}


class TestAnAnswerGiven:
    def test_a_tip_taken_up_again_stays_closed_for_its_sender(self, context: Context, make: Make) -> None:
        """A page that opened again would tell that a photo resembled somebody after all."""
        tip = make.tip()
        with context.db.write() as session:
            row = session.get_one(Tip, tip.id)
            progress.dispose(session, row, Disposition.WITH_FAMILY_NO_CONCERN, SYSTEM, "seen at home")
        with context.db.read() as session:
            before = answers.of_tip(session, tip.id, "en")

        with context.db.write() as session:
            progress.move(session, session.get_one(Tip, tip.id), TipState.LEAD, SYSTEM)
        with context.db.write() as session:
            row = session.get_one(Tip, tip.id)
            progress.dispose(session, row, Disposition.CONVERTED_TO_CASE, SYSTEM, "case closed")
        with context.db.read() as session:
            after = answers.of_tip(session, tip.id, "en")

        assert before.status == Status.CLOSED
        assert after == before
