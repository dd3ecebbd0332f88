"""Coordinates of Chinese maps become WGS 84; times with an offset become UTC."""

from datetime import UTC, datetime
from types import MappingProxyType

import eviltransform
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.tips import fields, intake
from app.tips.models import CoordinateSystem
from app.tips.parts import NewPhoto, Parts

METRE = 1 / 111_000
"""Degrees of latitude."""


def partner_tip(**texts: str) -> intake.NewTip:
    """What a partner's form means."""
    parts = Parts(MappingProxyType(texts), (NewPhoto(b"\xff\xd8\xff", "JPEG"),), None, "digest")
    return intake.partner_tip(parts, None, "zh")


class TestCoordinates:
    @settings(deadline=None)
    @given(st.floats(20, 48), st.floats(80, 130))
    def test_what_a_chinese_map_shows_is_brought_back(self, latitude: float, longitude: float) -> None:
        """Within a metre, wherever in the country."""
        forward = {CoordinateSystem.GCJ02: eviltransform.wgs2gcj, CoordinateSystem.BD09: eviltransform.wgs2bd}
        for system, transform in forward.items():
            shown = transform(latitude, longitude)

            tip = partner_tip(
                latitude=f"{shown[0]:.8f}", longitude=f"{shown[1]:.8f}", coordinate_system=system.value
            )

            assert tip.place is not None
            assert tip.place.given_system == system
            assert tip.place.latitude == pytest.approx(latitude, abs=METRE)
            assert tip.place.longitude == pytest.approx(longitude, abs=2 * METRE)

    def test_a_receivers_position_stays_as_it_is(self) -> None:
        """WGS 84 is what is stored."""
        tip = partner_tip(latitude="22.543096", longitude="114.057865")

        assert tip.place == intake.Place(22.543096, 114.057865, None, CoordinateSystem.WGS84)

    @pytest.mark.parametrize("latitude", ["0", "-0", "-90", "90", "+12.5"])
    def test_the_ends_of_the_earth_are_places(self, latitude: str) -> None:
        """Limits belong to the range."""
        assert partner_tip(latitude=latitude, longitude="180").place

    @pytest.mark.parametrize("system", ["WGS-84", "utm", "wgs84;"])
    def test_an_unknown_system_is_refused(self, system: str) -> None:
        """A guess would be wrong by half a kilometre."""
        with pytest.raises(Invalid) as refusal:
            partner_tip(latitude="1", longitude="1", coordinate_system=system)

        assert refusal.value.field == "coordinate_system"


class TestMoments:
    @pytest.mark.parametrize(
        ("given_time", "utc"),
        [
            ("2026-02-03T14:05:00+08:00", datetime(2026, 2, 3, 6, 5, tzinfo=UTC)),
            ("2026-02-03T14:05Z", datetime(2026, 2, 3, 14, 5, tzinfo=UTC)),
            ("2000-01-01T00:00:00-00:00", datetime(2000, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_an_offset_tells_the_moment(self, given_time: str, utc: datetime) -> None:
        """Programs name theirs."""
        assert partner_tip(place_text="x", observed_at=given_time).observed_at == utc

    @pytest.mark.parametrize(
        "given_time",
        [
            "2026-02-03T14:05:00",
            "2026-02-03",
            "2000-01-01T00:00:00+08:00",
            "2026-W06-2T10:00Z",
            "2026-02-03T14:05:00+99:00",
            "２０２６-02-03T14:05Z",
        ],
    )
    def test_a_moment_that_could_be_misread_is_refused(self, given_time: str) -> None:
        """Without an offset, out of range, or in another notation."""
        with pytest.raises(Invalid) as refusal:
            partner_tip(place_text="x", observed_at=given_time)

        assert refusal.value.field == "observed_at"


class TestWebAddress:
    @pytest.mark.parametrize("address", ["https://example.org/post/1?a=b#c", "http://例子.中国/一"])
    def test_an_address_is_kept_as_it_is(self, address: str) -> None:
        """It is never opened."""
        assert partner_tip(place_text="x", source_url=address).source_url == address

    @pytest.mark.parametrize(
        "address",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//example.org/",
            "https://",
            "https://[::1",
            "https://user:secret@example.org/",
            "https://example.org:99999/",
            "https://example.org/a b",
            "https://example.org/\u202egpj",
        ],
    )
    def test_anything_else_is_refused(self, address: str) -> None:
        """An officer may click on it."""
        with pytest.raises(Invalid) as refusal:
            partner_tip(place_text="x", source_url=address)

        assert refusal.value.field == "source_url"


@settings(deadline=None)
@given(st.text(max_size=50))
def test_a_number_is_a_number_or_refused(value: str) -> None:
    """Whatever is typed into a field for numbers."""
    try:
        found = fields.number({"n": value}, "n", -90, 90)
    except Invalid as refusal:
        assert refusal.field == "n"  # noqa: PT017 - any text may be refused or taken
    else:
        assert found is None or -90 <= found <= 90
