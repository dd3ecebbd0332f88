"""Above its amounts a door asks for work before it refuses, and no address is kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from app.core.errors import TooMany, Unavailable
from app.core.web.limiting import HARDER_EVERY, SLOTS, Door, Gate, network_of
from app.core.work import solve

DOOR = Door("door", own="3 per 10 minute", crowd="6 per minute", slow="2 per minute", busy="busy")
KEEPS = Door(
    "keeps",
    own="3 per 10 minute",
    crowd="6 per minute",
    slow="6 per minute",
    most="20 per minute",
    busy="full",
    keeps=True,
)
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def gate() -> Gate:
    return Gate(b"k" * 32, 50)


def goes_in(knock: Callable[[], None]) -> bool:
    try:
        knock()
    except (TooMany, Unavailable):
        return False
    return True


class TestDoor:
    def test_within_its_amount_nobody_is_asked(self, gate: Gate) -> None:
        """The usual visitor notices nothing."""
        for _ in range(3):
            assert gate.asks(DOOR, HERE) is None
            gate.admit(DOOR, HERE)

        assert gate.asks(DOOR, HERE) is not None
        assert gate.asks(DOOR, ELSEWHERE) is None

    def test_beyond_it_work_opens_the_door(self, gate: Gate) -> None:
        """As often as it is done."""
        for _ in range(5):
            gate.admit(DOOR, HERE)
        assert not goes_in(lambda: gate.admit(DOOR, HERE))

        for _ in range(10):
            asked = gate.asks(DOOR, HERE)
            assert asked is not None
            gate.admit(DOOR, HERE, solve(asked))

    def test_without_work_there_is_a_slow_way(self, gate: Gate) -> None:
        """Small, for all together, and with the time to wait."""
        for _ in range(3):
            gate.admit(DOOR, HERE)

        gate.admit(DOOR, HERE)
        gate.admit(DOOR, HERE)
        with pytest.raises(TooMany) as refused:
            gate.admit(DOOR, HERE)

        assert 1 <= int(refused.value.headers["Retry-After"]) <= 61

    def test_somebody_who_uses_the_slow_way_up_keeps_others_not_from_their_own(self, gate: Gate) -> None:
        """A single address in a fury is its own neighbour only."""
        while goes_in(lambda: gate.admit(DOOR, HERE)):
            pass

        gate.admit(DOOR, ELSEWHERE)

    def test_many_addresses_together_are_asked_for_work(self, gate: Gate) -> None:
        """Each keeps to its own amount; all of them together are a crowd."""
        for number in range(6):
            gate.admit(DOOR, f"203.0.{number}.1")

        assert gate.asks(DOOR, ELSEWHERE) is not None

    def test_sums_grow_longer_with_what_is_handed_in(self, gate: Gate) -> None:
        """A flood that works gets more work."""
        door = Door("door", own="", crowd="1 per minute", slow="1 per minute", busy="busy")
        first = gate.asks(door, HERE)
        for _ in range(HARDER_EVERY):
            asked = gate.asks(door, HERE)
            assert asked is not None
            gate.admit(door, HERE, solve(asked))

        later = gate.asks(door, HERE)

        assert first is not None
        assert later is not None
        assert later.most == 2 * first.most

    def test_who_does_much_work_takes_nobodys_place(self, gate: Gate) -> None:
        """Beyond its share work counts for nothing, and others within their own amount go in."""
        door = replace(DOOR, worked="2 per minute")

        def work_and_go() -> bool:
            return goes_in(lambda: gate.admit(door, HERE, solve(gate.workshop.ask(door.name, 10))))

        assert [work_and_go() for _ in range(10)] == [True] * 7 + [False] * 3
        assert goes_in(lambda: gate.admit(door, ELSEWHERE))

    def test_a_door_that_keeps_is_full_and_not_rude(self, gate: Gate) -> None:
        """503 with the time to wait, once all that goes without work is used up."""
        for number in range(12):
            gate.admit(KEEPS, HERE if number % 2 else ELSEWHERE)

        with pytest.raises(Unavailable) as refused:
            gate.admit(KEEPS, HERE)

        asked = gate.asks(KEEPS, HERE)
        assert asked is not None
        gate.admit(KEEPS, HERE, solve(asked))
        assert int(refused.value.headers["Retry-After"]) >= 1

    def test_a_ceiling_holds_for_work_too(self, gate: Gate) -> None:
        """It protects the disk from everybody."""
        gate.admit(KEEPS, HERE, weight=3)
        asked = gate.asks(KEEPS, HERE)
        assert asked is not None

        assert not goes_in(lambda: gate.admit(KEEPS, HERE, solve(asked), weight=18))

    def test_a_flood_that_is_refused_does_not_use_the_ceiling_up(self, gate: Gate) -> None:
        """Else whoever is refused would close the door for those who work."""
        for _ in range(60):
            goes_in(lambda: gate.admit(KEEPS, HERE))

        asked = gate.asks(KEEPS, HERE)

        assert asked is not None
        gate.admit(KEEPS, HERE, solve(asked))

    def test_threads_pass_no_limit(self, gate: Gate) -> None:
        """Knocked at once, as many go in as one after another."""
        with ThreadPoolExecutor(16) as pool:
            taken = list(pool.map(lambda _: goes_in(lambda: gate.admit(DOOR, HERE)), range(200)))

        assert sum(taken) == 5


class TestAddresses:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("203.0.113.7", "203.0.113.200", True),
            ("203.0.113.7", "203.0.114.7", False),
            ("2001:db8:1:2::3", "2001:db8:1:ffff::1", True),
            ("2001:db8:1::", "2001:db8:2::", False),
            ("::ffff:203.0.113.7", "203.0.113.9", True),
            ("fe80::1%eth0", "fe80::2", True),
            ("", "unix:", True),
        ],
    )
    def test_networks_count_together(self, one: str, other: str, *, same: bool) -> None:
        """/24 and /48: who has one address of it has them all."""
        assert (network_of(one) == network_of(other)) is same

    def test_no_address_is_held(self) -> None:
        """Neither it nor its network is found anywhere in what the gate holds."""
        gate = Gate(b"k" * 32, 50)
        address = "203.0.113.7"
        gate.admit(DOOR, address)

        held = repr(gate._limiter.storage.__dict__) + repr(gate.__dict__)

        assert "203.0" not in held
        assert repr(network_of(address)) not in held

    def test_counts_are_few(self) -> None:
        """However many knock, the gate does not grow."""
        gate = Gate(b"k" * 32, 50)

        slots = {gate._slot(f"10.{high}.{low}.1") for high in range(100) for low in range(100)}

        assert len(slots) <= SLOTS

    def test_the_next_day_counts_anew(self) -> None:
        """The key of addresses is drawn each day, so that no day can be laid beside another."""
        day = [date(2026, 3, 1)]
        gate = Gate(b"k" * 32, 50, lambda: day[0])
        before = [gate._slot(f"203.0.{number}.1") for number in range(20)]

        day[0] = date(2026, 3, 2)

        assert [gate._slot(f"203.0.{number}.1") for number in range(20)] != before
