"""Messages go to public machines only, however an inner address is written."""

import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.webhooks import outward
from app.webhooks.outward import Failure, NotReached
from tests.app.webhooks.conftest import PartnerServer

Found = list[tuple[Any, ...]]

INNER = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "fec0::1",
]


class TestAddresses:
    @pytest.mark.parametrize("address", INNER)
    def test_inner_addresses_are_not_public(self, address: str) -> None:
        """Loopback, private, link-local, shared, reserved, multicast, and these in other clothes."""
        assert not outward.is_public(address)

    @pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
    def test_public_ones_are(self, address: str) -> None:
        """Partners can be reached."""
        assert outward.is_public(address)

    @given(st.ip_addresses(v=4))
    @settings(deadline=None)
    def test_a_wrapped_address_is_judged_as_the_plain_one(self, address: Any) -> None:
        """A translator or a mapping opens no way in."""
        plain = outward.is_public(str(address))

        assert outward.is_public(f"::ffff:{address}") == plain
        assert outward.is_public(f"64:ff9b::{address}") == plain


class TestTyped:
    @pytest.mark.parametrize(
        "url",
        [
            "https://partner.example.org/hook",
            "https://partner.example.org:8443/hook?a=1",
            "https://1.1.1.1/hook",
            "https://[2606:4700::1111]/hook",
            " https://partner.example.org ",
        ],
    )
    def test_what_is_taken(self, url: str) -> None:
        """Https to a public machine."""
        assert outward.checked(url, inside=False) == url.strip()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "hook",
            "http://partner.example.org/hook",
            "ftp://partner.example.org/hook",
            "file:///etc/passwd",
            "https://",
            "https:///hook",
            "https://partner.example.org:22/",
            "https://partner.example.org:0/",
            "https://partner.example.org:99999/",
            "https://user:secret@partner.example.org/",
            "https://partner.example.org@127.0.0.1/",
            "https://partner.example.org\\@127.0.0.1/",
            "https://partner.example.org/#part",
            "https://partner.example.org/a b",
            "https://partner.example.org/\r\nHost: inner",
            "https://paгtner.example.org/",
            "https://localhost/",
            "https://metadata/",
            "https://partner..org/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[fe80::1%25eth0]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1/",
            "https://" + "a" * 2000 + ".org/",
        ],
    )
    def test_what_is_not(self, url: str) -> None:
        """No other kind of address, port, password, or way to write an inner machine."""
        with pytest.raises(Invalid) as refusal:
            outward.checked(url, inside=False)
        assert refusal.value.field == "url"

    def test_a_trial_may_go_inside(self) -> None:
        """An operator who allows it can try everything on one machine."""
        assert outward.checked("http://127.0.0.1:8999/", inside=True)

        with pytest.raises(Invalid):
            outward.checked("ftp://127.0.0.1/", inside=True)

    @given(st.text())
    @settings(deadline=None)
    def test_anything_else_is_refused_or_sound(self, typed: str) -> None:
        """Whatever is typed, nothing breaks."""
        try:
            kept = outward.checked(f"https://{typed}", inside=False)
        except Invalid:
            return
        assert kept.isascii()


class Names:
    """A name service that answers something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self._true = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> Found:
        """Answer for the partner's name; addresses stand for themselves."""
        if host != "partner.example.org":
            return self._true(host, port, *args, **kwargs)
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answer]


class TestConnecting:
    @pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
    def test_a_name_that_leads_inside_is_not_connected_to(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The look-up counts, not the name."""
        monkeypatch.setattr(socket, "getaddrinfo", Names([address]))

        with pytest.raises(NotReached) as error:
            outward.post("https://partner.example.org/hook", b"{}", {})

        assert error.value.failure == Failure.FORBIDDEN

    def test_one_inner_address_among_public_ones_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No partner's name has such an address."""
        monkeypatch.setattr(socket, "getaddrinfo", Names(["1.1.1.1", "10.0.0.1"]))

        with pytest.raises(NotReached) as error:
            outward.post("https://partner.example.org/hook", b"{}", {})

        assert error.value.failure == Failure.FORBIDDEN

    def test_a_name_that_changes_is_asked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was checked is what is connected to: an answer that comes later has no say."""
        names = Names(["203.0.113.7"], ["127.0.0.1"])
        connected: list[str] = []

        def connect(address: tuple[str, int], *_args: Any, **_kwargs: Any) -> socket.socket:
            connected.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(socket, "getaddrinfo", names)
        monkeypatch.setattr(socket, "create_connection", connect)
        monkeypatch.setattr(outward, "is_public", lambda address: address == "203.0.113.7")

        with pytest.raises(NotReached) as error:
            outward.post("https://partner.example.org/hook", b"{}", {})

        assert error.value.failure == Failure.UNREACHABLE
        assert (connected, names.asked) == (["203.0.113.7"], 1)

    def test_an_unknown_name_is_no_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A partner whose name is gone is tried again."""

        def unknown(*_args: Any, **_kwargs: Any) -> Found:
            raise socket.gaierror

        monkeypatch.setattr(socket, "getaddrinfo", unknown)

        with pytest.raises(NotReached) as error:
            outward.post("https://partner.example.org/hook", b"{}", {})

        assert error.value.failure == Failure.UNKNOWN_HOST

    def test_the_environments_proxy_is_not_used(
        self, server: PartnerServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A proxy would resolve names by itself."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

        assert outward.post(server.url, b"{}", {}, inside=True).status == 204

    def test_a_server_without_a_certificate_is_told_nothing(self, server: PartnerServer) -> None:
        """Messages travel encrypted to the machine that the name belongs to."""
        plain = server.url.replace("http://", "https://")

        with pytest.raises(NotReached) as error:
            outward.post(plain, b"{}", {}, inside=True, patience_s=2)

        assert error.value.failure in {Failure.TLS, Failure.UNREACHABLE}
        assert server.taken == []
