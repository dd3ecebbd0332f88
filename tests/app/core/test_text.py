"""Texts that people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.text import cleaned, legible


class TestCleaned:
    @pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\ud800"])
    def test_signs_that_nobody_types_are_refused(self, sign: str) -> None:
        """What is stored can be shown and reads as it was written."""
        with pytest.raises(Invalid):
            cleaned(f"before{sign}after", "reason")

    @given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=80))
    def test_ordinary_text_stays_as_it_is(self, text: str) -> None:
        """Every script is welcome."""
        assert cleaned(text, "reason") == text.strip()


class TestLegible:
    @pytest.mark.parametrize(
        ("text", "count"), [("\u200b" * 12, 0), ("   ", 0), ("眉毛一致", 4), ("a b!", 3)]
    )
    def test_only_what_can_be_seen_counts(self, text: str, count: int) -> None:
        """A reason in invisible signs is no reason."""
        assert legible(text) == count
