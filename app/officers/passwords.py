"""Officers' passwords: which are taken, how they are hashed, and how many are hashed at once."""

import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import Invalid, Unavailable

SHORTEST = 12
"""Characters; NIST SP 800-63B asks for 8 at least, and length helps more than rules about signs."""

LONGEST = 200
"""Characters; hashing a book is work for nothing."""

FEWEST_DIFFERENT = 5
"""Different characters; twelve times the same one is long and still guessed first."""

LEAST_SCORE = 3
"""Of zxcvbn: 3 stands for more than a hundred million guesses of somebody who knows the common lists."""

COMMON_HERE = (
    "homeward",
    "woaini",
    "woaini1314",
    "1314520",
    "5201314",
    "wodemima",
    "mima",
    "gongan",
    "jingcha",
)
"""What the library's lists, which are English, do not have."""

LONGEST_SCORED = 72
"""Characters that are scored; the time that takes grows with their square."""

HASHER = PasswordHasher()
"""Argon2id; a stored hash made with other parameters is made anew at the next sign-in."""

HASHED_AT_ONCE = 4
"""Hashes under way in one process: each takes 64 MiB, and a flood of sign-ins must not take them all."""

LONGEST_WAIT_S = 5.0
"""Seconds that a sign-in waits for its turn to hash."""

ONE_TIME = "one-time$"
"""Starts the stored hash of a password that an administrator made: good for choosing another, and no more."""

_turns = BoundedSemaphore(HASHED_AT_ONCE)


def check_choice(password: str, username: str, *known: str) -> None:
    """Refuse a password that is guessed first.

    Args:
        password: what the officer wants.
        username: their user name.
        known: what strangers know of them: name, badge.

    Raises:
        Invalid: too short, too long, or guessed soon by who knows the common lists and the officer.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists take a moment to load.

    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            "A password has %(least)s to %(most)s characters. A few unrelated words are easy to remember.",
            field="password",
            least=SHORTEST,
            most=LONGEST,
        )
    plain = unicodedata.normalize("NFKC", password)[:LONGEST_SCORED]
    found = zxcvbn(plain, user_inputs=[username, *known, *COMMON_HERE], max_length=LONGEST_SCORED)
    if found["score"] < LEAST_SCORE or len(set(plain)) < FEWEST_DIFFERENT:
        raise Invalid(
            "This password would be guessed soon. "
            "A few unrelated words are harder to guess and easy to remember.",
            field="password",
        )


def hash_new(password: str, *, one_time: bool = False) -> str:
    """Hash a password for storing.

    Args:
        password: the password, already checked.
        one_time: whether it only serves to choose another.

    Returns:
        An Argon2id hash with its parameters and salt.

    Raises:
        Unavailable: too many hashes are under way.
    """
    with _turn():
        hashed = HASHER.hash(_normal(password))
    return ONE_TIME + hashed if one_time else hashed


def is_one_time(stored: str) -> bool:
    """Whether a stored hash belongs to a password that only serves to choose another."""
    return stored.startswith(ONE_TIME)


def fits(stored: str | None, password: str) -> bool:
    """Hold a typed password against a stored hash, with the same work whether there is one or not.

    Args:
        stored: the account's hash; None when there is no such account.
        password: what was typed.

    Returns:
        Whether it is the account's password.

    Raises:
        Unavailable: too many hashes are under way.
    """
    stand_in = _stand_in(HASHER)
    held = stand_in if stored is None else stored.removeprefix(ONE_TIME)
    with _turn():
        try:
            return HASHER.verify(held, _normal(password)) and stored is not None
        except InvalidHashError:
            _burn(stand_in, password)
            return False
        except VerificationError:
            return False


def is_outdated(stored: str) -> bool:
    """Whether a stored hash was made with other parameters than are used now."""
    return HASHER.check_needs_rehash(stored.removeprefix(ONE_TIME))


def invent() -> str:
    """Make a one-time password: about 99 bits, in five groups that can be read out."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(5))


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=LONGEST_WAIT_S):
        raise Unavailable("Many people are signing in just now. Please try again in a moment.")
    try:
        yield
    finally:
        _turns.release()


@cache
def _stand_in(hasher: PasswordHasher) -> str:
    """A hash of nothing anybody knows, so that an unknown user name costs as much as a known one."""
    return hasher.hash(secrets.token_urlsafe())


def _burn(stand_in: str, password: str) -> None:
    """Do the work of a comparison whose stored hash is none."""
    try:
        HASHER.verify(stand_in, _normal(password))
    except VerificationError:
        return


def _normal(password: str) -> str:
    """One form for what different keyboards send as the same letters."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])
