"""Signs that nobody filled in the form by hand: kept for officers, and answered like every other form."""

import pytest
from sqlmodel import func, select

from app.core.clock import now
from app.core.context import Context
from app.tips.models import FlagKind, Tip, TipFlag
from tests.app.tips.conftest import Send
from tests.conftest import Client


class TestForm:
    @pytest.mark.parametrize(("trap", "kinds"), [("", set()), ("https://x.example", {FlagKind.HONEYPOT})])
    def test_a_field_that_nobody_sees_flags_and_changes_no_answer(
        self, context: Context, send: Send, trap: str, kinds: set[FlagKind]
    ) -> None:
        """A program learns nothing from the answer; the tip is kept like any other."""
        answer = send(homepage=trap)

        assert answer.status_code == 303
        with context.db.read() as session:
            assert session.exec(select(func.count()).select_from(Tip)).one() == 1
            assert {flag.kind for flag in session.exec(select(TipFlag))} == kinds

    def test_a_form_that_is_sent_at_once_is_flagged(self, context: Context, send: Send) -> None:
        """Nobody chooses a photo and tells a place in three seconds; ten are enough."""
        moment = int(now().timestamp())
        send(submission=f"{moment:x}.aaaaaaaaaaaaaaaa")
        send(submission=f"{moment - 10:x}.bbbbbbbbbbbbbbbb")
        send(submission="a-key-that-says-no-moment")

        with context.db.read() as session:
            assert [flag.kind for flag in session.exec(select(TipFlag))] == [FlagKind.HASTE]

    def test_people_do_not_meet_the_field(self, client: Client) -> None:
        """Neither by keyboard nor with a screen reader, and a browser does not fill it in."""
        page = client.get("/tip").text

        begin = page.index('class="nobody"')
        field = page[begin : page.index("</div>", begin)]
        assert 'aria-hidden="true"' in field
        assert 'tabindex="-1"' in field
        assert 'autocomplete="off"' in field
