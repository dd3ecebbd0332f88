"""Promises about keeping the registry."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Conflict, Invalid, Refusal
from app.core.jobs import Job
from app.officers.models import Role
from app.photos.models import Photo, PhotoState
from app.records import queries, service
from app.records.fields import PhotoAge, RecordFields, ReferenceFile, fields_of
from app.records.models import Record, RecordState, Reference
from tests.conftest import Client
from tests.make import Make, jpeg
from tests.stored import files as stored_files

FIELDS = RecordFields(
    number="A440304-17",
    name="李小明",
    missing_since=date(2024, 3, 1),
    jurisdiction_code="440304",
    born_on=date(2018, 3, 1),
)
FORM = {
    "number": "A440304-17",
    "name": "李小明",
    "sex": "male",
    "born_on": "2018-03-01",
    "missing_since": "2024-03-01",
    "missing_place": "北站东广场",
    "features": "右眉有疤\n怕狗",
    "jurisdiction_code": "440304",
}


def photo(number: int) -> bytes:
    return jpeg((number * 10 % 250, 40, 90))


def files(*contents: bytes) -> dict[str, tuple[str, bytes]]:
    return {f"photo_{slot}": (f"{slot}.jpg", content) for slot, content in enumerate(contents)}


def add(context: Context, fields: RecordFields = FIELDS, *photos: ReferenceFile) -> Record:
    with context.db.write() as session:
        return service.add_record(session, context.store, context.keys, fields, photos, SYSTEM)


def stored(context: Context, record_id: UUID) -> Record:
    with context.db.read() as session:
        return session.get_one(Record, record_id)


def references(context: Context, record_id: UUID) -> list[Reference]:
    with context.db.read() as session:
        return [reference for reference, _ in queries.references_of(session, record_id)]


def jobs(context: Context) -> list[tuple[str, str | None]]:
    with context.db.read() as session:
        return [(job.kind, job.unique_key) for job in session.exec(select(Job).order_by(col(Job.id)))]


def actions(context: Context) -> list[Action]:
    with context.db.read() as session:
        return [row.action for row in session.exec(select(AuditEvent).order_by(col(AuditEvent.seq)))]


def files_on_disk(context: Context) -> int:
    return len(stored_files(context))


def send(client: Client, path: str, data: dict[str, Any], *contents: bytes) -> httpx.Response:
    return client.post(path, data=data, files=files(*contents) or {"photo_9": ("", b"")})


class TestAdding:
    def test_a_clerk_adds_a_record_with_dated_photos(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """Photos are durable and queued in the record's own transaction; ages follow from the dates."""
        clerk = make.officer(Role.CLERK)
        ages = {"taken_on_0": "2023-03-01", "age_1": "4,5"}

        client.get("/console/records/new", as_=clerk)
        answer = send(client, "/console/records", FORM | ages, photo(1), photo(2), photo(3))

        assert answer.status_code == 303
        record_id = UUID(answer.headers["location"].rsplit("/", 1)[1])
        held = references(context, record_id)
        assert [(one.taken_on, one.age_years) for one in held] == [
            (date(2023, 3, 1), 5.0),
            (None, 4.5),
            (None, None),
        ]
        assert jobs(context) == [("examine_reference", f"examine_reference:{one.id}") for one in held]
        with context.db.read() as session:
            photos = [row for _, row in queries.references_of(session, record_id)]
        assert [context.store.get(one.store_key, one.sealed_key) for one in photos] == [
            photo(1),
            photo(2),
            photo(3),
        ]
        assert {(one.tip_id, one.state, one.format) for one in photos} == {(None, PhotoState.PENDING, "JPEG")}
        page = client.get(answer.headers["location"]).text
        assert page.count("Being prepared") == 3
        assert "右眉有疤\n怕狗" in page

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("number", " "),
            ("number", "x" * 61),
            ("number", "R000001"),
            ("name", ""),
            ("name", "a\x00b"),
            ("sex", "boy"),
            ("born_on", "2018-02-30"),
            ("born_on", "2025-01-01"),
            ("missing_since", ""),
            ("missing_since", "yesterday"),
            ("missing_since", "2999-01-01"),
            ("missing_since", "1803-01-01"),
            ("features", "x" * 2001),
            ("jurisdiction_code", "999999"),
        ],
    )
    def test_a_bad_field_is_named_and_what_was_typed_stays(
        self, client: Client, context: Context, make: Make, field: str, value: str
    ) -> None:
        """The reason stands beside its field, in plain words; nothing is stored, not even the photo."""
        make.record()
        before = files_on_disk(context)
        client.get("/console", as_=make.officer(Role.CLERK))

        answer = send(client, "/console/records", FORM | {field: value}, photo(1))

        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert "北站东广场" in answer.text
        assert "choose the new photos again" in answer.text
        assert files_on_disk(context) == before
        assert jobs(context) == []

    @pytest.mark.parametrize(
        ("extra", "contents", "status"),
        [
            ({}, (b"GIF89a" + bytes(50),), 415),
            ({}, (b"",), 415),
            ({}, (b"\xff\xd8\xff" + bytes(20 * 2**20),), 413),
            ({}, (photo(1), photo(1)), 422),
            ({"taken_on_0": "2017-01-01"}, (photo(1),), 422),
            ({"taken_on_0": "2999-01-01"}, (photo(1),), 422),
            ({"age_0": "-1"}, (photo(1),), 422),
            ({"age_0": "nan"}, (photo(1),), 422),
            ({"age_0": "five"}, (photo(1),), 422),
        ],
    )
    def test_a_bad_photo_is_refused_with_the_whole_form(
        self,
        client: Client,
        context: Context,
        make: Make,
        extra: dict[str, str],
        contents: tuple[bytes, ...],
        status: int,
    ) -> None:
        """A record is never half stored: no row, no file, no job."""
        client.get("/console", as_=make.officer(Role.CLERK))

        answer = send(client, "/console/records", FORM | extra, *contents)

        assert answer.status_code == status
        assert 'id="photos-error"' in answer.text
        with context.db.read() as session:
            assert session.exec(select(Record)).all() == []
        assert files_on_disk(context) == 0

    def test_two_clerks_who_type_the_same_number_at_once_get_one_record(self, context: Context) -> None:
        """The second is told that the number is taken, whatever the moment."""

        def attempt(name: str) -> Record | Refusal:
            try:
                return add(context, replace(FIELDS, name=name))
            except Refusal as refusal:
                return refusal

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(attempt, "abcd"))

        refused = [one for one in made if isinstance(one, Refusal)]
        assert len(refused) == 3
        assert {(one.status, one.field) for one in refused} == {(422, "number")}

    def test_another_areas_record_is_not_added(self, client: Client, context: Context, make: Make) -> None:
        """A clerk writes for their own area and below, not for the neighbours or the province."""
        client.get("/console", as_=make.officer(Role.CLERK, area="440304"))

        answers = [
            send(client, "/console/records", FORM | {"jurisdiction_code": code}).status_code
            for code in ("440303", "440300", "CN")
        ]

        assert answers == [403, 403, 403]
        with context.db.read() as session:
            assert session.exec(select(Record)).all() == []


class TestChanging:
    def test_a_stale_form_changes_nothing_and_keeps_what_was_typed(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """Two clerks edit at once: the second sees what the first wrote beside what they typed."""
        record = add(context)
        address = f"/console/records/{record.id}"
        client.get("/console", as_=make.officer(Role.CLERK, area="440300"))
        assert send(client, address, FORM | {"revision": "1", "name": "First"}).status_code == 303

        stale = send(client, address, FORM | {"revision": "1", "name": "Second"})

        assert stale.status_code == 409
        assert 'value="Second"' in stale.text
        assert "The record says now: First" in stale.text
        assert 'name="revision" value="2"' in " ".join(stale.text.split())
        assert stored(context, record.id).name == "First"
        assert send(client, address, FORM | {"revision": "2", "name": "Second"}).status_code == 303
        assert stored(context, record.id).name == "Second"

    def test_two_changes_at_the_same_moment_leave_one(self, context: Context) -> None:
        """The revision is checked where it is written."""
        record = add(context)

        def change(name: str) -> bool:
            try:
                with context.db.write() as session:
                    service.change_record(
                        session,
                        context.store,
                        context.keys,
                        record.id,
                        replace(FIELDS, name=name),
                        SYSTEM,
                        revision=1,
                    )
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(change, "abcd"))

        assert done.count(True) == 1
        assert stored(context, record.id).revision == 2

    def test_a_corrected_birth_date_moves_computed_ages_and_searches_anew(self, context: Context) -> None:
        """A computed age follows the dates; a stated one stays as the clerk stated it."""
        record = add(
            context,
            FIELDS,
            ReferenceFile(photo(1), PhotoAge(taken_on=date(2023, 3, 1))),
            ReferenceFile(photo(2), PhotoAge(age_years=4.5)),
        )

        with context.db.write() as session:
            service.change_record(
                session,
                context.store,
                context.keys,
                record.id,
                replace(FIELDS, born_on=date(2017, 3, 1)),
                SYSTEM,
                revision=1,
            )

        assert [one.age_years for one in references(context, record.id)] == [6.0, 4.5]
        assert jobs(context)[-1] == ("retroact", f"retroact:{record.id}:2")

    def test_a_changed_name_searches_nothing_anew(self, context: Context) -> None:
        """Only what a search uses causes one."""
        record = add(context)

        with context.db.write() as session:
            service.change_record(
                session, context.store, context.keys, record.id, replace(FIELDS, name="x"), SYSTEM, revision=1
            )

        assert jobs(context) == []

    def test_saving_an_unchanged_form_leaves_no_trace(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """A look at the form is no change of the record."""
        record = add(context, FIELDS, ReferenceFile(photo(1), PhotoAge(taken_on=date(2023, 3, 1))))
        reference = references(context, record.id)[0]
        client.get("/console", as_=make.officer(Role.CLERK))
        data = FORM | {"sex": "unknown", "missing_place": "", "features": "", "revision": "1"}
        data |= {"reference": str(reference.id), f"taken_on_{reference.id}": "2023-03-01"}

        assert send(client, f"/console/records/{record.id}", data).status_code == 303

        assert stored(context, record.id) == record
        assert actions(context) == [Action.RECORD_ADDED]

    def test_photos_are_removed_dated_and_added_in_one_step(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """A removed photo is gone from record and search; it stays sealed evidence."""
        record = add(context, FIELDS, ReferenceFile(photo(1)), ReferenceFile(photo(2)))
        first, second = references(context, record.id)
        client.get("/console", as_=make.officer(Role.CLERK))
        data = FORM | {"revision": "1", "removed": str(first.id)}
        data |= {"reference": str(second.id), f"age_{second.id}": "5"}

        assert send(client, f"/console/records/{record.id}", data, photo(3)).status_code == 303

        held = references(context, record.id)
        assert held[0].id == second.id
        assert [one.age_years for one in held] == [5.0, None]
        with context.db.read() as session:
            assert session.get_one(Reference, first.id).removed_at is not None
            assert len(session.exec(select(Photo)).all()) == 3
            row = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc())).first()
        assert row is not None
        assert (row.detail["photos_added"], row.detail["photos_removed"]) == (1, 1)

    def test_a_record_takes_ten_photos(self, context: Context) -> None:
        """The eleventh is refused before anything is stored."""
        record = add(context, FIELDS, *(ReferenceFile(photo(n)) for n in range(10)))

        with pytest.raises(Invalid) as refused, context.db.write() as session:
            service.change_record(
                session,
                context.store,
                context.keys,
                record.id,
                FIELDS,
                SYSTEM,
                revision=1,
                photos=[ReferenceFile(photo(11))],
            )

        assert refused.value.field == "photos"
        assert files_on_disk(context) == 10

    def test_another_records_photo_cannot_be_removed_here(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """A form names its own record's photos only."""
        record, other = add(context), add(context, replace(FIELDS, number="B"), ReferenceFile(photo(1)))
        theirs = references(context, other.id)[0]
        client.get("/console", as_=make.officer(Role.CLERK))

        answer = send(
            client, f"/console/records/{record.id}", FORM | {"revision": "1", "removed": str(theirs.id)}
        )

        assert answer.status_code == 404
        assert references(context, other.id) == [theirs]

    @pytest.mark.parametrize("step", ["", "/close", "/reopen"])
    def test_a_clerk_of_another_area_reads_but_does_not_write(
        self, client: Client, context: Context, make: Make, step: str
    ) -> None:
        """The registry is national to read and local to write."""
        record = add(context)
        address = f"/console/records/{record.id}"
        if step == "/reopen":
            with context.db.write() as session:
                service.close_record(session, record.id, "found alive", SYSTEM, revision=1)
        before = stored(context, record.id)

        client.get("/console", as_=make.officer(Role.CLERK, area="440303"))
        data = FORM | {"revision": str(before.revision), "reason": "found alive", "name": "x"}
        answer = client.post(address + step, data=data)

        assert answer.status_code == 403
        assert stored(context, record.id) == before
        assert client.get(f"{address}/edit").status_code == 403
        page = client.get(address)
        assert page.status_code == 200
        assert "/edit" not in page.text


class TestClosing:
    def test_closing_says_why_and_withdraws_and_reopening_searches_again(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """A closed record is out of the search at once; a reopened one meets all retained faces."""
        record = add(context)
        address = f"/console/records/{record.id}"
        client.get("/console", as_=make.officer(Role.CLERK))

        closed = client.post(f"{address}/close", data={"revision": "1", "reason": "Found with an aunt."})
        page = client.get(address).text
        stale = client.post(f"{address}/reopen", data={"revision": "1"})
        reopened = client.post(f"{address}/reopen", data={"revision": "2"})

        assert (closed.status_code, stale.status_code, reopened.status_code) == (303, 409, 303)
        assert "Found with an aunt." in page
        assert jobs(context) == [
            ("withdraw_record_candidates", f"withdraw_record_candidates:{record.id}:2"),
            ("retroact", f"retroact:{record.id}:3"),
        ]
        now = stored(context, record.id)
        assert (now.state, now.closing_reason, now.revision) == (RecordState.OPEN, None, 3)
        assert actions(context) == [Action.RECORD_ADDED, Action.RECORD_CLOSED, Action.RECORD_REOPENED]

    def test_without_a_reason_nothing_is_closed(self, client: Client, context: Context, make: Make) -> None:
        """Taking a child off the search is justified in words."""
        record = add(context)
        client.get("/console", as_=make.officer(Role.CLERK))

        answer = client.post(f"/console/records/{record.id}/close", data={"revision": "1", "reason": "  x "})

        assert answer.status_code == 422
        assert 'id="reason-error"' in answer.text
        assert stored(context, record.id) == record

    def test_a_closed_record_is_not_closed_again(self, context: Context) -> None:
        """A second click is told where the record stands."""
        record = add(context)
        with context.db.write() as session:
            service.close_record(session, record.id, "found alive", SYSTEM, revision=1)

        with pytest.raises(Conflict), context.db.write() as session:
            service.close_record(session, record.id, "found alive", SYSTEM, revision=2)


class TestReading:
    def test_records_are_found_by_number_or_name_and_shown_by_fifty(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """Readers of any area find any record; signs with a meaning in SQL are plain signs."""
        for _ in range(51):
            make.record(area="442000")
        add(context, replace(FIELDS, number="100%_A", name="欧阳娜娜"))
        closed = add(context, replace(FIELDS, number="Z-closed"))
        with context.db.write() as session:
            service.close_record(session, closed.id, "found alive", SYSTEM, revision=1)

        first = client.get("/console/records", as_=make.officer(Role.INVESTIGATOR)).text
        by_name = client.get("/console/records?text=欧阳").text
        by_sign = client.get("/console/records?text=%25_a").text
        only_closed = client.get("/console/records?state=closed").text
        nothing = client.get("/console/records?text=nobody&state=all").text

        assert "52 records" in first
        assert "Page 1 of 2" in first
        assert "Add a record" not in first
        assert "1 record<" in by_name.replace("\n", "")
        assert "100%_A" in by_sign
        assert "Lin Xiaoyu" not in by_sign
        assert "Z-closed" in only_closed
        assert "1 record<" in only_closed.replace("\n", "")
        assert "No record fits this search." in nothing

    def test_a_photo_that_cannot_be_shown_says_why(
        self, client: Client, context: Context, make: Make
    ) -> None:
        """A clerk learns that a photo has to be replaced, and what is wrong with it."""
        record = add(context, FIELDS, ReferenceFile(photo(1)), ReferenceFile(photo(2)))
        with context.db.write() as session:
            (_, parked), (_, faceless) = queries.references_of(session, record.id)
            parked.state, parked.parked_reason = PhotoState.PARKED, "damaged"
            faceless.state, faceless.width, faceless.height = PhotoState.EXAMINED, 64, 48

        page = client.get(f"/console/records/{record.id}", as_=make.officer(Role.CLERK)).text

        assert "Cannot be shown" in page
        assert "The file is damaged." in page
        assert f"/console/photos/{faceless.id}/scene" in page
        assert f"/console/photos/{parked.id}" not in page
        assert "No face was found here." in page

    def test_a_role_that_reads_no_records_finds_none(self, context: Context, make: Make) -> None:
        """The one door to the table is shut, not only the page."""
        record = make.record()

        with context.db.read() as session:
            found = [
                role
                for role in Role
                if session.exec(queries.visible_to(make.officer(role, area="CN"))).first()
            ]

        assert set(found) == {Role.CLERK, Role.INVESTIGATOR, Role.SUPERVISOR}
        assert fields_of(record).number == record.number
