"""`homeward faces`: search copies of templates in PostgreSQL, and the graphs over them."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.core.context import Context, open_context
from app.core.errors import Conflict
from app.core.settings import Settings

if TYPE_CHECKING:
    from app.candidates.vector_search import Shelf

faces_app = typer.Typer(no_args_is_help=True, help="The index of faces in PostgreSQL.")
out = Console()

Memory = Annotated[
    str,
    typer.Option(help="Memory of the server for building: a graph that fits is built several times faster."),
]


@faces_app.command("status")
def status() -> None:
    """Say how the copies and graphs of each encoder stand."""
    from app.candidates import vector_copies, vector_index, vector_schema  # noqa: PLC0415 - loads arrays.
    from app.encoders import queries as encoders  # noqa: PLC0415 - as above.

    context = _opened()
    out.print(f"Faces are searched by: {context.settings.face_index}.")
    with context.db.read() as session:
        if not vector_schema.exists(session.connection()):
            out.print("There are no search copies; homeward faces index makes them.")
            return
        for encoder in encoders.in_use(session):
            found = vector_index.state(session, encoder, context.keys.newest)
            out.print(
                f"{encoder.name} {encoder.version} ({encoder.state.value}): {found.copies} copies, "
                f"{found.of_other_keys} turned by older keys; "
                f"graph: {', '.join(found.graphs) or 'none'}, {found.byte_count / 1e6:.1f} MB; "
                f"unfinished: {', '.join(found.broken) or 'none'}.",
                soft_wrap=True,
                highlight=False,
            )
        out.print(f"References that have to be copied: {vector_copies.due(session)}.")
    context.close()


@faces_app.command("index")
def index(
    memory: Memory = "1GB",
    *,
    small: Annotated[bool, typer.Option(help="Also where all are compared.")] = False,
) -> None:
    """Copy what is not copied yet and build graphs that are missing; stopped, the next call goes on."""
    _work(memory, small=small, anew=False)


@faces_app.command("reindex")
def reindex(
    memory: Memory = "1GB",
    *,
    small: Annotated[bool, typer.Option(help="Also where all are compared.")] = False,
) -> None:
    """Turn copies by the newest key and build each graph anew beside the old one, while searches run."""
    _work(memory, small=small, anew=True)


def _opened() -> Context:
    context = open_context(Settings())
    if context.db.engine.dialect.name != "postgresql":
        context.close()
        raise Conflict("The index of faces needs PostgreSQL: set HOMEWARD_DATABASE_URL.")
    return context


def _work(memory: str, *, small: bool, anew: bool) -> None:
    from app.candidates import vector_copies, vector_index, vector_schema  # noqa: PLC0415 - as above.
    from app.encoders import queries as encoders  # noqa: PLC0415 - as above.

    context = _opened()
    with context.db.engine.begin() as connection:
        vector_schema.make(connection)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        due = vector_copies.mark_missing(context.db)
        task = progress.add_task("Copies", total=due)
        done = vector_copies.keep_up(
            context.db,
            context.keys,
            renew=None,
            on_progress=lambda count: progress.update(task, completed=count, total=max(count, due)),
        )
        progress.update(task, completed=done, total=done)
        with context.db.read() as session:
            shelves = [
                shelf
                for encoder in encoders.in_use(session)
                for shelf in vector_index.shelves_of(session, encoder)
            ]
            wanted = [
                shelf for shelf in shelves if vector_index.is_wanted(session, shelf, small=small, anew=anew)
            ]
        for shelf in wanted:
            _build(context, shelf, memory, progress)
        dropped = vector_index.drop_others(context.db, shelves)
    context.close()
    out.print(f"{done} references copied; {len(wanted)} graphs built, {len(dropped)} without use dropped.")


def _build(context: Context, shelf: "Shelf", memory: str, progress: Progress) -> None:
    from app.candidates import vector_index  # noqa: PLC0415 - as above.

    task = progress.add_task("Graph", total=None)

    def tell(phase: str, done: int, total: int) -> None:
        progress.update(task, description=phase, completed=done, total=total or None)

    try:
        name = vector_index.build(context.db, shelf, memory=memory, on_progress=tell)
    except vector_index.AlreadyBuilding as error:
        raise Conflict("Another process builds a graph; wait until it has ended.") from error
    progress.update(task, description=f"Graph {name}", completed=1, total=1)
