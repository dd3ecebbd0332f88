"""Exact search: the same rows in the same order as a plain comparison with everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching.bench import search as bench
from matching.search import ExactIndex, Ids, Index

D = 24
FACTS = np.dtype([("age", "<f4"), ("open", "?")])


def unit_rows(seed: int, count: int, dimensions: int = D, distinct: int | None = None) -> NDArray[np.float32]:
    """Unit vectors; with `distinct` fewer than rows, some are equal."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((distinct or count, dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[rng.integers(0, len(rows), count)] if distinct else rows


def ids_of(*numbers: int) -> Ids:
    return np.array([number.to_bytes(16, "big") for number in numbers], dtype="S16")


def brute_force(
    rows: NDArray[np.float32], ids: Ids, probe: NDArray[np.float32], k: int
) -> tuple[list[bytes], list[float]]:
    """Written naively: every row in float64, a stable sort in Python."""
    scored = [
        (-float(np.float32(np.sum(row.astype(np.float64) * probe.astype(np.float64)))), key)
        for row, key in zip(rows, ids.tolist(), strict=True)
    ]
    best = sorted(scored)[:k]
    return [key for _, key in best], [-score for score, _ in best]


def made(rows: NDArray[np.float32], ids: Ids) -> ExactIndex:
    index = ExactIndex(rows.shape[1], FACTS)
    index.add(ids, rows)
    return index


class TestExactness:
    @pytest.mark.parametrize("distinct", [None, 2, 40])
    def test_it_does_so_in_a_large_gallery(self, distinct: int | None) -> None:
        """Where blocks of rows are looked at before rows."""
        rows = unit_rows(5, 6_000, distinct=distinct)
        ids = ids_of(*np.random.default_rng(5).permutation(6_000).tolist())

        found = made(rows, ids).search(unit_rows(6, 1)[0], 20)

        assert found.ids.tolist() == brute_force(rows, ids, unit_rows(6, 1)[0], 20)[0]

    @given(
        seed=st.integers(0, 2**32 - 1),
        count=st.integers(1, 300),
        distinct=st.sampled_from([None, 1, 3]),
        k=st.integers(1, 320),
        dimensions=st.sampled_from([2, 24, 128, 320]),
    )
    @settings(deadline=None, max_examples=60)
    def test_it_finds_what_comparing_with_everything_finds(
        self, seed: int, count: int, distinct: int | None, k: int, dimensions: int
    ) -> None:
        """Same ids, same order, same scores; rows of equal score by id."""
        rows = unit_rows(seed, count, dimensions, distinct)
        ids = ids_of(*np.random.default_rng(seed).permutation(count).tolist())
        probe = unit_rows(seed + 1, 1, dimensions)[0]

        found = made(rows, ids).search(probe, k)

        expected_ids, expected_scores = brute_force(rows, ids, probe, k)
        assert found.ids.tolist() == expected_ids
        assert found.scores.tolist() == expected_scores

    @given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 200))
    @settings(deadline=None, max_examples=40)
    def test_the_order_of_rows_says_nothing(self, seed: int, count: int) -> None:
        """A gallery loaded in another order answers alike."""
        rows, ids = unit_rows(seed, count, distinct=max(count // 2, 1)), ids_of(*range(count))
        shuffled = np.random.default_rng(seed).permutation(count)
        probe = unit_rows(seed + 1, 1)[0]

        one, other = made(rows, ids).search(probe, 10), made(rows[shuffled], ids[shuffled]).search(probe, 10)

        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()

    def test_scores_of_many_probes_are_those_of_each(self) -> None:
        """One matrix product a batch, to float32 rounding."""
        index, probes = made(unit_rows(1, 50), ids_of(*range(50))), unit_rows(2, 7)

        assert np.allclose(index.scores(probes), [index.scores(probe) for probe in probes], atol=1e-6)

    def test_it_keeps_the_contract_of_an_index(self) -> None:
        """Whatever else searches templates one day is asked the same way."""
        index: Index = made(unit_rows(1, 3), ids_of(1, 2, 3))

        assert index.exact
        assert (len(index), index.dimensions) == (3, D)
        assert index.search(unit_rows(1, 3)[1], 1).ids.tolist() == ids_of(2).tolist()


class TestChanges:
    @given(
        seed=st.integers(0, 2**32 - 1),
        steps=st.lists(
            st.tuples(st.booleans(), st.lists(st.integers(0, 40), min_size=1, max_size=15, unique=True)),
            max_size=15,
        ),
    )
    @settings(deadline=None, max_examples=80)
    def test_after_any_changes_it_is_the_index_made_anew(
        self, seed: int, steps: list[tuple[bool, list[int]]]
    ) -> None:
        """Additions, replacements and removals leave no trace of what was."""
        index, kept = ExactIndex(D, FACTS), dict[int, tuple[NDArray[np.float32], float]]()
        for number, (adding, names) in enumerate(steps):
            if adding:
                rows = unit_rows(seed + number, len(names))
                facts = np.array([(number, True)] * len(names), dtype=FACTS)
                index.add(ids_of(*names), rows, facts)
                for name, row in zip(names, rows, strict=True):
                    kept.pop(name, None)
                    kept[name] = (row, float(number))
            else:
                index.remove(ids_of(*names))
                for name in names:
                    kept.pop(name, None)

        assert index.ids.tolist() == ids_of(*kept).tolist()
        assert index.facts["age"].tolist() == [age for _, age in kept.values()]
        assert index.templates.tolist() == [row.tolist() for row, _ in kept.values()]
        assert index.rows_of(ids_of(*kept, 99)).tolist() == list(range(len(kept)))
        if kept:
            anew = made(np.stack([row for row, _ in kept.values()]), ids_of(*kept))
            probe = unit_rows(seed - 1 if seed else 7, 1)[0]
            assert index.search(probe, 5).ids.tolist() == anew.search(probe, 5).ids.tolist()

    def test_a_removed_template_is_overwritten(self) -> None:
        """What was erased lies in no spare row."""
        index = made(unit_rows(1, 5), ids_of(*range(5)))
        index.remove(ids_of(1, 4))

        assert not index._templates[3:5].any()
        assert set(index._ids[3:5].tolist()) == {b""}

    def test_it_grows_over_many_additions(self) -> None:
        """Rows stay what they were when the arrays become longer."""
        rows, index = unit_rows(3, 4000), ExactIndex(D)
        for start in range(0, 4000, 250):
            index.add(ids_of(*range(start, start + 250)), rows[start : start + 250])

        assert np.array_equal(index.templates, rows)

    @pytest.mark.parametrize(
        ("ids", "rows"),
        [
            (ids_of(1), unit_rows(1, 2)),
            (ids_of(1, 1), unit_rows(1, 2)),
            (ids_of(1), unit_rows(1, 1, D + 1)),
            (ids_of(1), unit_rows(1, 1) * 1.01),
            (ids_of(1), np.full((1, D), np.nan, dtype=np.float32)),
        ],
        ids=["one id too few", "an id twice", "other dimensions", "no unit vector", "not a number"],
    )
    def test_what_does_not_belong_is_refused(self, ids: Ids, rows: NDArray[np.float32]) -> None:
        """And changes nothing."""
        index = made(unit_rows(2, 3), ids_of(7, 8, 9))

        with pytest.raises(ValueError, match=r"once|unit|index's"):
            index.add(ids, rows)

        assert index.ids.tolist() == ids_of(7, 8, 9).tolist()


class TestFilter:
    @given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 120), k=st.integers(1, 20))
    @settings(deadline=None, max_examples=60)
    def test_a_filter_is_a_mask_afterwards(self, seed: int, count: int, k: int) -> None:
        """Searching some rows finds what searching all finds, without the others."""
        rows, ids = unit_rows(seed, count), ids_of(*range(count))
        allowed = np.random.default_rng(seed).random(count) < 0.4
        probe, index = unit_rows(seed + 1, 1)[0], made(rows, ids)

        everything = index.search(probe, count)
        after = [key for key in everything.ids.tolist() if key in set(ids[allowed].tolist())][:k]

        assert index.search(probe, k, allowed).ids.tolist() == after
        assert index.search(probe, k, ids[allowed]).ids.tolist() == after

    def test_a_mask_of_another_index_is_refused(self) -> None:
        """A filter that has fallen behind the rows would leave the wrong ones out."""
        with pytest.raises(ValueError, match="mask"):
            made(unit_rows(1, 3), ids_of(1, 2, 3)).search(unit_rows(2, 1)[0], 1, np.ones(4, dtype=bool))


class TestBench:
    def test_it_measures_what_it_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reading, the index, and the plain way beside it, which finds the same rows."""
        monkeypatch.setattr(bench, "_REPEATED_S", 0.0)
        rows = bench.measure((500,), D)

        assert [row.name.split(",")[0] for row in rows] == [
            f"read 500 x {D} float32", "exact index", "exact index", "brute force",
        ]  # fmt: skip
        assert rows[0].ratio == 1.0
        assert all(row.ms > 0 for row in rows)
        index, probes = bench._random_index(500, D)
        assert (
            index.search(probes[0], 20).ids.tolist()
            == index.ids[bench.brute_force(index.templates, probes[0], 20)].tolist()
        )
