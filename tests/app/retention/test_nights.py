"""The night: what is over goes, what police work rests on stays, and the unbelievable asks a person."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import pytest
import time_machine
from sqlmodel import Session, col, func, select, update

from app import erasing, watches
from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.cases.models import Case, CaseState, CaseTip, Lead
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job
from app.officers.models import Officer, OfficerSession, Role
from app.photos.models import Photo, PhotoState, Rendition, RenditionKind, Template
from app.records.models import Record, RecordState
from app.retention import nights, queries, service
from app.retention.acting import ACTS
from app.retention.classes import CLASSES
from app.retention.models import RetentionRun, RetentionState
from app.reviews.models import Conclusion, Review, ReviewState
from app.tips.models import Disposition, Tip, TipMessage, TipState
from tests.conftest import Client
from tests.make import Make
from tests.stored import files as stored_files

T = TypeVar("T")
DAY = timedelta(days=1)
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that the test turns."""
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


def closed(context: Context, tip: Tip, disposition: Disposition = Disposition.UNABLE_TO_LOCATE) -> Tip:
    with context.db.write() as session:
        session.exec(
            update(Tip)
            .where(col(Tip.id) == tip.id)
            .values(state=TipState.DISPOSED, disposition=disposition, disposed_at=now())
        )
    return tip


def night(context: Context, clock: time_machine.Traveller, after: timedelta) -> RetentionRun:
    """A night at a moment, with one the day before, so that the clock is believed."""
    with context.db.write() as session:
        session.add(
            RetentionRun(state=RetentionState.DONE, started_at=BEGIN, finished_at=BEGIN + after - DAY)
        )
    clock.move_to(BEGIN + after)
    return nights.run(context)


def get(context: Context, table: type[T], key: object) -> T:
    with context.db.read() as session:
        return session.get_one(table, key)


class TestClosing:
    def test_a_tip_nobody_decided_on_is_closed_after_its_time(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Its sender reads an answer, as of every other tip, and not a day sooner."""
        tip = make.tip()

        night(context, clock, 364 * DAY)
        assert get(context, Tip, tip.id).state == TipState.ROUTED
        night(context, clock, 366 * DAY)

        kept = get(context, Tip, tip.id)
        assert (kept.state, kept.disposition) == (TipState.DISPOSED, Disposition.EXPIRED_UNVERIFIED)
        with context.db.read() as session:
            notices = session.exec(select(TipMessage.notice).where(TipMessage.tip_id == tip.id)).all()
        assert notices == [Disposition.EXPIRED_UNVERIFIED.value]

    def test_an_opinion_that_waits_for_a_second_keeps_it_open(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Work that an officer began is not closed over their head."""
        candidate = make.candidate()
        with context.db.write() as session:
            session.add(
                Review(
                    candidate_id=candidate.id,
                    officer_id=make.officer().id,
                    state=ReviewState.CLAIMED,
                    lease_until=now(),
                )
            )

        night(context, clock, 400 * DAY)

        assert get(context, Tip, candidate.tip_id).state == TipState.ROUTED


class TestErasing:
    def test_contact_then_templates_then_all_of_a_tip_that_led_to_nothing(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Each at its own time, one day before nothing; the row, its times and its answer remain."""
        tip = closed(context, make.tip(contact_sealed=context.keys.seal(b"a number")))
        with context.db.read() as session:
            files = _files(session, tip.id)

        night(context, clock, 29 * DAY)
        assert get(context, Tip, tip.id).contact_sealed is not None
        night(context, clock, 31 * DAY)
        assert get(context, Tip, tip.id).contact_sealed is None
        with context.db.read() as session:
            assert session.exec(select(func.count()).select_from(Template)).one() == 0
        night(context, clock, 89 * DAY)
        assert get(context, Tip, tip.id).place_text
        assert files <= set(stored_files(context))
        night(context, clock, 91 * DAY)

        kept = get(context, Tip, tip.id)
        assert (kept.place_text, kept.description, kept.latitude) == ("", "", None)
        assert kept.disposition == Disposition.UNABLE_TO_LOCATE
        assert kept.erased_at == now()
        assert files
        assert files.isdisjoint(stored_files(context))
        with context.db.read() as session:
            assert session.exec(select(Photo).where(Photo.tip_id == tip.id)).first() is None

    def test_where_officers_said_no_their_decisions_stay_and_show_nothing(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Quality of review is computed from decisions, not from faces."""
        candidate = make.candidate()
        with context.db.write() as session:
            session.add(
                Review(
                    candidate_id=candidate.id,
                    officer_id=make.officer().id,
                    state=ReviewState.DECIDED,
                    lease_until=now(),
                    conclusion=Conclusion.EXCLUDE,
                    reason="Another child.",
                )
            )
        tip = closed(context, get(context, Tip, candidate.tip_id))
        with context.db.read() as session:
            files = _files(session, tip.id)

        night(context, clock, 91 * DAY)

        with context.db.read() as session:
            assert session.exec(select(Review)).one().conclusion == Conclusion.EXCLUDE
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
            assert session.exec(select(Rendition).where(Rendition.photo_id == photo.id)).first() is None
            assert session.exec(select(Template)).first() is None
        assert (photo.state, photo.sealed_key, photo.cluster_id) == (PhotoState.PARKED, b"", None)
        assert files.isdisjoint(stored_files(context))
        assert get(context, Tip, tip.id).place_text == ""

    def test_a_lead_keeps_its_tip_and_its_case_blurs_it_years_after_it_is_closed(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Only the redacted rendition is left then; the words stay in the file."""
        tip = closed(context, make.tip(), Disposition.CONVERTED_TO_CASE)
        officer = make.officer(Role.INVESTIGATOR)
        with context.db.write() as session:
            lead = Lead(tip_id=tip.id, jurisdiction_code="440304", reason="Looks alike.")
            session.add(lead)
            session.flush()
            case = Case(number="HW-1", lead_id=lead.id, jurisdiction_code="440304", opened_by=officer.id)
            session.add(case)
            session.flush()
            session.add(CaseTip(case_id=case.id, tip_id=tip.id))

        night(context, clock, 11 * 366 * DAY)
        assert get(context, Tip, tip.id).erased_at is None
        with context.db.write() as session:
            held = session.get_one(Case, case.id)
            held.state, held.closed_at = CaseState.CLOSED, BEGIN + DAY
            session.add(held)
        night(context, clock, 11 * 366 * DAY + DAY)

        kept = get(context, Tip, tip.id)
        assert kept.erased_at == now()
        assert kept.place_text
        with context.db.read() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
            kinds = session.exec(select(Rendition.kind).where(Rendition.photo_id == photo.id)).all()
        assert (photo.state, photo.sealed_key, list(kinds)) == (
            PhotoState.BLURRED,
            b"",
            [RenditionKind.REDACTED],
        )

    def test_a_closed_record_goes_after_its_years(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """An open one never does."""
        lasting, over = make.record(), make.record()
        with context.db.write() as session:
            record = session.get_one(Record, over.id)
            record.state, record.updated_at = RecordState.CLOSED, now()
            session.add(record)

        night(context, clock, 11 * 366 * DAY)

        assert get(context, Record, over.id).state == RecordState.ERASED
        assert get(context, Record, lasting.id).state == RecordState.OPEN

    def test_old_sessions_and_done_jobs_are_forgotten(
        self, context: Context, make: Make, clock: time_machine.Traveller
    ) -> None:
        """Jobs that still wait are not."""
        with context.db.write() as session:
            session.add(OfficerSession(token_sha256="x", officer_id=make.officer().id))
            session.add(Job(kind="old", state=jobs.JobState.DONE, finished_at=now()))
            session.add(Job(kind="parked", state=jobs.JobState.PARKED))

        night(context, clock, 91 * DAY)

        with context.db.read() as session:
            assert session.exec(select(OfficerSession)).all() == []
            assert [job.kind for job in session.exec(select(Job))] == ["parked"]


class TestNight:
    def test_killed_half_way_it_goes_on(
        self,
        context: Context,
        make: Make,
        clock: time_machine.Traveller,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What was left is done by the next worker; nothing is done twice."""
        tips = [closed(context, make.tip()) for _ in range(3)]
        whole, calls = erasing.erase_expired, []

        def dying(context: Context, tip_id: UUID) -> bool:
            calls.append(tip_id)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return whole(context, tip_id)

        monkeypatch.setitem(ACTS, "tips", dying)
        with pytest.raises(KeyboardInterrupt):
            night(context, clock, 91 * DAY)
        nights.run(context)
        again = nights.run(context)

        assert all(get(context, Tip, tip.id).erased_at for tip in tips)
        assert again.counts["tips"] == 0
        with context.db.read() as session:
            erased = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ERASED)).all()
        assert len(erased) == 3

    def test_it_runs_once_a_day_whatever_the_number_of_workers(
        self, context: Context, clock: time_machine.Traveller
    ) -> None:
        """Its job bears the name of the day where the officers are."""
        clock.move_to(datetime(2026, 3, 1, 18, 0, tzinfo=UTC))  # Two o'clock at night in Shanghai.
        assert not nights.look(context)
        clock.move_to(datetime(2026, 3, 1, 20, 0, tzinfo=UTC))
        assert [nights.look(context), nights.look(context)] == [True, True]

        with context.db.read() as session:
            found = session.exec(select(Job.unique_key).where(Job.kind == "retention_night")).all()
        assert found == ["retention_night:2026-03-02"]
        assert nights.look in {watch.look for watch in watches.WATCHES}

    @pytest.mark.parametrize("writes", [True, False])
    def test_a_clock_in_2030_erases_nothing(
        self, context: Context, make: Make, clock: time_machine.Traveller, *, writes: bool
    ) -> None:
        """Not even if the service has gone on writing into its log with that clock for a while."""
        tip = closed(context, make.tip())
        nights.run(context)
        clock.move_to(datetime(2030, 1, 1, tzinfo=UTC))
        if writes:
            with context.db.write() as session:
                audit.record(session, SYSTEM, Action.TIP_VIEWED, "tip", tip.id)

        refused = nights.run(context)
        the_next = nights.run(context)

        assert (refused.state, refused.reason) == (RetentionState.REFUSED, nights.CLOCK)
        assert the_next.id == refused.id
        assert get(context, Tip, tip.id).erased_at is None
        clock.move_to(BEGIN + DAY)  # Set right again, the nights go on.
        assert nights.run(context).state == RetentionState.DONE

    def test_a_night_that_would_take_too_much_waits_for_a_person(
        self,
        context: Context,
        make: Make,
        client: Client,
        clock: time_machine.Traveller,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A supervisor of the nation looks and lets it go on; one of a district may not."""
        monkeypatch.setattr(queries, "FLOOR", 2)
        tips = [closed(context, make.tip(photos=0)) for _ in range(4)]
        refused = night(context, clock, 91 * DAY)

        assert (refused.state, refused.reason) == (RetentionState.REFUSED, nights.SHARE)
        assert refused.counts["tips"] == 4
        path = f"/console/retention/{refused.id}/release"
        assert client.post(path, as_=make.officer(Role.SUPERVISOR)).status_code == 403
        assert client.post(path, as_=make.officer(Role.AUDITOR, area="CN")).status_code == 403
        assert get(context, Tip, tips[0].id).erased_at is None
        leader = make.officer(Role.SUPERVISOR, area="CN")
        shown = client.get("/console/retention", as_=leader)
        assert client.post(path, as_=leader).status_code == 303
        assert client.post(path, as_=leader).status_code == 409

        done = nights.run(context)

        assert "let this night go on" in shown.text
        assert (done.id, done.state, done.released_by) == (refused.id, RetentionState.DONE, leader.id)
        assert all(get(context, Tip, tip.id).erased_at for tip in tips)

    @pytest.mark.parametrize("change", ["clock", "amount"])
    def test_a_release_is_for_what_was_seen(
        self,
        context: Context,
        make: Make,
        clock: time_machine.Traveller,
        monkeypatch: pytest.MonkeyPatch,
        change: str,
    ) -> None:
        """A clock that jumps after it, or many more that fall due, ask a person again."""
        monkeypatch.setattr(queries, "FLOOR", 2)
        tips = [closed(context, make.tip(photos=0)) for _ in range(4)]
        refused = night(context, clock, 91 * DAY)
        with context.db.write() as session:
            service.release(session, make.officer(Role.SUPERVISOR, area="CN"), refused.id)
        if change == "clock":
            clock.shift(1_000 * DAY)
        else:
            clock.move_to(BEGIN)
            tips += [closed(context, make.tip(photos=0)) for _ in range(8)]
            clock.move_to(BEGIN + 91 * DAY)

        again = nights.run(context)

        assert (again.id, again.state, again.released_at) == (refused.id, RetentionState.REFUSED, None)
        assert not any(get(context, Tip, tip.id).erased_at for tip in tips)


class TestPages:
    def test_citizens_read_the_same_table(self, context: Context, client: Client) -> None:
        """Every class that says something of people, with its days as they are set."""
        page = client.get("/kept").text

        for each in CLASSES:
            assert (each.holds in page) == each.personal
            assert (each.ends in page) or not each.personal
        assert f"{context.settings.tip_days:g} days" in page
        assert f"{context.settings.case_years:g} years" in page
        assert 'href="/kept"' in client.get("/tip").text

    def test_officers_see_what_is_due(self, make: Make, client: Client) -> None:
        """An auditor of the nation sees it and may let nothing go."""
        reader: Officer = make.officer(Role.AUDITOR, area="CN")

        page = client.get("/console/retention", as_=reader)

        assert page.status_code == 200
        assert all(each.holds in page.text for each in CLASSES)
        assert "No night has run yet." in page.text


def _files(session: Session, tip_id: UUID) -> set[str]:
    photos = session.exec(select(Photo).where(Photo.tip_id == tip_id)).all()
    ids = [photo.id for photo in photos]
    shown = session.exec(select(Rendition).where(col(Rendition.photo_id).in_(ids))).all()
    return {*(photo.store_key for photo in photos), *(rendition.store_key for rendition in shown)}
