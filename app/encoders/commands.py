"""The commands of an operator who moves a deployment from one encoder to the next."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.core.context import open_context
from app.core.settings import Settings
from app.encoders import queries

out = Console()

Name = Annotated[str, typer.Argument(help="The encoder's name, as `homeward encoders` lists it.")]
Version = Annotated[str, typer.Argument(help="Its version.")]


def encoders() -> None:
    """List the enrolled encoders, which one is searched with, and how much each covers."""
    from app.encoders.installed import is_installed  # noqa: PLC0415 - loads the networks' runtime.

    context = open_context(Settings())
    table = Table("name", "version", "state", "templates", "faces covered", "photos left", "installed")
    with context.db.read() as session:
        for encoder in queries.enrolled(session):
            covered = queries.coverage(session, encoder)
            table.add_row(
                encoder.name,
                encoder.version,
                encoder.state.value,
                str(covered.templates),
                f"{covered.share:.1%} of {covered.faces}",
                str(covered.photos_left),
                "yes" if is_installed(encoder) else "no",
            )
    context.close()
    out.print(table)


def reencode(
    encoder: Annotated[str, typer.Option(help="Name of the encoder; the best installed one without.")] = "",
) -> None:
    """Enrol an encoder and give it templates of every retained photo; stopped, the next call goes on."""
    from app.audit.service import SYSTEM  # noqa: PLC0415 - as below.
    from app.core.errors import Invalid  # noqa: PLC0415 - as below.
    from app.encoders import reencoding, service  # noqa: PLC0415 - as below.
    from app.encoders.installed import key_of  # noqa: PLC0415 - loads the networks' runtime.
    from app.photos.sandbox import Examiner  # noqa: PLC0415 - as above.
    from matching.engine import UnknownEngine, default_engine, engine_named  # noqa: PLC0415 - as above.

    try:
        key = key_of(engine_named(encoder) if encoder else default_engine())
    except UnknownEngine as error:
        raise Invalid("No encoder of this name is installed.", field="encoder") from error
    context = open_context(Settings())
    with context.db.write() as session:
        enrolled = service.enrol(session, key, SYSTEM)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Examiner(encoders=[key.name]) as examiner, Progress(*columns, console=out) as progress:
        task = progress.add_task(f"Photos for {key.name}", total=None)
        reencoding.reencode(
            context,
            enrolled,
            examiner,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    with context.db.read() as session:
        covered = queries.coverage(session, enrolled)
    context.close()
    out.print(
        f"{key.name} {key.version}: {covered.templates} of {covered.faces} faces have its template; "
        f"{covered.children} children of open records have none. "
        f"Search with it: homeward promote {key.name} {key.version}",
        soft_wrap=True,
        highlight=False,
    )


def promote(
    name: Name,
    version: Version,
    *,
    anyway: Annotated[bool, typer.Option(help="Although it does not cover everything.")] = False,
    motive: Annotated[str, typer.Option(help="Why; kept in the audit log.")] = "",
) -> None:
    """Search with another encoder from now on, and search all tips anew with it."""
    from app.audit.service import SYSTEM  # noqa: PLC0415 - the command line starts without it.
    from app.candidates import calibrations  # noqa: PLC0415 - as above.
    from app.core.errors import Conflict, Invalid  # noqa: PLC0415 - as above.
    from app.encoders import service  # noqa: PLC0415 - as above.
    from matching.calibration import CalibrationUnreadable  # noqa: PLC0415 - as above.
    from matching.error_model import ERROR_MODELS  # noqa: PLC0415 - as above.

    if anyway != bool(motive):
        raise Invalid("--anyway and --motive go together.", field="motive")
    context = open_context(Settings())
    try:
        own = calibrations.own(context.settings.data_dir, name, version)
    except CalibrationUnreadable as error:
        raise Conflict(
            "There is a calibration, but not of this encoder in this version. "
            "Run `homeward calibrate` again, or take the file away."
        ) from error
    if own is None and name not in ERROR_MODELS:
        raise Conflict(
            "Nobody has measured what this encoder's scores mean, so there is no threshold to search by. "
            "Run `homeward calibrate` for it first."
        )
    with context.db.write() as session:
        jobs = service.promote(session, service.EncoderKey(name, version), SYSTEM, motive)
    context.close()
    out.print(f"Searches compare templates of {name} {version} now. All tips are searched anew: {jobs} jobs.")


def retire(name: Name, version: Version) -> None:
    """Stop using an encoder and delete its templates; only encoding all photos again brings them back."""
    from app.audit.service import SYSTEM  # noqa: PLC0415 - the command line starts without it.
    from app.encoders import service  # noqa: PLC0415 - as above.

    context = open_context(Settings())
    with context.db.write() as session:
        templates = service.retire(session, service.EncoderKey(name, version), SYSTEM)
    context.close()
    out.print(f"{name} {version} is retired; {templates} templates were deleted.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (encoders, reencode, promote, retire):
        app.command()(command)
