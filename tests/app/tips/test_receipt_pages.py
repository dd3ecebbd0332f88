"""What a tipster reads and does under a receipt, and what the page never tells."""

import base64
import re
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from sqlmodel import col, select, update

from app.audit.models import Action, ActorKind, AuditEvent
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job
from app.core.render import translations
from app.tips import answers, progress, receipts
from app.tips.adding import MOST_UNANSWERED
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.make import Make

HIDDEN = (
    TipState.ROUTED,
    TipState.ACKNOWLEDGED,
    TipState.IN_REVIEW,
    TipState.ESCALATED,
    TipState.LEAD,
)
"""States between which a tip moves when it has a candidate, and when it has none."""


def address(context: Context, tip_id: UUID, *, fresh: bool = False) -> str:
    """The receipt page of a tip."""
    link = receipts.ReceiptLink(tip_id, receipts.new_code(context.keys, str(tip_id)), fresh)
    return receipts.make_link(context.keys, link)


def put(context: Context, tip: Tip, state: TipState) -> None:
    """Bring a tip into a state without the way that leads there."""
    with context.db.write() as session:
        session.exec(update(Tip).where(col(Tip.id) == tip.id).values(state=state))


def thread(context: Context, tip: Tip) -> list[TipMessage]:
    """A tip's messages."""
    with context.db.read() as session:
        return list(session.exec(select(TipMessage).where(TipMessage.tip_id == tip.id)))


def state_of(context: Context, tip: Tip) -> TipState:
    """Where a tip stands now."""
    with context.db.read() as session:
        return session.get_one(Tip, tip.id).state


class TestLink:
    def test_a_link_ends_after_half_an_hour(self, context: Context, client: Client, make: Make) -> None:
        """A page left open in a shop is closed to the next reader, and says how to open it again."""
        link = address(context, make.tip().id)

        with time_machine.travel(now() + timedelta(minutes=29)):
            assert client.get(link).status_code == 200
        with time_machine.travel(now() + timedelta(minutes=31)):
            answer = client.get(link)

        assert answer.status_code == 303
        assert answer.headers["location"] == "/receipt?ended=1"
        assert "was closed" in client.get(answer.headers["location"]).text

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("rest", ["", "/withdraw", "/messages"])
    def test_an_altered_link_opens_nothing(
        self, context: Context, client: Client, make: Make, method: str, rest: str
    ) -> None:
        """Cut, changed or invented, it leads back to where a code is asked for."""
        tip = make.tip()
        token = address(context, tip.id).removeprefix("/receipt/")
        flipped = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
        invented = base64.urlsafe_b64encode(b"x" * 200).decode()

        for wrong in (token[:-4], flipped, invented, "x", "%00", "é", str(tip.id)):
            answer = client.request(method, f"/receipt/{wrong}{rest}", data={"text": "Hello"})

            assert answer.status_code in {303, 405}
            assert answer.headers.get("location", "/receipt?ended=1") == "/receipt?ended=1"
        assert thread(context, tip) == []
        assert state_of(context, tip) == TipState.ROUTED

    def test_a_link_tells_nothing_to_who_reads_it(self, context: Context, make: Make) -> None:
        """Neither the code nor the tip's id stands in the address."""
        tip = make.tip()
        token = address(context, tip.id).removeprefix("/receipt/")
        opened = base64.urlsafe_b64decode(token + "==")

        assert str(tip.id).encode() not in opened
        assert receipts.new_code(context.keys, str(tip.id)).encode() not in opened


class TestWhatThePageTells:
    def test_no_state_with_a_candidate_looks_different(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Routed, opened, in review, escalated or a lead: the same bytes, under the same headers."""
        tip = make.tip()
        link = address(context, tip.id)
        pages = []
        for state in HIDDEN:
            put(context, tip, state)
            answer = client.get(link)
            pages.append((answer.status_code, dict(answer.headers), answer.content))
        make.candidate(tip=tip)
        answer = client.get(link)
        pages.append((answer.status_code, dict(answer.headers), answer.content))

        assert pages[0][0] == 200
        assert all(page == pages[0] for page in pages)

    def test_two_tips_alike_but_for_a_candidate_read_alike(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Code, address and time masked, nothing is left that differs, not even the length."""
        plain, proposed = make.tip(), make.tip(state=TipState.IN_REVIEW)
        make.candidate(tip=proposed)

        pages = [client.get(address(context, tip.id)).text for tip in (plain, proposed)]

        assert len({len(page) for page in pages}) == 1
        assert len({_masked(page) for page in pages}) == 1

    @pytest.mark.parametrize("state", TipState)
    def test_every_state_has_its_words(
        self, context: Context, client: Client, make: Make, state: TipState
    ) -> None:
        """And none of them is the state's code."""
        tip = make.tip(state=state)

        page = client.get(address(context, tip.id))

        assert page.status_code == 200
        assert answers.STATUS_SENTENCES[answers.STATUS_OF[state]] in page.text
        assert state.value not in re.sub(r"received", "", page.text) or state == TipState.RECEIVED

    def test_nothing_of_the_tip_itself_is_shown(self, context: Context, client: Client, make: Make) -> None:
        """Who finds a code learns neither place nor text nor area."""
        tip = make.tip()

        page = client.get(address(context, tip.id))

        assert tip.place_text not in page.text
        assert tip.description not in page.text
        assert "440304" not in page.text

    @pytest.mark.parametrize("disposition", Disposition)
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_every_disposition_has_a_sentence(
        self, context: Context, client: Client, make: Make, disposition: Disposition, language: str
    ) -> None:
        """In both languages, without a code and without a word of a candidate."""
        tip, other = make.tip(), make.tip()
        with context.db.write() as session:
            progress.dispose(
                session,
                session.get_one(Tip, tip.id),
                disposition,
                SYSTEM,
                "A reason for officers only.",
                duplicate_of=other.id if disposition == Disposition.DUPLICATE_OF else None,
            )

        page = client.get(address(context, tip.id), headers={"Accept-Language": language})

        sentence = translations(language).gettext(answers.NOTICES[disposition])
        assert sentence in page.text
        assert language == "en" or sentence != answers.NOTICES[disposition]
        assert disposition.value not in page.text
        assert "A reason for officers" not in page.text
        assert not re.search("match|candidate|case|比对|匹配|立案", sentence.lower())

    def test_what_was_worked_on_reads_alike(self) -> None:
        """Whether there was a case, another tip or earlier knowledge is not for its sender to tell apart."""
        worked_on = {
            Disposition.CONVERTED_TO_CASE,
            Disposition.LINKED_TO_CASE,
            Disposition.DUPLICATE_OF,
            Disposition.ALREADY_KNOWN,
        }

        assert len({answers.NOTICES[disposition] for disposition in worked_on}) == 1

    def test_an_unknown_notice_is_not_shown(self, context: Context, client: Client, make: Make) -> None:
        """A notice that has no sentence for tipsters was not meant for them."""
        tip = make.tip()
        before = client.get(address(context, tip.id)).text
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.SYSTEM, notice="lead_made"))

        assert _masked(client.get(address(context, tip.id)).text) == _masked(before)

    def test_an_officers_question_is_shown_as_text(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Markup stays text."""
        tip = make.tip(state=TipState.AWAITING_TIPSTER)
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Which <b>exit</b>?\nA or B?"))

        page = client.get(address(context, tip.id))

        assert "Which &lt;b&gt;exit&lt;/b&gt;?\nA or B?" in page.text
        assert "An officer has asked you something" in page.text


class TestMessages:
    def test_a_message_reaches_the_thread(self, context: Context, client: Client, make: Make) -> None:
        """With an audit row that does not hold the text."""
        tip = make.tip()

        answer = client.post(f"{address(context, tip.id)}/messages", data={"text": " A red coat. "})

        assert answer.status_code == 303
        (message,) = thread(context, tip)
        assert (message.author, message.text) == (Author.TIPSTER, "A red coat.")
        assert "A red coat." in client.get(answer.headers["location"]).text
        with context.db.read() as session:
            event = session.exec(select(AuditEvent)).one()
        assert (event.action, event.actor_kind) == (Action.MESSAGE_SENT, ActorKind.TIPSTER)
        assert "coat" not in str(event.detail)

    def test_an_answer_to_a_question_wakes_the_tip_up(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Officers see it in their queue again; other states stay as they are."""
        asked, lead = make.tip(state=TipState.AWAITING_TIPSTER), make.tip(state=TipState.LEAD)

        for tip in (asked, lead):
            client.post(f"{address(context, tip.id)}/messages", data={"text": "Exit A."})

        assert state_of(context, asked) == TipState.ACKNOWLEDGED
        assert state_of(context, lead) == TipState.LEAD

    @pytest.mark.parametrize("text", ["", "   \n ", "x" * 2001, "a\0b", "\x1b[31m"])
    def test_a_message_that_cannot_be_kept(
        self, context: Context, client: Client, make: Make, text: str
    ) -> None:
        """Comes back with its reason; the page is whole."""
        tip = make.tip()

        answer = client.post(f"{address(context, tip.id)}/messages", data={"text": text})

        assert answer.status_code == 422
        assert 'id="text-error"' in answer.text
        assert "xxxx" not in answer.text
        assert thread(context, tip) == []

    def test_a_flood_is_stopped(self, context: Context, client: Client, make: Make) -> None:
        """Until an officer answers; then there is room again."""
        tip = make.tip()
        link = f"{address(context, tip.id)}/messages"
        for number in range(MOST_UNANSWERED):
            assert client.post(link, data={"text": f"Message {number}"}).status_code == 303

        refused = client.post(link, data={"text": "One more"})
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Thank you."))
        taken = client.post(link, data={"text": "One more"})

        assert refused.status_code == 429
        assert "One more" in refused.text
        assert "retry-after" in refused.headers
        assert taken.status_code == 303

    def test_nobody_writes_to_a_closed_tip(self, context: Context, client: Client, make: Make) -> None:
        """No officer would read it."""
        tip = make.tip(state=TipState.DISPOSED)

        answer = client.post(f"{address(context, tip.id)}/messages", data={"text": "Hello"})

        assert answer.status_code == 409
        assert thread(context, tip) == []


class TestWithdrawal:
    def test_it_is_asked_once_more(self, context: Context, client: Client, make: Make) -> None:
        """A link alone takes nothing back."""
        tip = make.tip()

        page = client.get(f"{address(context, tip.id)}/withdraw")

        assert page.status_code == 200
        assert "contact details are erased" in page.text
        assert state_of(context, tip) == TipState.ROUTED

    @pytest.mark.parametrize("state", sorted(set(TipState) - {TipState.LEAD, TipState.DISPOSED}))
    def test_a_tip_that_is_taken_back_is_closed(
        self, context: Context, client: Client, make: Make, state: TipState
    ) -> None:
        """Its contact is gone, and its candidates are withdrawn."""
        tip = self._with_contact(context, make, state)

        answer = client.post(f"{address(context, tip.id)}/withdraw")

        assert answer.status_code == 303
        with context.db.read() as session:
            kept = session.get_one(Tip, tip.id)
            jobs = session.exec(select(Job.kind, Job.args)).all()
        assert (kept.state, kept.disposition) == (TipState.DISPOSED, Disposition.WITHDRAWN_BY_TIPSTER)
        assert kept.contact_sealed is None
        assert jobs == [(kind, {"tip_id": str(tip.id)}) for kind in ("withdraw_candidates", "erase_tip")]

    def test_a_lead_is_kept_as_evidence(self, context: Context, client: Client, make: Make) -> None:
        """The contact goes all the same, and officers read of it in the thread."""
        tip = self._with_contact(context, make, TipState.LEAD)

        client.post(f"{address(context, tip.id)}/withdraw")

        with context.db.read() as session:
            kept = session.get_one(Tip, tip.id)
            actions = session.exec(select(AuditEvent.action)).all()
            jobs = session.exec(select(Job.kind)).all()
        assert (kept.state, kept.disposition, kept.contact_sealed) == (TipState.LEAD, None, None)
        assert [message.notice for message in thread(context, tip)] == ["withdrawn_by_tipster"]
        assert actions == [Action.MESSAGE_SENT]
        assert jobs == ["erase_tip"]  # Asked for alike; it leaves alone what police work rests on.

    def test_taking_back_does_not_tell_whether_there_is_a_lead(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Every step of it reads alike, and so does the page afterwards, whatever officers do next."""
        plain, lead = make.tip(), make.tip(state=TipState.LEAD)
        seen: dict[UUID, list[object]] = {}
        for tip in (plain, lead):
            link = address(context, tip.id)
            asked = client.get(f"{link}/withdraw")
            done = client.post(f"{link}/withdraw")
            if tip is lead:
                with context.db.write() as session:
                    session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Who was it?"))
            after = client.get(link)
            written = client.post(f"{link}/messages", data={"text": "Hello"})
            again = client.post(f"{link}/withdraw")
            seen[tip.id] = [
                (answer.status_code, _masked(answer.text)) for answer in (asked, done, after, written, again)
            ]

        assert seen[plain.id] == seen[lead.id]

    def test_a_closed_tip_cannot_be_taken_back(self, context: Context, client: Client, make: Make) -> None:
        """What the police decided stands."""
        tip = make.tip(state=TipState.DISPOSED)

        answer = client.post(f"{address(context, tip.id)}/withdraw")

        assert answer.status_code == 409
        assert "cannot be taken back" in answer.text
        assert "cannot be taken back" in client.get(f"{address(context, tip.id)}/withdraw").text

    @staticmethod
    def _with_contact(context: Context, make: Make, state: TipState) -> Tip:
        tip = make.tip(state=state)
        with context.db.write() as session:
            kept = session.get_one(Tip, tip.id)
            kept.contact_sealed = context.keys.seal(b"138 0013 8000")
            session.add(kept)
        return tip


def test_a_language_asked_for_by_link_stays(context: Context, client: Client, send: Send) -> None:
    """A browser without cookies reads the next page in the same language."""
    answer = client.post(
        "/receipt?lang=zh", data={"code": receipts.new_code(context.keys, "x")}, headers={"Cookie": ""}
    )
    sent = send()

    assert "回执码" in answer.text
    assert "lang=" not in sent.headers["location"]


def _masked(page: str) -> str:
    page = re.sub(r"/receipt/[\w-]{90,}", "/receipt/TOKEN", page)
    page = re.sub(r"(?:\d{4} ){3}\d{4}", "CODE", page)
    page = re.sub(r'name="submission" value="\w+"', "FORM", page)
    return re.sub(r"<time.*?</time>", "TIME", page)
