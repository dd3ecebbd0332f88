"""Tips in steps: a package is opened, filled with files, then finished or retracted.

Finishing first closes the package, then makes the tip under the package's id as the sender's key, then notes
the tip: repeated after whatever happened in between, it goes on and gives the same answer.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.audit import service as audit
from app.audit.models import Action
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound, UnsupportedPhoto
from app.partners import uploads
from app.partners.access import Caller
from app.partners.models import Package, PackageState, Upload
from app.tips import intake, service
from app.tips.intake import NewTip
from app.tips.parts import NO_PHOTO, PHOTOS, Parts, photos_in
from app.tips.service import Accepted

SWEPT_AT_ONCE = 50
"""Packages that one look sweeps, so that it ends soon."""


def open_new(
    session: Session, context: Context, caller: Caller, texts: Mapping[str, str], language: str
) -> Package:
    """Open a package.

    Args:
        session: a writing session.
        context: keys and settings.
        caller: who sends it.
        texts: the tip's fields, as a form would carry them.
        language: of senders that name none.

    Raises:
        Refusal: a field breaks its rule, or the place is missing.
        Conflict: the channel has too many open ones.
    """
    said = {"language": language, **texts}
    intake.partner_tip(Parts(said, (), None, ""), None, language)
    unfinished = session.exec(
        select(func.count(col(Package.id))).where(
            Package.channel_id == caller.channel_id,
            Package.state == PackageState.OPEN,
            col(Package.expires_at) > now(),
        )
    ).one()
    if unfinished >= uploads.MOST_OPEN:
        raise Conflict("This channel has too many open packages. Finish or retract one first.")
    package = Package(
        channel_id=caller.channel_id,
        fields_sealed=context.keys.seal(json.dumps(said).encode()),
        expires_at=now() + timedelta(hours=context.settings.upload_hours),
    )
    session.add(package)
    session.flush()
    audit.record(session, caller.actor, Action.PACKAGE_OPENED, "package", package.id)
    return package


def missing_of(package: Package, files: list[Upload]) -> list[str]:
    """Why a package cannot be finished yet, in codes; nothing once it is closed."""
    if package.state != PackageState.OPEN:
        return []
    reasons = {
        "photos": not files,
        "pieces": any(each.received < each.length for each in files),
        "photo": any(each.details.get("photo") is False for each in files),
    }
    return [name for name, holds in reasons.items() if holds]


def finish(context: Context, caller: Caller, package_id: UUID) -> Accepted:
    """Make a package's tip, once; repeated, the answer is the same.

    Args:
        context: the open deployment; the photos have to be on disk before the tip's transaction begins.
        caller: who sends it.
        package_id: the package.

    Raises:
        NotFound: no such package.
        Conflict: it was retracted, or a file is not whole.
        Refusal: there is no photo, or a file is none.
        Unavailable: the disk or the database does not take it; repeat it.
    """
    package, files = _closed(context, caller, package_id)
    try:
        new = _new_tip(context, package, files)
    except FileNotFoundError:
        # Another request finished it in this moment and removed the pieces.
        with context.db.read() as session:
            package = uploads.own_package(session, caller.channel_id, package_id)
        new = _new_tip(context, package, [])
    accepted = service.accept(context, caller.channel_id, new, caller.actor)
    with context.db.write() as session:
        kept = session.get(Package, package_id)
        if kept is not None:
            kept.tip_id, kept.fields_sealed = accepted.tip_id, b""
            session.add(kept)
        keys = uploads.forget(session, [each.id for each in files])
    uploads.drop(context, keys)
    return accepted


def retract(context: Context, caller: Caller, package_id: UUID) -> None:
    """Take a package back and erase its files; repeated, nothing more happens.

    Raises:
        NotFound: no such package.
        Conflict: it is finished; its tip may be withdrawn.
    """
    with context.db.write() as session:
        package = uploads.own_package(session, caller.channel_id, package_id)
        if package.state == PackageState.FINISHED:
            raise Conflict("This package is finished. Withdraw its tip instead.")
        files = uploads.files_of(session, package.id)
        keys = uploads.forget(session, [each.id for each in files])
        if package.state == PackageState.OPEN:
            package.state, package.fields_sealed = PackageState.RETRACTED, b""
            session.add(package)
            audit.record(
                session, caller.actor, Action.PACKAGE_RETRACTED, "package", package.id, files=len(files)
            )
    uploads.drop(context, keys)


def sweep(context: Context) -> int:
    """Remove what has expired, sealed bytes and rows: packages and their uploads, a bounded number a look.

    Returns:
        Packages removed.
    """
    with context.db.write() as session:
        expired = session.exec(
            select(Package)
            .where(col(Package.expires_at) <= now())
            .order_by(col(Package.expires_at))
            .limit(SWEPT_AT_ONCE)
        ).all()
        ids = [each.id for each in expired]
        keys = uploads.forget(
            session, list(session.exec(select(Upload.id).where(col(Upload.package_id).in_(ids))))
        )
        for package in expired:
            session.delete(package)
    uploads.drop(context, keys)
    return len(expired)


def _closed(context: Context, caller: Caller, package_id: UUID) -> tuple[Package, list[Upload]]:
    """Close a package to everything but its finish."""
    with context.db.write() as session:
        package = uploads.own_package(session, caller.channel_id, package_id)
        files = uploads.files_of(session, package_id)
        if package.state == PackageState.RETRACTED:
            raise Conflict(uploads.CLOSED)
        if package.state == PackageState.OPEN:
            if any(each.received < each.length for each in files):
                raise Conflict("A file of this package is not whole yet. Send the rest, or remove it.")
            if not files:
                raise Invalid("Add at least one photo.", field=PHOTOS)
            if not all(each.details.get("photo") for each in files):
                raise UnsupportedPhoto(NO_PHOTO, field=PHOTOS)
            package.state = PackageState.FINISHED
            session.add(package)
    return package, files


def _new_tip(context: Context, package: Package, files: list[Upload]) -> NewTip:
    """The tip of a closed package; without content when it was made before.

    Raises:
        FileNotFoundError: its pieces were removed in this moment.
    """
    key = str(package.id)
    digest = hashlib.sha256(f"package:{key}".encode()).hexdigest()
    if package.tip_id is not None:
        return NewTip((), "zh", "", None, None, "", False, "", None, None, key, digest)  # noqa: FBT003
    if not files:
        raise NotFound
    texts = json.loads(context.keys.unseal(package.fields_sealed))
    photos, problem = photos_in([uploads.whole(context, each.id) for each in files])
    new = intake.partner_tip(Parts(texts, photos, problem, digest), key, texts["language"])
    marks = (each.details.get("mark") for each in files)
    return replace(new, marks=tuple((mark[0], mark[1]) if mark else None for mark in marks))
