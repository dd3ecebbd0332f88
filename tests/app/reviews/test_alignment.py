"""Promises about where the eyes lie in a face's crop."""

from uuid import uuid4

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.photos.models import Face
from app.reviews.alignment import Eyes, eyes_of
from matching.rendition import CROP_SIDE, Box, crop_face


def face(box: Box, *points: tuple[float, float]) -> Face:
    return Face(
        photo_id=uuid4(),
        position=0,
        left=box.left,
        top=box.top,
        width=box.width,
        height=box.height,
        landmarks=[list(point) for point in points] or None,
    )


@given(
    left=st.integers(0, 150), top=st.integers(0, 150), width=st.integers(60, 140), height=st.integers(60, 140)
)
@settings(deadline=None, max_examples=40)
def test_the_eyes_lie_where_the_crop_shows_them(left: int, top: int, width: int, height: int) -> None:
    """A dot painted on an eye in the scene is found at the share of the crop that the page is told."""
    box = Box(left, top, width, height)
    eyes = [(left + width * share, top + height * 0.35) for share in (0.3, 0.7)]
    assume(all(4 < x < 296 and 4 < y < 296 for x, y in eyes))
    scene = np.full((300, 300, 3), 128, np.uint8)  # grey as what lies beyond the picture
    found = eyes_of(face(box, *eyes, (0.0, 0.0)))
    assert found is not None

    for (x, y), (share_x, share_y) in zip(
        eyes, ((found.left_x, found.left_y), (found.right_x, found.right_y)), strict=True
    ):
        painted = scene.copy()
        painted[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
        light = np.abs(crop_face(painted, box).mean(axis=2) - 128)
        light[light < light.max() / 2] = 0
        rows, columns = np.indices(light.shape)
        side = max(width, height) * 2
        tolerance = 1.5 / side + 1 / CROP_SIDE
        assert abs((columns * light).sum() / light.sum() / CROP_SIDE - share_x) < tolerance
        assert abs((rows * light).sum() / light.sum() / CROP_SIDE - share_y) < tolerance


@pytest.mark.parametrize(
    "points",
    [
        (),
        ((40.0, 40.0),),
        ((40.0, 40.0), (41.0, 40.0)),
        ((40.0, 40.0), (4000.0, 40.0)),
        ((-900.0, 40.0), (60.0, 40.0)),
    ],
)
def test_faces_without_usable_eyes_are_left_as_they_are(points: tuple[tuple[float, float], ...]) -> None:
    """Old faces have no landmarks, and a profile's eyes lie over each other: nothing is turned by guess."""
    assert eyes_of(face(Box(20, 20, 60, 60), *points)) is None


def test_the_page_gets_four_numbers() -> None:
    """The script reads shares of the crop's side."""
    assert str(Eyes(0.4, 0.41, 0.6, 0.39999)) == "0.4000 0.4100 0.6000 0.4000"
