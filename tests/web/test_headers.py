"""Headers of every answer, whatever the route and however it ends."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException

from app.core.context import Context
from app.main import create_app
from app.officers.models import Role
from tests.conftest import ORIGIN, Client
from tests.make import Make
from tests.web.walking import answers, console_posts, walked

SANDBOXED = "default-src 'none'; sandbox"
DIRECTIVES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
)
PUBLIC = ("/bulletins/feed.atom", "/areas/", "/api/v1/")
"""Begin of addresses whose answers other sites may read: they are meant for everybody."""


def complaints(method: str, path: str, answer: httpx.Response) -> list[str]:
    """What an answer's headers lack."""
    headers, found = answer.headers, []
    policy = headers.get("content-security-policy", "")
    pdf = headers.get("content-type") == "application/pdf"
    if policy != SANDBOXED and not pdf and not all(part in policy for part in DIRECTIVES):
        found.append(f"policy {policy!r}")
    if "unsafe" in policy and not pdf:
        found.append(f"policy {policy!r}")
    for name, wanted in (
        ("x-content-type-options", {"nosniff"}),
        ("cross-origin-opener-policy", {"same-origin"}),
        ("cross-origin-embedder-policy", {"require-corp"}),
        ("referrer-policy", {"same-origin"} if path.startswith("/console") else {"no-referrer"}),
    ):
        if headers.get(name) not in wanted:
            found.append(f"{name}: {headers.get(name)}")
    if headers.get("cross-origin-resource-policy") != "same-origin" and not path.startswith(PUBLIC):
        found.append("readable by other sites")
    features = headers.get("permissions-policy", "")
    place = "geolocation=(self)" if path in {"/", "/tip"} else "geolocation=()"
    if not path.startswith("/assets/") and (place not in features or "camera=()" not in features):
        found.append(f"features {features!r}")
    kept = headers.get("cache-control", "")
    lasting = path.startswith(("/assets/", *PUBLIC)) or path == "/sw.js"
    if kept != "no-store" and not (lasting and answer.status_code == 200):
        found.append(f"cache {kept!r}")
    if "server" in headers or "x-powered-by" in headers:
        found.append("says what it is made of")
    if not path.startswith("/console") and "set-cookie" in headers:
        found.append("sets a cookie")
    return [f"{method} {path} {answer.status_code}: {each}" for each in found]


def everyone(make: Make) -> Any:
    return make.officer(*Role, area="CN")


class TestEveryRoute:
    def test_headers_stand_whoever_asks(self, client: Client, make: Make) -> None:
        """Signed out and signed in with every role, with and without a body."""
        routes = [each for each in walked(client._app) if each[1] != "/console/sign-out"]
        found: list[str] = []
        seen: set[int] = set()

        signed_out = [each for each in routes if not each[1].startswith("/console")] + console_posts(
            client._app
        )[:9]
        for officer, asked in ((None, signed_out), (everyone(make), routes)):
            if officer is not None:
                client.get("/console", as_=officer)
            for (method, path), answer in answers(client, asked).items():
                seen.add(answer.status_code)
                found += complaints(method, path, answer)
                assert answer.status_code < 500 or answer.status_code == 503, (method, path)

        assert len(routes) > 150
        assert seen >= {200, 303, 401, 404, 422}
        assert not found, "\n".join(found)

    def test_headers_stand_however_it_ends(self, client: Client) -> None:
        """404, 405, 413 and 500 are answers too, at every audience's addresses."""

        def fail() -> None:
            raise ValueError("planted")

        def too_large() -> None:
            raise HTTPException(413)

        prefixes = ("", "/console", "/api/v1", "/open311/v2")
        for prefix in prefixes:
            client._app.add_api_route(f"{prefix}/broken-on-purpose", fail)
            client._app.add_api_route(f"{prefix}/large-on-purpose", too_large)
        asked = [
            ("DELETE", "/tip"),
            ("DELETE", "/console/sign-in"),
            ("DELETE", "/api/v1/tips"),
            ("GET", "/assets/styles/none.css"),
            ("POST", "/assets/styles/base.css"),
        ]
        for prefix in prefixes:
            asked += [("GET", f"{prefix}/{name}-on-purpose") for name in ("broken", "large", "missing")]

        sent = answers(client, asked)

        assert {each.status_code for each in sent.values()} == {404, 405, 413, 500}
        found = [each for (method, path), answer in sent.items() for each in complaints(method, path, answer)]
        assert not found, "\n".join(found)

    def test_browsers_are_kept_on_https_where_cookies_need_it(self, context: Context) -> None:
        """And a trial on plain HTTP does not lock its browser out of other trials."""
        safe = replace(context, settings=context.settings.model_copy(update={"secure_cookies": True}))

        answers = [Client(create_app(each), each).get("/") for each in (safe, context)]

        assert [answer.headers.get("strict-transport-security") for answer in answers] == [
            "max-age=63072000",
            None,
        ]


class TestForgery:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
        ],
        ids=str,
    )
    def test_no_route_of_the_console_takes_a_strangers_form(
        self, client: Client, make: Make, headers: dict[str, str]
    ) -> None:
        """Every route that changes something, as an officer with every role."""
        client.get("/console", as_=everyone(make))

        sent = answers(client, console_posts(client._app), headers)

        assert len(sent) > 60
        assert not {asked: each.status_code for asked, each in sent.items() if each.status_code != 403}

    def test_a_form_that_says_nothing_or_half_is_a_strangers(self, client: Client, make: Make) -> None:
        """Neither silence nor a name that only begins like ours."""
        client.get("/console", as_=everyone(make))
        asked = console_posts(client._app)[:1]

        for headers in ({"Accept": "*/*"}, {"Origin": f"{ORIGIN}.evil.example"}, {"Sec-Fetch-Site": ""}):
            assert [each.status_code for each in answers(client, asked, headers).values()] == [403]

    def test_the_consoles_own_forms_pass(self, client: Client, make: Make) -> None:
        """A check that refuses everybody would prove nothing."""
        client.get("/console", as_=everyone(make))
        asked = [each for each in console_posts(client._app) if not each[1].endswith("/sign-out")][::4]

        sent = answers(client, asked, {"Sec-Fetch-Site": "same-origin"})

        assert {each.status_code for each in sent.values()} >= {404, 422}


class TestCookies:
    def test_the_consoles_cookies_are_bound_to_its_host(self, context: Context) -> None:
        """__Host-, Secure, HttpOnly, SameSite=Strict, for the whole site."""
        safe = replace(context, settings=context.settings.model_copy(update={"secure_cookies": True}))
        door = Client(create_app(safe), safe)

        answer = door.get("/console/sign-in?lang=zh")

        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert re.search(r"; HttpOnly", cookie)
            assert re.search(r"; Secure", cookie)
            assert re.search(r"; SameSite=strict", cookie, re.IGNORECASE)
            assert "; Path=/;" in f"{cookie};"
        assert "set-cookie" in answer.headers
