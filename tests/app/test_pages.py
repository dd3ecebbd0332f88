"""Promises that every page keeps."""

import pytest

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

    def test_a_fault_nobody_foresaw_says_nothing_and_keeps_the_headers(
        self, client: Client, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A 500 is an answer too; what was sent stands neither in it nor in a log."""

        @client._app.get("/test-fault")
        def fail() -> None:
            raise ValueError("planted-4711")

        answer = client.get("/test-fault")

        assert answer.status_code == 500
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "planted-4711" not in answer.text
        said = capfd.readouterr()
        assert "planted-4711" not in said.out + said.err

    @pytest.mark.parametrize("path", ["/tip/", "/receipt/", "/console/records/"])
    def test_no_redirect_repeats_the_host_that_was_claimed(self, client: Client, path: str) -> None:
        """A forged Host header leads nobody away."""
        answer = client.get(path, headers={"Host": "evil.example"})

        assert "evil.example" not in answer.headers.get("location", "")
        assert "evil.example" not in answer.text
