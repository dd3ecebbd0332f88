"""Accepting: what holds when disk, database or senders misbehave."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import func, select

from app.audit.models import AuditEvent
from app.audit.service import TIPSTER
from app.core.context import Context
from app.core.files import PhotoStore, StoredFile
from app.core.jobs import Job
from app.main import create_app
from app.photos.models import Photo
from app.tips import service
from app.tips.intake import NewTip
from app.tips.models import Channel, ChannelKind, Submission, Tip
from app.tips.parts import NewPhoto
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files


def new_tip(key: str | None = None, digest: str = "d", photos: int = 1) -> NewTip:
    """A tip that passed every check."""
    return NewTip(
        photos=tuple(NewPhoto(jpeg((number, 9, 9)), "JPEG") for number in range(photos)),
        language="en",
        place_text="Metro exit A",
        place=None,
        observed_at=None,
        description="",
        danger_now=False,
        contact="",
        external_id=None,
        source_url=None,
        key=key,
        digest=digest,
    )


def rows(context: Context) -> dict[str, int]:
    """How many rows a tip has left behind."""
    with context.db.read() as session:
        return {
            table.__name__: session.exec(select(func.count()).select_from(table)).one()
            for table in (Tip, Photo, Submission, Job, AuditEvent)
        }


NOTHING = {"Tip": 0, "Photo": 0, "Submission": 0, "Job": 0, "AuditEvent": 0}


def files(context: Context) -> int:
    """How many files the photo store holds, finished or not."""
    return len(stored_files(context))


class TestOrder:
    def test_photos_are_durable_before_the_first_row(
        self, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A row that names a photo is never older than the photo."""
        channel = service.web_channel(context)
        seen: list[tuple[str, int]] = []
        real_put = PhotoStore.put

        def put(self: PhotoStore, plain: bytes) -> StoredFile:
            seen.append(("put", rows(context)["Tip"]))
            return real_put(self, plain)

        monkeypatch.setattr(PhotoStore, "put", put)
        event.listen(context.db.engine, "commit", lambda _connection: seen.append(("commit", files(context))))

        service.accept(context, channel, new_tip(photos=2), TIPSTER)

        assert seen == [("put", 0), ("put", 0), ("commit", 2)]

    def test_a_failing_disk_leaves_nothing_behind(
        self, context: Context, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second photo does not fit: the sender is told so, and the first one is gone."""
        real_put = PhotoStore.put
        stored: list[bytes] = []

        def put(self: PhotoStore, plain: bytes) -> StoredFile:
            if stored:
                raise OSError(errno.ENOSPC, "No space left on device")
            stored.append(plain)
            return real_put(self, plain)

        monkeypatch.setattr(PhotoStore, "put", put)

        answer = send([jpeg(), jpeg((1, 2, 3))], place_text="Behind the market")

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "Behind the market" in answer.text
        assert rows(context) == NOTHING
        assert files(context) == 0

    def test_a_failing_commit_gives_no_receipt(self, context: Context, send: Send) -> None:
        """The reply comes after the commit; without one there is no row, and no code was shown."""
        service.web_channel(context)

        def fail(_connection: object) -> None:
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

        event.listen(context.db.engine, "commit", fail)

        answer = send(submission="a-key-of-this-form", place_text="Behind the market")

        event.remove(context.db.engine, "commit", fail)
        assert answer.status_code == 503
        assert "location" not in answer.headers
        assert "Behind the market" in answer.text
        assert rows(context) == NOTHING
        assert files(context) == 1, "a sealed file that no row names may stay, and nothing else"

    def test_the_form_that_failed_may_be_sent_again(self, context: Context, send: Send) -> None:
        """The key of a form that was not accepted is not used up."""
        service.web_channel(context)

        def fail(_connection: object) -> None:
            raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

        event.listen(context.db.engine, "commit", fail)
        send(submission="a-key-of-this-form")
        event.remove(context.db.engine, "commit", fail)

        assert send(submission="a-key-of-this-form").status_code == 303
        assert rows(context)["Tip"] == 1


class TestSendersKey:
    def test_eight_at_once_make_one_tip(self, context: Context) -> None:
        """A phone on a bad line sends again before it has an answer."""
        application = create_app(context)
        start = threading.Barrier(8)

        def send(_number: int) -> tuple[int, str]:
            client = Client(application, context)
            start.wait()
            answer = client.post(
                "/tip",
                files=[
                    ("photos", ("a.jpg", jpeg(), "image/jpeg")),
                    ("place_text", (None, "Metro exit A")),
                    ("submission", (None, "one-form-sent-eight-times")),
                ],
            )
            page = client.get(answer.headers["location"])
            return answer.status_code, page.text.split('class="code"')[1][:30]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))

        assert {status for status, _ in answers} == {303}
        assert len({code for _, code in answers}) == 1
        assert rows(context) == {"Tip": 1, "Photo": 1, "Submission": 1, "Job": 1, "AuditEvent": 1}
        assert files(context) == 1

    def test_a_repeated_request_has_the_same_receipt(self, context: Context) -> None:
        """The code is derived from the request, since it is stored nowhere."""
        channel = service.web_channel(context)

        first = service.accept(context, channel, new_tip("key-of-a-form"), TIPSTER)
        second = service.accept(context, channel, new_tip("key-of-a-form"), TIPSTER)

        assert first == second

    def test_another_body_under_the_same_key_is_refused(self, context: Context) -> None:
        """Two different tips never share a key."""
        channel = service.web_channel(context)
        service.accept(context, channel, new_tip("key-of-a-form", "one"), TIPSTER)

        with pytest.raises(service.KeyReused):
            service.accept(context, channel, new_tip("key-of-a-form", "two"), TIPSTER)

        assert rows(context)["Tip"] == 1
        assert files(context) == 1

    def test_two_channels_may_use_the_same_key(self, context: Context) -> None:
        """What one sender calls its request is nobody else's business."""
        with context.db.write() as session:
            other = Channel(kind=ChannelKind.PARTNER, name="Partner")
            session.add(other)

        first = service.accept(context, service.web_channel(context), new_tip("key-of-a-form"), TIPSTER)
        second = service.accept(context, other.id, new_tip("key-of-a-form"), TIPSTER)

        assert first.tip_id != second.tip_id
        assert first.code != second.code

    def test_without_a_key_each_request_is_a_tip(self, context: Context) -> None:
        """Whoever sends without a form of ours takes care of repeats."""
        channel = service.web_channel(context)
        accepted: list[Any] = [service.accept(context, channel, new_tip(), TIPSTER) for _ in range(2)]

        assert accepted[0].tip_id != accepted[1].tip_id
        assert accepted[0].code != accepted[1].code
        assert rows(context)["Submission"] == 0


def test_the_web_channel_is_made_once(context: Context) -> None:
    """Even when the first tips come at the same moment."""
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _number: service.web_channel(context), range(6)))

    assert len(found) == 1
