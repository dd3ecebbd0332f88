"""What an officer reads about a picture's copies."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.photos.models import (
    KnownList,
    KnownPicture,
    LinkDerived,
    LinkKind,
    Photo,
    PhotoLink,
    PhotoOnList,
)
from app.tips.models import Tip
from tests.app.triage.conftest import Desk
from tests.make import Make


def link(desk: Desk, copy: Tip, first: Tip, kind: LinkKind, *, joined: bool = True, **more: Any) -> PhotoLink:
    photo, other = desk.photos(copy)[0], desk.photos(first)[0]
    made = PhotoLink(photo_id=photo.id, other_id=other.id, kind=kind, joined=joined, **more)
    with desk.db.write() as session:
        session.add(made)
    return made


def claim(desk: Desk, tip: Tip, **claimed: object) -> None:
    with desk.db.write() as session:
        photo = session.get_one(Photo, desk.photos(tip)[0].id)
        for name, value in claimed.items():
            setattr(photo, name, value)
        session.add(photo)


class TestWhy:
    @pytest.mark.parametrize(
        ("kind", "derived", "words"),
        [
            (LinkKind.SAME_FILE, LinkDerived.UNKNOWN, "The very same file as"),
            (LinkKind.COPY, LinkDerived.UNKNOWN, "A copy of"),
            (LinkKind.SCREENSHOT, LinkDerived.FIRST, "A screenshot of"),
            (LinkKind.SCREENSHOT, LinkDerived.SECOND, "Seen in a screenshot:"),
            (LinkKind.CROP, LinkDerived.FIRST, "A part of"),
            (LinkKind.CROP, LinkDerived.SECOND, "The larger picture of a part:"),
            (LinkKind.MIRRORED, LinkDerived.UNKNOWN, "A mirrored copy of"),
            (LinkKind.ROTATED, LinkDerived.UNKNOWN, "A turned copy of"),
            (LinkKind.EDITED, LinkDerived.FIRST, "An edited copy of"),
            (LinkKind.EDITED, LinkDerived.SECOND, "The picture before it was edited:"),
            (LinkKind.BY_HAND, LinkDerived.UNKNOWN, "Put together by an officer with"),
        ],
    )
    def test_what_a_copy_is_of_which_tips_photo_is_said(
        self, desk: Desk, make: Make, kind: LinkKind, derived: LinkDerived, words: str
    ) -> None:
        """A merge that nobody can check is a merge that nobody undoes."""
        first, copy, officer = make.tip(), make.tip(), make.officer()
        desk.same_picture(first, copy)
        link(desk, copy, first, kind, derived=derived, keypoints=34, agreement=0.97)

        for page in (desk.page(copy, officer), desk.page(first, officer)):
            assert words in page
            assert "34 places coincide" in page
            assert "97 % of the picture agrees" in page

    def test_another_areas_tip_is_not_named(self, desk: Desk, make: Make) -> None:
        """The link says why, not whose."""
        first, copy, officer = make.tip(area="442000"), make.tip(), make.officer()
        desk.same_picture(first, copy)
        link(desk, copy, first, LinkKind.CROP, derived=LinkDerived.FIRST)

        page = desk.page(copy, officer)

        assert "a photo of another area" in page
        assert str(first.id) not in page


class TestFacts:
    def test_first_sent_largest_and_contradictions_are_shown(self, desk: Desk, make: Make) -> None:
        """Two places and two years for one picture: one of them is not where the child is."""
        seen = datetime(2026, 3, 1, 9, tzinfo=UTC)
        first = make.tip(latitude=22.54, longitude=114.06, observed_at=seen)
        copy, officer = make.tip(latitude=23.13, longitude=113.26), make.officer()
        desk.same_picture(first, copy)
        claim(desk, copy, width=4032, height=3024, claimed_taken_at="2019-03-01T09:00:00")

        page = desk.page(copy, officer)

        assert "First sent:" in page
        assert "4032 × 3024" in page
        assert "The stated places lie up to 105 km apart." in page
        assert "The stated times differ by up to 2557 days." in page

    def test_copies_that_agree_show_no_contradiction(self, desk: Desk, make: Make) -> None:
        """A few metres and hours are no news; nor are unreadable claims."""
        seen = datetime(2026, 3, 1, 9, tzinfo=UTC)
        first = make.tip(latitude=22.54, longitude=114.06, observed_at=seen)
        copy, officer = make.tip(latitude=22.541, longitude=114.061), make.officer()
        desk.same_picture(first, copy)
        claim(desk, copy, claimed_taken_at="2026-03-01T18:00:00")
        claim(desk, first, claimed_taken_at="not a time")

        page = desk.page(first, officer)

        assert "apart." not in page
        assert "differ by" not in page

    def test_a_tip_of_another_area_is_in_none_of_it(self, desk: Desk, make: Make) -> None:
        """Its place is not the officer's to know."""
        first = make.tip(area="442000", latitude=22.5, longitude=113.4, place_text="A secret corner")
        copy, officer = make.tip(latitude=39.9, longitude=116.4), make.officer()
        desk.same_picture(first, copy)

        page = desk.page(copy, officer)

        assert "A secret corner" not in page
        assert "apart." not in page


class TestPuttingTogether:
    def test_a_link_without_effect_is_put_into_effect_and_undone(self, desk: Desk, make: Make) -> None:
        """The machine joins no two clusters; an officer may, and may take it back."""
        first, copy, officer = make.tip(), make.tip(), make.officer()
        made = link(desk, copy, first, LinkKind.CROP, joined=False, derived=LinkDerived.FIRST)
        assert "Perhaps, and not put together:" in desk.page(copy, officer)
        path = f"photos/{made.photo_id}/together/{made.other_id}"

        assert desk.send(copy, officer, path).status_code == 303

        assert desk.photos(copy)[0].cluster_id == desk.photos(first)[0].cluster_id
        assert desk.send(copy, officer, path).status_code == 409
        assert desk.send(copy, officer, f"photos/{made.photo_id}/separate").status_code == 303
        assert desk.photos(copy)[0].cluster_id != desk.photos(first)[0].cluster_id
        assert "Taken out by an officer:" in desk.page(copy, officer)

    def test_a_copy_is_no_copy_of_a_picture_that_was_taken_out_since(self, desk: Desk, make: Make) -> None:
        """Its own link stays as it was; the page says how the two stand now, and offers the way back."""
        first, copy, third, officer = make.tip(), make.tip(), make.tip(), make.officer()
        desk.same_picture(first, copy, third)
        made = link(desk, copy, first, LinkKind.CROP, derived=LinkDerived.FIRST)
        assert "Taken out by an officer:" not in desk.page(copy, officer)

        desk.send(first, officer, f"photos/{made.other_id}/separate")

        assert "Taken out by an officer:" in desk.page(copy, officer)
        assert f"/photos/{made.photo_id}/together/{made.other_id}" in desk.page(copy, officer)

    def test_a_photo_with_a_candidate_of_its_own_stays(self, desk: Desk, make: Make) -> None:
        """Somebody decides on it as it stands, or has decided."""
        first, copy, officer = make.tip(), make.tip(), make.officer()
        made = link(desk, copy, first, LinkKind.CROP, joined=False)
        make.candidate(tip=copy)

        answer = desk.send(copy, officer, f"photos/{made.photo_id}/together/{made.other_id}")

        assert answer.status_code == 409
        assert desk.photos(copy)[0].cluster_id != desk.photos(first)[0].cluster_id

    def test_only_what_is_visible_can_be_put_together(self, desk: Desk, make: Make) -> None:
        """No photo is moved to a stranger's cluster by a guessed address."""
        first, copy, officer = make.tip(area="442000"), make.tip(), make.officer()
        made = link(desk, copy, first, LinkKind.CROP, joined=False)

        for other_id in (made.other_id, UUID(int=7)):
            answer = desk.send(copy, officer, f"photos/{made.photo_id}/together/{other_id}")
            assert answer.status_code == 404


class TestKnownPictures:
    def test_a_known_picture_is_flagged_and_its_tip_goes_on(self, desk: Desk, make: Make) -> None:
        """A list is somebody's opinion; the tip still waits for an officer."""
        tip, officer = make.tip(), make.officer()
        with desk.db.write() as session:
            known_list = KnownList(name="Explained in 2019")
            session.add(known_list)
            session.flush()
            known = KnownPicture(list_id=known_list.id, pdq="0f" * 32, pdq_quality=90, tags="viral")
            session.add(known)
            session.flush()
            assert known.number is not None
            photo_id = desk.photos(tip)[0].id
            session.add(PhotoOnList(photo_id=photo_id, known_number=known.number, distance=12))

        page = desk.page(tip, officer)
        triage = desk.client.get("/console/triage", as_=officer).text

        assert "Looks like a picture of the list “Explained in 2019”." in page
        assert "viral" in page
        assert "Known picture" in triage
        assert str(tip.id) in triage
