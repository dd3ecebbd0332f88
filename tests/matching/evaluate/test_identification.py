import numpy as np
import pytest

from matching.evaluate.enrolment import BASELINE
from matching.evaluate.identification import (
    Search,
    distractors_like,
    leave_one_out,
    likeness_of_strangers,
    ranks,
    search_of,
)
from matching.evaluate.scoring import rank_scores
from matching.ranking import Gallery, rank
from tests.matching.evaluate.enrolments import data, enrolled
from tests.matching.worlds import world

NOBODY = np.empty((0, 48), np.float32)


class TestChoosing:
    def test_records_are_searched_in_by_the_others(self) -> None:
        """What the data call a record stands in the gallery; people without one are not looked for."""
        people = np.array([0, 0, 1, 1, 2])
        found = search_of(people, np.full(5, np.nan, np.float32), np.array([1.0, 0, 1, 0, 0]))

        assert found.gallery.tolist() == [0, 2]
        assert found.probes.tolist() == [1, 3]

    def test_without_kinds_the_youngest_picture_is_the_record(self) -> None:
        """A lost child's record photo is older than the tip that finds the child."""
        people, ages = np.array([0, 0, 1, 1]), np.array([9, 4, 3, 12], np.float32)
        found = search_of(people, ages, np.full(4, np.nan))

        assert found.gallery.tolist() == [1, 2]
        assert found.probes.tolist() == [0, 3]


class TestRanks:
    def test_as_the_service_ranks(self) -> None:
        """The evaluation counts ranks as `matching.ranking.rank` does for a deployment."""
        some = data(30, 4)
        gallery = np.flatnonzero(np.arange(120) % 4 < 2)
        search = Search(gallery, np.setdiff1d(np.arange(120), gallery))
        people, templates = some.everyone.person, some.homeward.templates
        stored = Gallery(templates[gallery], people[gallery].astype(np.int64), some.everyone.age[gallery])
        expected = [
            1 + [each.record for each in rank(templates[probe], stored)].index(int(people[probe]))
            for probe in search.probes
        ]

        assert ranks(some.homeward, people, search, NOBODY).tolist() == expected

    def test_distractors_only_push_down(self) -> None:
        """More strangers in the gallery never bring the right record further up."""
        some = data(40, 2)
        people = some.everyone.person
        search = search_of(people, some.everyone.age, some.everyone.is_record)
        made, _ = distractors_like(some.homeward.templates, some.everyone.age, 3_000, 0)

        few, many = (ranks(some.homeward, people, search, each) for each in (made[:100], made))

        assert (ranks(some.homeward, people, search, NOBODY) <= few).all()
        assert (few <= many).all()
        assert (few < many).any()

    def test_a_tie_is_no_success(self) -> None:
        """Where a stranger scores the same, the right record counts as the later one."""
        same = enrolled("dlib", np.tile(np.eye(48, dtype=np.float32)[0], (4, 1)))
        people = np.array([0, 1, 0, 1])

        assert ranks(same, people, Search(np.array([0, 1]), np.array([2, 3])), NOBODY).tolist() == [2, 2]

    def test_leave_one_out(self) -> None:
        """A picture is never its own nearest."""
        scores = np.array([[9, 1, 2], [1, 9, 0], [2, 0, 9]], np.float32)

        assert leave_one_out(scores, np.array([0, 0, 0])).all()
        assert leave_one_out(scores, np.array([0, 0, 1])).tolist() == [False, True, False]

    def test_the_package_compares_by_distance(self) -> None:
        """The first engine's scores are 1 - L2, as a user of face_recognition computes them."""
        templates = np.random.default_rng(0).normal(size=(6, 128)).astype(np.float32)
        distances = np.linalg.norm(templates[:, None] - templates, axis=2)

        scores = rank_scores(enrolled(BASELINE, templates), templates, templates)

        others = ~np.eye(6, dtype=bool)
        assert scores[others] == pytest.approx((1 - distances)[others], abs=1e-3)
        # A picture's distance to itself is a difference of large squares, which processors round differently.
        assert np.diag(scores) == pytest.approx(np.ones(6), abs=3e-2)


class TestDistractors:
    def test_as_like_probes_as_strangers_are(self) -> None:
        """Resampled templates stand for strangers: the same scores, up to the rarest thousandth."""
        some = data(200, 2)
        people = some.everyone.person
        search = search_of(people, some.everyone.age, some.everyone.is_record)
        rows = search.gallery
        made, _ = distractors_like(some.homeward.templates[rows], some.everyone.age[rows], 2_000, 0)

        for found in likeness_of_strangers(some.homeward, people, search, made).values():
            assert found["distractors"] == pytest.approx(found["strangers"], abs=0.04)

    def test_no_more_like_each_other(self) -> None:
        """A gallery of distractors measures its own false-match rate as one of people would."""
        drawn = world(200, 1)
        made, _ = distractors_like(drawn.templates, drawn.ages.astype(np.float32), 200, 0)
        upper = np.triu_indices(200, 1)

        theirs, ours = ((each @ each.T)[upper] for each in (drawn.templates, made))

        assert np.quantile(ours, 0.999) == pytest.approx(np.quantile(theirs, 0.999), abs=0.05)

    def test_ages_and_lengths_are_those_of_their_kind(self) -> None:
        """Age bands get distractors of their own, and unknown ages stay unknown."""
        drawn = world(50, 1)
        ages = drawn.ages.astype(np.float32)
        ages[:10] = np.nan
        made, years = distractors_like(drawn.templates * 1.4, ages, 500, 0)

        assert np.linalg.norm(made, axis=1) == pytest.approx(1.4, abs=1e-4)
        assert set(years[np.isfinite(years)]) <= set(ages[10:])
        assert np.isnan(years).any()

    def test_the_same_seed_gives_the_same_people(self) -> None:
        """A report can be made again; a search without distractors has none."""
        drawn = world(50, 1)
        ages = drawn.ages.astype(np.float32)
        once, again = (distractors_like(drawn.templates, ages, 20, 3)[0] for _ in range(2))

        assert np.array_equal(once, again)
        assert len(distractors_like(drawn.templates, ages, 0, 3)[0]) == 0
