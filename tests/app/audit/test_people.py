"""Who looked at this child, what an officer did, and what is unusual in it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import col, select

from app.audit import belonging, service, unusual
from app.audit.models import Action, Anomaly, AnomalyKind, AuditEvent
from app.audit.refusals import MOST_AN_HOUR
from app.audit.service import officer_actor
from app.cases.models import Case, CaseTip, Lead
from app.core.context import Context
from app.core.errors import NotFound
from app.officers.models import Officer, Role
from app.photos.models import Photo
from tests.conftest import Client
from tests.make import Make

NOON = datetime(2026, 5, 4, 4, 30, tzinfo=UTC)
"""Half past twelve in Shanghai."""
NIGHT = datetime(2026, 5, 4, 18, 30, tzinfo=UTC)


@pytest.fixture
def auditor(make: Make) -> Officer:
    return make.officer(Role.AUDITOR, area="CN")


def views(context: Context, officer: Officer, count: int, *, same: bool = False) -> None:
    with context.db.write() as session:
        for number in range(count):
            subject = "one" if same else f"photo{number}"
            service.record(session, officer_actor(officer.id), Action.PHOTO_VIEWED, "photo", subject)


def found(context: Context) -> dict[AnomalyKind, Anomaly]:
    with context.db.read() as session:
        return {each.kind: each for each in session.exec(select(Anomaly))}


class TestChild:
    def test_all_that_belongs_to_a_case_is_found_from_its_number(
        self, context: Context, make: Make, client: Client, auditor: Officer
    ) -> None:
        """Views of its tips' photos, decisions on its candidates; not those of another child."""
        candidate, other = make.candidate(), make.candidate()
        viewer = make.officer(name="Wang Li")
        with context.db.write() as session:
            lead = Lead(tip_id=candidate.tip_id, jurisdiction_code="440304", reason="Looks alike.")
            session.add(lead)
            session.flush()
            case = Case(number="HW-7", lead_id=lead.id, jurisdiction_code="440304", opened_by=viewer.id)
            session.add(case)
            session.flush()
            session.add(CaseTip(case_id=case.id, tip_id=candidate.tip_id))
            for tip_id in (candidate.tip_id, other.tip_id):
                photo = session.exec(select(Photo).where(Photo.tip_id == tip_id)).one()
                service.record(session, officer_actor(viewer.id), Action.PHOTO_VIEWED, "photo", photo.id)
            around = belonging.ids_around(session, "HW-7")
            of_record = belonging.ids_around(session, str(candidate.record_id))

        assert around is not None
        assert {str(candidate.id), str(candidate.tip_id), str(lead.id)} <= around
        assert str(other.tip_id) not in around
        assert of_record is not None
        assert str(case.id) not in of_record  # The record's own photos and candidates; the case names none.
        page = client.get("/console/audit?child=HW-7&action=photo_viewed", as_=auditor).text
        assert page.count('data-label="No."') == 1
        assert "Wang Li" in page

    def test_a_search_is_in_the_log_and_what_was_typed_is_not(
        self, context: Context, make: Make, client: Client, auditor: Officer
    ) -> None:
        """Who watches the watchers can be asked, too."""
        officer = make.officer()
        client.get(f"/console/audit?who={officer.badge}", as_=auditor)
        unknown = client.get("/console/audit?child=HW-not-there", as_=auditor)

        assert unknown.status_code == 422
        with context.db.read() as session:
            rows = session.exec(select(AuditEvent).where(AuditEvent.action == Action.AUDIT_SEARCHED)).all()
        assert [(row.subject_id, row.detail) for row in rows] == [(str(officer.id), {"by": "who"})]

    def test_what_an_officer_did_is_summed_up_by_day(
        self, context: Context, make: Make, client: Client, auditor: Officer
    ) -> None:
        """Rows, photos and the busiest hour."""
        officer = make.officer()
        with time_machine.travel(NOON):
            views(context, officer, 3)
        with time_machine.travel(NOON + timedelta(days=1)):
            views(context, officer, 2)

        page = client.get(f"/console/audit?who={officer.badge}", as_=auditor).text

        assert page.count('data-label="Busiest hour"') == 2
        assert '<td data-label="Photos looked at">3</td>' in page

    def test_the_log_is_taken_out_signed_and_that_is_in_it(self, client: Client, auditor: Officer) -> None:
        """The row of the export is in the export."""
        answer = client.post("/console/audit/export", as_=auditor)

        assert answer.status_code == 200
        assert '"audit_exported"' in answer.text
        assert '"signature"' in answer.text.splitlines()[-1]


class TestRefusals:
    def test_an_officer_who_tries_doors_is_in_the_log(
        self, context: Context, make: Make, client: Client
    ) -> None:
        """By the route, not by what was typed; a crawl fills nothing; a citizen is not written down."""
        officer = make.officer(Role.REVIEWER)
        elsewhere = make.tip(area="440303")
        client.get("/console/officers", as_=officer)
        for _ in range(MOST_AN_HOUR + 5):
            client.get(f"/console/tips/{elsewhere.id}", as_=officer)
        client.get("/receipt/nothing")

        with context.db.read() as session:
            question = select(AuditEvent).where(AuditEvent.action == Action.ACCESS_REFUSED)
            rows = session.exec(question.order_by(col(AuditEvent.seq))).all()
        assert [row.detail["status"] for row in rows] == [403, *[404] * (MOST_AN_HOUR - 1)]
        assert {row.actor_id for row in rows} == {str(officer.id)}
        assert rows[1].subject_id == "/tips/{tip_id}"


class TestUnusual:
    def test_very_many_photos_in_an_hour(self, context: Context, make: Make) -> None:
        """From the setting on, and far above colleagues below it; found once whatever the number of looks."""
        busy, keen, *others = (make.officer() for _ in range(6))
        with time_machine.travel(NOON):
            views(context, busy, context.settings.bulk_views)
            views(context, keen, 40)
            for other in others:
                views(context, other, 4)
            assert unusual.look(context) == 2
            assert unusual.look(context) == 0

        with context.db.read() as session:
            bulk = session.exec(select(Anomaly).where(Anomaly.kind == AnomalyKind.BULK)).all()
        assert {each.officer_id for each in bulk} == {busy.id, keen.id}
        assert {each.usual for each in bulk} == {4.0}

    def test_at_night_one_child_and_closed_doors(self, context: Context, make: Make) -> None:
        """Each has its kind; the same at noon and in small number is nothing."""
        officer = make.officer()
        with time_machine.travel(NOON):
            views(context, officer, unusual.LEAST_AT_NIGHT)
            assert unusual.look(context) == 0
        with time_machine.travel(NIGHT):
            views(context, officer, unusual.LEAST_OF_ONE, same=True)
            with context.db.write() as session:
                for status in (403, 404):
                    for _ in range(unusual.LEAST_REFUSED):
                        actor = officer_actor(officer.id)
                        service.record(session, actor, Action.ACCESS_REFUSED, "route", "/x", status=status)
            unusual.look(context)

        assert set(found(context)) == {
            AnomalyKind.OUT_OF_HOURS,
            AnomalyKind.SAME_CHILD,
            AnomalyKind.OUT_OF_AREA,
            AnomalyKind.REFUSED,
        }

    def test_an_auditor_looks_into_it_and_nobody_into_their_own(
        self, context: Context, make: Make, client: Client, auditor: Officer
    ) -> None:
        """The note is sealed; the count of the room goes down."""
        officer = make.officer(name="Wang Li")
        views(context, officer, context.settings.bulk_views)
        unusual.look(context)
        anomaly = next(iter(found(context).values()))
        path = f"/console/audit/unusual/{anomaly.id}/seen"

        assert "1 not looked into" in client.get("/console/audit", as_=auditor).text
        assert client.post(path, as_=auditor, data={"note": " "}).status_code == 422
        answer = client.post(path, as_=auditor, data={"note": "A raid, on orders."})

        assert answer.status_code == 303
        page = client.get("/console/audit/unusual", as_=auditor).text
        assert "A raid, on orders." in page
        assert "Wang Li" in page
        assert b"A raid" not in (found(context)[anomaly.kind].note_sealed or b"")
        with context.db.write() as session, pytest.raises(NotFound):
            unusual.see(session, context.keys, officer.id, anomaly.id, "It was nothing.")
