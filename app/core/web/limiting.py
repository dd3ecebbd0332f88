"""How often one may knock, and what is asked of those who knock more often: work, before refusal.

Counts lie in the memory of one process and nowhere else. An address is cut to its network, hashed under a
key that is drawn anew each day, and only twelve bits of that are kept: strangers share a count, and nobody
can find an address in one. Many honest people share an address as well, on mobile networks and behind an
onion service: so above the limit a browser is asked for work, and one that cannot do any goes the slow way.
"""

import hashlib
import ipaddress
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.core.clock import now
from app.core.context import Context
from app.core.errors import TooMany, Unavailable
from app.core.work import Sum, Workshop

SLOTS = 4096
"""Counts that all addresses share: however many knock, memory and time for the counts stay small."""
HARDER_EVERY = 60
"""Sums of one door within a minute from which the next ones are twice as long, and so on."""
HARDEST = 32
"""Times that a sum is longer at the most; a cheap phone then works for half a minute."""
SUMS = f"{HARDER_EVERY * HARDEST} per minute"
"""Sums that are counted; more of them make the next ones no longer."""
LONGEST_WAIT_S = 600


@dataclass(frozen=True)
class Door:
    """Something that may be asked for without an account, and how often; amounts as "10 per 5 minute".

    Attributes:
        name: in small letters.
        own: for one address without work; "" asks everybody for work.
        crowd: for all addresses within their own amount, together.
        slow: beyond those and without work, all together: small, but never nothing.
        worked: for all who bring work, together; "" sets no ceiling. With one, those who can do more work
            than others do not take the place of those within their own amount.
        most: for everybody, with work and without; "" sets no such ceiling.
        busy: the sentence for those who are refused.
        keeps: it takes something in, and a refusal says that there is no room for it just now.
    """

    name: str
    own: str
    crowd: str
    slow: str
    busy: str
    worked: str = ""
    most: str = ""
    keeps: bool = False


class Gate:
    """Counts who knocks; one for each process.

    Args:
        key: what sums are signed with.
        cost: the highest number a browser has to try while few knock.
        today: the date, on whose change the key of addresses is drawn anew.
    """

    def __init__(self, key: bytes, cost: int, today: Callable[[], date] = lambda: now().date()) -> None:
        self.workshop = Workshop(key)
        self._cost, self._today = cost, today
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._drawn: tuple[date, bytes] = (today(), secrets.token_bytes(32))
        self._lock = threading.Lock()

    def asks(self, door: Door, address: str) -> Sum | None:
        """The sum to be solved by whoever comes from an address; None while nothing is asked.

        It is asked from half of what all together may do: whoever opens the page now sends it later.
        """
        half = max(1, _rule(door.crowd).amount // 2)
        quiet = self._has_room(door.crowd, door, weight=half)
        if quiet and door.own and self._has_room(door.own, door, self._slot(address)):
            return None
        return self.workshop.ask(door.name, self._cost * self._harder(door))

    def admit(self, door: Door, address: str, solved: str = "", weight: int = 1) -> None:
        """Let somebody in by one of three ways: within the amounts, with work, or the slow way.

        Args:
            door: what is asked for.
            address: where the request comes from.
            solved: a solved sum; anything else counts as none.
            weight: how much of the amounts it takes.

        Raises:
            TooMany: nothing is left without work.
            Unavailable: the same at a door that takes something in, or its ceiling is reached.
        """
        if not self._has_way(door, address, solved, weight):
            wait = self._wait(door.slow, door, "slow")
            refusal = Unavailable if door.keeps else TooMany
            raise refusal(door.busy, retry_after_s=wait)
        # Last, so that what is refused anyway does not use the ceiling up.
        if door.most and not self._take(door.most, door, "most", weight=weight):
            raise Unavailable(door.busy, retry_after_s=self._wait(door.most, door, "most"))

    def _has_way(self, door: Door, address: str, solved: str, weight: int) -> bool:
        if self.workshop.accept(door.name, solved):
            self._take(SUMS, door, "sums")
            if not door.worked or self._take(door.worked, door, "worked", weight=weight):
                return True
        own = bool(door.own) and self._take(door.own, door, self._slot(address), weight=weight)
        if own and self._take(door.crowd, door, weight=weight):
            return True
        return self._take(door.slow, door, "slow", weight=weight)

    def _harder(self, door: Door) -> int:
        rule = _rule(SUMS)
        sums = rule.amount - self._limiter.get_window_stats(rule, door.name, "sums").remaining
        return int(min(HARDEST, 2 ** (sums // HARDER_EVERY)))

    def _slot(self, address: str) -> str:
        today = self._today()
        if self._drawn[0] != today:
            self._drawn = (today, secrets.token_bytes(32))
        digest = hashlib.blake2b(network_of(address), key=self._drawn[1], digest_size=8).digest()
        return f"slot {int.from_bytes(digest, 'big') % SLOTS}"

    def _take(self, amount: str, door: Door, which: str = "crowd", weight: int = 1) -> bool:
        with self._lock:  # The storage gives up the lock of a count that has run empty, and may forget a hit.
            return bool(self._limiter.hit(_rule(amount), door.name, which, cost=weight))

    def _has_room(self, amount: str, door: Door, which: str = "crowd", weight: int = 1) -> bool:
        return bool(self._limiter.test(_rule(amount), door.name, which, cost=weight))

    def _wait(self, amount: str, door: Door, which: str) -> int:
        stats = self._limiter.get_window_stats(_rule(amount), door.name, which)
        return int(min(LONGEST_WAIT_S, max(1, stats.reset_time - now().timestamp() + 1)))


def network_of(address: str) -> bytes:
    """The network that an address is counted with: /24 of IPv4, /48 of IPv6; anything else counts as one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b""
    mapped = getattr(found, "ipv4_mapped", None)
    packed = (mapped or found).packed
    return packed[:3] if len(packed) == 4 else packed[:6]  # noqa: PLR2004 - bytes of an IPv4 address


def ask(request: Request, door: Door) -> None:
    """Note for the page's template whether its form has to bring work."""
    request.state.work = gate_of(request).asks(door, _address(request))


def admit(request: Request, door: Door, solved: str = "", weight: int = 1) -> None:
    """Let a request in, or refuse it; a form that comes back then asks for work.

    Raises:
        TooMany: nothing is left without work.
        Unavailable: the same at a door that takes something in, or its ceiling is reached.
    """
    try:
        gate_of(request).admit(door, _address(request), solved, weight)
    finally:
        ask(request, door)


_making = threading.Lock()


def gate_of(request: Request) -> Gate:
    """The gate of this process, made when the first one knocks."""
    state: Any = request.app.state
    with _making:
        if not hasattr(state, "gate"):
            context: Context = state.context
            state.gate = Gate(context.keys.derive("proof of work"), context.settings.work_cost)
        gate: Gate = state.gate
    return gate


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


@cache
def _rule(amount: str) -> RateLimitItem:
    return parse(amount)
