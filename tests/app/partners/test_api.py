"""The partner API: keyed, repeatable, and silent about what a picture shows."""

import json
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine
from sqlmodel import select

from app.audit.models import Action, ActorKind, AuditEvent
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.core.jobs import Job
from app.main import create_app
from app.partners import keys
from app.partners.models import PartnerKey
from app.photos.models import Photo
from app.tips import progress
from app.tips.models import Author, Disposition, Tip, TipMessage, TipState
from tests.conftest import Client
from tests.make import Make, jpeg

MARKER = "planted-7f3a"


@pytest.fixture
def key(context: Context) -> str:
    """A key of one partner."""
    with context.db.write() as session:
        return keys.make_key(session, context.keys, keys.add_channel(session, "Street watch")).key


def send(
    client: Client, key: str, repeat: str | None = None, photos: int = 1, **fields: str
) -> httpx.Response:
    """Send a tip."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": repeat} if repeat else {})
    files = [("photos", (f"{n}.jpg", jpeg((n, 90, 90)), "image/jpeg")) for n in range(photos)]
    return client.post(
        "/api/v1/tips", headers=headers, data={"place_text": "Metro exit A"} | fields, files=files
    )


def read(client: Client, key: str, tip_id: str) -> httpx.Response:
    """Read a tip."""
    return client.get(f"/api/v1/tips/{tip_id}", headers={"Authorization": f"Bearer {key}"})


def tips(context: Context) -> list[Tip]:
    with context.db.read() as session:
        return list(session.exec(select(Tip)))


class TestSending:
    def test_201_says_that_everything_is_there(self, context: Context, client: Client, key: str) -> None:
        """Tip, photos, job and audit row, and a receipt for the citizen."""
        answer = send(
            client,
            key,
            photos=2,
            latitude="22.5410",
            longitude="114.0550",
            accuracy_m="25",
            coordinate_system="gcj02",
            observed_at="2026-11-20T10:15:00+08:00",
            description="A girl asks for money.",
            external_id="p-1",
            source_url="https://example.org/post/1",
            language="zh",
        )

        body = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/api/v1/tips/{body['id']}"
        assert body["status"] == "received"
        assert len(body["receipt"].replace(" ", "")) == 16
        tip = tips(context)[0]
        assert (tip.external_id, tip.source_url, tip.language) == ("p-1", "https://example.org/post/1", "zh")
        assert tip.latitude is not None
        assert 0.001 < abs(tip.latitude - 22.5410) + abs((tip.longitude or 0) - 114.0550) < 0.02
        with context.db.read() as session:
            assert len(session.exec(select(Photo)).all()) == 2
            assert session.exec(select(Job.kind)).all() == ["process_tip"]
            event = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ACCEPTED)).one()
        assert event.actor_kind == ActorKind.PARTNER

    def test_a_repeated_request_makes_one_tip_and_gives_one_answer(
        self, context: Context, client: Client, key: str
    ) -> None:
        """A lost answer can be asked for again, receipt included."""
        first = send(client, key, repeat="request-0001")
        second = send(client, key, repeat="request-0001")
        opened = client.post("/receipt", data={"code": first.json()["receipt"]})

        assert opened.status_code == 303
        assert opened.headers["location"].startswith("/receipt/")
        assert first.status_code == second.status_code == 201
        assert first.json() == second.json()
        assert len(tips(context)) == 1

    def test_eight_repeats_at_once_make_one_tip(self, context: Context, key: str) -> None:
        """An impatient program changes nothing."""
        app = create_app(context)
        Client(app, context).get(
            "/api/v1/openapi.json"
        )  # The framework builds its parts at the first request.
        answers: list[httpx.Response] = []

        def repeat() -> None:
            answers.append(send(Client(app, context), key, repeat="request-0002"))

        threads = [threading.Thread(target=repeat) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        done = [answer.json() for answer in answers if answer.status_code == 201]
        assert {answer.status_code for answer in answers} <= {201, 503}
        assert done
        assert all(answer == done[0] for answer in done)
        assert len(tips(context)) == 1

    def test_a_key_used_for_another_tip_is_refused(self, context: Context, client: Client, key: str) -> None:
        """The second tip would be lost in silence otherwise."""
        send(client, key, repeat="request-0003")
        other = send(client, key, repeat="request-0003", description="another")

        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
        assert len(tips(context)) == 1

    def test_a_picture_sent_before_makes_a_new_tip(self, context: Context, client: Client, key: str) -> None:
        """The answer does not tell that somebody sent it already."""
        first, second = send(client, key), send(client, key)

        assert first.status_code == second.status_code == 201
        assert set(first.json()) == set(second.json())
        assert len(tips(context)) == 2

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"place_text": ""}, "place_text"),
            ({"latitude": "22.5"}, "longitude"),
            ({"latitude": "NaN", "longitude": "114"}, "latitude"),
            ({"latitude": "Infinity", "longitude": "114"}, "latitude"),
            ({"latitude": "91", "longitude": "114"}, "latitude"),
            ({"latitude": MARKER, "longitude": "114"}, "latitude"),
            ({"coordinate_system": MARKER, "latitude": "1", "longitude": "1"}, "coordinate_system"),
            ({"observed_at": MARKER}, "observed_at"),
            ({"observed_at": "2099-01-01T00:00:00Z"}, "observed_at"),
            ({"source_url": f"javascript:{MARKER}"}, "source_url"),
            ({"language": MARKER}, "language"),
            ({"external_id": MARKER * 100}, "external_id"),
            ({"description": MARKER + "\x00"}, "description"),
            ({MARKER: "1"}, None),
        ],
    )
    def test_a_bad_field_is_named_and_not_repeated(
        self, context: Context, client: Client, key: str, fields: dict[str, Any], field: str | None
    ) -> None:
        """A clear problem, and nothing changes."""
        answer = send(client, key, **fields)

        assert answer.status_code in {413, 422}
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().get("field") == field
        assert MARKER not in answer.text
        assert tips(context) == []

    def test_a_refusal_speaks_the_senders_language(self, client: Client, key: str) -> None:
        """By Accept-Language."""
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": "zh"}

        answer = client.post(
            "/api/v1/tips", headers=headers, files=[("photos", ("a.jpg", b"no", "image/jpeg"))]
        )

        assert not answer.json()["detail"].isascii()


class TestKeys:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda _: "",
            lambda k: k[:-1] + "x",
            lambda k: k.replace("hw1", "hw2"),
            lambda k: k + " ",
            str.upper,
        ],
    )
    def test_a_wrong_key_is_refused_before_the_body_is_read(
        self, context: Context, client: Client, key: str, spoil: Any
    ) -> None:
        """401, and nothing is kept."""
        answer = send(client, spoil(key))

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert tips(context) == []

    def test_revoked_and_expired_keys_are_refused(self, context: Context, client: Client, key: str) -> None:
        """A leaked key has an end."""
        with time_machine.travel(now() + timedelta(days=366)):
            assert send(client, key).status_code == 401
        with context.db.write() as session:
            keys.revoke_key(session, key.split("_")[1])

        assert send(client, key).status_code == 401

    def test_two_keys_of_a_channel_work_side_by_side(
        self, context: Context, client: Client, key: str
    ) -> None:
        """A partner changes over without a gap, and reads with the new what the old one sent."""
        with context.db.write() as session:
            other = keys.make_key(session, context.keys, keys.add_channel(session, "Street watch")).key
        sent = send(client, key).json()

        assert read(client, other, sent["id"]).status_code == 200

    def test_the_key_itself_is_stored_nowhere(self, context: Context, key: str) -> None:
        """Whoever reads the database cannot send tips."""
        with context.db.read() as session:
            rows = [row.model_dump(mode="json") for row in session.exec(select(PartnerKey))]
            rows += [row.model_dump(mode="json") for row in session.exec(select(AuditEvent))]

        assert key.split("_", 2)[2] not in json.dumps(rows)

    def test_a_key_is_checked_before_the_body_is_read(self, client: Client) -> None:
        """A stranger's upload is not taken apart."""
        answer = client.post(
            "/api/v1/tips", headers={"Authorization": "Bearer no"}, content=b"no form at all"
        )

        assert answer.status_code == 401

    def test_a_request_with_a_slow_body_holds_no_connection(
        self, context: Context, client: Client, key: str
    ) -> None:
        """Slow senders cannot use up the database's connections."""
        held: list[int] = []

        async def body() -> AsyncIterator[bytes]:
            yield b"--b\r\n"
            held.append(context.db.engine.pool.checkedout())  # type: ignore[attr-defined]

        headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=b"}
        client.post("/api/v1/tips", headers=headers, content=body())

        assert held == [0]

    def test_making_and_revoking_keys_is_in_the_audit_log(self, context: Context, key: str) -> None:
        """Who could send tips, and since when."""
        with context.db.write() as session:
            keys.revoke_key(session, key.split("_")[1])
            keys.revoke_key(session, key.split("_")[1])

        with context.db.read() as session:
            actions = list(session.exec(select(AuditEvent.action)))
        assert actions == [Action.CHANNEL_CHANGED, Action.PARTNER_KEY_MADE, Action.PARTNER_KEY_REVOKED]

    @pytest.mark.parametrize(
        ("name", "days"), [("", 10), ("x" * 101, 10), ("a\nb", 10), ("x", 0), ("x", 366)]
    )
    def test_a_key_needs_a_name_and_a_life(self, context: Context, name: str, days: int) -> None:
        """No key for nobody, and none for ever."""
        with pytest.raises(Invalid), context.db.write() as session:
            keys.make_key(session, context.keys, keys.add_channel(session, name), days=days)

    def test_the_citizens_channel_has_no_key(self, context: Context, make: Make) -> None:
        """A partner cannot pass for the web form."""
        make.tip()
        with pytest.raises(Conflict), context.db.write() as session:
            keys.add_channel(session, "web")

    def test_an_unknown_key_cannot_be_revoked(self, context: Context) -> None:
        """A typing error is told."""
        with pytest.raises(NotFound), context.db.write() as session:
            keys.revoke_key(session, "000000000000")


class TestReading:
    def test_another_partners_tip_looks_like_none(self, context: Context, client: Client, key: str) -> None:
        """Foreign and missing answer alike."""
        with context.db.write() as session:
            stranger = keys.make_key(session, context.keys, keys.add_channel(session, "Another")).key
        sent = send(client, key).json()

        foreign, missing = read(client, stranger, sent["id"]), read(client, stranger, str(uuid4()))

        assert foreign.status_code == missing.status_code == 404
        assert foreign.content == missing.content
        assert read(client, key, "no-id").status_code == 404

    def test_no_state_before_the_answer_shows(self, context: Context, client: Client, key: str) -> None:
        """Routed, under review or a lead: the partner reads the same bytes."""
        sent = send(client, key).json()
        seen = set()
        for state in (TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.IN_REVIEW, TipState.LEAD):
            with context.db.write() as session:
                tip = session.exec(select(Tip)).one()
                tip.state = state
                session.add(tip)
            seen.add(read(client, key, sent["id"]).content)

        assert len(seen) == 1

    def test_the_answer_and_messages_are_read(self, context: Context, client: Client, key: str) -> None:
        """What became of it, in words that fit every outcome."""
        sent = send(client, key, external_id="p-9").json()
        with context.db.write() as session:
            tip = session.exec(select(Tip)).one()
            tip.state = TipState.LEAD
            session.add(TipMessage(tip_id=tip.id, author=Author.TIPSTER, text="Between us."))
            session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Was the child alone?"))
            progress.dispose(session, tip, Disposition.CONVERTED_TO_CASE, SYSTEM, "case closed")

        body = read(client, key, sent["id"]).json()

        assert (body["status"], body["external_id"]) == ("closed", "p-9")
        assert [message["author"] for message in body["messages"]] == ["officer", "system"]
        assert "Between us." not in json.dumps(body)
        assert "match" not in json.dumps(body).lower()


class TestDocument:
    def test_every_operation_names_its_answers_with_examples(self, client: Client) -> None:
        """A partner can write a client from the document alone."""
        document = client.get("/api/v1/openapi.json").json()

        assert set(document["paths"]) >= {"/api/v1/tips", "/api/v1/tips/{tip_id}", "/api/v1/tips/batch"}
        assert set(document["webhooks"]) == {"tip.updated", "ping"}
        send_tip = document["paths"]["/api/v1/tips"]["post"]
        read_tip = document["paths"]["/api/v1/tips/{tip_id}"]["get"]
        assert {"201", "401", "413", "415", "422", "503"} <= set(send_tip["responses"])
        assert {"200", "401", "404"} <= set(read_tip["responses"])
        assert "422" not in read_tip["responses"]
        fields = send_tip["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
        assert set(fields) >= {
            "photos", "latitude", "longitude", "accuracy_m", "coordinate_system", "place_text", "observed_at",
            "description", "external_id", "source_url", "language",
        }  # fmt: skip
        assert send_tip["security"] == [{"PartnerKey": []}]
        for schema in ("TipReceived", "TipAnswer", "Problem"):
            properties = document["components"]["schemas"][schema]["properties"]
            assert all("examples" in entry or name == "messages" for name, entry in properties.items()), (
                schema
            )

    def test_the_document_refers_to_nothing_that_is_missing(self, client: Client) -> None:
        """No broken reference."""
        document = client.get("/api/v1/openapi.json").json()
        text = json.dumps(document)

        for part in text.split('"$ref": "#/components/schemas/')[1:]:
            assert part.split('"')[0] in document["components"]["schemas"]
