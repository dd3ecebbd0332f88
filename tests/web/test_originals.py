"""A sealed original takes two persons, lasts a day, opens once, and is the file that came in."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest
import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import select, update

from app.audit.models import Action, AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, NotAllowed, NotFound
from app.officers.models import Officer, OfficerSession, Role
from app.photos import erasing, originals
from app.photos.models import OriginalRequest, Photo
from app.photos.originals import WishState, state_of
from app.tips.models import Tip
from tests.conftest import Client
from tests.machines.machine import Machine, run
from tests.make import Make

REASON = "The plate of the car behind the child cannot be read in the picture."
ACTIONS = (Action.ORIGINAL_ASKED, Action.ORIGINAL_DECIDED, Action.ORIGINAL_OPENED)


def photo_of(context: Context, tip: Tip) -> Photo:
    with context.db.read() as session:
        return session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()


def steps(context: Context) -> list[AuditEvent]:
    with context.db.read() as session:
        rows = session.exec(select(AuditEvent).order_by("seq"))
        return [row for row in rows if row.action in ACTIONS]


def sign_in(context: Context, client: Client, officer: Officer, *, fresh: bool = True) -> None:
    """A session that has just proved who it is, or one that did so long ago."""
    client.get("/console", as_=officer)
    with context.db.write() as session:
        session.exec(update(OfficerSession).values(stepped_up_at=now() if fresh else None))


def asked(context: Context, officer: Officer, photo: Photo, *, allowed_by: Officer | None = None) -> UUID:
    with context.db.write() as session:
        made = originals.ask(session, context.keys, officer, photo.id, REASON).id
    if allowed_by is not None:
        with context.db.write() as session:
            originals.decide(session, allowed_by, made, allowed=True)
    return made


class TestTwoPersons:
    def test_one_asks_another_allows_the_first_opens(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """What is saved is the file that came in, and each step is in the log."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        photo = photo_of(context, make.tip())
        sign_in(context, client, asker)

        sent = client.post(f"/console/originals/ask/{photo.id}", data={"reason": REASON})
        address = sent.headers["location"]
        sign_in(context, client, other)
        seen = client.get(address)
        decided = client.post(f"{address}/decide", data={"decision": "allow"})
        sign_in(context, client, asker)
        answer = client.post(f"{address}/open")
        again = client.post(f"{address}/open")

        assert (sent.status_code, decided.status_code, answer.status_code) == (303, 303, 200)
        assert REASON in unescape(seen.text)
        assert photo.sha256 in seen.text
        assert hashlib.sha256(answer.content).hexdigest() == photo.sha256
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert again.status_code == 409
        assert [row.action for row in steps(context)] == list(ACTIONS)
        assert REASON not in str([row.detail for row in steps(context)])

    def test_nobody_allows_their_own_wish(self, context: Context, client: Client, make: Make) -> None:
        """Not by the account and not by the badge, however it is written."""
        asker = make.officer(Role.SUPERVISOR)
        twin = make.officer(Role.SUPERVISOR)
        wish = asked(context, asker, photo_of(context, make.tip()))
        with context.db.write() as session:
            session.get_one(Officer, twin.id).badge = f" {asker.badge[:3].lower()}-{asker.badge[3:]}"

        answers = []
        for officer in (asker, twin):
            sign_in(context, client, officer)
            page = client.get(f"/console/originals/{wish}")
            assert 'value="allow"' not in page.text
            answers.append(client.post(f"/console/originals/{wish}/decide", data={"decision": "allow"}))

        assert [answer.status_code for answer in answers] == [403, 403]

    def test_a_fresh_proof_is_asked_before_it_opens_or_is_allowed(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """A session left open on a desk opens nothing."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        wish = asked(context, asker, photo_of(context, make.tip()))

        sign_in(context, client, other, fresh=False)
        decided = client.post(f"/console/originals/{wish}/decide", data={"decision": "allow"})
        with context.db.write() as session:
            originals.decide(session, other, wish, allowed=True)
        sign_in(context, client, asker, fresh=False)
        opened = client.post(f"/console/originals/{wish}/open")

        assert decided.status_code in {303, 403}
        assert opened.status_code in {303, 403}
        assert b"\xff\xd8" not in opened.content
        with context.db.read() as session:
            assert state_of(session.get_one(OriginalRequest, wish)) == WishState.ALLOWED

    def test_another_file_in_its_place_is_noticed_and_not_opened(
        self, context: Context, client: Client, make: Make, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """409, an error in the log, and a row in the audit log that says so."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        photo = photo_of(context, make.tip())
        wish = asked(context, asker, photo, allowed_by=other)
        changed = context.store.put(b"another file")
        with context.db.write() as session:
            row = session.get_one(Photo, photo.id)
            row.store_key, row.sealed_key = changed.store_key, changed.sealed_key
        sign_in(context, client, asker)

        answer = client.post(f"/console/originals/{wish}/open")

        assert answer.status_code == 409
        assert b"another file" not in answer.content
        assert steps(context)[-1].detail["same"] is False
        assert "original_altered" in capsys.readouterr().out

    def test_opened_by_many_at_once_it_opens_once(self, context: Context, make: Make) -> None:
        """A double click, or a copied session, gets one file between them."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        wish = asked(context, asker, photo_of(context, make.tip()), allowed_by=other)

        def attempt(_: int) -> bool:
            try:
                originals.opened(context, asker, wish)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            got = list(pool.map(attempt, range(6)))

        assert sum(got) == 1
        assert [row.action for row in steps(context)].count(Action.ORIGINAL_OPENED) == 1

    def test_an_erased_photo_takes_its_wishes_along(self, context: Context, make: Make) -> None:
        """Nothing stands in the way of erasing, and nothing is left to open."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        photo = photo_of(context, make.tip())
        wish = asked(context, asker, photo, allowed_by=other)

        with context.db.write() as session:
            erasing.erase(session, context.store, [photo.id])

        with pytest.raises(NotFound):
            originals.opened(context, asker, wish)


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_neither_ask_nor_see(
        self, context: Context, client: Client, make: Make, role: Role
    ) -> None:
        """403 at every door of the room."""
        wish = asked(context, make.officer(Role.INVESTIGATOR), photo := photo_of(context, make.tip()))
        sign_in(context, client, make.officer(role))

        answers = [
            client.get("/console/originals"),
            client.get(f"/console/originals/{wish}"),
            client.get(f"/console/originals/ask/{photo.id}"),
            client.post(f"/console/originals/ask/{photo.id}", data={"reason": REASON}),
            client.post(f"/console/originals/{wish}/decide", data={"decision": "allow"}),
            client.post(f"/console/originals/{wish}/open"),
        ]

        assert {answer.status_code for answer in answers} == {403}

    def test_what_is_foreign_looks_like_what_is_not(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """Another area's photo and wish, a colleague's wish, a reference: all 404, all alike."""
        photo = photo_of(context, make.tip(area="442000"))
        foreign = asked(context, make.officer(Role.INVESTIGATOR, area="442000"), photo)
        colleagues = asked(context, make.officer(Role.INVESTIGATOR), photo_of(context, make.tip()))
        make.record()
        with context.db.read() as session:
            reference = session.exec(select(Photo.id).where(Photo.tip_id == None)).first()  # noqa: E711
        sign_in(context, client, make.officer(Role.INVESTIGATOR))

        answers = [
            client.get(path)
            for path in (
                f"/console/originals/{foreign}",
                f"/console/originals/{colleagues}",
                f"/console/originals/{uuid4()}",
                f"/console/originals/ask/{photo.id}",
                f"/console/originals/ask/{reference}",
            )
        ]

        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1

    @pytest.mark.parametrize("reason", ["", "   ", "too short", "x" * 1001])
    def test_a_wish_without_a_reason_comes_back(
        self, context: Context, client: Client, make: Make, reason: str
    ) -> None:
        """The sentence stands beside the field, and what was typed is still there."""
        photo = photo_of(context, make.tip())
        sign_in(context, client, make.officer(Role.INVESTIGATOR))

        answer = client.post(f"/console/originals/ask/{photo.id}", data={"reason": reason})

        assert answer.status_code == 422
        assert 'id="reason-error"' in answer.text
        assert reason in answer.text
        assert steps(context) == []

    def test_words_of_a_stranger_stay_words(self, context: Context, client: Client, make: Make) -> None:
        """A reason is text, not markup."""
        asker = make.officer(Role.INVESTIGATOR)
        photo = photo_of(context, make.tip())
        sign_in(context, client, asker)

        sent = client.post(
            f"/console/originals/ask/{photo.id}", data={"reason": "<script>alert(1)</script> {{ 7*7 }}"}
        )
        shown = client.get(sent.headers["location"])

        assert "<script>alert" not in shown.text
        assert "&lt;script&gt;" in shown.text

    def test_an_unknown_decision_is_none(self, context: Context, client: Client, make: Make) -> None:
        """Only two answers exist."""
        wish = asked(context, make.officer(Role.INVESTIGATOR), photo_of(context, make.tip()))
        sign_in(context, client, make.officer(Role.SUPERVISOR))

        answer = client.post(f"/console/originals/{wish}/decide", data={"decision": "perhaps"})

        assert answer.status_code == 422
        assert "perhaps" not in answer.text


class TestList:
    def test_a_supervisor_finds_what_waits(self, context: Context, client: Client, make: Make) -> None:
        """The list leads to the wish; an empty one says so."""
        supervisor = make.officer(Role.SUPERVISOR)
        sign_in(context, client, supervisor)

        empty = client.get("/console/originals")
        wish = asked(context, make.officer(Role.INVESTIGATOR), photo_of(context, make.tip()))
        full = client.get("/console/originals")
        overseen = client.get("/console/oversight")

        assert "Nobody has asked" in empty.text
        assert f"/console/originals/{wish}" in full.text
        assert "Yours to decide" in full.text
        assert '<a href="/console/originals"><span class="count">1</span>' in overseen.text


class Wishes(Machine):
    """Three officers, two areas, one photo of each: whatever they do, in whatever order."""

    @initialize()
    def begin(self) -> None:
        """An investigator and two supervisors; the second one's area holds no tip of the others'."""
        self.officers = [
            self.make.officer(Role.INVESTIGATOR),
            self.make.officer(Role.SUPERVISOR),
            self.make.officer(Role.SUPERVISOR, area="442000"),
        ]
        self.photos = [photo_of(self.context, self.make.tip(area=area)) for area in ("440304", "442000")]
        self.wishes: list[UUID] = []
        self.openings: list[UUID] = []
        self.before = len(steps(self.context))

    @rule(officer=st.integers(0, 2), photo=st.integers(0, 1))
    def ask(self, officer: int, photo: int) -> None:
        """Somebody asks."""
        made = self.step(
            lambda s: originals.ask(
                s, self.context.keys, self.officers[officer], self.photos[photo].id, REASON
            )
        )
        assert (made is None) or (self.officers[officer].jurisdiction_code == ("440304", "442000")[photo])
        if made is not None:
            self.wishes.append(made.id)

    @rule(officer=st.integers(0, 2), wish=st.integers(0, 9), allowed=st.booleans())
    def decide(self, officer: int, wish: int, *, allowed: bool) -> None:
        """Somebody decides."""
        if self.wishes:
            chosen = self.wishes[wish % len(self.wishes)]
            self.step(lambda s: originals.decide(s, self.officers[officer], chosen, allowed=allowed))

    @rule(officer=st.integers(0, 2), wish=st.integers(0, 9))
    def open(self, officer: int, wish: int) -> None:
        """Somebody opens."""
        if not self.wishes:
            return
        chosen, reader = self.wishes[wish % len(self.wishes)], self.officers[officer]
        with self.context.db.read() as session:
            before = session.get_one(OriginalRequest, chosen)
        taken = self.step(lambda s: originals.take(s, self.context.store, reader, chosen))
        if taken is not None:
            assert before.allowed is True
            assert before.asked_by == reader.id != before.decided_by
            assert now() - before.asked_at < timedelta(hours=24)
            self.openings.append(chosen)

    @rule(hours=st.sampled_from([1, 11, 25]))
    def wait(self, hours: int) -> None:
        """Time goes by."""
        self.later(hours * 60)

    @invariant()
    def holds(self) -> None:
        """Nothing opens twice, nobody decides their own, and the log has each step once."""
        own = {photo.id for photo in self.photos}
        rows = [row for row in self.all(OriginalRequest) if row.photo_id in own]
        assert len(self.openings) == len(set(self.openings))
        assert {row.id for row in rows if row.opened_at} == set(self.openings)
        assert all(row.decided_by != row.asked_by for row in rows)
        done = [row.action for row in steps(self.context)[self.before :]]
        assert done.count(Action.ORIGINAL_ASKED) == len(rows)
        assert done.count(Action.ORIGINAL_DECIDED) == sum(row.decided_by is not None for row in rows)
        assert done.count(Action.ORIGINAL_OPENED) == len(self.openings)


class TestEveryOrder:
    def test_wishes_hold_whatever_happens(self, context: Context, make: Make) -> None:
        """Two persons, one day, one opening."""
        run(lambda: Wishes(context, make))

    def test_a_day_later_nothing_can_be_allowed_or_opened(self, context: Context, make: Make) -> None:
        """A wish that was forgotten is no key under the mat."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        waiting = asked(context, asker, photo_of(context, make.tip()))
        allowed = asked(context, asker, photo_of(context, make.tip()), allowed_by=other)

        with time_machine.travel(now() + timedelta(hours=24, seconds=1), tick=True):
            with context.db.write() as session, pytest.raises(Conflict):
                originals.decide(session, other, waiting, allowed=True)
            with pytest.raises(Conflict):
                originals.opened(context, asker, allowed)

    def test_who_lost_the_role_or_the_area_opens_nothing(self, context: Context, make: Make) -> None:
        """What was allowed yesterday is asked again at the door."""
        asker, other = make.officer(Role.INVESTIGATOR), make.officer(Role.SUPERVISOR)
        tip = make.tip()
        wish = asked(context, asker, photo_of(context, tip), allowed_by=other)

        asker.roles = [Role.REVIEWER.value]
        with pytest.raises(NotAllowed):
            originals.opened(context, asker, wish)
        asker.roles, asker.jurisdiction_code = [Role.INVESTIGATOR.value], "442000"
        with pytest.raises(NotFound):
            originals.opened(context, asker, wish)
