"""A partner looks after its webhooks by itself, and sees nobody else's."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.main import create_app
from app.partners import keys
from app.partners.models import Scope
from app.tips.models import Channel, TipState
from app.webhooks import documents, queries, watching
from app.webhooks.models import DeliveryState, WebhookDelivery
from tests.app.webhooks.conftest import Api, PartnerServer, Scene, scene_of
from tests.conftest import Client
from tests.make import Make

URL = "https://partner.example.org/hook"


@pytest.fixture
def api(scene: Scene) -> Api:
    """The partner's program."""
    return Api(Client(create_app(scene.context), scene.context), scene.key)


def added(api: Api, url: str = URL) -> dict[str, Any]:
    """A new webhook."""
    answer = api("POST", "/webhooks", json={"url": url})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


class TestLife:
    def test_a_secret_is_shown_once(self, api: Api) -> None:
        """In the answer that makes it, and in no other."""
        made = added(api)

        listed = api("GET", "/webhooks")

        assert made["secret"].startswith("whsec_")
        assert made["secret"] not in listed.text
        assert "secret" not in listed.json()["webhooks"][0]
        assert listed.json()["webhooks"][0]["id"] == made["id"]

    def test_there_are_at_most_five(self, api: Api) -> None:
        """A channel cannot multiply messages."""
        for _ in range(5):
            added(api)

        answer = api("POST", "/webhooks", json={"url": URL})

        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")

    @pytest.mark.parametrize(
        "body",
        [
            {"url": "http://partner.example.org/"},
            {"url": "https://127.0.0.1/"},
            {"url": 5},
            {"url": "https://" + "a" * 3000},
            {},
            [],
            {"url": URL, "secret": "mine"},
        ],
    )
    def test_bad_addresses_are_refused(self, context: Context, make: Make, body: object) -> None:
        """With the field, and without a word of what was sent."""
        scene = scene_of(context, make, "Elsewhere")
        api = Api(Client(create_app(context), context), scene.key)

        answer = api("POST", "/webhooks", json=body)

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert "127.0.0.1" not in answer.text
        assert api("GET", "/webhooks").json() == {"webhooks": []}

    def test_it_is_changed_paused_and_removed(self, api: Api, scene: Scene) -> None:
        """Each step is in the audit log, without the address."""
        made = added(api)
        path = f"/webhooks/{made['id']}"

        moved = api("PATCH", path, json={"url": URL + "/two"}).json()
        paused = api("PATCH", path, json={"paused": True}).json()
        still = api("PATCH", path, json={}).json()
        resumed = api("PATCH", path, json={"paused": False}).json()
        fresh = api("POST", f"{path}/secret").json()
        rotated = api("GET", "/webhooks").json()["webhooks"][0]
        removed = api("DELETE", path)

        assert moved["url"] == URL + "/two"
        assert paused["paused_at"] == still["paused_at"] is not None
        assert resumed["paused_at"] is None
        assert fresh["secret"] != made["secret"]
        assert rotated["old_secret_until"] is not None
        assert (removed.status_code, removed.content) == (204, b"")
        assert api("DELETE", path).status_code == 404
        with scene.context.db.read() as session:
            rows = session.exec(select(AuditEvent).where(AuditEvent.action == Action.WEBHOOK_CHANGED)).all()
        assert [row.detail["step"] for row in rows] == [
            "added",
            "address",
            "paused",
            "resumed",
            "secret",
            "removed",
        ]
        assert not any("example.org" in str(row.detail) for row in rows)

    def test_the_test_button_sends_a_ping(self, api: Api, scene: Scene, server: PartnerServer) -> None:
        """One at a time; how it went stands in the deliveries."""
        made = added(api, server.url)
        path = f"/webhooks/{made['id']}"

        asked = api("POST", f"{path}/test")
        again = api("POST", f"{path}/test")
        watching.look(scene.context)
        seen = api("GET", f"{path}/deliveries").json()["deliveries"]

        assert (asked.status_code, asked.json()["type"], asked.json()["state"]) == (202, "ping", "waiting")
        assert again.status_code == 409
        assert [(each["state"], each["last_status"], each["next_try_at"]) for each in seen] == [
            ("delivered", 204, None)
        ]
        body = server.taken[0].verified(made["secret"])
        assert (body["type"], body["data"]) == ("ping", {"webhook_id": made["id"]})
        api("PATCH", path, json={"paused": True})
        assert api("POST", f"{path}/test").status_code == 409


class TestDeliveries:
    def test_pages_and_states(self, api: Api, scene: Scene, server: PartnerServer) -> None:
        """The newest first, by cursor; dead letters alone are asked for by their state."""
        made = added(api, server.url)
        for _ in range(5):
            scene.move(scene.tip(photos=0), TipState.ROUTED)
        watching.look(scene.context)
        with scene.context.db.write() as session:
            oldest = session.get_one(WebhookDelivery, scene.deliveries()[0].id)
            oldest.state = DeliveryState.DEAD
            session.add(oldest)
        path = f"/webhooks/{made['id']}/deliveries"

        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = api("GET", f"{path}?limit=2{cursor and f'&cursor={cursor}'}").json()
            seen += [each["id"] for each in page["deliveries"]]
            cursor = page["next_cursor"]

        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 5
        (dead,) = api("GET", f"{path}?state=dead").json()["deliveries"]
        assert UUID(dead["id"]) == oldest.id
        assert api("GET", f"{path}?state=lost").status_code == 422
        assert api("GET", f"{path}?limit=0").status_code == 422
        assert api("GET", f"{path}?cursor=x").status_code == 422

    def test_replay(self, api: Api, scene: Scene, server: PartnerServer) -> None:
        """One by its id, or all dead ones since a moment that has its offset."""
        made = added(api, server.url)
        scene.move(scene.tip(), TipState.ROUTED)
        watching.look(scene.context)
        delivery = scene.deliveries()[0].id

        one = api("POST", f"/webhooks/deliveries/{delivery}/replay")
        watching.look(scene.context)
        with scene.context.db.write() as session:
            row = session.get_one(WebhookDelivery, delivery)
            row.state = DeliveryState.DEAD
            session.add(row)
        since = (now() - timedelta(hours=1)).isoformat()
        rest = api("POST", f"/webhooks/{made['id']}/replay-dead", json={"since": since})
        naive = api("POST", f"/webhooks/{made['id']}/replay-dead", json={"since": "2026-01-01T00:00:00"})

        assert (one.status_code, one.json()["state"]) == (202, "waiting")
        assert (rest.status_code, rest.json()) == (202, {"deliveries": 1})
        assert naive.status_code == 422
        assert len(server.taken) == 2

    def test_the_console_reads_the_last_and_the_dead(self, scene: Scene, server: PartnerServer) -> None:
        """What an operator sees of a channel."""
        with scene.context.db.read() as session:
            assert queries.last_delivery(session, scene.channel.id) is None
        endpoint, _ = scene.endpoint(server.url)
        scene.move(scene.tip(), TipState.ROUTED)
        watching.look(scene.context)

        with scene.context.db.read() as session:
            last = queries.last_delivery(session, scene.channel.id)

            assert last is not None
            assert (last.endpoint.id, last.delivery.last_status) == (endpoint.id, 204)
            assert queries.dead(session, scene.channel.id) == []


class TestWhoMay:
    ROUTES = (
        ("GET", "/webhooks"),
        ("POST", "/webhooks"),
        ("PATCH", "/webhooks/{id}"),
        ("DELETE", "/webhooks/{id}"),
        ("POST", "/webhooks/{id}/secret"),
        ("POST", "/webhooks/{id}/test"),
        ("GET", "/webhooks/{id}/deliveries"),
        ("POST", "/webhooks/deliveries/{delivery}/replay"),
        ("POST", "/webhooks/{id}/replay-dead"),
    )

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_not_without_the_right_key(self, scene: Scene, method: str, path: str) -> None:
        """No key: 401. A key that was made for tips alone: 403."""
        app = create_app(scene.context)
        with scene.context.db.write() as session:
            channel = session.get_one(Channel, scene.channel.id)
            scopes = [Scope.TIPS_SEND, Scope.TIPS_READ]
            tips_only = keys.make_key(session, scene.context.keys, channel, scopes=scopes).key
        url = path.format(id=uuid4(), delivery=uuid4())

        bare = Client(app, scene.context).request(method, f"/api/v1{url}", json={})
        wrong = Api(Client(app, scene.context), tips_only)(method, url, json={})

        assert (bare.status_code, wrong.status_code) == (401, 403)

    @pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "{" in route[1]])
    def test_another_channels_look_like_none(
        self, scene: Scene, make: Make, api: Api, method: str, path: str, server: PartnerServer
    ) -> None:
        """Nothing tells whether an id exists."""
        other = scene_of(scene.context, make, "Other")
        endpoint, _ = other.endpoint(server.url)
        other.move(other.tip(), TipState.ROUTED)
        watching.look(scene.context)
        body = {"since": now().isoformat()} if "dead" in path else {}

        foreign = api(method, path.format(id=endpoint.id, delivery=other.deliveries()[0].id), json=body)
        unknown = api(method, path.format(id=uuid4(), delivery=uuid4()), json=body)

        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()
        assert len(server.taken) == 1


class TestDocument:
    def test_every_answer_is_documented(self, api: Api) -> None:
        """What a program may meet stands in the document, with an example."""
        document = api("GET", "/openapi.json").json()
        mine = {path: ways for path, ways in document["paths"].items() if path.startswith("/api/v1/webhooks")}

        assert len(mine) == 7
        for ways in mine.values():
            for way in ways.values():
                assert {"401", "403", "500", "503"} <= set(way["responses"])
                assert way["summary"]

    def test_the_messages_are_described(self, scene: Scene, server: PartnerServer) -> None:
        """What is sent is what the document describes."""
        app = FastAPI(webhooks=documents.router)
        scene.endpoint(server.url)
        scene.move(scene.tip(), TipState.ROUTED)
        watching.look(scene.context)

        described = app.openapi()["webhooks"]

        assert set(described) == {"tip.updated", "ping"}
        documents.TipUpdated.model_validate_json(server.taken[0].body)
        names = {each["name"] for each in described["tip.updated"]["post"]["parameters"]}
        assert (
            names == {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(server.taken[0].headers)
        )
