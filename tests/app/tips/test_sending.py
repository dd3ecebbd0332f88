"""A tip sent by the form: what is kept, what the sender is told, and what comes back when it is refused."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.core.jobs import Job
from app.photos.models import Photo, PhotoState
from app.tips.models import Channel, ChannelKind, CoordinateSystem, Submission, Tip, TipState
from app.tips.parts import LARGEST_PHOTO
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files

RECEIPT = re.compile(r"(?:\d{4} ){3}\d{4}")
KEY = "a-browser-made-this-key"


def tips(context: Context) -> list[Tip]:
    with context.db.read() as session:
        return list(session.exec(select(Tip)))


def files(context: Context) -> int:
    return len(stored_files(context))


class TestAcceptedTip:
    def test_everything_that_was_sent_is_kept(self, context: Context, send: Send) -> None:
        """Tip, photos, job and audit row are there before the sender is told so."""
        photos = [jpeg((10, 20, 30)), jpeg((30, 20, 10))]

        answer = send(
            photos,
            submission=KEY,
            latitude="22.543096",
            longitude="114.057865",
            accuracy_m="24",
            observed_at="2026-02-03T14:05",
            danger_now="on",
        )

        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/receipt/")
        (tip,) = tips(context)
        assert (tip.place_text, tip.description) == ("Metro exit A", "A child asks for money.")
        assert (tip.latitude, tip.longitude, tip.accuracy_m) == (22.543096, 114.057865, 24)
        assert tip.given_system == CoordinateSystem.WGS84
        assert tip.observed_at == datetime(2026, 2, 3, 6, 5, tzinfo=UTC)
        assert (tip.state, tip.danger_now, tip.language) == (TipState.RECEIVED, True, "en")
        with context.db.read() as session:
            kept = session.exec(select(Photo).order_by(Photo.position)).all()  # type: ignore[arg-type]
            assert [context.store.get(row.store_key, row.sealed_key) for row in kept] == photos
            assert {row.state for row in kept} == {PhotoState.PENDING}
            assert session.exec(select(Job.kind, Job.args)).all() == [
                ("process_tip", {"tip_id": str(tip.id)})
            ]
            assert session.exec(select(AuditEvent.action)).all() == [Action.TIP_ACCEPTED]
            assert session.exec(select(Channel.kind)).all() == [ChannelKind.WEB]
            assert session.exec(select(Submission.tip_id)).all() == [tip.id]

    @time_machine.travel(datetime(2026, 5, 1, 8, 0, tzinfo=UTC), tick=False)
    def test_a_tip_without_a_time_was_seen_just_now(self, context: Context, send: Send) -> None:
        """The form says so beside the field."""
        send(observed_at="")

        assert tips(context)[0].observed_at == datetime(2026, 5, 1, 8, 0, tzinfo=UTC)

    def test_a_position_alone_is_a_place(self, context: Context, send: Send) -> None:
        """Who shares their location need not describe it."""
        answer = send(place_text="", latitude="-12.5", longitude="-77")

        assert answer.status_code == 303
        assert (tips(context)[0].latitude, tips(context)[0].longitude) == (-12.5, -77.0)

    def test_a_contact_is_sealed(self, context: Context, send: Send) -> None:
        """Nobody who copies the database reads it."""
        send(contact="138 0013 8000")

        (tip,) = tips(context)
        assert tip.contact_sealed is not None
        assert b"138" not in tip.contact_sealed
        assert context.keys.unseal(tip.contact_sealed) == b"138 0013 8000"
        assert all(b"138 0013 8000" not in path.read_bytes() for path in _everything(context))

    def test_no_photo_lies_in_the_clear(self, context: Context, send: Send) -> None:
        """Neither a large photo nor a small one is found on the disk by its own bytes."""
        photo = jpeg() + bytes(range(256)) * 12_000

        send([photo])

        assert tips(context)
        assert all(photo[5000:5064] not in path.read_bytes() for path in _everything(context))

    def test_a_large_photo_never_becomes_a_temporary_file(
        self, context: Context, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The framework's own reader writes parts over 1 MB to /tmp."""

        def rolled(_self: object) -> None:
            msg = "a photo was written to a temporary file"
            raise AssertionError(msg)

        monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", rolled)

        answer = send([jpeg() + b"\0" * (5 * 2**20)])

        assert answer.status_code == 303
        assert len(tips(context)) == 1

    @pytest.mark.parametrize(
        "start",
        [
            b"\xff\xd8\xff\xe0",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\x10\0\0\0WEBP",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        ],
        ids=["jpeg", "png", "webp", "heic"],
    )
    def test_what_phones_make_is_taken(self, send: Send, start: bytes) -> None:
        """Only the first bytes count; the worker finds out about the rest."""
        assert send([start + b"\0" * 64]).status_code == 303

    def test_a_picture_that_was_sent_before_makes_a_new_tip(self, context: Context, send: Send) -> None:
        """An answer that knew the picture would tell that somebody had sent it."""
        first, second = send(), send()

        assert (first.status_code, second.status_code) == (303, 303)
        assert len(tips(context)) == 2

    def test_the_receipt_page_shows_a_code(self, client: Client, send: Send) -> None:
        """It cannot be recovered, so the page says to write it down."""
        page = client.get(send().headers["location"])

        assert page.status_code == 200
        assert RECEIPT.search(page.text)
        assert "Write it down now" in page.text


class TestRepeatedForm:
    def test_the_same_form_sent_twice_makes_one_tip(
        self, context: Context, client: Client, send: Send
    ) -> None:
        """A second tap on the button, or a phone that sends again by itself, leads to the same receipt."""
        first, second = send(submission=KEY), send(submission=KEY)

        codes = {
            RECEIPT.findall(client.get(answer.headers["location"]).text)[0] for answer in (first, second)
        }
        assert len(tips(context)) == 1
        assert len(codes) == 1
        assert files(context) == 1

    def test_the_same_key_with_other_content_is_refused(self, context: Context, send: Send) -> None:
        """A tip is never swallowed in silence: the form comes back under a key of its own."""
        send(submission=KEY)

        answer = send(submission=KEY, description="Another child.")

        assert answer.status_code == 409
        assert "Another child." in answer.text
        assert KEY not in answer.text
        assert len(tips(context)) == 1

    def test_each_form_has_a_key_of_its_own(self, client: Client) -> None:
        """Two tips from one phone are two tips."""
        keys = {re.findall(r'name="submission"\s+value="([^"]+)"', client.get("/").text)[0] for _ in range(3)}

        assert len(keys) == 3
        assert all(len(key) >= 24 for key in keys)


class TestRefusedForm:
    @pytest.mark.parametrize(
        ("texts", "status", "name"),
        [
            ({"place_text": ""}, 422, "place_text"),
            ({"place_text": "x" * 301}, 422, "place_text"),
            ({"description": "x" * 4001}, 422, "description"),
            ({"contact": "x" * 301}, 422, "contact"),
            ({"latitude": "22.5"}, 422, "longitude"),
            ({"longitude": "114"}, 422, "latitude"),
            ({"accuracy_m": "5"}, 422, "latitude"),
            ({"latitude": "NaN", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "Infinity", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "1e1", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "1_0", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "２２", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "90.1", "longitude": "1"}, 422, "latitude"),
            ({"latitude": "1", "longitude": "-180.1"}, 422, "longitude"),
            ({"latitude": "1", "longitude": "1", "accuracy_m": "-1"}, 422, "accuracy_m"),
            ({"observed_at": "yesterday"}, 422, "observed_at"),
            ({"observed_at": "1999-12-31T23:59"}, 422, "observed_at"),
            ({"observed_at": "9999-12-31T23:59"}, 422, "observed_at"),
            ({"observed_at": "2026-02-30T10:00"}, 422, "observed_at"),
            ({"observed_at": "2026-02-03T10:00+08:00"}, 422, "observed_at"),
            ({"danger_now": "perhaps"}, 422, "danger_now"),
            ({"submission": "short"}, 422, "submission"),
            ({"submission": "with a space in it"}, 422, "submission"),
        ],
    )
    def test_the_reason_stands_beside_its_field(
        self, context: Context, send: Send, texts: dict[str, str], status: int, name: str
    ) -> None:
        """Nothing is saved, and the reader sees which field it is."""
        answer = send(**texts)

        assert answer.status_code == status
        assert f'id="{name}-error"' in answer.text
        assert tips(context) == []
        assert files(context) == 0

    @pytest.mark.parametrize(
        ("photos", "status"),
        [
            ([], 422),
            ([b""], 422),
            ([jpeg()] * 7, 422),
            ([jpeg()] * 25, 422),
            ([b"%PDF-1.7 not a photo"], 415),
            ([b"GIF89a not taken"], 415),
            ([b"<svg xmlns='http://www.w3.org/2000/svg'/>"], 415),
            ([jpeg(), b"MZ a program"], 415),
        ],
        ids=["none", "empty", "seven", "twenty-five", "pdf", "gif", "svg", "one-of-two"],
    )
    def test_photos_that_are_not_taken(
        self, context: Context, send: Send, photos: list[bytes], status: int
    ) -> None:
        """The page says what to send instead."""
        answer = send(photos, place_text="Behind the market")

        assert answer.status_code == status
        assert 'id="photos-error"' in answer.text or len(photos) > 24
        assert tips(context) == []
        assert files(context) == 0

    def test_a_photo_over_the_limit(self, context: Context, send: Send) -> None:
        """The largest photo is taken, a byte more is not."""
        largest = jpeg().ljust(LARGEST_PHOTO, b"\0")

        assert send([largest + b"\0"]).status_code == 413
        assert tips(context) == []
        assert send([largest]).status_code == 303

    def test_what_was_typed_comes_back(self, send: Send) -> None:
        """Only the photos have to be chosen again, and the page says so."""
        answer = send(
            [],
            place_text='Shop "7" <corner>',
            description="Two lines\nof text",
            contact="ask at the kiosk",
            latitude="22.5",
            longitude="114.1",
            observed_at="2026-02-03T14:05",
            danger_now="on",
        )

        assert 'value="Shop &#34;7&#34; &lt;corner&gt;"' in answer.text
        assert "Two lines\nof text</textarea>" in answer.text
        assert "ask at the kiosk" in answer.text
        assert 'value="114.1"' in answer.text
        assert 'value="2026-02-03T14:05"' in answer.text
        assert re.search(r'value="on"\s+checked', answer.text)
        assert "a browser cannot keep them" in answer.text

    def test_the_reason_is_in_the_readers_language(self, client: Client) -> None:
        """A citizen who reads Chinese is told in Chinese."""
        answer = client.post(
            "/tip",
            files=[("photos", ("a.txt", b"hello", "text/plain")), ("place_text", (None, "深圳北站"))],
            headers={"Accept-Language": "zh-CN,zh;q=0.9"},
        )

        assert answer.status_code == 415
        assert "不是可以接收的照片" in answer.text
        assert "One of the files" not in answer.text

    def test_a_time_some_minutes_ahead_is_a_clock_that_is_wrong(self, context: Context, send: Send) -> None:
        """Phones are set by hand; a time of tomorrow is a mistake all the same."""
        zone = context.settings.zone
        soon = datetime.now(zone) + timedelta(minutes=5)
        late = datetime.now(zone) + timedelta(days=1)

        assert send(observed_at=f"{soon:%Y-%m-%dT%H:%M}").status_code == 303
        assert send(observed_at=f"{late:%Y-%m-%dT%H:%M}").status_code == 422


def _everything(context: Context) -> list[Path]:
    return [path for path in context.settings.data_dir.rglob("*") if path.is_file()]
