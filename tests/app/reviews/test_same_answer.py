"""A repost that comes after its picture was answered gets the same answer, by an officer's one step."""

import httpx
import pytest
from sqlmodel import col, func, select, update

from app.audit.models import Action, AuditEvent
from app.audit.service import officer_actor
from app.core.context import Context
from app.core.render import translations
from app.officers.models import Officer, Role
from app.photos.models import Photo, PhotoState
from app.referrals.models import Referral
from app.reviews import same_answer
from app.tips import answers, progress, receipts
from app.tips.models import Disposition, Tip, TipMessage, TipState
from app.worker import Worker
from tests.conftest import Client
from tests.make import Make, jpeg

REASON = "The same picture, the same answer."


@pytest.fixture
def officer(make: Make) -> Officer:
    """An officer of the place."""
    return make.officer(Role.INVESTIGATOR)


def copies(context: Context, make: Make, count: int = 2) -> list[Tip]:
    """Tips with one and the same picture."""
    tips = [make.tip() for _ in range(count)]
    with context.db.write() as session:
        first = session.exec(select(Photo.cluster_id).where(Photo.tip_id == tips[0].id)).one()
        ids = [tip.id for tip in tips]
        session.exec(update(Photo).where(col(Photo.tip_id).in_(ids)).values(cluster_id=first))
    return tips


def close(
    context: Context, officer: Officer, tip: Tip, code: Disposition, repeats: Tip | None = None
) -> None:
    """Close a tip with a code."""
    with context.db.write() as session:
        progress.dispose(
            session,
            session.get_one(Tip, tip.id),
            code,
            officer_actor(officer.id),
            "Officers went there.",
            officer_id=officer.id,
            duplicate_of=repeats.id if repeats else None,
        )


def give(client: Client, officer: Officer, tip: Tip, as_tip: Tip, reason: str = REASON) -> httpx.Response:
    """Press the button."""
    return client.post(
        f"/console/tips/{tip.id}/same-answer",
        as_=officer,
        data={"as_tip": str(as_tip.id), "reason": reason},
    )


def is_offered(client: Client, officer: Officer, tip: Tip) -> bool:
    """Whether the tip's page has the step."""
    return "/same-answer" in client.get(f"/console/tips/{tip.id}", as_=officer).text


def read_by_its_sender(context: Context, client: Client, tip: Tip) -> str:
    """The receipt page."""
    link = receipts.ReceiptLink(tip.id, receipts.new_code(context.keys, str(tip.id)), fresh=False)
    return client.get(receipts.make_link(context.keys, link)).text


class TestOneStep:
    @pytest.mark.parametrize("code", sorted(same_answer.ANSWERS_OF_A_PICTURE))
    def test_its_sender_reads_what_the_first_one_read(
        self, context: Context, client: Client, make: Make, officer: Officer, code: Disposition
    ) -> None:
        """The same sentence, by an own disposition with an audit row, whatever the answer was."""
        first, repost = copies(context, make)
        close(context, officer, first, code)
        assert is_offered(client, officer, repost)

        done = give(client, officer, repost, first)

        with context.db.read() as session:
            closed = session.get_one(Tip, repost.id)
            event = session.exec(
                select(AuditEvent).where(
                    AuditEvent.action == Action.TIP_DISPOSED, AuditEvent.subject_id == str(repost.id)
                )
            ).one()
            referrals = session.exec(select(func.count()).select_from(Referral)).one()
        assert done.status_code == 303
        assert closed.state == TipState.DISPOSED
        assert (closed.disposed_by, closed.disposition_reason) == (officer.id, REASON)
        assert event.actor_id == str(officer.id)
        assert referrals == 0
        for tip in (first, repost):
            assert answers.NOTICES[code] in read_by_its_sender(context, client, tip)

    def test_it_names_the_answer_and_whose_it_was(
        self, context: Context, client: Client, make: Make, officer: Officer
    ) -> None:
        """The officer decides on what stands there, in their language."""
        first, repost = copies(context, make)
        close(context, officer, first, Disposition.NOT_A_CHILD)

        page = client.get(f"/console/tips/{repost.id}", as_=officer, headers={"Accept-Language": "zh"}).text

        zh = translations("zh").gettext
        assert f"/console/tips/{first.id}" in page
        assert zh(answers.NOTICES[Disposition.NOT_A_CHILD]) in page
        assert zh("Give the same answer and close this tip") in page
        assert "Officers went there." in page

    def test_it_closes_no_other_tip(
        self, context: Context, client: Client, make: Make, officer: Officer
    ) -> None:
        """Two reposts are two steps."""
        first, repost, other = copies(context, make, 3)
        close(context, officer, first, Disposition.NOT_A_CHILD)

        give(client, officer, repost, first)

        with context.db.read() as session:
            assert session.get_one(Tip, other.id).state == TipState.ROUTED
            assert session.get_one(Tip, other.id).disposition is None

    def test_a_repost_of_a_repeated_tip_gets_the_answer_it_points_at(
        self, context: Context, client: Client, make: Make, officer: Officer
    ) -> None:
        """A chain of repeated tips ends with the one that was answered."""
        first, second, repost = copies(context, make, 3)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        close(context, officer, second, Disposition.DUPLICATE_OF, repeats=first)

        give(client, officer, repost, first)

        with context.db.read() as session:
            assert session.get_one(Tip, repost.id).disposition == Disposition.NOT_A_CHILD

    def test_the_real_way_from_sending_to_the_answer(
        self, context: Context, client: Client, make: Make, officer: Officer, worker: Worker
    ) -> None:
        """Sent, answered, sent again by somebody else: linked by the worker, answered by the officer."""
        picture = jpeg((200, 40, 90), (320, 240))
        first = make.sent_tip(picture)
        worker.run_until_idle()
        client.get(f"/console/tips/{first.id}", as_=officer)
        close(context, officer, first, Disposition.WITH_FAMILY_NO_CONCERN)
        repost = make.sent_tip(picture)
        worker.run_until_idle()

        done = give(client, officer, repost, first)

        assert done.status_code == 303
        page = read_by_its_sender(context, client, repost)
        assert answers.NOTICES[Disposition.WITH_FAMILY_NO_CONCERN] in page


class TestNotOffered:
    @pytest.mark.parametrize("code", sorted(set(Disposition) - same_answer.ANSWERS_OF_A_PICTURE))
    def test_what_says_nothing_of_another_senders_tip(
        self, context: Context, client: Client, make: Make, officer: Officer, code: Disposition
    ) -> None:
        """That somebody lied, took back or waited too long."""
        first, repost, other = *copies(context, make), make.tip()
        close(context, officer, first, code, repeats=other if code == Disposition.DUPLICATE_OF else None)

        assert not is_offered(client, officer, repost)
        assert give(client, officer, repost, first).status_code == 409

    def test_answers_that_differ(
        self, context: Context, client: Client, make: Make, officer: Officer
    ) -> None:
        """Officers have to find out which is right."""
        first, second, repost = copies(context, make, 3)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        close(context, officer, second, Disposition.WITH_FAMILY_NO_CONCERN)

        assert not is_offered(client, officer, repost)

    @pytest.mark.parametrize("state", [TipState.LEAD, TipState.IN_REVIEW])
    def test_a_picture_that_officers_work_on(
        self, context: Context, client: Client, make: Make, officer: Officer, state: TipState
    ) -> None:
        """A lead or an open candidate with the picture goes first."""
        first, second, repost = copies(context, make, 3)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        with context.db.write() as session:
            session.exec(update(Tip).where(col(Tip.id) == second.id).values(state=state))
        if state == TipState.IN_REVIEW:
            make.candidate(tip=second)

        assert not is_offered(client, officer, repost)

    def test_an_own_candidate(self, context: Context, client: Client, make: Make, officer: Officer) -> None:
        """Who still has to decide is not led by what was decided."""
        first, repost = copies(context, make)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        make.candidate(tip=repost)

        assert not is_offered(client, officer, repost)
        assert give(client, officer, repost, first).status_code == 409

    @pytest.mark.parametrize("more", ["a new picture", "one that cannot be read"])
    def test_a_tip_with_another_picture(
        self, context: Context, client: Client, make: Make, officer: Officer, more: str
    ) -> None:
        """It says something that nobody has answered."""
        first = make.tip()
        repost = make.tip(photos=2)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        with context.db.write() as session:
            cluster = session.exec(select(Photo.cluster_id).where(Photo.tip_id == first.id)).one()
            own = select(Photo).where(Photo.tip_id == repost.id).order_by(col(Photo.position))
            known, other = session.exec(own)
            known.cluster_id = cluster
            session.add(known)
            if more != "a new picture":
                other.state, other.cluster_id = PhotoState.PARKED, None
                session.add(other)

        assert not is_offered(client, officer, repost)

    def test_another_areas_answer(
        self, context: Context, client: Client, make: Make, officer: Officer
    ) -> None:
        """What an officer does not see leads to nothing, and a stranger's tip is not there."""
        first, repost = copies(context, make)
        close(context, officer, first, Disposition.NOT_A_CHILD)
        with context.db.write() as session:
            session.exec(update(Tip).where(col(Tip.id) == first.id).values(jurisdiction_code="442000"))

        assert not is_offered(client, officer, repost)
        assert give(client, make.officer(Role.INVESTIGATOR, area="442000"), repost, first).status_code == 404

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN])
    def test_a_role_that_closes_no_tips(
        self, context: Context, client: Client, make: Make, officer: Officer, role: Role
    ) -> None:
        """As everywhere in triage."""
        first, repost = copies(context, make)
        close(context, officer, first, Disposition.NOT_A_CHILD)

        assert give(client, make.officer(role), repost, first).status_code == 403

    def test_a_reason_is_needed(self, context: Context, client: Client, make: Make, officer: Officer) -> None:
        """As for every disposition; refused, nothing was written."""
        first, repost = copies(context, make)
        close(context, officer, first, Disposition.WITH_FAMILY_WELFARE_REFERRAL)

        refused = give(client, officer, repost, first, " ")

        assert refused.status_code == 422
        with context.db.read() as session:
            assert session.exec(select(TipMessage).where(TipMessage.tip_id == repost.id)).all() == []
