"""All answers of a moment are shown at one moment, and look alike from outside."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.context import Context
from app.enquiries import answering, service
from app.enquiries.models import Enquiry, Finding
from app.worker import Worker
from tests.app.enquiries.conftest import Ask, LetPass, enquiries, picture, plain
from tests.conftest import Client
from tests.make import Make

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
WAITS = st.sampled_from([0.0, 0.5, 7.0, 20.0, 60.0])


class TestTick:
    @given(MOMENTS, WAITS)
    def test_nobody_waits_less_or_twice_as_long(self, moment: datetime, wait_s: float) -> None:
        """And the moment tells nothing of when one asked within it."""
        shown = service.tick(moment, wait_s, ahead=True)

        assert timedelta(seconds=wait_s) <= shown - moment + timedelta(milliseconds=1)
        assert shown - moment <= timedelta(seconds=2 * wait_s, milliseconds=1)
        assert service.tick(shown, wait_s) - shown <= timedelta(milliseconds=1)


class TestMoments:
    def test_an_early_answer_is_not_shown_early(
        self, client: Client, ask: Ask, worker: Worker, let_pass: LetPass
    ) -> None:
        """However fast the worker was."""
        where = ask(picture("p0007-tip0.jpg")).headers["location"]
        before = client.get(where)
        worker.run_until_idle()
        early = client.get(where)

        let_pass(41)
        shown = client.get(where)

        assert plain(early.text) == plain(before.text)
        assert early.headers["refresh"] == before.headers["refresh"]
        assert 20 <= int(early.headers["refresh"]) <= 40
        assert "This photo is new to us." in shown.text
        assert "refresh" not in shown.headers

    def test_all_of_a_moment_wait_for_the_last(
        self, context: Context, client: Client, ask: Ask, worker: Worker, let_pass: LetPass
    ) -> None:
        """A late worker is late for everybody, whatever the answer."""
        first = ask(picture("p0007-tip0.jpg")).headers["location"]
        second = ask(picture("p0052-tip0.jpg")).headers["location"]
        assert len({row.shown_from for row in enquiries(context)}) == 1
        worker.run_one()
        let_pass(41)
        while_late = [client.get(where) for where in (first, second)]
        worker.run_one()

        shown = [client.get(where) for where in (first, second)]

        assert [answer.headers.get("refresh") is None for answer in while_late] == [False, False]
        assert (
            len(
                {
                    plain(answer.text).replace(where, "")
                    for answer, where in zip(while_late, (first, second), strict=True)
                }
            )
            == 1
        )
        assert ["new to us" in answer.text for answer in shown] == [True, True]

    def test_an_answer_after_its_moment_waits_for_the_next(self, context: Context) -> None:
        """How late it was is seen in whole waits only."""
        asked = datetime(2026, 3, 1, 8, 0, 1, tzinfo=UTC)
        shown_from = service.tick(asked, 20, ahead=True)
        enquiry = Enquiry(
            asked_at=asked,
            shown_from=shown_from,
            finding=Finding.NEW,
            answered_at=shown_from + timedelta(seconds=3),
        )
        with context.db.write() as session:
            session.add(enquiry)

        def read_at(seconds: float) -> service.Answer:
            with pytest.MonkeyPatch.context() as patch, context.db.read() as session:
                patch.setattr(service, "now", lambda: shown_from + timedelta(seconds=seconds))
                return service.read(session, enquiry.id, 20)

        assert read_at(4) == service.Answer(None, 16)
        assert read_at(19.5).finding is None
        assert read_at(20).finding == Finding.NEW


class TestLooks:
    def test_answers_are_alike_in_size_and_headers(
        self, context: Context, client: Client, ask: Ask, let_pass: LetPass
    ) -> None:
        """In both languages; only their words differ."""
        for language in ("en", "zh"):
            answers = []
            for finding in Finding:
                where = ask(picture("p0007-tip0.jpg")).headers["location"]
                enquiry_id = service.open_link(context.keys, where.rpartition("/")[2])
                with context.db.write() as session:
                    answering.conclude(session, enquiry_id, finding)
                let_pass(41)
                answers.append(client.get(f"{where}?lang={language}"))

            assert {answer.status_code for answer in answers} == {200}
            assert len({len(answer.content) for answer in answers}) == 1
            kept = [{k: v for k, v in answer.headers.items() if k != "set-cookie"} for answer in answers]
            assert all(headers == kept[0] for headers in kept)
            assert len({plain(answer.text) for answer in answers}) == len(Finding)

    def test_an_answer_names_nobody(
        self, client: Client, ask: Ask, make: Make, worker: Worker, let_pass: LetPass
    ) -> None:
        """No place, no name, no number, no date of the tip or the record."""
        record = make.sent_record(picture("p0007-portrait0.jpg"))
        tip = make.sent_tip(picture("p0007-tip0.jpg"))
        worker.run_until_idle()
        where = ask(picture("p0007-tip0.jpg")).headers["location"]
        worker.run_until_idle()
        let_pass(41)

        page = client.get(where).text

        assert "being checked" in page
        for secret in (tip.place_text, record.name, record.number, str(tip.id), "440304"):
            assert secret not in page
        assert re.findall(r"\d{4}-\d{2}|\d{1,2}:\d{2}", plain(page)) == []
