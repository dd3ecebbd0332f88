"""Accounts, roles, sessions."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column
from sqlmodel import Field, SQLModel

from app.core.clock import now
from app.core.columns import Row, UtcDateTime, stored


class Role(StrEnum):
    """What an officer is there for; one officer may hold several."""

    REVIEWER = "reviewer"  # Compares candidates and triages tips.
    INVESTIGATOR = "investigator"  # Opens and runs cases.
    SUPERVISOR = "supervisor"  # Examines disputes, sees failed items, closes cases.
    CLERK = "clerk"  # Keeps the registry of records.
    AUDITOR = "auditor"  # Reads the audit log and nothing else.
    CUSTODIAN = "custodian"  # Alone may open a tipster's contact, on a written request.
    ADMIN = "admin"  # Adds officers and sets roles; sees no photo.


class Officer(Row, table=True):
    """An account."""

    __tablename__ = "officer"

    username: str = Field(unique=True)
    name: str
    badge: str = Field(unique=True)
    password_hash: str
    roles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    jurisdiction_code: str = Field(foreign_key="jurisdiction.code")
    active: bool = True
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    def has(self, *roles: str) -> bool:
        """Whether the officer holds at least one of the roles."""
        return any(role in self.roles for role in roles)

    def may(self, right: str) -> bool:
        """Whether the officer holds a right; templates name it by its code."""
        from app.officers.access import NATION, RULES, Right  # noqa: PLC0415 - the table names roles of here.

        rule = RULES[Right(right)]
        return self.has(*rule.roles) and (not rule.national or self.jurisdiction_code == NATION)


class OfficerSession(Row, table=True):
    """A sign-in; only the hash of its cookie is stored."""

    __tablename__ = "officer_session"

    token_sha256: str = Field(unique=True)
    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    second_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the second factor was given; without it the session only serves to give or to set one up."""
    stepped_up_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the officer last proved anew to be there, before an export or an unsealing."""


class FactorKind(StrEnum):
    """What proves, beside the password, that it is the officer."""

    TOTP = "totp"  # Six digits of an authenticator app.
    WEBAUTHN = "webauthn"  # A security key or passkey, bound to this address.


class SecondFactor(Row, table=True):
    """An authenticator app or a security key of an officer."""

    __tablename__ = "second_factor"

    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    kind: FactorKind = Field(sa_type=stored(FactorKind))
    name: str
    secret_sealed: bytes | None = None
    """Of an authenticator app."""
    credential_id: bytes | None = Field(default=None, unique=True)
    public_key: bytes | None = None
    sign_count: int = Field(default=0, sa_type=BigInteger)
    last_step: int | None = None
    """The latest thirty-second step whose digits were used; they count once."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FactorReset(Row, table=True):
    """A wish that an officer's second factors be taken away; a second administrator has to agree."""

    __tablename__ = "factor_reset"

    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    asked_by: UUID = Field(foreign_key="officer.id")
    asked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    decided_by: UUID | None = Field(default=None, foreign_key="officer.id")
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    agreed: bool = False


class RecoveryCode(Row, table=True):
    """A code for the day the second factor is lost; it counts once."""

    __tablename__ = "recovery_code"

    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    code_hash: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OfficerIdentity(SQLModel, table=True):
    """Who an officer is in the directory of their force (OpenID Connect)."""

    __tablename__ = "officer_identity"

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    officer_id: UUID = Field(foreign_key="officer.id", index=True)
    linked_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class SignInFailure(Row, table=True):
    """A wrong password, counted to slow down guessing; a user name's keyed hash, never an address."""

    __tablename__ = "sign_in_failure"

    account: str = Field(index=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
