"""Promises about filters that an officer keeps under a name."""

import pytest

from app.officers.models import Officer, Role
from app.reviews.saved_views import MOST_VIEWS, visible_to
from tests.app.reviews.conftest import NOWHERE, Desk
from tests.make import Make


def save(desk: Desk, officer: Officer, name: str, query: str = "danger=on") -> tuple[int, str]:
    answer = desk.client.post("/console/reviews/views", as_=officer, data={"name": name, "query": query})
    return answer.status_code, answer.headers.get("location") or answer.text


def names(desk: Desk, officer: Officer) -> list[str]:
    with desk.db.read() as session:
        return [view.name for view in visible_to(session, officer, "reviews")]


def test_a_view_is_kept_applied_and_deleted(desk: Desk, make: Make) -> None:
    """One press brings the filters back; a press more takes the view away."""
    officer = make.officer()

    kept = save(desk, officer, " Danger & short lists ", "danger=on&part=first&unknown=1")
    page = desk.client.get("/console/reviews", as_=officer).text

    assert kept == (303, "/console/reviews?danger=on&part=first")
    assert 'href="/console/reviews?danger=on&amp;part=first"' in page
    assert "Danger &amp; short lists" in page
    address = page.split("/console/reviews/views/")[1].split("/delete")[0]
    assert desk.client.post(f"/console/reviews/views/{address}/delete", as_=officer).status_code == 303
    assert names(desk, officer) == []


def test_nobody_sees_or_deletes_a_colleagues_view(desk: Desk, make: Make) -> None:
    """Views are an officer's own; another's is not there, like one that never was."""
    officer, other = make.officer(), make.officer(Role.REVIEWER, Role.SUPERVISOR)
    save(desk, officer, "Mine alone")
    page = desk.client.get("/console/reviews", as_=officer).text
    address = page.split("/console/reviews/views/")[1].split("/delete")[0]

    foreign = [
        desk.client.post(f"/console/reviews/views/{view}/delete", as_=other).status_code
        for view in (address, NOWHERE)
    ]

    assert foreign == [404, 404]
    assert "Mine alone" not in desk.client.get("/console/reviews", as_=other).text
    assert names(desk, officer) == ["Mine alone"]
    assert save(desk, other, "Mine alone")[0] == 303


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Give the view a name of at most 60 characters."),
        (" \u200b ", "Give the view a name of at most 60 characters."),
        ("w" * 61, "Give the view a name of at most 60 characters."),
        ("Danger", "You have a view of this name already."),
        ("a\u202eb", "This text holds characters that cannot be saved."),
    ],
)
def test_a_name_that_does_not_serve_is_said_beside_its_field(
    desk: Desk, make: Make, name: str, said: str
) -> None:
    """The page comes again with the filters and what was typed."""
    officer = make.officer()
    save(desk, officer, "Danger")

    status, text = save(desk, officer, name, "mine=on")

    assert status == 422
    assert said in text
    assert 'name="query" value="mine=on"' in text
    assert names(desk, officer) == ["Danger"]


def test_a_view_holds_filters_and_nothing_else(desk: Desk, make: Make) -> None:
    """What is no filter of the list is refused or left out, never kept."""
    officer = make.officer()

    assert save(desk, officer, "Strange", "part=best")[0] == 422
    assert save(desk, officer, "Long", "area=" + "4" * 500)[0] == 422
    assert names(desk, officer) == []


def test_views_do_not_pile_up(desk: Desk, make: Make) -> None:
    """A list of views stays one that is read."""
    officer = make.officer()

    answers = [save(desk, officer, f"View {number}")[0] for number in range(MOST_VIEWS + 1)]

    assert answers == [303] * MOST_VIEWS + [409]


def test_other_roles_keep_no_views(desk: Desk, make: Make) -> None:
    """The queue is for reviewers and supervisors."""
    assert save(desk, make.officer(Role.AUDITOR), "Mine")[0] == 403
