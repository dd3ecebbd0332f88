"""Sums are taken once, at their door, in time, and only ones that this deployment set."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import work
from app.core.work import LIFE_S, Workshop, solve

KEY = b"k" * 32
MOST = 200


def opened(solved: str) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(solved)))


def closed(body: object) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()


class TestAccepting:
    def test_a_solved_sum_counts_once(self) -> None:
        """Work cannot be copied."""
        workshop = Workshop(KEY)
        solved = solve(workshop.ask("door", MOST))

        assert workshop.accept("door", solved)
        assert not workshop.accept("door", solved)

    def test_a_rewritten_copy_of_a_spent_sum_does_not_count(self) -> None:
        """The same sum in other letters is the same sum."""
        workshop = Workshop(KEY)
        solved = solve(workshop.ask("door", MOST))
        body = opened(solved)

        assert workshop.accept("door", solved)
        assert not workshop.accept("door", closed(dict(reversed(body.items()))))
        assert not workshop.accept("door", closed(body | {"salt": body["salt"].removesuffix("&")}))

    def test_a_sum_counts_at_its_own_door_only(self) -> None:
        """Work for a message opens no receipt."""
        workshop = Workshop(KEY)
        solved = solve(workshop.ask("door", MOST))

        assert not workshop.accept("other", solved)
        assert workshop.accept("door", solved)

    def test_a_sum_has_its_time(self) -> None:
        """Nobody solves today what he wants to send tomorrow; and what is spent is forgotten after that."""
        moment = [1_800_000_000.0]
        workshop = Workshop(KEY, lambda: moment[0])
        first, late = (solve(workshop.ask("door", MOST)) for _ in range(2))
        assert workshop.accept("door", first)

        moment[0] += LIFE_S + 2

        assert not workshop.accept("door", late)
        assert not workshop.accept("door", first)
        assert workshop.accept("door", solve(workshop.ask("door", MOST)))
        assert len(workshop._spent) == 1

    def test_another_deployments_sum_does_not_count(self) -> None:
        """Only what we signed."""
        assert not Workshop(KEY).accept("door", solve(Workshop(b"x" * 32).ask("door", MOST)))

    @pytest.mark.parametrize(
        "change",
        [
            {"number": -1},
            {"number": "7"},
            {"number": 1.0},
            {"number": True},
            {"salt": "0?expires=9999999999&door=door&"},
            {"salt": 7},
            {"algorithm": "SHA-1"},
            {"challenge": "0" * 64},
            {"signature": ""},
            {"signature": None},
            {"more": "x"},
        ],
    )
    def test_an_altered_sum_does_not_count(self, change: dict[str, Any]) -> None:
        """Nor is it an error."""
        workshop = Workshop(KEY)
        body = opened(solve(workshop.ask("door", MOST)))

        assert not workshop.accept("door", closed(body | change))

    def test_a_sums_time_cannot_be_stretched(self) -> None:
        """A second moment in the salt does not outlive the first."""
        workshop = Workshop(KEY)
        body = opened(solve(workshop.ask("door", MOST)))

        for salt in (body["salt"] + "expires=9999999999&", body["salt"].replace("expires=1", "expires=9")):
            assert not workshop.accept("door", closed(body | {"salt": salt}))

    @given(st.one_of(st.text(), st.binary().map(lambda data: base64.b64encode(data).decode())))
    def test_anything_else_is_no_sum(self, text: str) -> None:
        """Whatever is sent, the answer is no."""
        assert not Workshop(KEY).accept("door", text)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        )
    )
    def test_no_json_is_an_error(self, body: Any) -> None:
        """Deep, empty or strange."""
        assert not Workshop(KEY).accept("door", closed(body))
        assert not Workshop(KEY).accept("door", closed(dict.fromkeys(work.FIELDS, body)))
