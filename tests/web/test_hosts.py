"""Two hosts, two audiences: what answers where, and what does not exist at all."""

import re
from dataclasses import replace

import pytest

from app.core.context import Context
from app.core.web.hosts import known_hosts
from app.main import Site, create_app
from tests.conftest import Client
from tests.web.walking import answers, walked

TIPS, DESK = "tips.example.org", "desk.example.org:8443"
BOTH = {"public_url": f"https://{TIPS}", "console_url": f"https://{DESK}"}


@pytest.fixture
def split(context: Context) -> Client:
    """One process that knows both of its names."""
    named = replace(context, settings=context.settings.model_copy(update=BOTH))
    return Client(create_app(named), named)


def status(client: Client, path: str, host: str) -> int:
    return client.get(path, headers={"Host": host}).status_code


class TestHosts:
    @pytest.mark.parametrize("path", ["/", "/receipt", "/checked", "/bulletins", "/api/v1/openapi.json"])
    def test_citizens_pages_answer_under_their_own_name_only(self, split: Client, path: str) -> None:
        """The console's host has no tip form."""
        assert status(split, path, TIPS) == 200
        assert status(split, path, TIPS.upper()) == 200
        assert status(split, path, DESK) == 404

    def test_the_console_answers_under_its_own_name_only(self, split: Client) -> None:
        """The citizens' host does not say that there is a console."""
        hidden = split.get("/console/sign-in", headers={"Host": TIPS})
        missing = split.get("/no-such-page", headers={"Host": TIPS})

        assert status(split, "/console/sign-in", DESK) == 200
        assert hidden.status_code == 404
        assert hidden.content == missing.content
        assert "console" not in hidden.text

    def test_a_name_of_nobodys_gets_nothing(self, split: Client) -> None:
        """421, with all headers, and the name is not repeated."""
        for host in ("evil.example", "", f"{TIPS}:444", "127.0.0.1:8000", f"{TIPS}.evil.example", f"x{TIPS}"):
            asked = [
                ("GET", path) for path in ("/", "/console/sign-in", "/api/v1/tips", "/assets/styles/base.css")
            ]
            for answer in answers(split, asked, {"Host": host}).values():
                assert answer.status_code == 421
                assert "content-security-policy" in answer.headers
                assert not host or host not in answer.text

    def test_styles_are_there_under_both(self, split: Client) -> None:
        """Both audiences need them."""
        assert {status(split, "/assets/styles/base.css", host) for host in (TIPS, DESK)} == {200}

    @pytest.mark.parametrize(
        "path", ["/console/../", "//console/sign-in", "/Console/sign-in", "/console%2fsign-in"]
    )
    def test_no_spelling_leads_around_it(self, split: Client, path: str) -> None:
        """What the router would take for the console, the check takes for it too."""
        answer = split.get(path, headers={"Host": TIPS})

        assert "password" not in answer.text

    def test_absolute_links_name_the_right_host(self, split: Client) -> None:
        """A forged host never gets this far, and the feed names the citizens' one."""
        feed = split.get("/bulletins/feed.atom", headers={"Host": TIPS})
        services = split.get("/open311/v2/discovery.json", headers={"Host": TIPS})

        assert f"https://{TIPS}/" in feed.text
        found = set(re.findall(r"https?://[^/\"<]+", feed.text + services.text))
        assert not [each for each in found if "desk" in each or "homeward.test" in each]

    @pytest.mark.parametrize(
        "known", [{}, {"public_url": BOTH["public_url"]}, dict.fromkeys(BOTH, f"https://{TIPS}")]
    )
    def test_one_name_or_none_serves_everything(self, context: Context, known: dict[str, str]) -> None:
        """A trial on one port needs no names."""
        named = replace(context, settings=context.settings.model_copy(update=known))
        client = Client(create_app(named), named)

        assert {status(client, path, "anything.test") for path in ("/", "/console/sign-in")} == {200}

    def test_the_usual_port_goes_without_saying(self, context: Context) -> None:
        """Browsers leave it out, whatever the operator wrote."""
        told = {"public_url": f"https://{TIPS}:443", "console_url": "http://desk.example.org:80"}
        settings = context.settings.model_copy(update=told)

        assert known_hosts(settings) == (TIPS, "desk.example.org")
        assert known_hosts(settings.model_copy(update={"console_url": f"https://{TIPS}"})) is None


class TestSites:
    @pytest.mark.parametrize(
        ("site", "allowed"),
        [
            (Site.CITIZENS, re.compile(r"/(?!console|api|open311)")),
            (Site.CONSOLE, re.compile(r"/(console|assets)")),
            (Site.API, re.compile(r"/(api/v1|open311|assets)")),
        ],
    )
    def test_a_process_of_one_site_has_no_route_of_another(
        self, context: Context, site: Site, allowed: re.Pattern[str]
    ) -> None:
        """Not hidden: absent from the table of routes."""
        paths = {path for _, path in walked(create_app(context, site))}

        assert paths
        assert all(allowed.match(path) for path in paths)

    def test_together_they_are_everything(self, context: Context) -> None:
        """No route is lost by separating."""
        shape = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
        parts = {
            (method, shape.sub("{}", path))
            for site in (Site.CITIZENS, Site.CONSOLE, Site.API)
            for method, path in walked(create_app(context, site))
        }

        assert parts == {(method, shape.sub("{}", path)) for method, path in walked(create_app(context))}
