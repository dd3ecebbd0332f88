"""Shapes and places come out where they are, in a picture of any size."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from app.jurisdictions.shapes import METRES_PER_DEGREE, Frame, sketch

SQUARE = json.dumps(
    {"type": "Polygon", "coordinates": [[[113, 22], [115, 22], [115, 24], [113, 24], [113, 22]]]}
)

longitudes = st.floats(73, 135)
latitudes = st.floats(4, 53)
lengths = st.floats(50, 2000)


class TestSketch:
    def test_an_area_fills_the_picture_and_keeps_its_shape(self) -> None:
        """A square of two degrees stands upright, narrower than high, as it is at 23 degrees north."""
        drawn = sketch([SQUARE], [], 400, 300)

        assert drawn is not None
        outline = drawn.outlines[0]
        assert outline is not None
        xs, ys = zip(*outline.rings[0], strict=True)
        assert 270 < max(ys) - min(ys) < 280
        assert math.isclose(
            (max(xs) - min(xs)) / (max(ys) - min(ys)), math.cos(math.radians(23)), rel_tol=0.01
        )
        assert math.isclose(min(xs) + max(xs), 400, abs_tol=0.2)

    def test_north_is_up_and_east_is_right(self) -> None:
        """Places lie to each other as on any map."""
        drawn = sketch([SQUARE], [(23.5, 113.5), (22.5, 114.5)], 400, 300)

        assert drawn is not None
        upper, lower = drawn.points
        assert upper is not None
        assert lower is not None
        assert upper[0] < lower[0]
        assert upper[1] < lower[1]

    def test_a_place_elsewhere_is_left_out(self) -> None:
        """A point outside the picture is None, in its place in the order."""
        drawn = sketch([SQUARE], [(40.0, 116.0), (23.0, 114.0)], 400, 300)

        assert drawn is not None
        assert drawn.points[0] is None
        assert drawn.points[1] is not None

    def test_places_are_enough(self) -> None:
        """An area known by name only is fitted to its places; one place stands in the middle."""
        drawn = sketch([None], [(22.54, 114.05)], 400, 300)

        assert drawn is not None
        assert drawn.outlines == (None,)
        point = drawn.points[0]
        assert point is not None
        assert math.isclose(point[0], 200, abs_tol=0.01)
        assert math.isclose(point[1], 150, abs_tol=0.01)

    def test_nothing_gives_nothing(self) -> None:
        """Without a shape and a place there is no picture."""
        assert sketch([None, None], [], 400, 300) is None
        assert sketch(['{"type": "Polygon", "coordinates": []}'], [], 400, 300) is None

    def test_a_changed_shape_is_drawn_anew(self) -> None:
        """What is kept belongs to a shape, not to a name."""
        other = SQUARE.replace("24", "23.5")

        first, second = sketch([SQUARE], [], 400, 300), sketch([other], [], 400, 300)

        assert first is not None
        assert second is not None
        assert first.frame != second.frame

    def test_specks_are_not_drawn(self) -> None:
        """A picture holds no islands that nobody could see; an area of one speck still shows it."""
        speck = [[[116.0, 22.0], [116.001, 22.0], [116.001, 22.001], [116.0, 22.0]]]
        islands = json.dumps(
            {"type": "MultiPolygon", "coordinates": [json.loads(SQUARE)["coordinates"], speck]}
        )

        drawn = sketch([islands, json.dumps({"type": "Polygon", "coordinates": speck})], [], 400, 300)

        assert drawn is not None
        assert [outline and len(outline.rings) for outline in drawn.outlines] == [1, 1]


class TestFrame:
    @given(longitudes, latitudes, st.floats(0, 20), st.floats(0, 20), lengths, lengths)
    def test_everything_asked_for_is_in_the_picture(
        self, west: float, south: float, across: float, down: float, width: float, height: float
    ) -> None:
        """Whatever is fitted lies inside, with the same scale both ways."""
        frame = Frame.around((west, south, west + across, south + down), width, height)

        corners = [(south, west), (south + down, west + across), (south, west + across)]
        assert all(frame.place(*corner) is not None for corner in corners)

    @given(longitudes, latitudes, st.floats(0, 20), lengths)
    def test_the_scale_bar_is_a_round_length_that_fits(
        self, west: float, south: float, across: float, width: float
    ) -> None:
        """At most a quarter of the width, at least a tenth, and it says how many metres it is."""
        frame = Frame.around((west, south, west + across, south), width, width)

        length, metres = frame.bar

        assert width / 11 <= length <= width / 4 + 1e-6
        assert str(metres).rstrip("0") in {"1", "2", "5"}
        assert math.isclose(length / frame.scale * METRES_PER_DEGREE, metres, rel_tol=1e-3)
