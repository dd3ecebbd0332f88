"""`homeward database move`: from SQLite to PostgreSQL, or back."""

from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.engine import make_url

from app.audit import service as audit
from app.backup import copying
from app.core.context import open_context
from app.core.db import Database
from app.core.errors import Invalid
from app.core.settings import Settings

database_app = typer.Typer(no_args_is_help=True, help="The database itself.")
out = Console()


@database_app.callback()
def _several() -> None:
    """Its commands have names, though there is one."""


@database_app.command("move")
def move(
    to: Annotated[str, typer.Option(help="Its address, as postgresql+psycopg://user@host/name; empty.")],
) -> None:
    """Copy all rows into an empty database. Stop everything first; photos and keys stay where they are."""
    context = open_context(Settings())
    if make_url(to) == context.db.engine.url:
        raise Invalid("This is the database that is in use.")
    target = Database(to)
    found = copying.move(context.db, target)
    with target.read() as session:
        verdict = audit.verify(
            session, audit.checkpoints_path(context.settings), context.keys.signing, processes=1
        )
    target.close()
    if verdict.problems:
        raise Invalid("The audit log of the copy is broken. Go on with the old database.")
    out.print(
        f"{sum(found.values())} rows of {len(found)} tables, {verdict.rows} of them of the audit log: whole."
    )
    out.print("Now set HOMEWARD_DATABASE_URL to it and start everything again.")
