"""The way out to addresses that strangers name: public machines only, and no longer than our patience.

The address that was checked is the one that is connected to, so a name that leads elsewhere a moment later
leads nowhere. Certificate and Host are those of the name. No redirect is followed, no proxy of the
environment is used, and of the answer nothing but status and headers is read.
"""

import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from app.core.clock import now
from app.core.errors import Invalid

PORTS = frozenset({443, 8443})
LONGEST_ADDRESS = 2_000
PATIENCE_S = 10.0
"""Seconds of one request, from the look-up of its name to the status of its answer."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses in which a translator finds an IPv4 address."""


class Failure(StrEnum):
    """Why there was no answer."""

    FORBIDDEN = "forbidden_address"  # It leads, or its name leads, to where no partner is.
    UNKNOWN_HOST = "unknown_host"
    UNREACHABLE = "unreachable"
    TLS = "tls"  # No certificate that is valid for the name.
    TIMEOUT = "timeout"
    GARBLED = "garbled"  # What came back is no HTTP.


class NotReached(RuntimeError):
    """There was no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True)
class Reply:
    """What of an answer counts.

    Attributes:
        status: HTTP status.
        retry_after_s: seconds that the other side asks to wait; None when it does not.
    """

    status: int
    retry_after_s: float | None


def checked(typed: str, *, inside: bool) -> str:
    """An address as it is stored; nobody is asked for its name yet.

    Args:
        typed: what was sent.
        inside: whether http, other ports and private addresses are allowed, for trials.

    Raises:
        Invalid: it is no address that messages may go to.
    """
    address = typed.strip()
    try:
        parts = urlsplit(address)
        sound = (
            len(address) <= LONGEST_ADDRESS
            and address.isascii()
            and address.isprintable()
            and not {" ", "\\", "#"} & set(address)
            and "@" not in parts.netloc
            and _host_may_be(parts, inside=inside)
        )
    except ValueError:
        sound = False
    if not sound:
        raise Invalid(
            "Messages go to https addresses of public machines, on port 443 or 8443, without a password.",
            field="url",
        )
    return address


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it is wrapped in another kind."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = address
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local:
            return False
        inner = address.ipv4_mapped or address.sixtofour or address
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def post(
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    inside: bool = False,
    patience_s: float = PATIENCE_S,
) -> Reply:
    """Send a JSON body to an address that a stranger named.

    Args:
        address: as `checked` gave it.
        body: what is sent.
        headers: beside those of the body.
        inside: whether private addresses are allowed.
        patience_s: seconds for all of it.

    Returns:
        The answer's status, whatever it is.

    Raises:
        NotReached: there was none.
    """
    way = _Way(time.monotonic() + patience_s, inside=inside)
    sent = {
        **headers,
        "Host": urlsplit(address).netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "Homeward-Webhooks/1",
        "Accept": "*/*",
        "Connection": "close",
    }
    limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), patience_s)}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_certificates(), network_backend=way) as pool,
            pool.stream(
                "POST", address, headers=list(sent.items()), content=body, extensions=limits
            ) as answer,
        ):
            return Reply(answer.status, _retry_after(answer.headers))
    except httpcore.TimeoutException as error:
        raise NotReached(Failure.TIMEOUT) from error
    except (httpcore.ProtocolError, ValueError) as error:
        raise NotReached(Failure.GARBLED) from error
    except (httpcore.NetworkError, OSError) as error:
        tls = isinstance(error.__cause__ or error.__context__ or error, ssl.SSLError)
        raise NotReached(Failure.TLS if tls else Failure.UNREACHABLE) from error


class _Way(httpcore.NetworkBackend):
    """Connects to what it has checked, and gives all of it together a limited time."""

    def __init__(self, end: float, *, inside: bool) -> None:
        self._end, self._inside = end, inside
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Look a name up once, and connect to one of its addresses if all of them are public."""
        del timeout
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotReached(Failure.UNKNOWN_HOST) from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        # One inner address among public ones is enough to refuse: no partner has such a name.
        if not self._inside and not all(is_public(each) for each in addresses):
            raise NotReached(Failure.FORBIDDEN)
        for place, each in enumerate(addresses, start=1):
            share = _left(self._end) / (len(addresses) - place + 1)
            try:
                stream = self._plain.connect_tcp(each, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses):
                    raise
            else:
                return _Timed(stream, self._end)
        raise NotReached(Failure.UNKNOWN_HOST)


class _Timed(httpcore.NetworkStream):
    """A connection that ends when its time is over, however slowly the other side goes on."""

    def __init__(self, stream: httpcore.NetworkStream, end: float) -> None:
        self._stream, self._end = stream, end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there."""
        del timeout
        return self._stream.read(max_bytes, _left(self._end))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        del timeout
        self._stream.write(buffer, _left(self._end))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Agree on keys with the machine that the name's certificate belongs to."""
        del timeout
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._end))
        return _Timed(stream, self._end)

    def get_extra_info(self, info: str) -> Any:
        """What the plain connection knows."""
        return self._stream.get_extra_info(info)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


def _host_may_be(parts: SplitResult, *, inside: bool) -> bool:
    host, port = parts.hostname, 443 if parts.port is None else parts.port
    if inside:
        return bool(host) and parts.scheme in {"https", "http"} and port > 0
    if not host or parts.scheme != "https" or port not in PORTS:
        return False
    try:
        return is_public(host)
    except ValueError:
        # A name. Its last part is a word: 2130706433, 127.1 and 0x7f.1 are other ways to write an address.
        labels = host.removesuffix(".").split(".")
        return len(labels) > 1 and all(labels) and not labels[-1][0].isdigit()


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    for name, value in headers:
        if name.lower() != b"retry-after":
            continue
        try:
            text = value.decode("ascii")
            if text.strip().isdecimal():
                seconds = float(text)
            else:
                seconds = (parsedate_to_datetime(text).astimezone(UTC) - now()).total_seconds()
        except (ValueError, OverflowError):
            return None
        return seconds if math.isfinite(seconds) and seconds > 0 else None
    return None
