"""Sign-ins with cheap hashing: what is tried here is who gets in, not how long it takes."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from app.officers import passwords
from app.officers.models import Officer, Role
from tests.make import Make

PASSWORD = "four unrelated words"

MakeAccount = Callable[..., Officer]


@pytest.fixture(autouse=True)
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with the least work it takes."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def account(make: Make) -> MakeAccount:
    """Makes officers who can sign in with the password of these tests."""

    def made(*roles: Role, area: str = "440304", one_time: bool = False) -> Officer:
        return make.officer(*roles, area=area, password_hash=passwords.hash_new(PASSWORD, one_time=one_time))

    return made
