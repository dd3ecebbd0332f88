"""The command `homeward`. Heavy parts are imported by the command that needs them."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from app.audit.commands import audit_app
from app.backup import commands as backup_commands
from app.backup.moving import database_app
from app.candidates import calibrating
from app.candidates.face_commands import faces_app
from app.core import log
from app.core.context import Context, open_context
from app.core.crypto import KeyProblem
from app.core.errors import Refusal
from app.core.migrate import SchemaTooNew
from app.core.objects import StoreTrouble
from app.core.settings import Settings
from app.doctor.commands import doctor
from app.encoders import commands as encoder_commands
from app.keys.commands import keys_app
from app.officers import commands as officer_commands
from app.partners.commands import partners_app
from app.photos.commands import hashes_app, photos_app
from app.retention.commands import retention_app
from app.reviews.golden_commands import golden_app
from app.tips.commands import receipt_app
from app.workload.commands import jobs_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Homeward: from a citizen's photo to an offline case.",
)
records_app = typer.Typer(no_args_is_help=True, help="Missing-child records.")
officers_app = typer.Typer(no_args_is_help=True, help="Officers' accounts.")
areas_app = typer.Typer(no_args_is_help=True, help="Jurisdictions.")
app.add_typer(audit_app, name="audit")
app.add_typer(records_app, name="records")
app.add_typer(partners_app, name="partners")
app.add_typer(officers_app, name="officers")
app.add_typer(areas_app, name="jurisdictions")
app.add_typer(hashes_app, name="hashes")
app.add_typer(faces_app, name="faces")
app.add_typer(jobs_app, name="jobs")
app.add_typer(photos_app, name="photos")
app.add_typer(keys_app, name="keys")
app.add_typer(backup_commands.backup_app, name="backup")
app.add_typer(database_app, name="database")
app.command("restore")(backup_commands.restore)
app.command("doctor")(doctor)
app.add_typer(golden_app, name="golden")
app.add_typer(retention_app, name="retention")
app.add_typer(receipt_app, name="receipt")
encoder_commands.register(app)
officer_commands.register(officers_app)
calibrating.register(app)

out = Console()


def main() -> None:
    """Run the command line; expected troubles end in one sentence, not a traceback."""
    log.configure()
    try:
        app()
    except (KeyProblem, SchemaTooNew, StoreTrouble, FileNotFoundError) as trouble:
        sys.exit(f"homeward: {trouble}")
    except Refusal as refusal:
        sys.exit(f"homeward: {refusal.message % refusal.values}")
    except ValidationError as error:
        wrong = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
        sys.exit(f"homeward: these settings are wrong: {wrong}")


def _open() -> Context:
    return open_context(Settings())


@app.command()
def run() -> None:
    """Run web and workers together, restarting what dies; Ctrl-C stops them cleanly."""
    from app import supervisor  # noqa: PLC0415

    settings = Settings()
    open_context(settings).close()
    out.print(
        f"Homeward runs at http://{settings.host}:{settings.port}/ (console: /console). Ctrl-C stops it."
    )
    supervisor.run(settings)


@app.command()
def serve(
    site: Annotated[str, typer.Option(help="all, citizens, console or api")] = "all",
) -> None:
    """Run one web process."""
    from app.core.web import serving  # noqa: PLC0415
    from app.main import Site, create_app  # noqa: PLC0415

    context = _open()
    serving.serve(create_app(context, Site(site)), context.settings)


@app.command()
def worker() -> None:
    """Run one worker process."""
    from app import worker as worker_process  # noqa: PLC0415

    worker_process.main(_open())


@app.command()
def demo() -> None:
    """Run everything with demo data of people who do not exist, and print sign-ins."""
    from app.demo import run_demo  # noqa: PLC0415

    run_demo(out)


@records_app.command("import")
def records_import(
    folder: Annotated[Path, typer.Argument(help="Folder with records.csv or records.jsonl and its photos.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Check every line, change nothing.")] = False,
) -> None:
    """Import records; a bad line imports nothing of itself and stops nothing else."""
    from app.records import importing  # noqa: PLC0415
    from app.records.lines import Outcome  # noqa: PLC0415

    context = _open()
    with importing.progress_bar(out) as on_progress:
        report = importing.import_folder(context, folder, dry_run=dry_run, on_progress=on_progress)
    importing.print_report(report, out)
    if report.count(Outcome.REFUSED):
        raise typer.Exit(1)


@records_app.command("lift")
def records_lift(
    number: Annotated[str, typer.Argument(help="Number of an erased record.")],
    reason: Annotated[str, typer.Option(help="Why the number may come back.")],
) -> None:
    """Let an erased number be registered anew; its photos stay erased."""
    from app.audit.service import SYSTEM  # noqa: PLC0415
    from app.records import suppression  # noqa: PLC0415

    context = _open()
    with context.db.write() as session:
        suppression.lift(session, context.keys, number, reason, SYSTEM)
    out.print("Lifted: the number may be registered anew.")


@officers_app.command("add")
def officers_add(
    username: str,
    name: Annotated[str, typer.Option(prompt=True)],
    badge: Annotated[str, typer.Option(prompt=True)],
    area: Annotated[str, typer.Option(prompt="Jurisdiction code")],
    role: Annotated[list[str], typer.Option(help="Repeat for several roles.")],
) -> None:
    """Add an officer; the password is asked for, never taken from the command line."""
    from app.audit.service import SYSTEM  # noqa: PLC0415
    from app.officers import service  # noqa: PLC0415
    from app.officers.models import Role  # noqa: PLC0415

    context = _open()
    password = getpass.getpass("Password: ")
    with context.db.write() as session:
        service.add_officer(
            session,
            username=username,
            name=name,
            badge=badge,
            password=password,
            roles=[Role(value) for value in role],
            jurisdiction_code=area,
            actor=SYSTEM,
        )
    out.print("Added.")


@areas_app.command("import-china")
def areas_import_china(
    authorities: Annotated[Path, typer.Argument(help="CSV with code,authority,name_en: who answers where.")],
    province: Annotated[str | None, typer.Option(help="Two digits; the whole country without it.")] = None,
) -> None:
    """Load the boundaries of China's provinces, cities and districts."""
    import csv  # noqa: PLC0415

    from app.audit.service import SYSTEM  # noqa: PLC0415
    from app.jurisdictions import service  # noqa: PLC0415

    with authorities.open(encoding="utf-8-sig", newline="") as file:
        known = {row["code"]: (row["authority"], row["name_en"]) for row in csv.DictReader(file)}
    context = _open()
    with context.db.write() as session:
        count = service.load(session, service.areas_of_china(known, province), SYSTEM)
    out.print(f"{count} areas loaded, {len(known)} of them with an authority.")
