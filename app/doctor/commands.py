"""`homeward doctor`."""

from typing import Annotated

import typer
from rich.console import Console

from app.core.context import open_context
from app.core.settings import Settings
from app.doctor import checks, stored
from app.doctor.findings import Level

out = Console()
STATUS = {Level.FINE: 0, Level.LOOK: 1, Level.BROKEN: 2}
COLOUR = {Level.FINE: "green", Level.LOOK: "yellow", Level.BROKEN: "red"}


def doctor(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Open every stored photo, read the whole log.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    sweep: Annotated[bool, typer.Option(help="Delete old files that no row names.")] = False,
) -> None:
    """Say whether everything holds, and what to do where it does not; status 1: look, 2: broken."""
    context = open_context(Settings())
    if sweep:
        out.print(f"{stored.sweep(context)} files that no row names were deleted.")
    found = checks.examine(context, everything=everything)
    if as_json:
        typer.echo(checks.as_json(found))
    else:
        for one in found:
            out.print(
                f"[{COLOUR[one.level]}]{one.level:6}[/] {one.check}: {one.says} {one.do}".rstrip(),
                soft_wrap=True,
            )
    raise typer.Exit(max(STATUS[one.level] for one in found))
