import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.engine import FUSION_WEIGHTS
from matching.error_model import (
    DLIB_ERRORS,
    ERROR_MODELS,
    MOBILEFACENET_ERRORS,
    SHIPPED_WEIGHTS,
    AgeBand,
    ErrorModel,
    age_band,
    fused_errors,
)


class TestErrorModel:
    @pytest.mark.parametrize("band", AgeBand)
    def test_it_goes_through_the_points_it_was_made_from(self, band: AgeBand) -> None:
        """The rates are those of the source, not of a curve near them."""
        model = DLIB_ERRORS[band]
        for score, rate in model.points:
            assert model.false_match_rate(score) == pytest.approx(rate)

    @given(st.sampled_from(AgeBand), st.floats(0.91, 1), st.floats(0.91, 1))
    def test_a_stricter_threshold_never_lets_more_through(
        self, band: AgeBand, one: float, other: float
    ) -> None:
        """Whoever raises a threshold gets fewer wrong candidates."""
        model = DLIB_ERRORS[band]
        strict, lax = max(one, other), min(one, other)

        assert 0 < model.false_match_rate(strict) <= model.false_match_rate(lax) <= 1

    @pytest.mark.parametrize("threshold", [0.9, 0.0, -1.0, math.nan, math.inf])
    def test_where_nothing_was_measured_nothing_is_said(self, threshold: float) -> None:
        """A made-up error rate would look like a measured one."""
        with pytest.raises(ValueError, match="no false-match rate"):
            DLIB_ERRORS[AgeBand.CHILD].false_match_rate(threshold)

    @given(st.sampled_from(AgeBand), st.sampled_from(sorted(ERROR_MODELS)), st.floats(1e-9, 0.01))
    def test_a_threshold_is_reached_at_its_rate(self, band: AgeBand, encoder: str, rate: float) -> None:
        """Threshold and rate are two readings of one curve."""
        model = ERROR_MODELS[encoder][band]

        assert model.false_match_rate(model.threshold(rate)) == pytest.approx(rate, rel=1e-6)

    @pytest.mark.parametrize("rate", [0.0, -0.1, 0.9])
    def test_no_threshold_is_made_up(self, rate: float) -> None:
        """Laxer than measured is unknown."""
        with pytest.raises(ValueError, match="no threshold"):
            DLIB_ERRORS[AgeBand.CHILD].threshold(rate)

    @pytest.mark.parametrize(
        "points",
        [((0.6, 0.001),), ((0.5, 0.001), (0.6, 0.01)), ((0.6, 0.01), (0.5, 0.001)), ((0.6, 0.0), (0.5, 0.1))],
    )
    def test_points_that_contradict_each_other_are_refused(
        self, points: tuple[tuple[float, float], ...]
    ) -> None:
        """A wrong table must not become a threshold."""
        with pytest.raises(ValueError, match=r"error model|false-match rates"):
            ErrorModel(points)


class TestAgeBand:
    @pytest.mark.parametrize(
        ("age", "band"),
        [
            (0, "0-3"),
            (3.99, "0-3"),
            (4, "4-7"),
            (7.99, "4-7"),
            (8, "8-12"),
            (13, "13-17"),
            (18, "18+"),
            (90, "18+"),
        ],
    )
    def test_bands_end_where_the_next_begins(self, age: float, band: str) -> None:
        """A child of seven and a half is seven."""
        assert age_band(age) == band

    def test_an_unknown_age_has_no_band(self) -> None:
        """Unknown is not zero."""
        assert age_band(None) is age_band(math.nan) is None
        with pytest.raises(ValueError, match="not negative"):
            age_band(-1)


class TestCitedModels:
    @pytest.mark.parametrize("encoder", ERROR_MODELS)
    def test_the_younger_the_stricter(self, encoder: str) -> None:
        """Strangers of three years look alike to an encoder made for adults."""
        for rate in (0.01, 0.001):
            thresholds = [ERROR_MODELS[encoder][band].threshold(rate) for band in AgeBand]
            assert thresholds == sorted(thresholds, reverse=True)

    def test_golden_thresholds(self) -> None:
        """What the sources say, as cosines: 8 to 12 years, a false-match rate of 1 %."""
        at = {name: models[AgeBand.CHILD].threshold(0.01) for name, models in ERROR_MODELS.items()}

        assert at["dlib"] == pytest.approx(1 - 0.510**2 / 2 / 1.36**2)
        assert at["dlib"] == pytest.approx(0.9297, abs=1e-4)
        assert at["mobilefacenet"] == pytest.approx(0.61)
        assert at["dlib+mobilefacenet"] == pytest.approx(0.8335, abs=1e-4)
        assert at["face_recognition"] == at["dlib"]

    def test_the_weights_are_those_of_the_engine(self) -> None:
        """Thresholds of another mixture would be wrong for every child."""
        assert tuple(SHIPPED_WEIGHTS.values()) == FUSION_WEIGHTS
        assert list(SHIPPED_WEIGHTS) == ["dlib", "mobilefacenet"]

    @given(st.floats(0.05, 0.95), st.sampled_from(AgeBand))
    def test_a_mean_of_cosines_needs_one_network_at_its_threshold(self, weight: float, band: AgeBand) -> None:
        """The union bound: below both thresholds of half the rate, no mean reaches the fused one."""
        parts = {"dlib": DLIB_ERRORS, "mobilefacenet": MOBILEFACENET_ERRORS}
        weights = {"dlib": weight, "mobilefacenet": 1 - weight}
        fused = fused_errors(parts, weights)[band].threshold(0.01)

        below = sum(weights[name] * (parts[name][band].threshold(0.005) - 1e-3) for name in parts)
        assert below < fused

    def test_weights_that_make_no_mean_are_refused(self) -> None:
        """Half a mean would halve every score."""
        with pytest.raises(ValueError, match="sum to 1"):
            fused_errors({"dlib": DLIB_ERRORS}, {"dlib": 0.5})
