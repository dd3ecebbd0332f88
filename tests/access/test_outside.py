"""Promises about keys and receipts: who gets in where outside of the console, and to whose things."""

import pytest
from sqlmodel import select

from app.core.context import Context
from app.main import create_app
from app.partners.models import Scope
from app.records.models import Record
from app.tips.models import Tip
from app.webhooks.models import DeliveryState, EventType, WebhookDelivery, WebhookEndpoint, WebhookMessage
from tests.access.matrix import routes_of
from tests.access.meant import MEANT
from tests.access.meant_outside import OUTSIDE
from tests.access.outside import bearing, filled, holders, key, meant, registry_key, seen_by, split
from tests.app.partners.calls import channel_of, keep_tip
from tests.app.partners.packing import VERSION, metadata
from tests.conftest import Client
from tests.make import Make
from tests.web.walking import answers

TIPS = {Scope.TIPS_SEND, Scope.TIPS_READ, Scope.WEBHOOKS}


def test_every_route_outside_is_declared_once(context: Context) -> None:
    """A route that nobody thought about fails the build."""
    declared = [route for routes in OUTSIDE.values() for route in routes]

    assert len(declared) == len(set(declared))
    assert set(declared) == routes_of(create_app(context), console=False)


def test_every_key_opens_what_it_is_made_for(context: Context, make: Make) -> None:
    """Each kind of key at each route; an officer's session counts for nothing there."""
    everybody = holders(context, make)

    seen = seen_by(context, everybody)

    wrong = [
        (holder.name, route, word, meant(kind, holder))
        for kind, routes in OUTSIDE.items()
        for route in routes
        for holder in everybody
        if (word := seen[holder.name, route]) != meant(kind, holder)
    ]
    assert wrong == []
    assert len(seen) > 900


def test_no_key_opens_the_console(context: Context) -> None:
    """A partner's key is no officer's session, in no header and no cookie."""
    client = Client(create_app(context), context)
    text = key(context, "partner", TIPS)
    client.cookies.set("officer", text)
    routes = [route for kind, some in MEANT.items() if kind != "anybody" for route in some]

    seen = answers(
        client,
        [split(filled(route)) for route in routes],
        headers={**bearing(text), "Origin": "http://homeward.test"},
    )

    for (_, path), answer in seen.items():
        assert answer.status_code in {303, 401}, path
        assert answer.status_code == 401 or answer.headers["location"] == "/console/sign-in", path


@pytest.fixture
def places(context: Context, client: Client) -> dict[str, str]:
    """One of everything of the channel `own`."""
    own = bearing(key(context, "own", TIPS))
    channel = channel_of(context, "own")
    package = client.post("/api/v1/packages", headers=own, json={"place_text": "Exit A"})
    upload = client.post(
        "/api/v1/uploads",
        headers={**own, **VERSION, **metadata(package.json()["id"]), "Upload-Length": "1000"},
    )
    with context.db.write() as session:
        endpoint = WebhookEndpoint(
            channel_id=channel.id, url="https://partner.example/hook", secret_sealed=context.keys.seal(b"x")
        )
        message = WebhookMessage(channel_id=channel.id, type=EventType.PING, body={})
        session.add_all([endpoint, message])
        session.flush()
        delivery = WebhookDelivery(endpoint_id=endpoint.id, message_id=message.id, state=DeliveryState.DEAD)
        session.add(delivery)
    tip = str(keep_tip(context, channel.id, 1))
    return {
        "tip_id": tip,
        "request_id": tip,
        "package_id": package.json()["id"],
        "upload_id": upload.headers["location"].rsplit("/", 1)[1],
        "webhook_id": str(endpoint.id),
        "delivery_id": str(delivery.id),
    }


def test_anothers_things_are_not_there(context: Context, client: Client, places: dict[str, str]) -> None:
    """A key with all scopes finds another channel's ids as it finds nobody's, and changes nothing."""
    stranger = {**bearing(key(context, "stranger", TIPS)), **VERSION}
    routes = [
        route for some in OUTSIDE.values() for route in some if any(f"{{{one}}}" in route for one in places)
    ]
    foreign = {route: split(filled(route, places)) for route in routes}
    nobodys = {route: split(filled(route)) for route in routes}

    seen = answers(client, [*foreign.values(), *nobodys.values()], headers=stranger)

    for route in routes:
        one, other = seen[foreign[route]], seen[nobodys[route]]
        assert (one.status_code, one.content) == (other.status_code, other.content), route
        assert one.status_code in {400, 404, 405, 415, 422}, route
    assert sum(seen[each].status_code == 404 for each in foreign.values()) > 11
    own = answers(
        client,
        [split(filled(route, places)) for route in routes if route.startswith("GET")],
        headers=bearing(key(context, "own", TIPS)),
    )
    assert {answer.status_code for answer in own.values()} == {200}
    with context.db.read() as session:
        assert session.exec(select(WebhookEndpoint)).one().removed_at is None
        assert session.exec(select(Tip)).one().disposition is None


def test_another_registrys_record_is_not_there(context: Context, client: Client) -> None:
    """A registry reads and changes what lies in its area; of the rest it learns nothing."""
    owner, stranger = registry_key(context, "owner"), registry_key(context, "other", "442000")
    body = {"name": "Lin Xiaoyu", "missing_since": "2020-05-01", "jurisdiction_code": "440304"}
    made = client.request("PUT", "/api/v1/records/R-1", headers=bearing(owner), json=body)
    assert made.status_code == 201, made.text
    routes = [
        route for route in OUTSIDE[Scope.RECORDS] if "{number}" in route and not route.startswith("PUT")
    ]
    foreign = {route: split(filled(route, {"number": "R-1"})) for route in routes}
    nobodys = {route: split(filled(route)) for route in routes}

    seen = answers(client, [*foreign.values(), *nobodys.values()], headers=bearing(stranger))
    taken = client.request(
        "PUT", "/api/v1/records/R-1", headers=bearing(stranger), json=body | {"name": "Other"}
    )

    for route in routes:
        assert seen[foreign[route]].content == seen[nobodys[route]].content, route
        assert seen[foreign[route]].status_code in {404, 415, 422}, route
    assert taken.status_code in {404, 409, 422}
    with context.db.read() as session:
        assert session.exec(select(Record)).one().name == "Lin Xiaoyu"
