"""Promises about the list: its reasons, filters, counts, pages, and how it keeps itself up to date."""

import re
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlmodel import select

from app.candidates.models import Candidate, CandidateList
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Invalid
from app.officers.models import Officer, Role
from app.photos.models import Photo
from app.reviews import queue, queue_page
from app.reviews.models import Conclusion
from app.reviews.queue_filters import EVERYTHING, WAITING_HOURS, Filters, Part, read_query
from app.tips import progress
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipEvent, TipState
from tests.app.reviews.conftest import Desk
from tests.app.reviews.crowd import crowd
from tests.make import Make

some_filters = st.builds(
    Filters,
    danger=st.booleans(),
    area=st.sampled_from(["", "440304", "CN"]),
    part=st.sampled_from([None, *Part]),
    waiting=st.sampled_from([0, *WAITING_HOURS]),
    escalated=st.booleans(),
    mine=st.booleans(),
    skipped=st.booleans(),
)


def after(hours: float) -> datetime:
    return now() + timedelta(hours=hours)


def shown(desk: Desk, officer: Officer, query: str = "") -> list[UUID]:
    """The candidates that a page of the queue shows, in its order."""
    text = desk.client.get(f"/console/reviews?{query}", as_=officer).text
    return [UUID(found) for found in re.findall(r'data-item="([^"]+)"', text)]


def routed(desk: Desk, candidate: Candidate) -> Candidate:
    """A candidate whose tip has the event that every routed tip has."""
    with desk.db.write() as session:
        progress.note(session, session.get_one(Tip, candidate.tip_id))
    return candidate


def live(desk: Desk, officer: Officer, tag: str = "", query: str = "") -> httpx.Response:
    return desk.client.get(
        f"/console/reviews/live?{query}", as_=officer, headers={"If-None-Match": tag} if tag else {}
    )


class TestReasons:
    def test_each_item_says_why_it_stands_where_it_stands(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """Danger, age, freshness, corroboration, waiting: in words, with points that add up."""
        tip = make.tip(danger_now=True, observed_at=after(-50))
        copies = [make.tip(area="440303"), make.tip()]
        withdrawn = make.tip(disposition=Disposition.WITHDRAWN_BY_TIPSTER, area="442000")
        candidate = make.candidate(tip=tip)
        with context.db.write() as session:
            picture = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
            for copy in (*copies, withdrawn):
                photo = session.exec(select(Photo).where(Photo.tip_id == copy.id)).one()
                photo.cluster_id = picture.cluster_id
                session.add(photo)
            made = session.get_one(CandidateList, candidate.list_id)
            made.searched_at = after(-49)
            session.add(made)

        text = desk.client.get("/console/reviews", as_=make.officer()).text

        reasons = re.findall(r'<ul class="reasons">(.*?)</ul>', text, re.DOTALL)
        said = [
            " ".join(re.sub(r"<[^>]+>", " ", line).split())
            for line in re.findall(r"<li.*?</li>", reasons[0], re.DOTALL)
        ]
        assert said == [
            "Danger now +40",
            "Seen 2 days ago +9",
            "3 tips show it, 2 areas +9",
            "Age when seen: 8 +8",
            "Waits 2 days +8",
        ]
        assert '<strong class="points">74</strong>' in text

    def test_all_that_waits_is_found_with_a_fixed_number_of_questions(
        self, context: Context, make: Make
    ) -> None:
        """A surge of tips makes the list longer, not each item dearer."""
        officer = make.officer(Role.REVIEWER)
        asked: list[str] = []
        event.listen(context.db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

        counts = []
        for faces in (40, 80):
            crowd(context, faces, name=f"crowd {faces}")
            asked.clear()
            with context.db.read() as session:
                found = queue_page.waiting_for(session, officer, context.settings)
            counts.append((found.found.total, len(asked)))

        assert [total for total, _ in counts] == [40, 120]
        assert counts[0][1] == counts[1][1] <= 12


class TestOrder:
    def test_faces_stay_together_and_equals_come_in_an_order_of_ones_own(
        self, desk: Desk, make: Make
    ) -> None:
        """Candidates of one face follow each other; neither they nor equal faces have one order for all."""
        pairs = []
        for _ in range(4):
            first = make.candidate()
            pairs.append({first.id, desk.another(first).id})
        officers = [make.officer() for _ in range(12)]

        orders = [shown(desk, officer) for officer in officers]

        for order in orders:
            assert [set(order[at : at + 2]) in pairs for at in range(0, 8, 2)] == [True] * 4
        assert len({tuple(order) for order in orders}) > 8
        assert [shown(desk, officer) for officer in officers] == orders

    def test_the_short_lists_come_before_anything_behind_more(self, desk: Desk, make: Make) -> None:
        """Danger does not lift a candidate into the short list: it says nothing of the faces."""
        plain = make.candidate()
        more = make.candidate(tip=make.tip(danger_now=True))
        desk.change(more, shown_first=False)

        assert shown(desk, make.officer()) == [plain.id, more.id]

    def test_the_place_of_a_second_review_is_that_of_a_first(self, desk: Desk, make: Make) -> None:
        """A decision by a colleague moves nothing in anyone's list."""
        candidates = [make.candidate() for _ in range(6)]
        officer = make.officer()
        before = shown(desk, officer)

        for candidate in candidates[::2]:
            desk.decide(candidate, Conclusion.SUPPORT_SAME)

        assert shown(desk, officer) == before

    def test_score_and_rank_move_nothing(self, desk: Desk, make: Make) -> None:
        """Whatever the search says beyond the short list, the bytes stay the same."""
        candidates = [make.candidate() for _ in range(4)]
        officer = make.officer()
        before = live(desk, officer)

        for number, candidate in enumerate(candidates):
            desk.change(candidate, score=0.9 - number / 10, rank=number + 1, log10_lr=number)
        again = live(desk, officer)

        assert again.content == before.content
        assert again.headers["etag"] == before.headers["etag"]


class TestPages:
    def test_nothing_ends_at_a_hundred(self, desk: Desk, context: Context, make: Make) -> None:
        """Every candidate stands on one page and on one only."""
        candidates = crowd(context, 130)
        officer = make.officer()

        pages = [shown(desk, officer, f"page={number}") for number in (1, 2, 3)]

        assert [len(page) for page in pages] == [50, 50, 30]
        assert {found for page in pages for found in page} == {candidate.id for candidate in candidates}
        assert shown(desk, officer, "page=9") == pages[2]
        assert "130 candidates wait for you." in desk.client.get("/console/reviews", as_=officer).text


class TestFilters:
    def test_each_filter_leaves_what_it_says_and_counts_it(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """What the number beside a filter promises is what the list then shows."""
        candidates = crowd(context, 40, areas=("440304", "440303"))
        officer = make.officer(Role.REVIEWER, area="440300")
        dice = Random(1)  # noqa: S311 - the same list every time
        for candidate in candidates[::3]:
            desk.change(candidate, shown_first=False)
        for candidate in candidates[1::9]:
            desk.change(desk.tip(candidate), escalated_to=dice.choice(["440300", "440000"]))
        desk.hold(candidates[5], officer)
        skipped = desk.hold(candidates[6], officer)
        desk.client.post(f"/console/reviews/{skipped}/skip", as_=officer)
        with context.db.read() as session:
            found = queue_page.waiting_for(session, officer, context.settings)

        counts = {query: len(shown(desk, officer, query)) for query in found.counts}

        assert counts == found.counts
        assert counts[""] == 40
        assert counts["mine=on"] == counts["skipped=on"] == 1
        assert counts["part=first"] + counts["part=more"] == 40
        assert 0 < counts["escalated=on"] < 5
        assert 0 < counts["waiting=168"] < counts["waiting=24"] < 40
        for line in found.areas:
            assert len(shown(desk, officer, f"area={line.area.code}")) == line.count
        assert [line.area.code for line in found.areas] == ["440303", "440304"]

    def test_filters_hold_together(self, desk: Desk, make: Make) -> None:
        """Two filters leave what passes both; the next one is taken from what they leave."""
        danger = make.candidate(tip=make.tip(danger_now=True))
        more = make.candidate(tip=make.tip(danger_now=True))
        desk.change(more, shown_first=False)
        make.candidate()
        officer = make.officer()

        taken = desk.client.post(
            "/console/reviews/next", as_=officer, data={"query": "danger=on&part=more"}
        ).headers["location"]

        assert shown(desk, officer, "danger=on&part=first") == [danger.id]
        assert desk.hold(more, officer) == UUID(taken.rsplit("/", 1)[1])

    def test_another_areas_code_shows_nothing(self, desk: Desk, make: Make) -> None:
        """A filter narrows; it never opens an area."""
        make.candidate(tip=make.tip(area="440303"))
        officer = make.officer()

        assert shown(desk, officer, "area=440303") == []
        assert "440303" not in desk.client.get("/console/reviews", as_=officer).text

    @pytest.mark.parametrize("query", ["danger=yes", "part=best", "waiting=1", "area=" + "4" * 41, "page=0"])
    def test_a_filter_that_does_not_exist_is_refused_in_words(
        self, desk: Desk, make: Make, query: str
    ) -> None:
        """Nothing is shown as if it had been narrowed."""
        officer = make.officer()

        answers = [desk.client.get(f"/console/reviews{path}?{query}", as_=officer) for path in ("", "/live")]

        assert [answer.status_code for answer in answers] == [422, 422]

    @given(some_filters)
    @settings(deadline=None)
    def test_an_address_gives_back_its_filters(self, filters: Filters) -> None:
        """Links, forms and saved views all carry the same."""
        assert read_query(filters.query) == filters
        assert read_query(filters.toggled("danger")) != filters

    @given(st.dictionaries(st.sampled_from(["danger", "part", "waiting", "area", "x"]), st.text()))
    @settings(deadline=None)
    def test_whatever_is_asked_is_read_or_refused(self, pairs: dict[str, str]) -> None:
        """No address breaks the list."""
        query = "&".join(f"{name}={value}" for name, value in pairs.items())
        try:
            found = read_query(query)
        except Invalid:
            return
        assert read_query(found.query) == found


class TestClocks:
    def test_when_to_decide_and_where_it_went_up_are_shown(
        self, desk: Desk, context: Context, make: Make
    ) -> None:
        """The same clock as everywhere, computed from events; overdue is said."""
        tip = make.tip(area="440304", received_at=after(-200))
        make.candidate(tip=tip)
        with context.db.write() as session:
            session.add(
                TipEvent(tip_id=tip.id, state=TipState.ROUTED, jurisdiction_code="440304", at=after(-200))
            )
        officer = make.officer(area="440300")
        with time_machine.travel(after(-100), tick=False):
            assert "Overdue" not in desk.client.get("/console/reviews", as_=officer).text
        overdue = desk.client.get("/console/reviews", as_=officer).text
        with context.db.write() as session:
            kept = session.get_one(Tip, tip.id)
            kept.escalated_to = "440300"
            session.add(kept)
            progress.note(session, kept)

        text = desk.client.get("/console/reviews", as_=officer).text

        assert '<span class="tag danger">Overdue</span>' in overdue
        assert "Escalated to Shenzhen" in text
        assert "Overdue" not in text
        assert shown(desk, officer, "escalated=on") != []
        assert shown(desk, make.officer(), "escalated=on") == []

    def test_no_clock_tells_that_a_colleague_was_there_before(self, desk: Desk, make: Make) -> None:
        """Whether somebody has opened the tip is not shown: it would tell a first review from a second."""
        candidate = routed(desk, make.candidate())
        reader = make.officer()
        before = live(desk, reader)

        desk.decide(candidate, Conclusion.EXCLUDE)

        assert live(desk, reader).content == before.content


class TestLive:
    def test_it_says_only_what_has_changed(self, desk: Desk, make: Make) -> None:
        """304 without a body while the list says what it said; the new list as soon as it does not."""
        make.candidate()
        officer = make.officer()

        first = live(desk, officer)
        same = live(desk, officer, first.headers["etag"])
        other = make.candidate()
        changed = live(desk, officer, first.headers["etag"])

        assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
        assert same.content == b""
        assert same.headers["etag"] == first.headers["etag"] != changed.headers["etag"]
        assert str(other.id) in changed.text
        assert "<html" not in changed.text
        assert first.headers["etag"].startswith('"')

    def test_the_page_carries_the_tag_of_its_list(self, desk: Desk, make: Make) -> None:
        """The first question of an open page is answered with 304 already."""
        make.candidate()
        officer = make.officer()

        page = desk.client.get("/console/reviews?danger=on", as_=officer).text

        tag = re.findall(r'data-tag="([^"]*)"', page)[0].replace("&#34;", '"')
        assert live(desk, officer, tag, "danger=on").status_code == 304
        assert live(desk, officer, tag).status_code == 200

    def test_the_tag_is_made_of_what_is_seen_alone(self, desk: Desk, make: Make) -> None:
        """A colleague's decision, a score, a rank: none of them changes it."""
        candidate = routed(desk, make.candidate())
        officer = make.officer()
        tag = live(desk, officer).headers["etag"]

        desk.decide(candidate, Conclusion.SUPPORT_SAME)
        desk.change(candidate, score=0.99, rank=3)

        assert live(desk, officer, tag).status_code == 304

    def test_a_known_answer_is_a_row_like_any_other(self, desk: Desk, context: Context, make: Make) -> None:
        """Nothing in the list but its ids differs, so nothing in the tag can tell it either."""
        with context.db.write() as session:
            channel = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(channel)
        sent: dict[str, Any] = {
            "place_text": "Metro exit",
            "description": "A child asks.",
            "received_at": now(),
        }
        record = make.record()
        real = routed(desk, make.candidate(tip=make.tip(**sent), record=record))
        golden = routed(desk, make.candidate(tip=make.tip(channel_id=channel.id, **sent), record=record))

        text = live(desk, make.officer()).text

        rows = re.findall(r"<tr data-item.*?</tr>", text, re.DOTALL)
        assert [str(candidate.id) in text for candidate in (real, golden)] == [True, True]
        assert len(rows) == 2
        assert len({re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+:\d\d:\d\d", "", row) for row in rows}) == 1

    def test_a_claim_by_a_colleague_is_seen_and_its_end_too(self, desk: Desk, make: Make) -> None:
        """What somebody looks at goes from the others' lists and comes back when it is free."""
        candidate = routed(desk, make.candidate())
        officer, other = make.officer(), make.officer()
        free = live(desk, officer)

        review_id = desk.hold(candidate, other)
        taken = live(desk, officer)
        desk.client.post(f"/console/reviews/{review_id}/release", as_=other)

        assert str(candidate.id) not in taken.text
        assert live(desk, officer).content == free.content

    def test_a_lease_that_ran_out_brings_it_back_by_itself(self, desk: Desk, make: Make) -> None:
        """Nobody has to do anything for a forgotten candidate to be offered again."""
        candidate = make.candidate()
        desk.hold(candidate, make.officer())
        officer = make.officer()

        with time_machine.travel(after(1), tick=False):
            assert shown(desk, officer) == [candidate.id]

    def test_it_is_as_closed_as_the_page(self, desk: Desk, make: Make) -> None:
        """The fragment goes through the same doors."""
        make.candidate()

        stranger = desk.client.get("/console/reviews/live")

        assert stranger.status_code == 303
        assert live(desk, make.officer(Role.CLERK)).status_code == 403
        assert "data-item" not in live(desk, make.officer(area="442000")).text


def test_whether_anything_waits_agrees_with_the_list(context: Context, make: Make) -> None:
    """The short question and the long one have one rule."""
    officers = [make.officer(), make.officer(Role.SUPERVISOR), make.officer(area="442000")]
    make.candidate()

    for officer in officers:
        with context.db.read() as session:
            first = queue.first(session, officer, context.settings, EVERYTHING)
            assert queue.anything_waits(session, officer) == (first is not None)


def test_a_candidate_of_a_list_is_no_older_than_its_search(desk: Desk, make: Make) -> None:
    """Candidates were written one after the other, in the order of their ranks: that order is not asked."""
    candidate = make.candidate()
    other = desk.another(candidate)
    with desk.db.write() as session:
        kept = session.get_one(Candidate, other.id)
        kept.list_id, kept.proposed_at = candidate.list_id, after(-400)
        session.add(kept)

    text = live(desk, make.officer()).text

    assert not re.findall(r"Waits [0-9]", text)
