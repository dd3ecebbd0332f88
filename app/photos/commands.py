"""The commands that exchange lists of picture hashes."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.core.context import open_context
from app.core.settings import Settings

hashes_app = typer.Typer(no_args_is_help=True, help="Lists of picture hashes.")
out = Console()


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
