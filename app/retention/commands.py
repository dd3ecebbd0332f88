"""`homeward retention`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.core.context import open_context
from app.core.settings import Settings
from app.retention import journal, nights, queries
from app.retention.models import RetentionState

retention_app = typer.Typer(no_args_is_help=True, help="What is kept for how long, and what goes.")
out = Console()


@retention_app.command("preview")
def preview() -> None:
    """Count what is due now; nothing is changed."""
    settings = Settings()
    table = Table("class", "days", "due", "of", "")
    for each in queries.preview(open_context(settings)):
        table.add_row(
            each.keeping.code,
            f"{each.keeping.days(settings):g}",
            str(each.count),
            "-" if each.stock is None else str(each.stock),
            "a person has to look first" if each.is_too_much(settings.retention_share) else "",
        )
    out.print(table)


@retention_app.command("run")
def run() -> None:
    """Do now what the night would do; ends with status 1 if it was refused."""
    done = nights.run(open_context(Settings()))
    if done.state == RetentionState.REFUSED:
        out.print(f"Refused ({done.reason}): a supervisor of the nation looks at /console/retention first.")
        raise typer.Exit(1)
    for code, count in done.counts.items():
        out.print(f"{code}: {count}")


@retention_app.command("replay")
def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, help="The journal of erasures, erased.jsonl, kept elsewhere.")
    ],
) -> None:
    """Erase again what was erased after a backup that has just been restored."""
    out.print(f"{journal.replay(open_context(Settings()), file)} erased again.")
