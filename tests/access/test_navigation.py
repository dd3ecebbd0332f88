"""Promises about the rooms that the head of each page leads to."""

import re

import pytest

from app.core.context import Context
from app.core.render import FRONTEND
from app.main import create_app
from app.officers.access import RULES, Right
from app.officers.models import Role
from tests.access.meant import MEANT
from tests.conftest import Client
from tests.make import Make
from tests.web.walking import answers

INDEX = re.compile(r"GET (/console/[a-z-]+)")
LED_TO_FROM = {
    "/console/quality": "/console/oversight",
    "/console/appeals": "/console/oversight",
    "/console/tasks": "/console/cases",
}
"""Index pages that stand in no head, and the page that leads there."""


def indexes(right: Right) -> set[str]:
    """The pages that a right opens and that need no id."""
    return {found[1] for route in MEANT.get(right, ()) if (found := INDEX.fullmatch(route))}


def rooms(page: str) -> set[str]:
    """Addresses in the head of a page."""
    head = re.search(r'<nav class="rooms".*?</nav>', page, re.DOTALL)
    assert head is not None
    return set(re.findall(r'href="([^"]+)"', head[0]))


@pytest.mark.parametrize("area", ["440304", "CN"])
def test_the_head_leads_to_what_one_may_and_nowhere_else(context: Context, make: Make, area: str) -> None:
    """For each role: no link is refused, and no room that is open to it is left out."""
    app = create_app(context)
    for role in Role:
        client = Client(app, context)
        shown = rooms(client.get("/console/account", as_=make.officer(role, area=area)).text)
        held = [
            right
            for right, rule in RULES.items()
            if role in rule.roles and (area == "CN" or not rule.national)
        ]

        opened = answers(client, [("GET", path) for path in shown])

        assert {path for (_, path), answer in opened.items() if answer.status_code != 200} == set(), role
        assert shown == {path for right in held for path in indexes(right)} - set(LED_TO_FROM), role


@pytest.mark.parametrize("path", LED_TO_FROM)
def test_what_is_not_in_the_head_is_led_to(path: str) -> None:
    """A page that nobody links is found by nobody; some are linked as soon as something waits there."""
    source = FRONTEND / "templates" / f"{LED_TO_FROM[path].strip('/')}.html"

    assert f'"{path}"' in source.read_text(encoding="utf-8")
