"""The command that checks a proof of submission."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.core.context import open_context
from app.core.errors import Invalid
from app.core.settings import Settings
from app.tips import proof

receipt_app = typer.Typer(no_args_is_help=True, help="Proofs of submission.")
out = Console()


@receipt_app.callback()
def _group() -> None:
    """Keep `verify` a command of its own although it is the only one."""


@receipt_app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The proof, as its sender saved it.")],
    *,
    key: Annotated[
        str, typer.Option(help="Public key in hex: checks the signature alone, without a database.")
    ] = "",
) -> None:
    """Check a proof of submission; ends with status 1 if it does not hold."""
    try:
        found = proof.read(_text(file))
    except Invalid:
        out.print("[red]broken[/red]: this is no proof of submission")
        raise typer.Exit(1) from None
    verdict = proof.check(found, key.lower(), None) if key else _checked_here(found)
    if not verdict.genuine:
        out.print("[red]broken[/red]: the statement was altered, or another key signed it")
    elif verdict.in_chain is False:
        out.print(f"[red]broken[/red]: row {found.seq} of the audit log is gone, or was changed")
    if not verdict.holds:
        raise typer.Exit(1)
    where = f"row {found.seq} of the audit log says so" if verdict.in_chain else "the audit log was not read"
    came = found.received_at.isoformat(sep=" ")
    told = f"Genuine: received on {came}, photos: {len(found.photos)}; {where}."
    out.print(told, soft_wrap=True, markup=False, highlight=False)
    for digest in found.photos:
        out.print(f"  SHA-256 {digest}", soft_wrap=True, highlight=False)


def _checked_here(found: proof.Proof) -> proof.Verdict:
    context = open_context(Settings())
    try:
        with context.db.read() as session:
            return proof.check(found, proof.public_key(context), session)
    finally:
        context.close()


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(proof.LONGEST + 1).decode("utf-8", "replace")
