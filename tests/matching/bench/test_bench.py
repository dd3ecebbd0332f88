import json
from pathlib import Path
from typing import Any

import pytest

from matching.bench import __main__ as bench
from matching.bench import timing
from matching.bench.recall import CELLS, Counted, Recall
from matching.bench.rows import DETECTION, ENCODE, PHOTO, WHOLE, Compared, Plan, Row, recall_rows, timed_rows
from matching.bench.steps import STEPS
from matching.bench.timing import Timing


def run(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    out = tmp_path / "out.json"
    assert bench.main([*arguments, "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.faces
class TestCommand:
    def test_a_small_run_says_where_it_ran_and_what_each_row_is_compared_with(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A figure without its machine and its peer says nothing."""
        # The plan is cut down to what takes seconds; that every step exists is tested below.
        monkeypatch.setattr(bench, "WHOLE", ())
        monkeypatch.setattr(bench, "ENCODE", ENCODE[:1])
        monkeypatch.setattr(bench, "DETECTION", (Plan("detection", "find", "detect", (("peer hash", 1.0),)),))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")

        found = run(
            tmp_path,
            *("--repeat", "1", "--faces", "1", "--streets", "0", "--sizes", "2000"),
            *("--processes", "1", "--seconds", "0"),
        )

        assert found["machine"]["cores"] >= 1
        assert found["machine"]["versions"]["face-recognition"] == "1.3.0"
        assert len(found["machine"]["load_average_at_start"]) == 3
        assert "medians" in found["note"]
        names = [(row["section"], row["name"]) for row in found["rows"]]
        assert len(set(names)) == len(names)
        assert [section for section, _ in dict.fromkeys((section, "") for section, _ in names)] == [
            "photo", "detection", "encode", "search", "throughput",
        ]  # fmt: skip
        peers = {compared["peer"] for row in found["rows"] for compared in row["peers"]}
        assert peers <= {name for _, name in names}
        timed = [row for row in found["rows"] if row["unit"] == "processor ms"]
        assert all(row["low"] <= row["value"] <= row["high"] and row["peak_mb"] > 50 for row in timed)
        printed = capsys.readouterr().out
        assert "load" in printed
        assert "find" in printed

    def test_unknown_pictures_end_it_with_a_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Not with a stack of frames."""
        assert bench.main(["--manifest", str(tmp_path / "none.jsonl")]) == 2
        assert "There is no manifest" in capsys.readouterr().err


class TestPlans:
    def test_every_step_of_every_plan_exists(self) -> None:
        """A process is told a name; a wrong one would fail after minutes."""
        plans = (*PHOTO, *WHOLE, *DETECTION, *ENCODE)
        steps = {plan.step for plan in plans} | {peer for plan in plans for peer, _ in plan.peers}

        assert steps == set(STEPS)

    def test_a_step_is_timed_once_and_times_are_of_one_face(self) -> None:
        """Peers are slow; several rows share one."""
        calls: list[str] = []

        def timed(step: str) -> Timing:
            calls.append(step)
            return Timing(80, 60, 100, 300) if step == "encode dlib 8" else Timing(100, 90, 110, 300)

        rows = list(timed_rows((*ENCODE, *ENCODE), timed))

        assert len(calls) == len(set(calls))
        eight = next(row for row in rows if row.name.startswith("dlib, 8"))
        assert (eight.value, eight.low, eight.high) == (10, 7.5, 12.5)
        assert eight.peers[0].ratio == pytest.approx(0.1)

    def test_peers_are_those_of_the_same_photo(self) -> None:
        """A photo with two faces is not compared with one with six."""
        rows = list(timed_rows(WHOLE, lambda _: Timing(80, 60, 100, 700), ", 2 faces"))

        assert {compared.peer for row in rows for compared in row.peers} == {
            row.name for row in rows if not row.peers
        }
        assert [row.most_mb for row in rows if row.peers] == [600, 600]

    @pytest.mark.parametrize(
        ("unit", "ratio", "reached"),
        [
            ("processor ms", 0.1, True),
            ("processor ms", 0.3, False),
            ("share", 0.1, False),
            ("share", 0.3, True),
            ("share", None, None),
        ],
    )
    def test_less_time_and_more_recall_are_better(
        self, unit: str, ratio: float | None, *, reached: bool | None
    ) -> None:
        """A target is read the right way round."""
        assert Compared("peer", ratio, 0.2).reached(unit) is reached
        assert Compared("peer", ratio).reached(unit) is None

    def test_recall_has_a_row_for_each_question(self) -> None:
        """All streets, by size, by turn, beside somebody near; each with its interval and its peer."""
        counted = tuple(Counted(cell, 3, 4, 1, 1) for cell in CELLS)

        rows = list(recall_rows(Recall(counted, counted, counted)))

        assert len({row.name for row in rows}) == len(rows) == 2 * (1 + 7 + 5 + 7) + 2
        assert all(
            row.low is not None and row.high is not None and row.low < 0.75 < row.high
            for row in rows
            if row.unit == "share"
        )
        assert sum(bool(row.peers) for row in rows) == len(rows) // 2
        assert Row("a", "b", "c", 1).peers == ()


def _grow(megabytes: int) -> float:
    block = bytearray(megabytes * 1_000_000)
    block[::4096] = b"x" * len(block[::4096])
    return timing._peak_mb()


def test_memory_is_that_of_the_process_alone() -> None:
    """What the process before held, and this one, does not count."""
    mine = bytearray(400_000_000)
    mine[::4096] = b"x" * len(mine[::4096])

    small, large = timing.in_new_process(_grow, 1), timing.in_new_process(_grow, 200)

    assert small < 400
    assert large - small == pytest.approx(200, abs=60)
