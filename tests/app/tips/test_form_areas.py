"""The outlines behind the pin: every area down to a district, small, cacheable, and nothing but shapes."""

import gzip
import json

import pytest

from app.core.context import Context
from app.jurisdictions import outlines
from app.jurisdictions.models import Jurisdiction
from tests.conftest import Client

SQUARES = {
    "440000": (110.0, 20.0, 116.0, 26.0),
    "440300": (113.0, 22.0, 115.0, 24.0),
    "442000": (111.0, 22.0, 113.0, 24.0),
    "440304": (113.5, 22.5, 114.5, 23.5),
}


@pytest.fixture
def shapes(context: Context) -> None:
    """A province of two cities, one of them with a district whose shape is known."""
    with context.db.write() as session:
        for code, (west, south, east, north) in SQUARES.items():
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            area = session.get_one(Jurisdiction, code)
            area.shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
            session.add(area)


@pytest.mark.usefixtures("shapes")
class TestOutlines:
    @pytest.mark.parametrize(
        ("code", "named", "above", "shown"),
        [
            ("top", "CN", None, ["440000"]),
            ("CN", "CN", None, ["440000"]),
            ("440000", "440000", "CN", ["440300", "442000"]),
            ("440300", "440300", "440000", ["440304"]),
            ("440304", "440304", "440300", ["440304"]),
        ],
    )
    def test_they_lead_down_to_a_district(
        self, client: Client, code: str, named: str, above: str | None, shown: list[str]
    ) -> None:
        """The areas right below, and the smallest one by itself."""
        answer = client.get(f"/areas/{code}.json")

        body = answer.json()
        assert answer.status_code == 200
        assert (body["code"], body["above"]) == (named, above)
        assert [area["code"] for area in body["areas"]] == shown
        assert [area["opens"] for area in body["areas"]] == [each != named for each in shown]
        assert all(area["path"].startswith("M") and area["path"].endswith("Z") for area in body["areas"])

    def test_a_point_of_the_picture_is_a_place(self, client: Client) -> None:
        """The frame brings picture units back to degrees, as the script does."""
        body = client.get("/areas/440304.json").json()
        frame = body["frame"]
        corner = body["areas"][0]["path"].removeprefix("M").split("L")[0].split()

        latitude = frame["north"] - float(corner[1]) / frame["scale"]
        longitude = frame["west"] + float(corner[0]) / frame["scale"] / frame["narrowing"]

        assert abs(latitude - 22.5) < 0.01
        assert abs(longitude - 113.5) < 0.01

    def test_they_are_kept_by_browsers_and_packed(self, client: Client) -> None:
        """A day; whoever takes no packed answer gets a plain one."""
        packed = client.get("/areas/top.json", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/areas/top.json", headers={"Accept-Encoding": "identity"})

        assert packed.headers["cache-control"] == "public, max-age=86400"
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.json() == plain.json()
        assert "set-cookie" not in packed.headers
        assert len(gzip.compress(plain.content)) < len(plain.content)

    def test_nothing_but_names_and_shapes(self, client: Client) -> None:
        """No authority, no count, nothing of a tip."""
        body = client.get("/areas/440000.json").json()

        assert set(body) == {"code", "name", "name_en", "above", "frame", "areas"}
        assert set(body["areas"][0]) == {"code", "name", "name_en", "opens", "path"}

    def test_drawings_in_memory_are_bounded(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody who asks for every area fills no memory."""
        monkeypatch.setattr(outlines, "KEPT", 2)

        for code in SQUARES:
            assert client.get(f"/areas/{code}.json").status_code == 200

        assert len(outlines._kept) <= 2


@pytest.mark.parametrize("code", ["999999", "top", "440304", "%2e%2e", "x" * 40, "4403'--"])
def test_an_area_without_shapes_is_not_there(client: Client, code: str) -> None:
    """The form then does without a map."""
    assert client.get(f"/areas/{code}.json").status_code == 404
