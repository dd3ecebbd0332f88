"""`homeward backup` and `homeward restore`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pyrage import x25519
from rich.console import Console

from app.backup import reading, writing
from app.core.context import open_context
from app.core.settings import Settings
from app.retention import journal

backup_app = typer.Typer(no_args_is_help=True, help="One sealed file of everything, and the way back.")
out = Console()

Signer = Annotated[str, typer.Option(help="Public key, as hex, that has to have signed it.")]
Identity = Annotated[Path, typer.Option(help="File with the secret key that opens it.")]


@backup_app.command("keygen")
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the secret key goes; keep it elsewhere.")],
) -> None:
    """Make a key pair for backups: the secret half into a file, the public half printed."""
    identity = x25519.Identity.generate()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as secret:
        secret.write(f"# public key: {identity.to_public()}\n{identity}\n")
    out.print(f"Set HOMEWARD_BACKUP_RECIPIENTS={identity.to_public()}", soft_wrap=True)
    out.print(f"Take {file} off this machine: with it, every backup opens.")


@backup_app.command("make")
def make(
    file: Annotated[Path, typer.Argument(help="The backup to write, as tonight.age.")],
    *,
    with_keys: Annotated[bool, typer.Option(help="Put the deployment's key file into it as well.")] = False,
    with_photos: Annotated[
        bool, typer.Option(help="Leave photos out only where their bucket keeps old versions and copies.")
    ] = True,
) -> None:
    """Write a backup while everything runs; it appears whole or not at all."""
    context = open_context(Settings())
    written = writing.write(context, file, with_keys=with_keys, with_photos=with_photos)
    out.print(
        f"{written.path}: {written.files} files, {written.byte_count / 1e6:.1f} MB, sealed.", soft_wrap=True
    )
    if written.erased:
        out.print(f"{written.erased} files were erased while it was written and are not in it.")
    if not with_photos:
        out.print(
            "The photos are not in it: it is worth what the bucket's own versions and copies are worth."
        )
    if not with_keys:
        out.print("The key file is not in it. Keep a copy of it elsewhere, apart from the backups.")


@backup_app.command("verify")
def verify(file: Path, identity: Identity, signed_by: Signer = "") -> None:
    """Read a backup from end to end: signature, every digest, the database, the chain of the audit log."""
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = reading.verify(file, reading.identity_of(identity), settings, signed_by)
    out.print(f"Whole: made {found.made_at}, {found.files} files, {found.rows} rows of the audit log.")


def restore(
    file: Path,
    identity: Identity,
    signed_by: Signer = "",
    erased: Annotated[
        Path | None, typer.Option(exists=True, help="The journal of erasures kept elsewhere, newer.")
    ] = None,
) -> None:
    """Put a backup into the empty data folder of the settings, checked from end to end."""
    settings = Settings()
    found = reading.restore(file, reading.identity_of(identity), settings, signed_by)
    out.print(
        f"Restored into {settings.data_dir}: made {found.made_at}, {found.files} files, {found.rows} rows of "
        "the audit log.",
        soft_wrap=True,
    )
    if found.missing:
        out.print(f"[red]{found.missing} photos that it names are not in the photo store.[/]")
    if erased is not None:
        out.print(f"Erased again: {journal.replay(open_context(settings), erased)} tips and records.")
    else:
        out.print(
            "What was erased after this backup is back. Before anybody signs in: "
            "homeward retention replay FILE, with the newest erased.jsonl that was kept elsewhere."
        )
    out.print("Next: homeward doctor, then homeward audit verify.")
