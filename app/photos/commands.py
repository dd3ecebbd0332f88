"""The commands that exchange lists of picture hashes, and the one that moves photos to another place."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.core.context import open_context
from app.core.settings import Settings

hashes_app = typer.Typer(no_args_is_help=True, help="Lists of picture hashes.")
photos_app = typer.Typer(no_args_is_help=True, help="Where photos lie.")
out = Console()


@photos_app.callback()
def photos() -> None:
    """Where photos lie."""


@photos_app.command("move")
def move_photos(
    to: Annotated[str, typer.Option(help="s3://bucket/prefix?endpoint=..., or the word folder.")],
) -> None:
    """Copy all photos to another place while everything runs; stopped and repeated, it goes on."""
    from app.photos import relocating  # noqa: PLC0415 - reads all tables.

    context = open_context(Settings())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task("Photos", total=None)
        done = relocating.copy_all(
            context,
            "" if to == "folder" else to,
            lambda count, total: bar.update(task, completed=count, total=total),
        )
    context.close()
    out.print(
        f"{done.where}: {done.copied} files copied and compared, {done.before} were there, "
        f"{done.removed} erased since and removed.",
        soft_wrap=True,
    )
    if done.gone:
        out.print(f"[red]{done.gone} files are missing where they are now.[/] Run: homeward doctor")
        raise typer.Exit(1)
    out.print(
        "Next: stop Homeward, run this once more, set HOMEWARD_PHOTO_STORE_URL, start, homeward doctor."
    )


@hashes_app.command("export")
def export_hashes(
    file: Annotated[Path, typer.Argument(help="Where to write: .csv, .jsonl or .txt.")],
) -> None:
    """Write the PDQ hash of one photo of each cluster, for others who look for the same pictures."""
    from app.photos import hash_lists  # noqa: PLC0415 - loads NumPy and PDQ.

    context = open_context(Settings())
    with context.db.read() as session:
        count = hash_lists.write_list(file, hash_lists.of_own_clusters(session))
    context.close()
    out.print(f"{count} hashes written to {file}.")


@hashes_app.command("import")
def import_hashes(
    file: Annotated[Path, typer.Argument(help="A list of PDQ hashes: .csv, .jsonl or .txt.")],
    name: Annotated[str, typer.Option(help="What officers read beside a photo that is on it.")],
) -> None:
    """Bring in known pictures; tips with one of them are flagged in triage, never dropped."""
    from app.photos import hash_lists  # noqa: PLC0415 - as above.

    listed = hash_lists.read_list(file)
    context = open_context(Settings())
    count = hash_lists.add_list(context.db, name, listed)
    context.close()
    out.print(f"{count} of {len(listed)} pictures added to the list {name}.")
