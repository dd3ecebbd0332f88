"""Sealing what is stored to the newest key, while everything runs.

Values are taken in small transactions and may be taken twice: one that is sealed to the newest key already
stays as it is. Killed half-way, the next run goes on. Templates are turned by the new key's rotation as well,
which makes worthless whatever was stolen of them before.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    LargeBinary,
    Select,
    String,
    Table,
    TableClause,
    cast,
    column,
    select,
    table,
    text,
)
from sqlmodel import Session, col

from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.audit.sealed import SEALED
from app.audit.service import SYSTEM
from app.core import crypto, sealing
from app.core.context import Context
from app.core.crypto import Keys, Unsealable
from app.core.sealing import SealedBytes, SealedText, SealedVector
from app.tables import metadata

AT_A_TIME = 500
"""Rows in one transaction; nobody waits long for it."""


@dataclass(frozen=True)
class SealedColumn:
    """A column whose values are sealed.

    Attributes:
        of: its table.
        one: the column.
        number_of: the number of the key that a stored value needs; 0 for one that was never sealed.
        resealed: a stored value, sealed to the newest key.
    """

    of: Table
    one: Column[Any]
    number_of: Callable[[Keys, bytes | str], int]
    resealed: Callable[[Keys, bytes | str], bytes | str]

    def open(self, keys: Keys, value: bytes | str) -> None:
        """See that a stored value opens; one that was never sealed does.

        Raises:
            Unsealable: it does not.
        """
        if self.resealed is _sealed_anew:
            assert isinstance(value, bytes)
            keys.unseal(value)
        elif isinstance(value, bytes):
            sealing.unseal(keys, value, self.name)
        elif value.startswith(sealing.MARK):
            sealing.unseal(keys, _sealed_text(value), self.name)

    @property
    def raw(self) -> TableClause:
        """The table without types: values as they lie in the database."""
        names = dict.fromkeys([self.one.name, *(part.name for part in self.of.primary_key)])
        return table(self.of.name, *(column(name) for name in names))

    def stored(self) -> Select[Any]:
        """All values as they lie there, each with its row's primary key."""
        raw = self.raw
        keys = [raw.c[part.name] for part in self.of.primary_key]
        return select(raw.c[self.one.name], *keys).where(raw.c[self.one.name].is_not(None))

    @property
    def name(self) -> str:
        """Table and column."""
        return f"{self.of.name}.{self.one.name}"


def columns() -> Iterator[SealedColumn]:
    """All sealed columns: known by their type, or, for keys of files and single secrets, by their name."""
    for each in metadata.sorted_tables:
        for one in each.columns:
            kind, name = one.type, f"{each.name}.{one.name}"
            if isinstance(kind, SealedVector):
                yield SealedColumn(each, one, _number, _turned(name))
            elif isinstance(kind, SealedBytes | SealedText):
                yield SealedColumn(each, one, _number, _wrapped(name))
            elif isinstance(kind, LargeBinary) and "sealed" in one.name:
                yield SealedColumn(each, one, _sealed_to, _sealed_anew)


@dataclass(frozen=True)
class Rewrapped:
    """What a run did.

    Attributes:
        changed: values that were sealed anew, by table and column.
        shut: values that did not open and stay as they are, by table and column.
    """

    changed: dict[str, int]
    shut: dict[str, int]


def rewrap(context: Context) -> Rewrapped:
    """Seal everything to the newest key; what does not open stays and is counted."""
    changed, shut = Counter[str](), Counter[str]()
    for each in columns():
        _rewrap_column(context, each, changed, shut)
    if changed:
        context.db.empty_log()
        with context.db.write() as session:
            audit.record(
                session,
                SYSTEM,
                Action.KEYS_REWRAPPED,
                "key",
                str(context.keys.newest),
                values=changed.total(),
            )
    return Rewrapped(dict(changed), dict(shut))


def needed(context: Context) -> dict[int, int]:
    """How many stored values need which key; 0 counts those that were never sealed."""
    counts: dict[int, int] = {}
    with context.db.read() as session:
        for each in columns():
            for value, *_ in session.execute(each.stored()):
                if value:
                    number = each.number_of(context.keys, value)
                    counts[number] = counts.get(number, 0) + 1
    return counts


def needed_by_log(context: Context) -> dict[int, int]:
    """How many words in the audit log need which key; the log is never rewritten, so they stay."""
    counts = Counter[int]()
    with context.db.read() as session:
        details = session.scalars(
            select(col(AuditEvent.detail)).where(cast(AuditEvent.detail, String).contains(SEALED))
        )
        for detail in details:
            for name, value in detail.items():
                if name.endswith(SEALED):
                    counts[crypto.number_of(base64.b64decode(value))] += 1
    return dict(counts)


def _rewrap_column(context: Context, sealed: SealedColumn, changed: Counter[str], shut: Counter[str]) -> None:
    with context.db.read() as session:
        for some in session.execute(sealed.stored()).partitions(AT_A_TIME):
            due = [
                (value, ids)
                for value, *ids in some
                if value and sealed.number_of(context.keys, value) != context.keys.newest
            ]
            if due:
                written, closed = _write(context, sealed, due)
                changed.update({sealed.name: written} if written else {})
                shut.update({sealed.name: closed} if closed else {})


def _write(
    context: Context, sealed: SealedColumn, due: list[tuple[bytes | str, list[object]]]
) -> tuple[int, int]:
    """Seal some values anew.

    Returns:
        How many were, and how many do not open.
    """
    written = closed = 0
    raw = sealed.raw
    with context.db.write() as session, _unguarded(session, sealed.of):
        for value, ids in due:
            try:
                new = sealed.resealed(context.keys, value)
            except Unsealable:
                closed += 1
                continue
            change = raw.update().where(raw.c[sealed.one.name] == value)
            for part, found in zip(sealed.of.primary_key, ids, strict=True):
                change = change.where(raw.c[part.name] == found)
            written += session.execute(change.values({sealed.one.name: new})).rowcount  # type: ignore[attr-defined]
    return written, closed


class _unguarded:  # noqa: N801 - used as a context manager
    """Takes a table's triggers away and puts them back in the same transaction.

    A tip stays what was sent, and a template the same template, when only the key changes it is sealed to.
    """

    def __init__(self, session: Session, table: Table) -> None:
        self._session, self._table = session, table.name

    def __enter__(self) -> None:
        self._triggers: list[tuple[str, str]] = []
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text(f"ALTER TABLE {self._table} DISABLE TRIGGER USER"))
            return
        found = self._session.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"),
            {"name": self._table},
        )
        self._triggers = [(str(name), str(sql)) for name, sql in found]
        for name, _ in self._triggers:
            self._session.execute(text(f"DROP TRIGGER {name}"))

    def __exit__(self, failed: object, *_: object) -> None:
        if failed:
            return  # The transaction ends without effect.
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text(f"ALTER TABLE {self._table} ENABLE TRIGGER USER"))
        for _name, sql in self._triggers:
            self._session.connection().exec_driver_sql(sql)


def _number(_: Keys, value: bytes | str) -> int:
    if isinstance(value, bytes):
        return sealing.number_of(value)
    try:
        return sealing.number_of(sealing.as_bytes(value)) if value.startswith(sealing.MARK) else 0
    except Unsealable:
        return 0  # Sealing it anew finds that it does not open.


def _wrapped(purpose: str) -> Callable[[Keys, bytes | str], bytes | str]:
    def resealed(keys: Keys, value: bytes | str) -> bytes | str:
        if isinstance(value, bytes):
            return sealing.rewrapped(keys, value, purpose)
        if not value.startswith(sealing.MARK):
            return sealing.as_text(sealing.seal(keys, value.encode(), purpose))
        return sealing.as_text(sealing.rewrapped(keys, _sealed_text(value), purpose))

    return resealed


def _sealed_text(value: str) -> bytes:
    """The bytes of a text that is marked as sealed.

    Raises:
        Unsealable: they are not what sealing makes.
    """
    sealed = sealing.as_bytes(value)
    if not sealing.number_of(sealed):
        raise Unsealable("a sealed text does not open")
    return sealed


def _turned(purpose: str) -> Callable[[Keys, bytes | str], bytes | str]:
    def resealed(keys: Keys, value: bytes | str) -> bytes | str:
        assert isinstance(value, bytes)
        number = sealing.number_of(value)
        plain = sealing.unseal(keys, value, purpose)
        if number:
            plain = sealing.turned(keys, number, plain, back=True)
        newest = keys.newest
        return sealing.seal(keys, sealing.turned(keys, newest, plain), purpose, newest)

    return resealed


def _sealed_to(_: Keys, value: bytes | str) -> int:
    assert isinstance(value, bytes)
    return crypto.number_of(value)


def _sealed_anew(keys: Keys, value: bytes | str) -> bytes | str:
    assert isinstance(value, bytes)
    return keys.resealed(value)
