"""Areas as GeoJSON: as RFC 7946 has it, for everybody, and cheap to ask for again."""

import json
from typing import Any

import pytest
from shapely.geometry import LinearRing, Polygon, mapping, shape

from app.core.context import Context
from app.jurisdictions import geojson
from app.jurisdictions.models import Jurisdiction
from tests.conftest import Client

CLOCKWISE = Polygon(
    [(114.0, 22.5), (114.0, 22.7), (114.123456789, 22.7), (114.2, 22.5)],
    [[(114.05, 22.55), (114.1, 22.55), (114.1, 22.6), (114.05, 22.6)]],
)


@pytest.fixture(autouse=True)
def drawn(context: Context) -> None:
    """Two districts with shapes: one wound the wrong way, with a hole; one of two parts, with heights."""
    parts = {
        "type": "MultiPolygon",
        "coordinates": [
            [[[1.0, 1.0, 5.0], [1.0, 2.0, 5.0], [2.0, 2.0, 5.0], [1.0, 1.0, 5.0]]],
            [[[3.0, 1.0, 5.0], [4.0, 2.0, 5.0], [3.0, 2.0, 5.0], [3.0, 1.0, 5.0]]],
        ],
    }
    with context.db.write() as session:
        for code, geometry in (("440304", mapping(CLOCKWISE)), ("440303", parts)):
            area = session.get_one(Jurisdiction, code)
            area.shape = json.dumps(geometry)
            session.add(area)
        luohu = session.get_one(Jurisdiction, "440303")
        luohu.authority = None
        session.add(luohu)


def asked(client: Client, path: str, **headers: str) -> Any:
    """The answer to somebody without a key."""
    return client.get(f"/api/v1/areas{path}", headers=headers)


def rings(geometry: dict[str, Any]) -> list[list[Any]]:
    """The rings of each part of a geometry."""
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return list(parts)


class TestList:
    def test_every_area_is_listed_with_what_is_above_it(self, client: Client) -> None:
        """Code, names, level, parent, and whether it has police of its own."""
        found = asked(client, "").json()["areas"]

        assert found[0]["code"] == "CN"
        assert {each["code"]: each["parent"] for each in found}["440304"] == "440300"
        assert {each["code"]: each for each in found}["440303"] == {
            "code": "440303",
            "name": "罗湖区",
            "name_en": "Luohu",
            "level": "district",
            "parent": "440300",
            "has_authority": False,
            "has_shape": True,
        }


class TestShapes:
    @pytest.mark.parametrize("code", ["440304", "440303"])
    def test_rings_follow_the_right_hand_rule(self, client: Client, code: str) -> None:
        """Outer rings run counter-clockwise, holes clockwise; rings are closed, points have two numbers."""
        feature = asked(client, f"/{code}.geojson").json()

        for outer, *holes in rings(feature["geometry"]):
            assert outer[0] == outer[-1]
            assert LinearRing(outer).is_ccw
            assert not any(LinearRing(hole).is_ccw for hole in holes)
            assert all(len(point) == 2 for point in outer)

    def test_it_is_the_stored_shape_to_six_decimals(self, client: Client) -> None:
        """Nothing is moved by more than a hand's breadth."""
        answer = asked(client, "/440304.geojson")
        feature = answer.json()

        found = shape(feature["geometry"])

        assert answer.headers["content-type"] == "application/geo+json"
        assert found.symmetric_difference(CLOCKWISE).area < 1e-6
        assert "114.123457" in answer.text
        assert feature["bbox"] == [114.0, 22.5, 114.2, 22.7]
        assert (feature["type"], feature["id"]) == ("Feature", "440304")
        assert feature["properties"]["level"] == "district"

    def test_children_come_together(self, client: Client) -> None:
        """One request draws a city; what has no shape has a null geometry."""
        city = asked(client, "/440300/children.geojson").json()
        province = asked(client, "/440000/children.geojson").json()

        assert city["type"] == "FeatureCollection"
        assert [each["id"] for each in city["features"]] == ["440303", "440304"]
        assert {each["geometry"] for each in province["features"]} == {None}
        assert asked(client, "/440304/children.geojson").json()["features"] == []

    def test_a_coarse_shape_has_fewer_points(self, client: Client, context: Context) -> None:
        """A line lies beside the true one by no more than was asked for."""
        with context.db.write() as session:
            area = session.get_one(Jurisdiction, "440304")
            round_one = Polygon([(114, 22.5), (114.5, 22.5), (114.5, 23)]).buffer(0.1, 64)
            area.shape = json.dumps(mapping(round_one))
            session.add(area)

        fine, coarse, same = (
            shape(asked(client, f"/440304.geojson?simplify={metres}").json()["geometry"])
            for metres in (0, 1000, 1999)
        )

        assert len(coarse.exterior.coords) < len(fine.exterior.coords) / 3
        assert coarse.hausdorff_distance(fine) <= 1100 / 111_195
        assert same.equals(coarse)

    @pytest.mark.parametrize("wish", ["-1", "50001", "x", "1e3", "1.5"])
    def test_a_wish_that_is_none_is_refused(self, client: Client, wish: str) -> None:
        """With a problem document."""
        answer = asked(client, f"/440304.geojson?simplify={wish}")

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "path", ["/999999.geojson", "/999999/children.geojson", "/..geojson", "/a-b.geojson"]
    )
    def test_an_unknown_area_is_not_found(self, client: Client, path: str) -> None:
        """Whatever stands in its place."""
        assert asked(client, path).status_code == 404


class TestCaching:
    @pytest.mark.parametrize("path", ["", "/440304.geojson", "/440300/children.geojson"])
    def test_what_one_has_is_not_sent_again(self, client: Client, path: str) -> None:
        """304 for the ETag that was given; caches may keep it for a day; other sites' maps may use it."""
        first = asked(client, path)

        second = asked(client, path, **{"If-None-Match": f'"x", {first.headers["etag"]}'})

        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["etag"] == first.headers["etag"]
        assert "public" in first.headers["cache-control"]
        assert first.headers["access-control-allow-origin"] == "*"

    def test_an_import_changes_the_tag(self, client: Client, context: Context) -> None:
        """Nobody keeps an old border."""
        before = asked(client, "/440304.geojson").headers["etag"]
        with context.db.write() as session:
            area = session.get_one(Jurisdiction, "440304")
            area.shape = json.dumps(mapping(CLOCKWISE.buffer(0.01)))
            session.add(area)

        assert asked(client, "/440304.geojson").headers["etag"] != before

    def test_memory_is_bounded(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many ask for however many shapes."""
        monkeypatch.setattr(geojson, "MOST_BYTES", 1)

        for step in geojson.STEPS:
            asked(client, f"/440304.geojson?simplify={step}")

        assert len(geojson._kept) == len(geojson._sizes) == 1
