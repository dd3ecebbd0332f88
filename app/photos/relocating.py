"""Copying all sealed files to another place, a bucket or the folder, while everything runs.

Every copy is read back and held against the original by its SHA-256 before its name goes into a list beside
the data; a run that was stopped goes on after that list. What was erased since is removed from the new place.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Conflict, Invalid
from app.core.files import PhotoStore, append_lines, whole_lines
from app.core.objects import Objects, StoreTrouble, open_objects
from app.core.store_address import FORM, parse
from app.doctor.stored import named_by_rows

NAMES_AT_A_TIME = 50
"""Copies after which the list is brought to the disk; as many at most are looked at again after a stop."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Copied:
    """What a run did.

    Attributes:
        where: the new place.
        copied: files brought there and held against their originals by this run.
        before: files that earlier runs had brought.
        removed: copies of files that were erased since.
        gone: files that rows name and that the present place does not have.
    """

    where: str
    copied: int
    before: int
    removed: int
    gone: int


def copy_all(context: Context, address: str, on_progress: OnProgress = lambda _done, _all: None) -> Copied:
    """Copy every file that a row names to another place.

    Args:
        context: the open deployment; its settings name the present place.
        address: the new place; "" is the folder in the data folder.
        on_progress: told after each file how many of how many are settled.

    Raises:
        Invalid: this is no address.
        Conflict: the photos are there already.
        StoreTrouble: one of the places does not answer, refuses, or gave back other bytes than it was given.
        FileExistsError: the new place has something else under a photo's name.
    """
    if address:
        try:
            parse(address)
        except ValueError as error:
            raise Invalid(
                "This is no address of a photo store. It has the form %(form)s.", form=FORM
            ) from error
    source, target = context.store.objects, open_objects(context.settings, address)
    if source.where == target.where:
        raise Conflict("The photos are there already: name another place to move them to.")
    PhotoStore(target, context.keys).check()
    journal = _journal(context, target)
    named = named_by_rows(context)
    brought = set(whole_lines(journal)) & {each.name for each in target.listed()}
    missing = sorted(named - brought)
    copied, gone, unsaved = set[str](), set[str](), list[str]()
    try:
        for done, name in enumerate(missing, start=len(named) - len(missing) + 1):
            if _copy(source, target, name):
                copied.add(name)
                unsaved.append(name)
            else:
                gone.add(name)
            if len(unsaved) >= NAMES_AT_A_TIME:
                append_lines(journal, unsaved)
                unsaved.clear()
            on_progress(done, len(named))
    finally:
        append_lines(journal, unsaved)
    named = named_by_rows(context)
    erased = (brought | copied) - named
    for name in erased:
        target.remove(name)
    with context.db.write() as session:
        audit.record(
            session,
            SYSTEM,
            Action.PHOTOS_COPIED,
            "store",
            target.where,
            files=len(copied),
            erased=len(erased),
        )
    return Copied(target.where, len(copied), len(brought), len(erased), len(gone & named))


def _copy(source: Objects, target: Objects, name: str) -> bool:
    """Copy one file; False if it was erased."""
    try:
        data = source.read(name)
    except FileNotFoundError:
        return False
    target.write(name, data)
    if hashlib.sha256(target.read(name)).digest() != hashlib.sha256(data).digest():
        msg = f"{target.where} gave back other bytes than it was given"
        raise StoreTrouble(msg)
    return True


def _journal(context: Context, target: Objects) -> Path:
    of = hashlib.sha256(target.where.encode()).hexdigest()[:16]
    return context.settings.data_dir / "moves" / f"{of}.txt"
