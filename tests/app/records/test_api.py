"""Promises to police systems that push their records."""

import json
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app.core.context import Context
from app.partners import keys
from app.partners.models import Scope
from app.records import queries, registry
from app.records.models import Record, RecordState
from app.tips.models import ChannelKind
from tests.conftest import Client
from tests.make import Make, jpeg

BODY = {"name": "李小明", "missing_since": "2024-03-01", "jurisdiction_code": "440304"}


def made_key(context: Context, name: str = "Registry", area: str = "440300", **more: Any) -> dict[str, str]:
    with context.db.write() as session:
        channel = keys.add_channel(session, name, ChannelKind.REGISTRY, jurisdiction_code=area)
        scopes = [Scope.RECORDS]
        key = keys.make_key(session, context.keys, channel, scopes=scopes, **more).key
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def key(context: Context) -> dict[str, str]:
    """Headers of one registry's key."""
    return made_key(context)


def put(client: Client, key: dict[str, str], number: str = "A1", **changed: Any) -> httpx.Response:
    return client.request("PUT", f"/api/v1/records/{number}", headers=key, json=BODY | changed)


class TestRecords:
    def test_the_same_push_twice_changes_nothing(self, client: Client, key: dict[str, str]) -> None:
        """Created once; repeated, the revision stays; changed, it counts on."""
        assert put(client, key).status_code == 201

        again, changed = put(client, key), put(client, key, name="李晓明")

        assert (again.status_code, again.json()["revision"]) == (200, 1)
        assert (changed.status_code, changed.json()["revision"]) == (200, 2)
        assert put(client, key, revision=1).status_code == 409

    def test_a_registry_sees_and_writes_only_what_it_keeps(
        self, client: Client, context: Context, key: dict[str, str], make: Make
    ) -> None:
        """Clerks' records and other registries' are not there for it; other areas are refused."""
        clerks = make.record().number
        put(client, key)
        other = made_key(context, "Other registry")

        assert put(client, key, clerks).status_code == 404
        assert put(client, other).status_code == 404
        assert client.get("/api/v1/records/A1", headers=other).status_code == 404
        assert client.get("/api/v1/records", headers=other).json() == {"records": [], "next": None}
        assert put(client, key, "A2", jurisdiction_code="442000").status_code == 403
        assert client.get("/api/v1/records", headers={}).status_code == 401

    def test_photos_are_added_once_and_taken_out(self, client: Client, key: dict[str, str]) -> None:
        """A photo sent twice is there once, and says only how far it is examined."""
        put(client, key)
        photo = {"photo": ("a.jpg", jpeg(), "image/jpeg")}
        for _ in range(2):
            added = client.post(
                "/api/v1/records/A1/photos", headers=key, files=photo, data={"age_years": "5"}
            )
            assert added.status_code == 201

        [shown] = added.json()["photos"]
        assert shown.keys() == {"sha256", "state", "taken_on", "age_years"}
        for _ in range(2):
            gone = client.request("DELETE", f"/api/v1/records/A1/photos/{shown['sha256']}", headers=key)
            assert gone.status_code == 204
        assert client.get("/api/v1/records/A1", headers=key).json()["photos"] == []
        no_photo = {"photo": ("a.jpg", b"no photo", "image/jpeg")}
        assert client.post("/api/v1/records/A1/photos", headers=key, files=no_photo).status_code == 415

    def test_closed_reopened_and_erased_for_good(self, client: Client, key: dict[str, str]) -> None:
        """Each step may be repeated; an erased number is refused from then on."""
        put(client, key)
        for _ in range(2):
            closed = client.post("/api/v1/records/A1/close", headers=key, json={"reason": "Found at home"})
            assert closed.json()["state"] == "closed"
        assert client.post("/api/v1/records/A1/reopen", headers=key).json()["state"] == "open"
        assert client.request("DELETE", "/api/v1/records/A1?reason=x", headers=key).status_code == 422
        for _ in range(2):
            assert client.request("DELETE", "/api/v1/records/A1?reason=law", headers=key).status_code == 204

        refused = put(client, key)

        assert (refused.status_code, refused.json()["code"]) == (409, "erased")
        assert client.get("/api/v1/records/A1", headers=key).status_code == 404

    def test_a_batch_answers_for_each_line(
        self, client: Client, context: Context, key: dict[str, str]
    ) -> None:
        """Good lines are taken, bad ones named; a dry run says the same and stores nothing."""
        rows = [BODY | {"number": "A1"}, BODY | {"number": "A2", "born_on": "soon"}, {"number": "A3"}]
        body = "\n".join(json.dumps(row) for row in rows) + "\nnot json"
        address = "/api/v1/records/import"

        dry = client.post(f"{address}?dry_run=true", headers=key, content=body).json()
        with context.db.read() as session:
            assert session.exec(select(Record)).all() == []
        real = client.post(address, headers=key, content=body).json()
        again = client.post(address, headers=key, content=body).json()

        assert dry["lines"] == real["lines"]
        assert real["counts"] == {"added": 1, "refused": 3}
        assert again["counts"] == {"unchanged": 1, "refused": 3}

    def test_an_expired_record_is_closed(self, client: Client, context: Context, key: dict[str, str]) -> None:
        """The day after which its registry wants it closed is kept by a watch."""
        put(client, key, expires_on="2024-04-01")
        put(client, key, "A2", expires_on="2199-04-01")

        assert (registry.close_expired(context), registry.close_expired(context)) == (1, 0)

        with context.db.read() as session:
            record = queries.by_number(session, "A1")
            assert record is not None
            assert record.state == RecordState.CLOSED
