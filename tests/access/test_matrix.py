"""Promises about who gets in where: every role, every route, one's own area and others'."""

from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from app.cases.models import Case, CaseAttachment, CaseTask, Lead
from app.core.context import Context
from app.main import create_app
from app.officers.access import RULES
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.records.models import Record
from app.referrals.models import Referral
from app.reviews.models import Appeal, Review
from app.sightings.models import Sighting
from app.tips.models import Tip
from tests.access.elsewhere import WORDS, rest_of_a_world
from tests.access.matrix import askers, expected, filled, found, routes_of
from tests.access.meant import MEANT
from tests.app.cases.desk import Desk
from tests.conftest import Client
from tests.make import Make
from tests.web.walking import answers

ALL_ROLES = tuple(Role)
MARKERS = ("Foreign Alley 88", "a girl with a kite", "Wang Foreign", "Desk officer of Luohu", WORDS)


def test_every_route_is_declared_once(context: Context) -> None:
    """A route that nobody thought about fails the build."""
    declared = [route for routes in MEANT.values() for route in routes]

    assert len(declared) == len(set(declared))
    assert set(declared) == routes_of(create_app(context), console=True)


def test_every_cell_is_as_meant(context: Context, make: Make) -> None:
    """Every role, in a district and in the nation, at every route."""
    everybody = askers(make, national=(Role.ADMIN, Role.SUPERVISOR))

    seen = found(context, everybody)

    wrong = [
        (asker.name, route, word)
        for asked, routes in MEANT.items()
        for route in routes
        for asker in everybody
        if (word := seen[asker.name, route]) != expected(asked, asker)
    ]
    assert wrong == []
    assert len(seen) > 1800


def test_every_role_has_a_right_and_every_right_a_role() -> None:
    """No account is for nothing, and nothing is for nobody."""
    assert set().union(*(rule.roles for rule in RULES.values())) == set(Role)
    assert all(rule.roles for rule in RULES.values())


def world(context: Context, make: Make, area: str) -> dict[str, str]:
    """One of everything in an area, with words to look for."""
    tip = make.tip(area=area, place_text=MARKERS[0], description=MARKERS[1])
    record = make.record(area=area, name=MARKERS[2])
    candidate = make.candidate(tip=tip, record=record)
    officer = make.officer(Role.REVIEWER, area=area, name=MARKERS[3])
    desk = Desk(context, make)
    desk.investigator = make.officer(Role.INVESTIGATOR, area=area)
    lead = desk.triage_lead(officer, make.tip(area=area, place_text=MARKERS[0]))
    case = desk.case(lead=lead)
    waiting = desk.triage_lead(officer, make.tip(area=area, place_text=MARKERS[0]))
    with context.db.read() as session:
        photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
    found = {
        "tip_id": str(tip.id),
        "candidate_id": str(candidate.id),
        "record_id": str(record.id),
        "photo_id": str(photo.id),
        "cluster_id": str(photo.cluster_id),
        "case_id": str(case.id),
        "lead_id": str(waiting.id),
        "officer_id": str(officer.id),
    }
    return found | rest_of_a_world(context, make, found, area)


@pytest.mark.parametrize("asker_area", ["440304", "442000"])
def test_what_lies_elsewhere_is_not_there(context: Context, make: Make, asker_area: str) -> None:
    """All roles at once, and still: an id of another area answers as one of nobody's, and changes nothing.

    Records are not among them: whoever finds a child anywhere has to find its record.
    """
    places = world(context, make, "440303")
    record = places.pop("record_id")
    client = Client(create_app(context), context)
    client.get("/console/account", as_=make.officer(*ALL_ROLES, area=asker_area))
    routes = [
        route
        for routes in MEANT.values()
        for route in routes
        if any(f"{{{name}" in route for name in places) and "channels" not in route
    ]
    foreign = {route: pair(filled(route, places)) for route in routes}
    nobodys = {route: pair(filled(route, {})) for route in routes}
    before = rows(context)
    edits = [f"/console/records/{record}{step}" for step in ("", "/close", "/reopen")]
    fields = {
        "revision": "1",
        "number": "X",
        "name": "Another",
        "reason": "Found.",
        "missing_since": "2020-01-01",
    }

    assert {client.post(edit, data=fields).status_code for edit in edits} <= {403, 404, 422}
    seen = answers(client, [*foreign.values(), *nobodys.values()])

    for route in routes:
        one, other = seen[foreign[route]], seen[nobodys[route]]
        assert one.status_code == other.status_code, route
        assert one.status_code in {404, 415, 422}, route
        assert not any(marker in one.text for marker in MARKERS), route
    assert sum(seen[each].status_code == 404 for each in foreign.values()) > 75
    assert rows(context) == before


def test_no_kind_of_a_foreign_picture_is_there(context: Context, make: Make) -> None:
    """The door to pictures has one answer for what lies elsewhere, whatever is asked of it."""
    places = world(context, make, "440303")
    client = Client(create_app(context), context)
    client.get("/console/account", as_=make.officer(*ALL_ROLES, area="440304"))

    for kind in ("scene", "face", "thumbnail", "redacted", "original", "..%2fscene", "SCENE"):
        foreign = client.get(f"/console/photos/{places['photo_id']}/{kind}")
        nobodys = client.get(f"/console/photos/{uuid4()}/{kind}")

        assert (foreign.status_code, foreign.content) == (404, nobodys.content), kind


def pair(route: str) -> tuple[str, str]:
    """Method and path."""
    method, path = route.split(" ", 1)
    return method, path


def test_lists_name_nothing_of_elsewhere(context: Context, make: Make) -> None:
    """A list is a way round a closed door; none of them leads there."""
    world(context, make, "440303")
    everything = make.officer(*ALL_ROLES, area="440304")
    client = Client(create_app(context), context)
    client.get("/console/account", as_=everything)
    lists = [
        pair(route)
        for routes in MEANT.values()
        for route in routes
        if "{" not in route and route.startswith("GET") and "/records" not in route and "/audit" not in route
    ]

    seen = answers(client, lists)

    for (_, path), answer in seen.items():
        assert not any(marker in answer.text for marker in MARKERS), path


def test_the_area_above_sees_all_of_it(context: Context, make: Make) -> None:
    """A test whose foreign objects nobody could open would prove nothing."""
    places = world(context, make, "440303")
    client = Client(create_app(context), context)
    client.get("/console/account", as_=make.officer(*ALL_ROLES, area="440300"))

    for path in (
        "/console/tips/{tip_id}",
        "/console/records/{record_id}",
        "/console/cases/{case_id}",
        "/console/clusters/{cluster_id}",
        "/console/photos/{photo_id}/scene",
        "/console/officers/{officer_id}",
        "/console/contacts/{tip_id}",
    ):
        assert client.get(path.format(**places)).status_code == 200, path


def test_neighbouring_ids_are_nobodys(context: Context, make: Make) -> None:
    """Ids begin with the time; the bits behind it are drawn: counting finds no neighbour."""
    tips = [make.tip() for _ in range(80)]
    client = Client(create_app(context), context)
    client.get("/console/account", as_=make.officer())
    drawn = [tip.id.int & ((1 << 62) - 1) for tip in tips]
    near = [UUID(int=tip.id.int + step) for tip in tips[:20] for step in (-1, 1)]

    seen = answers(client, [("GET", f"/console/tips/{one}") for one in near])

    assert {answer.status_code for answer in seen.values()} == {404}
    assert len(set(drawn)) == len(drawn)
    for bit in range(62):
        assert 12 < sum(number >> bit & 1 for number in drawn) < 68


def test_who_is_disabled_or_moved_is_out_at_the_next_click(context: Context, make: Make) -> None:
    """Rights are read at each request; an old session carries none of them along."""
    tip = make.tip()
    officer = make.officer()
    client = Client(create_app(context), context)
    assert client.get(f"/console/tips/{tip.id}", as_=officer).status_code == 200

    with context.db.write() as session:
        session.get_one(Officer, officer.id).jurisdiction_code = "442000"
    moved = client.get(f"/console/tips/{tip.id}").status_code
    with context.db.write() as session:
        session.get_one(Officer, officer.id).roles = [Role.CLERK.value]
    without = client.get(f"/console/tips/{tip.id}").status_code
    with context.db.write() as session:
        session.get_one(Officer, officer.id).active = False
    disabled = client.get(f"/console/tips/{tip.id}").status_code

    assert (moved, without, disabled) == (404, 403, 303)


def rows(context: Context) -> tuple[int, ...]:
    """All that a refused request must leave alone, as it stands."""
    left_alone = (
        Tip,
        Lead,
        Photo,
        Record,
        Case,
        CaseTask,
        CaseAttachment,
        Review,
        Appeal,
        Referral,
        Sighting,
    )
    with context.db.read() as session:
        return tuple(hash(str(sorted(map(str, session.exec(select(model)))))) for model in left_alone)
