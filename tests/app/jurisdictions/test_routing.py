"""A tip goes to the smallest area that answers for its place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from app.audit.service import SYSTEM
from app.core.context import Context
from app.jurisdictions import queries
from app.jurisdictions.models import Jurisdiction, Level
from app.jurisdictions.service import Area, Router, areas_of_china, load
from tests.make import Make


def square(west: float, south: float, side: float) -> dict[str, Any]:
    """A square area."""
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


AREAS = (
    Area("CN", "全国", "China", Level.NATION, None, "nation", None),
    Area("44", "粤省", "Yue", Level.PROVINCE, "CN", "province", square(110, 20, 10)),
    Area("4403", "深市", "Shen City", Level.CITY, "44", "city", square(113, 22, 2)),
    Area("440304", "福田区", "Futian", Level.DISTRICT, "4403", "district", square(114, 22, 0.5)),
    Area("440305", "鼓楼区", "Gulou South", Level.DISTRICT, "4403", None, square(113, 22, 0.5)),
    Area("4404", "珠市", "Zhu City", Level.CITY, "44", "other city", square(111, 21, 1)),
    Area("440402", "鼓楼区", "Gulou North", Level.DISTRICT, "4404", "drum", square(111, 21, 0.5)),
)


@pytest.fixture
def router(context: Context) -> Router:
    """Seven small areas."""
    with context.db.write() as session:
        for area in session.exec(select(Jurisdiction).order_by(Jurisdiction.path.desc())):  # type: ignore[attr-defined]
            session.delete(area)
            session.flush()
        load(session, AREAS, SYSTEM)
        return Router(session)


class TestRoute:
    @pytest.mark.parametrize(
        ("latitude", "longitude", "text", "code"),
        [
            (22.2, 114.2, "", "440304"),
            (22.9, 114.9, "", "4403"),
            (22.2, 113.2, "", "4403"),  # The district there has no authority: the city answers.
            (29.0, 119.0, "", "44"),
            (50.0, 10.0, "", "CN"),
            (None, None, "深市福田区地铁站", "440304"),
            (None, None, "near the FUTIAN checkpoint", "440304"),
            (None, None, "珠市鼓楼区", "440402"),
            (None, None, "鼓楼区", "44"),  # Two areas of that name: the one above both decides.
            (None, None, "somewhere", "CN"),
            (22.2, 114.2, "珠市", "440304"),  # A point outweighs a name.
        ],
    )
    def test_the_smallest_area_with_an_authority_gets_the_tip(
        self, router: Router, latitude: float | None, longitude: float | None, text: str, code: str
    ) -> None:
        """No tip is without somebody who answers for it."""
        assert router.route(latitude, longitude, text) == code

    def test_every_place_has_an_area_with_an_authority(self, router: Router) -> None:
        """Whatever is sent, somebody gets it."""
        authorities = {area.code for area in AREAS if area.authority}

        @given(st.floats(-90, 90), st.floats(-180, 180), st.text(max_size=40))
        @settings(deadline=None)
        def anywhere(latitude: float, longitude: float, text: str) -> None:
            assert router.route(latitude, longitude, text) in authorities

        anywhere()


class TestBoundariesOfChina:
    def test_a_street_of_shenzhen_lies_in_futian(self, context: Context) -> None:
        """The shipped boundaries are read as they are meant."""
        with context.db.write() as session:
            load(session, areas_of_china({"CN": ("n", "China"), "440304": ("f", "Futian")}, "44"), SYSTEM)
            router = Router(session)

            assert router.route(22.541, 114.055, "") == "440304"
            assert session.get_one(Jurisdiction, "440304").path == "CN/440000/440300/440304/"


class TestVisibility:
    @pytest.mark.parametrize(
        ("area", "seen"),
        [
            ("440304", {"440304"}),
            ("440300", {"440300", "440303", "440304"}),
            ("442000", {"442000"}),
            ("CN", {"CN", "440000", "440300", "440303", "440304", "442000"}),
        ],
    )
    def test_officers_see_their_area_and_what_lies_in_it(
        self, context: Context, make: Make, area: str, seen: set[str]
    ) -> None:
        """One rule of who sees which place."""
        officer = make.officer(area=area)

        with context.db.read() as session:
            assert set(_codes(session, officer)) == seen


def _codes(session: Session, officer: Any) -> list[str]:
    return list(session.exec(queries.codes_within(officer)))
