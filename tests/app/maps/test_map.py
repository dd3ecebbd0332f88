"""The map and its table say the same, of what the officer may see, and every view is in the log."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.cases.models import Case, CaseState, Lead
from app.core.clock import now
from app.core.columns import new_id
from app.core.context import Context
from app.jurisdictions.models import Jurisdiction, Level
from app.maps.drawing import CELL_WIDTH, HEIGHT, STEP, WIDTH, draw
from app.maps.queries import Item, Kind
from app.officers.models import Role
from app.tips.models import Channel, ChannelKind, Tip, TipState
from tests.conftest import Client
from tests.make import Make

FUTIAN: dict[str, Any] = {"latitude": 22.5431, "longitude": 114.0579}
LUOHU: dict[str, Any] = {"latitude": 22.5480, "longitude": 114.1310}


def square(west: float, south: float, side: float) -> str:
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


@pytest.fixture
def outlined(context: Context) -> None:
    """Shenzhen and two of its districts have shapes."""
    with context.db.write() as session:
        for code, shape in (
            ("440300", square(113.9, 22.4, 0.4)),
            ("440304", square(114.0, 22.5, 0.1)),
            ("440303", square(114.1, 22.5, 0.1)),
        ):
            area = session.get_one(Jurisdiction, code)
            area.shape = shape
            session.add(area)


def case_of(context: Context, make: Make, tip: Tip, area: str = "440304") -> Case:
    officer = make.officer(Role.INVESTIGATOR)
    with context.db.write() as session:
        lead = Lead(tip_id=tip.id, jurisdiction_code=area, reason="Worth a look.")
        session.add(lead)
        session.flush()
        case = Case(
            number=f"C-{tip.id.hex[-6:]}", lead_id=lead.id, jurisdiction_code=area, opened_by=officer.id
        )
        session.add(case)
    return case


def in_the_map(page: str) -> dict[str, int]:
    """Counts by kind, as the drawing's marks say them."""
    counts = {"tip": 0, "sighting": 0, "case": 0}
    drawing = page[page.index('<svg viewBox="0 0 800 600"') :].split("</svg>", maxsplit=1)[0]
    shapes = {"circle": "tip", "path": "sighting", "rect": "case"}
    for shape, number in re.findall(
        r'<(circle|path|rect) class="mark [^>]*>\s*<text class="count[^>]*>(\d+)<', drawing
    ):
        counts[shapes[shape]] += int(number)
    return counts


def in_the_table(page: str) -> dict[str, list[int]]:
    """Counts by kind: of the rows on the map, of the row beside it, and the sum below."""
    table = page[page.index('aria-labelledby="table"') :]
    found: dict[str, list[int]] = {}
    for kind, words in (("tip", "Tips"), ("sighting", "Sightings"), ("case", "Cases")):
        cells = re.findall(rf'<(tr|/tbody|td data-label="{words}")[^>]*?>\s*(?:<strong>)?(\d*)', table)
        numbers = [int(number) for tag, number in cells if tag.startswith("td")]
        beside = 1 if 'id="place-0"' in table else 0
        on_map = numbers[: len(numbers) - 1 - beside]
        found[kind] = [sum(on_map), sum(numbers[len(on_map) : -1]), numbers[-1] if numbers else 0]
    return found


@pytest.mark.usefixtures("outlined")
class TestMap:
    def test_the_table_says_the_same(self, client: Client, make: Make, context: Context) -> None:
        """What the marks count is what the rows count; what has no place is counted beside them."""
        for number in range(7):
            make.tip(**{**FUTIAN, "latitude": 22.505 + 0.012 * number})
        for _ in range(3):
            make.tip(area="440303", **LUOHU)
        make.tip()
        make.tip(latitude=40.0, longitude=116.0)
        case_of(context, make, make.tip(**FUTIAN, state=TipState.LEAD))

        page = client.get("/console/map", as_=make.officer(Role.SUPERVISOR, area="440300")).text

        table = in_the_table(page)
        assert in_the_map(page) == {kind: counts[0] for kind, counts in table.items()}
        assert table == {"tip": [11, 2, 13], "sighting": [0, 0, 0], "case": [1, 0, 1]}
        assert "13 tips" in page

    def test_only_the_own_area_is_on_it(self, client: Client, make: Make) -> None:
        """A district's officer sees no other district's tip, place or number."""
        make.tip(**FUTIAN)
        other = make.tip(area="440303", place_text="Guomao Plaza", **LUOHU)

        page = client.get("/console/map", as_=make.officer()).text

        assert in_the_table(page)["tip"][2] == 1
        assert "Guomao Plaza" not in page
        assert str(other.id) not in page

    def test_known_answers_are_not_on_it(self, client: Client, make: Make, context: Context) -> None:
        """Nobody sent them, and they were nowhere."""
        with context.db.write() as session:
            golden = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(golden)
        make.tip(channel_id=golden.id, **FUTIAN)

        page = client.get("/console/map", as_=make.officer(area="440300")).text

        assert "Nothing was seen or opened here" in page

    def test_cases_are_for_those_who_run_them(self, client: Client, make: Make, context: Context) -> None:
        """A reviewer sees no case, not even its number in a sum, whatever is asked for."""
        case = case_of(context, make, make.tip(**FUTIAN, state=TipState.LEAD))

        seen = client.get("/console/map", as_=make.officer(Role.INVESTIGATOR)).text
        unseen = client.get("/console/map?kind=case&kind=tip", as_=make.officer()).text

        assert case.number in seen
        assert case.number not in unseen
        assert "Cases" not in unseen.split("<main")[1]

    @pytest.mark.parametrize(
        ("query", "tips"),
        [
            ("", 2),
            ("?tip_state=disposed", 1),
            ("?kind=sighting", 0),
            ("?area=440304", 1),
        ],
    )
    def test_filters_narrow_map_and_table(self, client: Client, make: Make, query: str, tips: int) -> None:
        """By state, kind and area, alike in both."""
        make.tip(**FUTIAN, state=TipState.DISPOSED)
        make.tip(area="440303", **LUOHU)

        page = client.get(f"/console/map{query}", as_=make.officer(area="440300")).text

        assert in_the_map(page)["tip"] == tips
        assert (in_the_table(page)["tip"][2] if "<tfoot>" in page else 0) == tips

    def test_case_states_filter_cases(self, client: Client, make: Make, context: Context) -> None:
        """Cases of one state; tips stay as they are."""
        case_of(context, make, make.tip(**FUTIAN, state=TipState.LEAD))
        officer = make.officer(Role.SUPERVISOR)

        is_open = client.get(f"/console/map?case_state={CaseState.OPEN.value}", as_=officer).text
        closed = client.get("/console/map?case_state=closed").text

        assert (in_the_map(is_open)["case"], in_the_map(closed)["case"]) == (1, 0)
        assert in_the_map(closed)["tip"] == 1

    def test_days_count_in_the_local_zone(self, client: Client, make: Make, context: Context) -> None:
        """A tip seen just after midnight belongs to the new day, by the clock on the officer's wall."""
        zone = context.settings.zone
        midnight = (now().astimezone(zone) - timedelta(days=2)).replace(hour=0, minute=5)
        make.tip(**FUTIAN, observed_at=midnight)
        day, before = midnight.date(), midnight.date() - timedelta(days=1)
        officer = make.officer()

        on_it = client.get(f"/console/map?since={day}&until={day}", as_=officer).text
        turned = client.get(f"/console/map?since={day}&until={before}").text
        off_it = client.get(f"/console/map?since={before}&until={before}").text

        assert [in_the_map(page)["tip"] for page in (on_it, turned, off_it)] == [1, 1, 0]

    @pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31"])
    def test_a_day_that_is_none_is_explained(self, client: Client, make: Make, day: str) -> None:
        """The page comes back with the reason beside the field."""
        answer = client.get("/console/map", params={"since": day}, as_=make.officer())

        assert answer.status_code == 422
        assert 'id="since-error"' in answer.text

    @pytest.mark.parametrize("area", ["440303", "440300", "999999", "' OR 1=1"])
    def test_an_area_that_is_not_ones_own_answers_404(self, client: Client, make: Make, area: str) -> None:
        """Above, beside, or nowhere: all the same."""
        answer = client.get("/console/map", params={"area": area}, as_=make.officer(area="440304"))

        assert answer.status_code == 404

    def test_every_view_is_in_the_log(self, client: Client, make: Make, context: Context) -> None:
        """Who looked at which area and days, and how much was there; no place, no text."""
        make.tip(**FUTIAN)
        officer = make.officer()

        client.get("/console/map?since=2026-01-01&until=2099-01-01", as_=officer)

        with context.db.read() as session:
            event = session.exec(select(AuditEvent).where(AuditEvent.action == Action.MAP_VIEWED)).one()
            assert (event.actor_id, event.subject_id) == (str(officer.id), "440304")
            assert event.detail["tips"] == 1

    def test_nothing_comes_from_outside(self, client: Client, make: Make) -> None:
        """No tile, font or script of another host."""
        page = client.get("/console/map", as_=make.officer()).text

        assert re.findall(r"(?:href|src)=\"(?:https?:)?//[^\"]*", page) == []

    def test_a_crowded_place_stays_small(self, client: Client, make: Make) -> None:
        """Two hundred tips in one square make one mark, and a page that a slow line carries."""
        for _ in range(200):
            make.tip(**FUTIAN, photos=0)

        page = client.get("/console/map", as_=make.officer()).text

        assert in_the_map(page)["tip"] == in_the_table(page)["tip"][2] == 200
        assert "and 190 more" in page
        assert len(page) < 60_000


class TestWithoutShapes:
    def test_places_are_drawn_without_outlines(self, client: Client, make: Make) -> None:
        """An area known by name only still has a map of what happened."""
        make.tip(**FUTIAN)

        page = client.get("/console/map", as_=make.officer()).text

        assert "No outline of this area is known." in page
        assert in_the_map(page)["tip"] == 1

    def test_nothing_at_all_says_so(self, client: Client, make: Make) -> None:
        """No shape, no tip: words instead of an empty frame, and the areas below as links."""
        page = client.get("/console/map", as_=make.officer(area="440300")).text

        assert "there is no map to draw" in page
        assert "Nothing was seen or opened here" in page
        assert "?area=440304" in page


places = st.tuples(st.floats(22.3, 22.9), st.floats(113.7, 114.7))
things = st.lists(st.tuples(st.sampled_from(list(Kind)), st.none() | places), max_size=60)


class TestDrawing:
    @settings(deadline=None)
    @given(things)
    def test_nothing_is_lost_and_marks_lie_apart(
        self, drawn: list[tuple[Kind, tuple[float, float] | None]]
    ) -> None:
        """Each thing is on the map or beside it, once; no two marks lie on each other or off the picture."""
        area = Jurisdiction(
            code="440300",
            name="深圳市",
            name_en="Shenzhen",
            level=Level.CITY,
            path="CN/440300/",
            shape=square(113.8, 22.4, 0.5),
        )
        items = [
            Item(kind, new_id(), now(), at[0] if at else None, at[1] if at else None, "440300", None, "x")
            for kind, at in drawn
        ]

        drawing = draw(area, [], items)

        assert {kind: drawing.total(kind) for kind in Kind} == {
            kind: sum(1 for item in items if item.kind == kind) for kind in Kind
        }
        marks = [mark for place in drawing.places for mark in place.marks]
        for number, mark in enumerate(marks):
            assert STEP / 2 - 3 <= mark.x <= WIDTH - STEP / 2 + 3
            assert 16 <= mark.y <= HEIGHT - 16
            for other in marks[:number]:
                assert abs(mark.x - other.x) >= STEP - 4.2 or abs(mark.y - other.y) >= 38
        assert len(Kind) * STEP <= CELL_WIDTH
