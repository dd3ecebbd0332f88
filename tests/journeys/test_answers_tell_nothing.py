"""No answer to a tip or an enquiry tells what its photo shows.

Bytes, headers and the work a request does are compared here; `python -m tests.attacks.telling` measures time.
"""

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from fastapi import Request
from scipy.stats import mannwhitneyu
from sqlalchemy import event
from sqlmodel import select

from app.candidates.models import Candidate
from app.core.context import Context
from app.core.web.limiting import gate_of
from app.core.work import solve
from app.partners import keys
from app.photos.models import PhotoLink
from app.tips.models import Channel, ChannelKind
from app.worker import Worker
from tests.attacks import pictures
from tests.attacks.masking import masked, masked_headers
from tests.attacks.telling import NOBODY, RECORD, REPOST, Comparison, Seen, _compared
from tests.conftest import Client
from tests.make import Make

ON_RECORD, UNKNOWN = "p0007", "p0002"
TABLE = re.compile(r"(?:FROM|INTO|UPDATE) (\w+)")


@dataclass(frozen=True)
class Look:
    """An answer as it may be compared, and what the request asked of the database."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: tuple[tuple[str, int], ...]


@pytest.fixture
def known(context: Context, make: Make, worker: Worker) -> bytes:
    """A picture that was sent before; one person is on record."""
    make.sent_record(pictures.portrait(ON_RECORD))
    photo = pictures.street(UNKNOWN, 1)
    make.sent_tip(photo)
    worker.run_until_idle()
    assert context.db
    return photo


@pytest.fixture
def photos(known: bytes) -> dict[str, bytes]:
    """One new picture of each kind, all of one size."""
    return {
        RECORD: pictures.street(ON_RECORD, 2),
        NOBODY: pictures.street(UNKNOWN, 3),
        REPOST: pictures.copied(known),
    }


@contextmanager
def counted(context: Context) -> Iterator[Counter[str]]:
    """Count the statements of a block, by their first word and table."""
    counts: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        table = TABLE.search(statement)
        counts[f"{statement.partition(' ')[0]} {table.group(1) if table else ''}"] += 1

    event.listen(context.db.engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        event.remove(context.db.engine, "before_cursor_execute", note)


def look(context: Context, request: Callable[[], httpx.Response]) -> tuple[Look, httpx.Response]:
    """Send a request and keep what may be compared."""
    with counted(context) as counts:
        answer = request()
    headers = masked_headers(list(answer.headers.items()))
    return Look(answer.status_code, headers, masked(answer.content), tuple(sorted(counts.items()))), answer


def alike(looks: dict[str, Look]) -> bool:
    return len(set(looks.values())) == 1


class TestTips:
    def test_the_forms_answers_are_alike(
        self, context: Context, client: Client, worker: Worker, photos: dict[str, bytes]
    ) -> None:
        """At sending, on the receipt page right after, and once the photo was looked into."""
        sent, before, after, where = {}, {}, {}, {}
        for kind, photo in photos.items():
            files = [("photos", ("a.jpg", photo, "image/jpeg"))]
            texts = {"place_text": "Futian", "description": "A child."}
            sent[kind], answer = look(context, partial(client.post, "/tip", files=files, data=texts))
            where[kind] = answer.headers["location"]
            before[kind], _ = look(context, partial(client.get, where[kind]))
        worker.run_until_idle()
        for kind, at in where.items():
            after[kind], _ = look(context, partial(client.get, at))

        assert [seen[NOBODY].status for seen in (sent, before, after)] == [303, 200, 200]
        assert alike(sent)
        assert alike(before)
        assert alike(after)
        assert before[NOBODY].body != after[NOBODY].body
        with context.db.read() as session:
            assert len(session.exec(select(Candidate.tip_id)).all()) == 1
            assert len(session.exec(select(PhotoLink.photo_id)).all()) == 1

    def test_the_partners_answers_are_alike(
        self, context: Context, client: Client, worker: Worker, photos: dict[str, bytes]
    ) -> None:
        """The same through the API."""
        with context.db.write() as session:
            channel = Channel(kind=ChannelKind.PARTNER, name="A partner")
            session.add(channel)
            session.flush()
            key = {"Authorization": f"Bearer {keys.make_key(session, context.keys, channel).key}"}
        # A channel's first tip of a day writes one row more.
        first = [("photos", ("a.jpg", pictures.street(UNKNOWN, 4), "image/jpeg"))]
        client.post("/api/v1/tips", files=first, data={"place_text": "Futian"}, headers=key)
        sent, before, after, where = {}, {}, {}, {}
        for kind, photo in photos.items():
            files = [("photos", ("a.jpg", photo, "image/jpeg"))]
            sent[kind], answer = look(
                context,
                partial(client.post, "/api/v1/tips", files=files, data={"place_text": "Futian"}, headers=key),
            )
            where[kind] = f"/api/v1/tips/{json.loads(answer.content)['id']}"
            before[kind], _ = look(context, partial(client.get, where[kind], headers=key))
        worker.run_until_idle()
        for kind, at in where.items():
            after[kind], _ = look(context, partial(client.get, at, headers=key))

        assert [seen[NOBODY].status for seen in (sent, before, after)] == [201, 200, 200]
        assert alike(sent)
        assert alike(before)
        assert alike(after)


class TestEnquiries:
    def test_nothing_but_the_answer_is_told(
        self, context: Context, client: Client, worker: Worker, photos: dict[str, bytes]
    ) -> None:
        """A new picture that resembles a record reads like any new one; a known one differs in its words."""
        asked, waiting, where = {}, {}, {}
        workshop = gate_of(Request({"type": "http", "app": client._app})).workshop
        for kind, photo in photos.items():
            files = [("photos", ("a.jpg", photo, "image/jpeg"))]
            work = {"work": solve(workshop.ask("enquiry", 10))}
            asked[kind], answer = look(context, partial(client.post, "/checked", files=files, data=work))
            where[kind] = answer.headers["location"]
            waiting[kind], _ = look(context, partial(client.get, where[kind]))
        worker.run_until_idle()
        still = {kind: look(context, partial(client.get, at))[0] for kind, at in where.items()}

        assert alike(asked)
        assert alike(waiting)
        assert alike(still)
        assert waiting[NOBODY].body == still[NOBODY].body


class TestTheMeasurement:
    def test_it_tells_apart_what_differs(self) -> None:
        """A measurement that never finds anything would prove nothing."""
        same = Seen([(200, (), b"")] * 40, [0.040 + 0.001 * (number % 7) for number in range(40)])
        slow = Seen(same.looks, [seconds + 0.004 for seconds in same.seconds])
        longer = Seen([(200, (), b"more")] * 40, same.seconds)

        assert not told(_compared("a place", RECORD, same, same))
        assert told(_compared("a place", RECORD, slow, same))
        assert told(_compared("a place", RECORD, longer, same))
        assert mannwhitneyu(slow.seconds, same.seconds).pvalue < 1e-4

    def test_words_and_numbers_of_chance_are_masked_and_others_are_not(self) -> None:
        """Two receipts read alike; a word more does not."""
        one = b'<a href="/receipt/AbCdEfGhIjKlMnOpQr">1234 5678</a> The police have your tip.'
        other = b'<a href="/receipt/ZyXwVuTsRqPoNmLkJi">8765 4321</a> The police have your tip.'

        assert masked(one) == masked(other)
        assert masked(one) != masked(other.replace(b"have", b"know"))

    def test_keys_of_forms_are_masked_whatever_their_moment_and_token_look_like(self) -> None:
        """A moment in hexadecimal has letters, too; a word more beside the key still shows."""
        forms = [
            f'<input value="{moment}.{secrets.token_urlsafe(18)}">'.encode()
            for moment in ("6564c0de", "6ffffffa", "70000000")
            for _ in range(20)
        ]

        assert {masked(form) for form in forms} == {b'<input value="word">'}
        assert masked(forms[0].replace(b">", b" checked>")) != masked(forms[1])


def told(comparison: Comparison) -> bool:
    return comparison.told_apart(18)
