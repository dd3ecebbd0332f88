import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from matching.alignment import ARCFACE_POINTS, DLIB_POINTS, Points, _shrunk, face_chip, similarity
from tests.matching.pictures import scene

TEMPLATES = pytest.mark.parametrize(("template", "side"), [(ARCFACE_POINTS, 112), (DLIB_POINTS, 150)])
SMOOTH = np.asarray(scene(640, 480).filter(ImageFilter.GaussianBlur(4)))
"""A picture whose pixels hardly differ from their neighbours, so that interpolation cannot hide a shift."""


def turned(points: NDArray[np.float64], degrees: float, scale: float, shift: tuple[float, float]) -> Points:
    angle = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved: Points = (points @ matrix.T + shift).astype(np.float32)
    return moved


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


class TestSimilarity:
    @settings(deadline=None)
    @given(
        st.floats(-180, 180),
        st.floats(0.05, 20),
        st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
    )
    def test_any_turn_scale_and_shift_is_undone(
        self, degrees: float, scale: float, shift: tuple[float, float]
    ) -> None:
        """However a head is held and wherever it stands, its eyes land on the same pixels."""
        points = turned(ARCFACE_POINTS.astype(float), degrees, scale, shift)

        matrix = similarity(points, ARCFACE_POINTS)

        landed = points.astype(float) @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(landed - ARCFACE_POINTS).max() < 0.05
        assert np.hypot(matrix[0, 0], matrix[1, 0]) * scale == pytest.approx(1, abs=0.01)

    def test_nothing_is_mirrored(self) -> None:
        """A mirrored face is another face to the eye: only turns, scales and shifts are allowed."""
        mirrored = ARCFACE_POINTS * [-1, 1] + [200, 0]

        assert np.linalg.det(similarity(mirrored.astype(np.float32), ARCFACE_POINTS)[:, :2]) > 0

    def test_it_is_the_least_squares_answer(self) -> None:
        """Points that fit no similarity exactly are met as nearly as any turn, scale and shift can."""
        points = ARCFACE_POINTS + np.random.default_rng(3).normal(0, 6, (5, 2)).astype(np.float32)
        best = similarity(points, ARCFACE_POINTS)

        def error(matrix: NDArray[np.float64]) -> float:
            return float(((points @ matrix[:, :2].T + matrix[:, 2] - ARCFACE_POINTS) ** 2).sum())

        for row, column, step in itertools.product(range(2), range(3), (-1e-2, 1e-2)):
            other = best.copy()
            other[row, column] += step
            if column < 2:
                # The neighbours that are similarities too: the matrix keeps its form.
                other[1 - row, 1 - column] += step if row == column else -step
            assert error(other) > error(best)

    def test_unknown_points_are_left_out(self) -> None:
        """Five points of dlib have no mouth; the eyes and the nose then decide alone."""
        points = turned(ARCFACE_POINTS.astype(float), 20, 2, (30, 40))
        points[3:] = np.nan

        matrix = similarity(points, ARCFACE_POINTS)

        landed = points[:3] @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(landed - ARCFACE_POINTS[:3]).max() < 0.01

    @pytest.mark.parametrize(
        "points",
        [
            np.full((5, 2), 7.0),
            np.full((5, 2), np.nan),
            np.array([[3.0, 4.0], *[[np.nan, np.nan]] * 4]),
            np.array([[3.0, 4.0], [3.0, 4.0], *[[np.nan, 1.0]] * 3]),
        ],
    )
    def test_points_that_say_nothing_are_refused(self, points: NDArray[np.float64]) -> None:
        """One place has no direction and no size."""
        with pytest.raises(ValueError, match="two points in different places"):
            similarity(points.astype(np.float32), ARCFACE_POINTS)


class TestFaceChip:
    @TEMPLATES
    @settings(deadline=None, max_examples=30)
    @given(degrees=st.floats(-180, 180), scale=st.floats(0.6, 3))
    def test_the_chip_of_a_turned_picture_is_the_same(
        self, template: Points, side: int, degrees: float, scale: float
    ) -> None:
        """What an encoder sees must not depend on how the phone was held or how near the child stood."""
        points = turned(template - template.mean(0), 0, 1, (320, 240))
        plain = face_chip(SMOOTH, points, template, side)
        corners = np.array([[0, 0], [640, 0], [640, 480], [0, 480]], float) - [320, 240]
        extent = np.ceil(np.ptp(turned(corners, degrees, scale, (0, 0)), axis=0)).astype(int)
        middle = (float(extent[0]) / 2, float(extent[1]) / 2)
        # Pillow asks where each pixel of the new picture comes from, counted from pixels' corners.
        back = np.linalg.inv(scale * np.array(_rotation(degrees)))
        start = np.array([320, 240]) - back @ np.array(middle)
        picture = Image.fromarray(SMOOTH).transform(
            (int(extent[0]), int(extent[1])),
            Image.Transform.AFFINE,
            (*back[0], start[0], *back[1], start[1]),
            Image.Resampling.BICUBIC,
        )
        moved = turned(points + 0.5 - [320, 240], degrees, scale, middle) - np.float32(0.5)

        chip = face_chip(np.asarray(picture), moved.astype(np.float32), template, side)

        assert difference(chip, plain) < 1.5

    @TEMPLATES
    @pytest.mark.parametrize("scale", [2.5, 4.0, 7.3])
    @pytest.mark.parametrize("degrees", [0, 30, 200])
    def test_a_large_face_is_averaged_down_to_the_same_chip(
        self, template: Points, side: int, scale: float, degrees: float
    ) -> None:
        """Shrinking first and then cutting gives what cutting gives, where there is nothing fine to lose."""
        large = np.asarray(Image.fromarray(SMOOTH).resize((1920, 1440), Image.Resampling.BICUBIC))
        points = turned(template - template.mean(0), degrees, scale, (960, 700))
        matrix = similarity(points, template)

        shrunk, smaller = _shrunk(large, matrix, 1 / scale, side)
        chip = face_chip(large, points, template, side)

        assert shrunk.shape[0] * shrunk.shape[1] < 8 * side * side
        assert difference(chip, _sampled(large, matrix, side)) < 1.5
        assert np.hypot(smaller[0, 0], smaller[1, 0]) == pytest.approx(1, abs=0.02)

    def test_fine_structure_is_averaged_not_skipped(self) -> None:
        """Taking every fourth pixel of a checked shirt makes stripes that nobody wears."""
        checked = np.where(np.indices((1200, 1200)).sum(0) % 2, 255, 0).astype(np.uint8)
        picture = np.repeat(checked[..., None], 3, axis=2)
        points = turned(ARCFACE_POINTS - ARCFACE_POINTS.mean(0), 0, 4, (600, 600))

        chip = face_chip(picture, points, ARCFACE_POINTS, 112)

        assert abs(float(chip.mean()) - 127.5) < 2
        assert float(chip.std()) < 4

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=5, max_size=5),
        st.integers(1, 40),
        st.integers(1, 40),
    )
    def test_any_points_give_a_chip_or_a_refusal(
        self, places: list[tuple[float, float]], width: int, height: int
    ) -> None:
        """Points are a network's guesses about a stranger's picture."""
        picture = np.full((height, width, 3), 90, np.uint8)
        try:
            chip = face_chip(picture, np.array(places, np.float32), ARCFACE_POINTS, 112)
        except ValueError:
            return
        assert chip.shape == (112, 112, 3)
        assert chip.dtype == np.uint8

    def test_what_lies_beyond_the_border_is_black(self) -> None:
        """A face at the edge keeps its size; what the camera did not see is not made up."""
        points = turned(ARCFACE_POINTS.astype(float), 0, 1, (-56, 0))

        chip = face_chip(np.full((200, 200, 3), 200, np.uint8), points, ARCFACE_POINTS, 112)

        assert not chip[:, :55].any()
        assert (chip[:, 58:] == 200).all()


def _rotation(degrees: float) -> list[list[float]]:
    angle = np.deg2rad(degrees)
    return [[float(np.cos(angle)), float(-np.sin(angle))], [float(np.sin(angle)), float(np.cos(angle))]]


def _sampled(pixels: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """The chip by Pillow's own bilinear sampling, without shrinking anything first."""
    back = np.linalg.inv(matrix[:, :2])
    # OpenCV counts from pixels' middles, Pillow from their corners.
    start = back @ (-matrix[:, 2] - 0.5) + 0.5
    image = Image.fromarray(pixels).transform(
        (side, side),
        Image.Transform.AFFINE,
        (*back[0], float(start[0]), *back[1], float(start[1])),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(image)
