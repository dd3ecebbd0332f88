"""Proof of work: a sum that costs a browser a moment and a flood its pace, without a picture puzzle.

Whoever is asked tries numbers until one gives the hash that was named; the server checks one hash and its own
signature. Nothing about the asker goes into it. A sum counts once in the process that took it, at one door
only, and for ten minutes.
"""

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from altcha import v1 as altcha

LIFE_S = 600
"""Seconds within which a sum has to be handed in: a form may be filled in meanwhile."""
LONGEST = 2000
"""Characters of a solved sum; more is not read."""
FIELDS: dict[str, type] = {"algorithm": str, "challenge": str, "number": int, "salt": str, "signature": str}
ALGORITHM: Final = "SHA-256"


@dataclass(frozen=True)
class Sum:
    """What is asked of a browser: the number whose hash behind the salt is the challenge.

    Attributes:
        challenge: SHA-256 over salt and number, hexadecimal.
        salt: random, with the door and the moment until which it may be handed in.
        signature: this deployment's, over the challenge.
        most: the highest number that has to be tried.
    """

    challenge: str
    salt: str
    signature: str
    most: int


class Workshop:
    """Sets sums and takes them back solved.

    Args:
        key: what sums are signed with; the same in all processes of a deployment.
        clock: seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()

    def ask(self, door: str, most: int) -> Sum:
        """Set a sum for a door.

        Args:
            door: a short name in small letters; at another door the sum counts for nothing.
            most: the highest number that has to be tried; half of it on average.
        """
        made = altcha.create_challenge(
            altcha.ChallengeOptions(
                algorithm=ALGORITHM,
                max_number=most,
                hmac_key=self._key,
                expires=datetime.fromtimestamp(self._clock(), UTC) + timedelta(seconds=LIFE_S),
                params={"door": door},
            )
        )
        return Sum(made.challenge, made.salt, made.signature, most)

    def accept(self, door: str, solved: str) -> bool:
        """Take a solved sum; the same one is not taken twice.

        Args:
            door: where it is handed in.
            solved: base64 over JSON, as the browser sends it; anything else is no solved sum.
        """
        payload = _read(solved)
        if payload is None or payload["algorithm"] != ALGORITHM:
            return False
        options = altcha.extract_params(payload)
        if options.get("door") != [door] or not self._in_time(options.get("expires", [])):
            return False
        valid, _ = altcha.verify_solution(payload, self._key, check_expires=False)
        return bool(valid) and self._spend(payload["challenge"])

    def _in_time(self, expires: list[str]) -> bool:
        return len(expires) == 1 and expires[0].isdigit() and int(expires[0]) >= self._clock()

    def _spend(self, challenge: str) -> bool:
        moment = self._clock()
        with self._lock:
            while self._spent:
                oldest = next(iter(self._spent))
                if self._spent[oldest] > moment:
                    break
                del self._spent[oldest]
            if challenge in self._spent:
                return False
            # A second longer than the sum itself lives, since its own moment is rounded down.
            self._spent[challenge] = moment + LIFE_S + 1
            return True


def solve(asked: Sum) -> str:
    """Solve a sum as a browser does; for tests and measurements."""
    found = altcha.solve_challenge(asked.challenge, asked.salt, ALGORITHM, asked.most)
    if found is None:
        msg = "no number up to the highest one solves this"
        raise ValueError(msg)
    body = {
        "algorithm": ALGORITHM,
        "challenge": asked.challenge,
        "number": found.number,
        "salt": asked.salt,
        "signature": asked.signature,
    }
    return base64.b64encode(json.dumps(body).encode()).decode()


def _read(solved: str) -> Any:
    if not solved or len(solved) > LONGEST:
        return None
    try:
        payload = json.loads(base64.b64decode(solved, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(payload, dict) or set(payload) != set(FIELDS):
        return None
    sound = all(type(payload[name]) is kind for name, kind in FIELDS.items())
    return payload if sound else None
