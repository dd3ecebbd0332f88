"""The commands that keep the pool of known answers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.core.context import open_context
from app.core.settings import Settings

golden_app = typer.Typer(
    no_args_is_help=True, help="Known answers that are mixed in among candidates; synthetic people only."
)
out = Console()


@golden_app.command("add")
def add(
    folder: Annotated[Path, typer.Argument(help="Folder with golden.csv and its pictures.")],
) -> None:
    """Add pairs of pictures of people who do not exist; a pair whose name is known stays as it is."""
    from app.reviews import golden_pool  # noqa: PLC0415 - only this command reads pictures.

    context = open_context(Settings())
    try:
        added, known = golden_pool.add_folder(context, folder)
    finally:
        context.close()
    out.print(f"{added} known answers added, {known} were known. Workers examine them now.")


@golden_app.command("list")
def show() -> None:
    """List the pool: what is the answer, whether it can be used, how often it was."""
    from app.reviews import golden_queries  # noqa: PLC0415 - as above.

    context = open_context(Settings())
    with context.db.read() as session:
        lines = golden_queries.pool(session)
    context.close()
    table = Table("Name", "Answer", "State", "Mixed in")
    for line in lines:
        state = "retired" if line.item.retired_at else "ready" if line.ready else "no face yet"
        table.add_row(Text(line.item.name), line.item.truth.value, state, str(line.uses))
    out.print(table)


@golden_app.command("retire")
def retire(name: Annotated[str, typer.Argument(help="The name in golden.csv.")]) -> None:
    """Use a pair no more; decisions on it keep counting."""
    from app.reviews import golden_pool  # noqa: PLC0415 - as above.

    context = open_context(Settings())
    try:
        with context.db.write() as session:
            golden_pool.retire(session, name)
    finally:
        context.close()
    out.print("Retired.")
