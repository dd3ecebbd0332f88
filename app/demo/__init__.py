"""The product with demo data: real parts throughout, synthetic people who do not exist."""

import csv
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import func
from sqlmodel import col, select

from app import supervisor
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM
from app.core.clock import now
from app.core.context import Context, open_context
from app.core.errors import Refusal
from app.core.jobs import Job, JobState
from app.core.settings import Settings
from app.demo import partners
from app.demo.tips import send_tips
from app.jurisdictions import service as areas
from app.jurisdictions.models import Jurisdiction
from app.officers import passwords, sessions
from app.officers import service as officers
from app.officers.models import Officer, Role
from app.records.importing import import_folder
from app.reviews import golden_pool

FOLDER = Path(__file__).parent
PICTURES = FOLDER / "pictures"
PROVINCE = "44"
WEB_PATIENCE_S = 60.0

CAST = (
    ("ada", "陈雅达 Ada", (Role.REVIEWER,), "440304"),
    ("bob", "薄文博 Bob", (Role.REVIEWER,), "440304"),
    ("ines", "伊娜 Ines", (Role.INVESTIGATOR,), "440304"),
    ("sun", "孙主管 Sun", (Role.SUPERVISOR,), "440300"),
    ("lin", "林国 Lin", (Role.SUPERVISOR,), "CN"),
    ("cleo", "柯乐 Cleo", (Role.CLERK,), "440000"),
    ("audra", "欧审 Audra", (Role.AUDITOR,), "CN"),
    ("custos", "顾思 Custos", (Role.CUSTODIAN,), "440000"),
    ("root", "管理员 Root", (Role.ADMIN,), "CN"),
)
"""User name, name, roles and area of the demo's officers."""


def run_demo(out: Console) -> None:
    """Prepare demo data if there is none, run everything, print addresses and sign-ins; Ctrl-C ends it."""
    settings = _settings()
    context = open_context(settings)
    try:
        _refuse_taken_port(settings)
        passwords = _prepare(context, out)
        with context.db.write() as session:
            partners.publish_bulletin(session, "sun")
        partner_keys = partners.keys_of_this_run(context)
    finally:
        context.close()
    stopping = threading.Event()
    told = threading.Thread(
        target=_tell_when_ready, args=(settings, passwords, partner_keys, out, stopping), daemon=True
    )
    told.start()
    supervisor.run(settings, until=stopping, log_dir=settings.data_dir.parent / "log")
    out.print(
        f"\nStopped. The demo's data stay in {settings.data_dir.parent}; the next start goes on with them."
    )


def _settings() -> Settings:
    base = Path(os.environ.get("HOMEWARD_DEMO_DIR", "var/demo")).absolute()
    os.environ.update(
        HOMEWARD_DATA_DIR=str(base / "data"),
        HOMEWARD_KEY_FILE=str(base / "keys" / "homeward.key"),
        HOMEWARD_SECURE_COOKIES="false",
    )
    os.environ.setdefault("HOMEWARD_SECOND_FACTOR", "false")  # Its sign-ins are printed anyway.
    plain = Settings()
    os.environ.setdefault("HOMEWARD_PUBLIC_URL", f"http://{plain.host}:{plain.port}")
    os.environ.setdefault("HOMEWARD_WEBHOOKS_INSIDE", "true")
    os.environ.setdefault("HOMEWARD_GOLDEN_RATE", "0.2")  # A demo's queue is too short for one in twenty.
    return Settings()


def _refuse_taken_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Refusal(
                "Port %(port)s is taken. Stop what uses it, or set another: HOMEWARD_PORT=8010 make demo",
                port=settings.port,
            ) from error


def _prepare(context: Context, out: Console) -> dict[str, str]:
    with context.db.read() as session:
        fresh = session.exec(select(Jurisdiction.code)).first() is None
    if fresh:
        out.print("Loading areas, records and tips of the demo (people who do not exist)")
        with (FOLDER / "authorities.csv").open(encoding="utf-8") as file:
            known = {row["code"]: (row["authority"], row["name_en"]) for row in csv.DictReader(file)}
        with context.db.write() as session:
            areas.load(session, areas.areas_of_china(known, PROVINCE), SYSTEM)
        import_folder(context, PICTURES, dry_run=False)
        golden_pool.add_folder(context, FOLDER / "golden")
        send_tips(context, PICTURES)
    return {username: _sign_in(context, number) for number, (username, *_) in enumerate(CAST)}


def _sign_in(context: Context, number: int) -> str:
    """A new password for one of the cast, at every start."""
    username, name, roles, area = CAST[number]
    password = passwords.invent()
    with context.db.read() as session:
        known = session.exec(select(Officer.id).where(Officer.username == username)).first()
    with context.db.write() as session:
        if known is None:
            officers.add_officer(
                session,
                username=username,
                name=name,
                badge=f"DEMO-{number + 1:03}",
                password=password,
                roles=roles,
                jurisdiction_code=area,
                actor=SYSTEM,
            )
            return password
        officer = session.get_one(Officer, known)
        officer.password_hash = passwords.hash_new(password)
        session.add(officer)
        sessions.end_all(session, officer.id)
        audit.record(session, SYSTEM, Action.OFFICER_CHANGED, "officer", officer.id, change="demo_password")
    return password


def _tell_when_ready(
    settings: Settings,
    passwords: dict[str, str],
    partner_keys: dict[str, str],
    out: Console,
    stopping: threading.Event,
) -> None:
    address = f"http://{settings.host}:{settings.port}"
    if not _answers(address):
        out.print("The web process did not come up; see var/demo/log/serve.log")
        os.kill(os.getpid(), signal.SIGTERM)
        return
    table = Table("user name", "password (this run)", "role", "area", box=None, header_style="bold")
    for username, _name, roles, area in CAST:
        table.add_row(username, passwords[username], ", ".join(roles), area)
    out.print(f"\nCitizens send a tip at   [bold]{address}/[/bold]")
    out.print(f"Officers sign in at      [bold]{address}/console[/bold]")
    out.print(f"Has a photo been checked {address}/checked")
    out.print(f"Bulletins                {address}/bulletins")
    out.print(f"Partners' API            {address}/api/v1/openapi.json, {address}/open311/v2/discovery.json")
    out.print("Pictures to send         app/demo/pictures/*-tip*.jpg\n")
    out.print(table)
    out.print("\n[bold]Keys of partners[/bold] (this run)")
    for name, key in partner_keys.items():
        out.print(f"{name:<22}", key, soft_wrap=True, highlight=False)
    out.print("\nCtrl-C stops everything.")
    _tell_progress(settings, out, stopping)


def _answers(address: str) -> bool:
    deadline = time.monotonic() + WEB_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/", timeout=2).status_code == 200:  # noqa: PLR2004
                return True
        except httpx.HTTPError:
            time.sleep(0.2)
    return False


def _tell_progress(settings: Settings, out: Console, stopping: threading.Event) -> None:
    context = open_context(settings)
    waiting = -1
    while not stopping.wait(1) and waiting != 0:
        with context.db.read() as session:
            left = session.exec(
                select(func.count(col(Job.id))).where(
                    col(Job.state).in_([JobState.READY, JobState.RUNNING]), Job.run_at <= now()
                )
            ).one()
        if left != waiting and (left == 0 or left % 10 == 0):
            out.print(f"{left} pictures are still being prepared" if left else "All pictures are prepared.")
        waiting = left
    context.close()
