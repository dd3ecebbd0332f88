"""Tips in steps: opened, filled, finished once or retracted; each channel sees its own alone."""

import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action, ActorKind, AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Unavailable
from app.core.jobs import Job
from app.main import create_app
from app.partners import packages, uploads
from app.partners.models import ChannelDay, Package, PackageState, Upload, UploadPart
from app.photos.models import Photo
from app.tips import service
from app.tips.models import Channel, Tip
from app.watches import WATCHES
from tests.app.partners.packing import PLACE, Partner, new_key, photo, reading_key
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files


@pytest.fixture
def partner(client: Client, context: Context) -> Partner:
    """A partner with a key."""
    return Partner(client, new_key(context))


def tips(context: Context) -> list[Tip]:
    with context.db.read() as session:
        return list(session.exec(select(Tip)))


def photos(context: Context) -> list[Photo]:
    with context.db.read() as session:
        return sorted(session.exec(select(Photo)), key=lambda each: each.position)


def rows(context: Context) -> int:
    with context.db.read() as session:
        return len(session.exec(select(Upload)).all()) + len(session.exec(select(UploadPart)).all())


def files_on_disk(context: Context) -> int:
    return len(stored_files(context))


class TestFinish:
    def test_makes_the_tip_that_was_described(self, partner: Partner, context: Context) -> None:
        """Fields, photos in their order, marks, and the answer that `POST /tips` gives."""
        package = partner.package(
            latitude=22.541,
            longitude=114.055,
            accuracy_m=25,
            description="planted words",
            danger_now=True,
            external_id="4711",
            language="zh",
        )
        first, second = jpeg((1, 2, 3)), jpeg((9, 9, 9))
        ids = [partner.add(package, data).json()["id"] for data in (second, first)]
        partner.send("PUT", f"/packages/{package}/files/{ids[1]}", json={"order": 0, "mark": [0.25, 0.5]})

        answer = partner.finish(package)

        assert answer.status_code == 201, answer.text
        (tip,) = tips(context)
        body = answer.json()
        assert (body["id"], body["status"]) == (str(tip.id), "received")
        assert set(body) == {"id", "receipt", "status", "received_at"}
        assert answer.headers["Location"] == f"/api/v1/tips/{tip.id}"
        assert "RateLimit" in answer.headers
        assert (tip.place_text, tip.description, tip.language) == ("Metro exit A", "planted words", "zh")
        assert (tip.latitude, tip.longitude, tip.accuracy_m) == (22.541, 114.055, 25)
        assert (tip.danger_now, tip.external_id) == (True, "4711")
        kept = photos(context)
        assert [context.store.get(each.store_key, each.sealed_key) for each in kept] == [first, second]
        assert [(each.marked_x, each.marked_y) for each in kept] == [(0.25, 0.5), (None, None)]

    def test_is_seen_like_any_tip_of_the_channel(self, partner: Partner, context: Context) -> None:
        """Its job waits, its status can be read, the day counts one tip."""
        package = partner.package()
        partner.add(package)

        tip_id = partner.finish(package).json()["id"]

        assert partner.send("GET", f"/tips/{tip_id}").json()["status"] == "received"
        with context.db.read() as session:
            assert session.exec(select(Job.kind)).all() == ["process_tip"]
            assert session.exec(select(ChannelDay.accepted)).all() == [1]
            actions = session.exec(select(AuditEvent.action, AuditEvent.actor_kind)).all()
        assert (Action.PACKAGE_OPENED, ActorKind.PARTNER) in actions
        assert (Action.TIP_ACCEPTED, ActorKind.PARTNER) in actions

    def test_repeated_it_answers_the_same(self, partner: Partner, context: Context) -> None:
        """One tip, one receipt; the pieces and the package's words are gone."""
        package = partner.package()
        partner.add(package)

        answers = [partner.finish(package) for _ in range(3)]

        assert len({answer.text for answer in answers}) == 1
        assert len(tips(context)) == 1
        assert rows(context) == 0
        assert files_on_disk(context) == 1
        with context.db.read() as session:
            assert session.exec(select(ChannelDay.accepted)).all() == [1]
            assert session.get_one(Package, UUID(package)).fields_sealed == b""
        told = partner.read(package)
        assert (told["state"], told["tip_id"], told["files"], told["missing"]) == (
            "finished",
            answers[0].json()["id"],
            [],
            [],
        )

    def test_at_once_it_makes_one_tip(self, partner: Partner, context: Context) -> None:
        """Six finishes at the same moment give one tip; who got an answer got the same one."""
        package = partner.package()
        partner.add(package, photo(300_000))
        partner.add(package, photo(300_000))
        answers: list[httpx.Response] = []
        app = create_app(context)

        def finish() -> None:
            answers.append(Partner(Client(app, context), key).finish(package))

        key = partner.headers["Authorization"].removeprefix("Bearer ")
        threads = [threading.Thread(target=finish) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {answer.status_code for answer in answers} <= {201, 503}
        assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
        assert len(tips(context)) == 1
        assert len(photos(context)) == 2
        assert partner.finish(package).status_code == 201
        assert rows(context) == 0

    def test_goes_on_after_a_kill(
        self, partner: Partner, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before the tip or right after it: the package is closed, and the next finish makes it one tip."""
        package = partner.package()
        partner.add(package)
        real = service.accept

        def before(*_arguments: object) -> None:
            raise Unavailable("The service is busy and saved nothing. Please send it again.")

        def after(*arguments: object) -> None:
            real(*arguments)  # type: ignore[arg-type]
            raise Unavailable("The service is busy and saved nothing. Please send it again.")

        for kill in (before, after):
            with monkeypatch.context() as broken:
                broken.setattr(service, "accept", kill)
                assert partner.finish(package).status_code == 503
        closed = [
            partner.add(package).status_code,
            partner.begin(package, 5).status_code,
            partner.send("DELETE", f"/packages/{package}").status_code,
        ]
        answer = partner.finish(package)

        assert closed == [409, 409, 409]
        assert answer.status_code == 201
        assert [str(tip.id) for tip in tips(context)] == [answer.json()["id"]]
        assert rows(context) == 0

    def test_says_what_is_missing(self, partner: Partner, context: Context) -> None:
        """No photo: 422; a file that is not whole: 409; and the package stays open."""
        package = partner.package()

        empty = partner.finish(package)
        before = partner.read(package)
        address = partner.upload(package, 100)
        unfinished = partner.finish(package)

        assert (empty.status_code, unfinished.status_code) == (422, 409)
        assert (before["missing"], partner.read(package)["missing"]) == (["photos"], ["pieces"])
        assert partner.read(package)["files"][0]["id"] == address.rsplit("/", 1)[1]
        assert tips(context) == []

    def test_counts_against_the_quota(self, partner: Partner, context: Context) -> None:
        """At the finish, where the tip is made; the package waits."""
        first, second = partner.package(), partner.package()
        for package in (first, second):
            partner.add(package)
        with context.db.write() as session:
            channel = session.get_one(Channel, session.get_one(Package, UUID(first)).channel_id)
            channel.minute_quota = 1
            session.add(channel)

        answers = [partner.finish(first), partner.finish(second)]

        assert [answer.status_code for answer in answers] == [201, 429]
        assert "Retry-After" in answers[1].headers
        assert partner.read(second)["state"] == "open"


class TestFields:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"place_text": None}, "place_text"),
            ({"latitude": 1.0}, "longitude"),
            ({"latitude": 91, "longitude": 0}, "latitude"),
            ({"latitude": "planted", "longitude": 0}, "latitude"),
            ({"observed_at": "2026-02-03T14:05:00"}, "observed_at"),
            ({"observed_at": "planted"}, "observed_at"),
            ({"source_url": "javascript:planted"}, "source_url"),
            ({"language": "planted"}, "language"),
            ({"coordinate_system": "planted"}, "coordinate_system"),
            ({"danger_now": "planted"}, "danger_now"),
            ({"description": "planted" * 1000}, "description"),
            ({"description": "a\u0000planted"}, "description"),
            ({"planted": 1}, None),
            ({"contact": "planted"}, None),
        ],
    )
    def test_each_is_checked_at_the_opening(
        self, partner: Partner, fields: dict[str, object], field: str | None, context: Context
    ) -> None:
        """422 with the field's name; nothing that was sent comes back and no package is made."""
        answer = partner.send("POST", "/packages", json=PLACE | fields)

        assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
        assert "planted" not in answer.text
        with context.db.read() as session:
            assert session.exec(select(Package)).all() == []

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b'{"place_text": "\\ud800"}'])
    def test_bodies_that_are_none(self, partner: Partner, body: bytes) -> None:
        """Refused in plain words."""
        answer = partner.send("POST", "/packages", {"Content-Type": "application/json"}, content=body)

        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"

    def test_a_body_is_read_for_a_key_and_no_further_than_fields_reach(
        self, partner: Partner, client: Client
    ) -> None:
        """Without a key nothing is read; with one, 64 KiB."""
        taken: list[int] = []

        async def body() -> AsyncIterator[bytes]:
            for number in range(100):
                taken.append(number)
                yield b" " * 4096

        answers = []
        for who in (Partner(client, "x"), partner):
            answers.append(who.send("POST", "/packages", content=body()).status_code)
            answers.append(len(taken))

        assert answers == [401, 0, 413, 17]

    def test_numbers_of_every_size_are_read(self, partner: Partner, context: Context) -> None:
        """A number that JSON writes with an exponent is the same number."""
        package = partner.package(latitude=1e-7, longitude=-1.5e-5, accuracy_m=0)
        partner.add(package)

        partner.finish(package)

        (tip,) = tips(context)
        assert (tip.latitude, tip.longitude, tip.accuracy_m) == (1e-7, -1.5e-5, 0)

    def test_the_readers_language_is_kept(self, partner: Partner, context: Context) -> None:
        """As it was when the package was opened."""
        answer = partner.send("POST", "/packages", {"Accept-Language": "zh"}, json=PLACE)
        package = answer.json()["id"]
        partner.add(package)

        partner.send("POST", f"/packages/{package}/finish", {"Accept-Language": "en"})

        assert tips(context)[0].language == "zh"


class TestFiles:
    @pytest.mark.parametrize(
        ("data", "status"), [(b"", 422), (b"GIF89a planted", 415), (b"\xff\xd8\xff" + bytes(20 * 2**20), 413)]
    )
    def test_only_photos_are_kept(self, partner: Partner, context: Context, data: bytes, status: int) -> None:
        """Empty, another kind, a byte too many: nothing is kept."""
        answer = partner.add(partner.package(), data)

        assert answer.status_code == status, answer.text
        assert (rows(context), files_on_disk(context)) == (0, 0)

    def test_six_and_no_more(self, partner: Partner, context: Context) -> None:
        """However they come; the seventh leaves nothing on disk."""
        package = partner.package()
        for _ in range(5):
            assert partner.add(package).status_code == 201
        partner.upload(package, 10)

        refused = partner.add(package)

        assert (refused.status_code, partner.begin(package, 5).status_code) == (422, 422)
        assert files_on_disk(context) == 5

    def test_a_form_holds_one_file(self, partner: Partner) -> None:
        """Two files, another name, a text or no form at all are refused."""
        path = f"/packages/{partner.package()}/files"
        one = ("a.jpg", jpeg(), "image/jpeg")

        answers = [
            partner.send("POST", path, files=[("file", one), ("file", one)]),
            partner.send("POST", path, files={"photos": one}),
            partner.send("POST", path, files={"file": one}, data={"more": "x"}),
            partner.send("POST", path, content=jpeg()),
        ]

        assert [answer.status_code for answer in answers] == [422, 422, 422, 415]

    @pytest.mark.parametrize(
        "body",
        [
            {"order": -1},
            {"order": 6},
            {"order": "0"},
            {"order": True},
            {"mark": [0.5]},
            {"mark": [0.5, 1.01]},
            {"mark": [-0.1, 0]},
            {"mark": ["x", 0]},
            {"mark": [0.1, 0.2, 0.3]},
            {"name": "x"},
            [],
        ],
    )
    def test_places_and_marks_that_are_none(self, partner: Partner, body: object) -> None:
        """422, and the file stands as it stood."""
        package = partner.package()
        file = partner.add(package).json()["id"]

        answer = partner.send("PUT", f"/packages/{package}/files/{file}", json=body)

        assert answer.status_code == 422
        told = partner.read(package)["files"][0]
        assert (told["order"], told["mark"]) == (None, None)

    def test_what_is_left_out_is_unset(self, partner: Partner) -> None:
        """A PUT says all there is to say."""
        package = partner.package()
        file = partner.add(package).json()["id"]
        path = f"/packages/{package}/files/{file}"
        partner.send("PUT", path, json={"order": 3, "mark": [1, 0]})

        answer = partner.send("PUT", path, json={})

        assert (answer.json()["order"], answer.json()["mark"]) == (None, None)
        assert answer.json()["photo"] is True


class TestRetract:
    def test_erases_the_files(self, partner: Partner, context: Context) -> None:
        """Whole ones and pieces, rows and bytes; it is in the log; repeated it is one."""
        package = partner.package()
        partner.add(package)
        partner.patch(partner.upload(package, 100), 0, b"x" * 40)

        answers = [partner.send("DELETE", f"/packages/{package}") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [204, 204]
        assert (rows(context), files_on_disk(context)) == (0, 0)
        assert partner.read(package)["state"] == "retracted"
        with context.db.read() as session:
            logged = session.exec(
                select(AuditEvent.subject_id).where(AuditEvent.action == Action.PACKAGE_RETRACTED)
            ).all()
            assert session.get_one(Package, UUID(package)).fields_sealed == b""
        assert logged == [package]

    def test_closes_it(self, partner: Partner, context: Context) -> None:
        """No file, no place, no finish afterwards."""
        package = partner.package()
        file = partner.add(package).json()["id"]
        partner.send("DELETE", f"/packages/{package}")

        answers = [
            partner.add(package),
            partner.begin(package, 5),
            partner.send("PUT", f"/packages/{package}/files/{file}", json={}),
            partner.finish(package),
        ]

        assert [answer.status_code for answer in answers] == [409] * 4
        assert tips(context) == []

    def test_comes_too_late_after_the_finish(self, partner: Partner, context: Context) -> None:
        """409; the tip stays and can be withdrawn."""
        package = partner.package()
        partner.add(package)
        partner.finish(package)

        answer = partner.send("DELETE", f"/packages/{package}")

        assert answer.status_code == 409
        assert len(photos(context)) == 1


class TestOwners:
    def test_foreign_packages_are_not_there(self, partner: Partner, client: Client, context: Context) -> None:
        """404 on every address, as for one that never was; a file of another package too."""
        package, own = partner.package(), partner.package()
        file = partner.add(package).json()["id"]
        other = Partner(client, new_key(context, "Other"))
        strange = other.package()

        for who, wanted in ((other, package), (partner, str(uuid4())), (partner, "no-id")):
            answers = [
                who.send("GET", f"/packages/{wanted}"),
                who.add(wanted),
                who.send("PUT", f"/packages/{wanted}/files/{file}", json={}),
                who.finish(wanted),
                who.send("DELETE", f"/packages/{wanted}"),
            ]
            assert {answer.status_code for answer in answers} == {404}
            assert len({answer.text for answer in answers}) == 1
        assert partner.send("PUT", f"/packages/{own}/files/{file}", json={}).status_code == 404
        assert other.send("PUT", f"/packages/{strange}/files/{file}", json={}).status_code == 404
        assert partner.read(package)["state"] == "open"

    def test_keys_that_do_not_send(self, partner: Partner, client: Client, context: Context) -> None:
        """403 for a key that only reads, 401 without one."""
        package = partner.package()

        for who, status in ((Partner(client, reading_key(context)), 403), (Partner(client, "x"), 401)):
            answers = [
                who.send("POST", "/packages", json=PLACE),
                who.send("GET", f"/packages/{package}"),
                who.add(package),
                who.finish(package),
                who.send("DELETE", f"/packages/{package}"),
            ]
            assert {answer.status_code for answer in answers} == {status}

    def test_a_channel_has_at_most_24_open(self, partner: Partner) -> None:
        """The 25th waits until one is finished or retracted."""
        ids = [partner.package() for _ in range(uploads.MOST_OPEN)]

        refused = partner.send("POST", "/packages", json=PLACE)
        partner.send("DELETE", f"/packages/{ids[0]}")

        assert refused.status_code == 409
        assert partner.send("POST", "/packages", json=PLACE).status_code == 201


class TestExpiry:
    def test_expired_packages_are_gone(self, partner: Partner, context: Context) -> None:
        """404 at once; the sweep erases rows and bytes, and nothing that goes on."""
        package = partner.package()
        partner.add(package)
        finished = partner.package()
        partner.add(finished)
        tip_id = partner.finish(finished).json()["id"]
        later = now() + timedelta(hours=context.settings.upload_hours, minutes=1)

        with time_machine.travel(later, tick=False):
            young = partner.package()
            answers = [
                partner.send("GET", f"/packages/{package}"),
                partner.add(package),
                partner.finish(package),
                partner.finish(finished),
                partner.send("DELETE", f"/packages/{package}"),
            ]
            swept = [packages.sweep(context) for _ in range(2)]
            assert partner.read(young)["state"] == "open"

        assert {answer.status_code for answer in answers} == {404}
        assert swept == [2, 0]
        assert (rows(context), files_on_disk(context)) == (0, 1)
        with context.db.read() as session:
            assert session.exec(select(Package.state)).all() == [PackageState.OPEN]
            assert session.get_one(Tip, UUID(tip_id)).id == UUID(tip_id)

    def test_the_worker_sweeps(self) -> None:
        """A watch looks after it."""
        assert packages.sweep in [watch.look for watch in WATCHES]


class TestDocument:
    def test_every_status_and_an_example_is_told(self, client: Client) -> None:
        """Each operation names its refusals; the schemas have examples."""
        document = client.get("/api/v1/openapi.json").json()

        paths = {
            path: operations
            for path, operations in document["paths"].items()
            if path.startswith(("/api/v1/packages", "/api/v1/uploads"))
        }
        assert sum(len(operations) for operations in paths.values()) == 11
        for operations in paths.values():
            for operation in operations.values():
                assert {"401", "403", "500", "503"} <= set(operation["responses"])
                assert operation["security"] == [{"PartnerKey": []}]
        fields = paths["/api/v1/packages"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert "place_text" in fields["example"]
        assert paths["/api/v1/uploads/{upload_id}"]["patch"]["responses"]["412"]
