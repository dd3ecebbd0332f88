"""Promises about telling an old photo in circulation by what its earlier copies, its file and lists say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.clock import now
from app.officers.models import Role
from app.photos.models import Photo
from app.tips.models import Tip
from tests.app.triage.conftest import Desk
from tests.app.triage.test_filters import known
from tests.make import Make

OLD = "This may be an old photo in circulation"
HERE: dict[str, Any] = {"latitude": 22.54, "longitude": 114.06}
GUANGZHOU: dict[str, Any] = {"latitude": 23.13, "longitude": 113.26}


def pair(desk: Desk, make: Make, first: dict[str, Any], then: dict[str, Any]) -> tuple[Tip, Tip]:
    """A tip and an earlier one with the same picture."""
    earlier = make.tip(**{"received_at": now() - timedelta(days=2), **first})
    tip = make.tip(**then)
    desk.same_picture(earlier, tip)
    return earlier, tip


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        (GUANGZHOU, HERE, "Another place, 105 km away."),
        ({"area": "440303"}, {}, "Another area."),
        ({"received_at": now() - timedelta(days=40)}, {}, "40 days earlier."),
        (
            {"observed_at": datetime(2020, 1, 1, tzinfo=UTC)},
            {"observed_at": datetime(2020, 1, 31, tzinfo=UTC)},
            "30 days earlier.",
        ),
    ],
)
def test_an_earlier_claim_of_another_place_or_date_is_said_with_the_tip_that_makes_it(
    desk: Desk, make: Make, first: dict[str, Any], then: dict[str, Any], words: str
) -> None:
    """The officer reads what contradicts what, and closes with a reason that says so."""
    earlier, tip = pair(desk, make, first, then)
    city = make.officer(area="440300")

    page = desk.page(tip, city)

    assert OLD in page
    box = page[page.index(OLD) : page.index("Close as old photo in circulation")]
    assert words in box
    assert f"/console/tips/{earlier.id}" in box
    asked = desk.client.get(f"/console/tips/{tip.id}?close=recirculated_old_photo", as_=city).text
    reason = asked[
        asked.index('<textarea id="reason"') : asked.index("</textarea>", asked.index('id="reason"'))
    ]
    assert words in reason


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HERE, {"latitude": 22.545, "longitude": 114.06}),
        ({"received_at": now() - timedelta(days=13)}, {}),
        ({"received_at": now() + timedelta(hours=1), **GUANGZHOU}, HERE),
    ],
)
def test_a_repost_of_the_day_is_no_old_photo(
    desk: Desk, make: Make, first: dict[str, Any], then: dict[str, Any]
) -> None:
    """The same place within two weeks, or a copy that came later, says nothing of the kind."""
    _, tip = pair(desk, make, first, then)

    assert OLD not in desk.page(tip, make.officer())


def test_an_earlier_tip_of_a_foreign_area_is_counted_and_not_shown(desk: Desk, make: Make) -> None:
    """That the picture was there before is told; where is theirs to know."""
    earlier, tip = pair(desk, make, {"area": "442000", "place_text": "A secret corner", **GUANGZHOU}, HERE)

    page = desk.page(tip, make.officer())

    assert "1 earlier tip of another area has this picture." in page
    assert "A secret corner" not in page
    assert str(earlier.id) not in page
    assert "105 km" not in page


def test_a_file_made_long_before_says_so(desk: Desk, make: Make) -> None:
    """Also that of a copy; a clock that is wrong by a day does not."""
    _, tip = pair(desk, make, {}, {})
    for claimed, said in (
        ("2026:03:01 nonsense", False),
        (now().isoformat(), False),
        ("2019-03-01T09:00", True),
    ):
        with desk.db.write() as session:
            photo = session.get_one(Photo, desk.photos(tip)[0].id)
            photo.claimed_taken_at = claimed
            session.add(photo)

        assert ("A file says that it was made" in desk.page(tip, make.officer())) == said


def test_a_listed_picture_says_so(desk: Desk, make: Make) -> None:
    """By the list's name."""
    tip = make.tip()
    known(desk, tip)

    assert "It looks like a picture of the list “Explained in 2019”." in desk.page(tip, make.officer())


def test_nothing_is_offered_where_nothing_may_be_closed(desk: Desk, make: Make) -> None:
    """While reviewers decide, the facts are there and the button is not."""
    _, tip = pair(desk, make, GUANGZHOU, HERE)
    make.candidate(tip=tip)

    page = desk.page(tip, make.officer(Role.SUPERVISOR))

    assert OLD in page
    assert "Close as old photo in circulation" not in page


def test_a_flood_of_copies_is_counted_beyond_the_first(desk: Desk, make: Make) -> None:
    """The page of a picture that was sent a hundred times is a page."""
    copies = [make.tip(received_at=now() - timedelta(days=30 + number)) for number in range(9)]
    tip = make.tip()
    desk.same_picture(*copies, tip)

    page = desk.page(tip, make.officer())

    assert "4 more earlier tips." in page
