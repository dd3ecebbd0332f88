"""`homeward keys`: what seals, a new key, and sealing everything to it."""

from typing import Annotated

import typer
from rich.console import Console

from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.context import open_context
from app.core.crypto import add_key
from app.core.settings import Settings
from app.keys import retiring, rewrapping

keys_app = typer.Typer(no_args_is_help=True, help="Keys that photos, templates and texts are sealed to.")
out = Console()


@keys_app.command("list")
def list_keys() -> None:
    """Say which keys there are and how many stored values need each."""
    context = open_context(Settings())
    counts = rewrapping.needed(context)
    for number in context.keys.numbers:
        newest = ", seals what is new" if number == context.keys.newest else ""
        out.print(f"key {number}: {counts.get(number, 0)} values{newest}")
    for number, count in rewrapping.needed_by_log(context).items():
        out.print(f"key {number}: {count} words in the audit log, which is never rewritten")
    if counts.get(0):
        out.print(f"never sealed: {counts[0]} values; `homeward keys rewrap` seals them")


@keys_app.command("rotate")
def rotate() -> None:
    """Add a key; from now on it seals what is new. Processes that run take it up by themselves."""
    settings = Settings()
    retiring.refuse_elsewhere(settings)
    open_context(settings).close()
    number = add_key(settings.key_file)
    context = open_context(settings)
    with context.db.write() as session:
        audit.record(session, SYSTEM, Action.KEYS_ROTATED, "key", str(number))
    out.print(
        f"Key {number} seals from now on. Keep a copy of {settings.key_file}, then: homeward keys rewrap"
    )


@keys_app.command("rewrap")
def rewrap() -> None:
    """Seal everything to the newest key; may be stopped and repeated. Status 1: something did not open."""
    done = rewrapping.rewrap(open_context(Settings()))
    for name, count in done.changed.items():
        out.print(f"{name}: {count}")
    if not done.shut:
        out.print("Everything is sealed to the newest key.")
        return
    for name, count in done.shut.items():
        out.print(f"{name}: {count} do not open and were left as they are")
    out.print("Put back the key file of before, with all its lines, and repeat; or restore those rows.")
    raise typer.Exit(1)


@keys_app.command("retire")
def retire(
    number: Annotated[int, typer.Argument(help="Number of a key that nothing needs any more.")],
) -> None:
    """Take a key out of the key file, once nothing stored is sealed to it."""
    retiring.retire(open_context(Settings()), number)
    out.print(
        f"Key {number} is gone from the key file. Restart Homeward so that no process remembers it, and "
        "destroy copies of the file once the backups that need them have gone."
    )
