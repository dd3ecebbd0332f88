"""Promises about the list's filters, counts and clocks, and about going through it tip by tip."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from app.core.clock import now
from app.officers.models import Officer
from app.photos.models import KnownList, KnownPicture, PhotoOnList
from app.tips.models import Tip, TipEvent, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make


def listed(desk: Desk, officer: Officer, query: str, *tips: Tip) -> list[Tip]:
    """Those of the tips that a filtered list shows, in the order given."""
    answer = desk.client.get(f"/console/triage?{query}", as_=officer)
    assert answer.status_code == 200, answer.text
    return [tip for tip in tips if str(tip.id) in answer.text]


def known(desk: Desk, tip: Tip) -> None:
    with desk.db.write() as session:
        known_list = KnownList(name="Explained in 2019")
        session.add(known_list)
        session.flush()
        picture = KnownPicture(list_id=known_list.id, pdq="0f" * 32, pdq_quality=90)
        session.add(picture)
        session.flush()
        assert picture.number is not None
        session.add(PhotoOnList(photo_id=desk.photos(tip)[0].id, known_number=picture.number, distance=9))


def escalated(desk: Desk, tip: Tip, to: str) -> None:
    with desk.db.write() as session:
        kept = session.get_one(Tip, tip.id)
        kept.escalated_to, kept.state = to, TipState.ESCALATED
        session.add(kept)


class TestFilters:
    def test_each_filter_narrows_the_list_to_what_it_says(self, desk: Desk, make: Make) -> None:
        """Danger, place, state, waiting, escalated to us, known pictures: one at a time and together."""
        officer = make.officer(area="440300")
        plain, danger = make.tip(), make.tip(danger_now=True)
        luohu = make.tip(area="440303", received_at=now() - timedelta(days=4))
        asked, repost, up = make.tip(state=TipState.AWAITING_TIPSTER), make.tip(), make.tip()
        elsewhere_up = make.tip()
        known(desk, danger)
        desk.same_picture(danger, repost)
        escalated(desk, up, "440300")
        escalated(desk, elsewhere_up, "440000")
        everything = (plain, danger, luohu, asked, repost, up, elsewhere_up)

        for query, expected in (
            ("", everything),
            ("danger=on", (danger,)),
            ("area=440303", (luohu,)),
            ("area=440300", everything),
            ("state=awaiting_tipster", (asked,)),
            ("days=3", (luohu,)),
            ("days=7", ()),
            ("escalated=on", (up,)),
            ("known=on", (danger, repost)),
            ("known=on&danger=on", (danger,)),
            ("area=440304&state=routed&days=", (plain, danger, repost)),
        ):
            assert tuple(listed(desk, officer, query, *everything)) == expected, query

    @pytest.mark.parametrize(
        "query", ["state=lost", "days=1000000", "area=%27", "danger=", "page=9", "done=x"]
    )
    def test_what_is_no_filter_breaks_nothing(self, desk: Desk, make: Make, query: str) -> None:
        """A mistyped address shows a list, never an error."""
        make.tip()

        assert desk.client.get(f"/console/triage?{query}", as_=make.officer()).status_code == 200

    def test_a_filter_opens_no_other_area(self, desk: Desk, make: Make) -> None:
        """A code in the address is no permission."""
        foreign = make.tip(area="442000")

        assert listed(desk, make.officer(), "area=442000", foreign) == []

    def test_the_numbers_beside_the_filters_are_those_of_the_list(self, desk: Desk, make: Make) -> None:
        """What waits elsewhere, or behind a picture, is not counted."""
        make.tip(danger_now=True, received_at=now() - timedelta(days=8))
        make.tip(danger_now=True, area="442000")
        first, copy = make.tip(), make.tip(danger_now=True)
        make.candidate(tip=first)
        desk.same_picture(first, copy)

        text = re.sub(r"<[^>]+>|\s+", " ", desk.listed(make.officer()))
        text = re.sub(r"\s+", " ", text)

        assert "Danger now (1)" in text
        assert "All areas (1)" in text
        assert "7 days or more (1)" in text

    def test_no_tip_for_a_filter_is_told_from_no_tip_at_all(self, desk: Desk, make: Make) -> None:
        """An officer who forgot a filter is not told that the work is done."""
        make.tip()

        text = desk.client.get("/console/triage?danger=on", as_=make.officer()).text

        assert "No waiting tip fits these filters." in text
        assert "Show all" in text

    def test_a_filter_stays_on_the_way_through_the_list(self, desk: Desk, make: Make) -> None:
        """Opening, going on, closing: the officer keeps to what they chose."""
        one, _other, two = make.tip(danger_now=True), make.tip(), make.tip(danger_now=True)
        officer = make.officer()
        answer = desk.client.get(f"/console/tips/{one.id}?danger=on", as_=officer)

        assert f'href="/console/tips/{two.id}?danger=on"' in answer.text
        closed = desk.client.post(
            f"/console/tips/{one.id}/disposition?danger=on",
            as_=officer,
            data={"disposition": "not_a_child", "reason": "It was a doll.", "then": "next"},
        )

        assert closed.headers["location"] == f"/console/tips/{two.id}?danger=on&done={one.id}"
        assert "Closed: Not a child." in desk.client.get(closed.headers["location"], as_=officer).text


class TestGoingThrough:
    def test_next_and_previous_follow_the_order_of_the_list(self, desk: Desk, make: Make) -> None:
        """Danger first, then the oldest, ties by their number; whoever walks sees each tip once."""
        moment = now() - timedelta(days=1)
        tips = [
            *(make.tip(danger_now=True, received_at=moment) for _ in range(2)),
            *(make.tip(received_at=moment) for _ in range(2)),
            make.tip(received_at=moment - timedelta(days=3)),
            make.tip(danger_now=True),
        ]
        officer = make.officer()
        text = desk.listed(officer)
        order = sorted(tips, key=lambda tip: text.index(str(tip.id)))

        walked, tip_id = [order[0].id], order[0].id
        while following := re.search(
            r'rel="next"\s+data-key="j"\s+href="/console/tips/([^"?]+)"', self._page(desk, tip_id, officer)
        ):
            tip_id = UUID(following[1])
            walked.append(tip_id)
        back = [tip_id]
        while previous := re.search(
            r'rel="prev"\s+data-key="k"\s+href="/console/tips/([^"?]+)"', self._page(desk, tip_id, officer)
        ):
            tip_id = UUID(previous[1])
            back.append(tip_id)

        assert walked == [tip.id for tip in order]
        assert back == walked[::-1]

    def test_a_closed_tip_still_leads_on(self, desk: Desk, make: Make) -> None:
        """It stands where it stood, although it is in the list no more."""
        first, second, third = (make.tip() for _ in range(3))
        officer = make.officer()
        desk.dispose(second, officer)

        page = desk.page(second, officer)

        assert f'href="/console/tips/{first.id}"' in page
        assert f'href="/console/tips/{third.id}"' in page

    def test_after_the_last_tip_comes_the_list(self, desk: Desk, make: Make) -> None:
        """With what was closed said in it."""
        tip, officer = make.tip(), make.officer()

        answer = desk.dispose(tip, officer, then="next")

        assert answer.headers["location"] == f"/console/triage?done={tip.id}"
        assert (
            "Closed: Could not be located." in desk.client.get(answer.headers["location"], as_=officer).text
        )

    def test_what_was_closed_elsewhere_is_not_told(self, desk: Desk, make: Make) -> None:
        """An id in the address opens nothing."""
        foreign = make.tip(area="442000")
        desk.dispose(foreign, make.officer(area="442000"))

        text = desk.client.get(f"/console/triage?done={foreign.id}", as_=make.officer()).text

        assert "Closed:" not in text

    @staticmethod
    def _page(desk: Desk, tip_id: UUID, officer: Officer) -> str:
        return desk.client.get(f"/console/tips/{tip_id}", as_=officer).text


class TestClocks:
    @pytest.mark.parametrize(
        ("hours", "words"),
        [
            (0.0, "Open the tip: due in 23 hours"),
            (23.5, "Open the tip: due in 29 minutes"),
            (25.5, "Open the tip: overdue for 1 hour"),
            (96.0, "Open the tip: overdue for 3 days"),
        ],
    )
    def test_how_long_there_is_stands_in_words(
        self, desk: Desk, make: Make, hours: float, words: str
    ) -> None:
        """Never by colour alone."""
        tip, officer = make.tip(), make.officer()
        with desk.db.write() as session:
            session.add(
                TipEvent(
                    tip_id=tip.id,
                    state=TipState.ROUTED,
                    jurisdiction_code="440304",
                    at=now() - timedelta(hours=hours, seconds=5),
                )
            )

        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", desk.listed(officer)))

        assert words in text
        assert ("Overdue" in text) == ("overdue" in words)

    def test_the_tips_page_says_which_clock_is_done(self, desk: Desk, make: Make) -> None:
        """Opening it stops the first."""
        tip, officer = make.tip(), make.officer()
        with desk.db.write() as session:
            assert session.exec(select(TipEvent).where(TipEvent.tip_id == tip.id)).all() == []
            session.add(TipEvent(tip_id=tip.id, state=TipState.ROUTED, jurisdiction_code="440304", at=now()))

        page = desk.page(tip, officer)

        assert "Open the tip: done" in page
        assert "Decide on the tip: due in 6 days" in page
