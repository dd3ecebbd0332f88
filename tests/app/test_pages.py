"""Promises that every page keeps."""

from tests.conftest import Client


class TestEveryAnswer:
    def test_an_unknown_page_says_so_without_repeating_the_address(self, client: Client) -> None:
        """An error page is no mirror for what was sent."""
        answer = client.get("/no-such-page-4711")

        assert answer.status_code == 404
        assert "4711" not in answer.text

    def test_errors_carry_the_security_headers_too(self, client: Client) -> None:
        """A header that is missing on an error page is missing where it counts."""
        answer = client.get("/no-such-page")

        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
