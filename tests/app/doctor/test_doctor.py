"""Promises about the doctor: it finds what is broken, says what to do, and breaks nothing."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlmodel import select
from typer.testing import CliRunner

from app import watches
from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.cli import app
from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.doctor import checks, server, stored
from app.doctor.findings import Level
from app.main import create_app
from app.photos.confinement import Confinement
from app.photos.models import Photo
from app.tips.models import Tip
from tests.conftest import Client, environment_of
from tests.guards import drop_guards, rewrite
from tests.make import Make, jpeg


def found(context: Context, *, everything: bool = False) -> dict[str, Level]:
    """The gravest finding of each check."""
    grave: dict[str, Level] = {}
    order = list(Level)
    for one in checks.examine(context, everything=everything):
        grave[one.check] = max(grave.get(one.check, Level.FINE), one.level, key=order.index)
    return grave


def key_of_photo(context: Context) -> str:
    with context.db.read() as session:
        key = session.exec(select(Photo.store_key)).first()
    assert key is not None
    return key


def photo(context: Context) -> Path:
    return context.settings.data_dir / "photos" / key_of_photo(context)


def gone(context: Context) -> None:
    context.store.delete(key_of_photo(context))


def altered(context: Context) -> None:
    key = key_of_photo(context)
    raw = bytearray(context.store.objects.read(key))
    raw[-1] ^= 1
    context.store.delete(key)
    context.store.objects.write(key, bytes(raw))


def late(context: Context) -> None:
    with context.db.write() as session:
        jobs.enqueue(session, "process_tip", tip_id="x")
        session.exec(select(jobs.Job)).one().run_at = now() - timedelta(hours=1)


def ahead(context: Context) -> None:
    with time_machine.travel(now() + timedelta(days=2)), context.db.write() as session:
        audit.record(session, audit.SYSTEM, Action.TIP_STATE, "tip", "x")


def edited(context: Context) -> None:
    with context.db.write() as session:
        drop_guards(session.connection())
    rewrite(context, "UPDATE audit_event SET subject_id = 'another'")


def shut(context: Context) -> None:
    rewrite(context, "UPDATE photo SET sealed_key = :zeroes", zeroes=bytes(80))


BREAKING: dict[str, list[Callable[[Context], None]]] = {
    "files": [gone, altered],
    "queue": [late],
    "clock": [ahead],
    "audit": [edited],
    "values": [shut],
}


def test_a_sound_deployment_is_found_sound(
    context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is broken, whatever else there may be to look at; the server of quick tests is not durable."""
    monkeypatch.setattr(server, "LOSING", {})
    make.tip()
    with context.db.write() as session:
        audit.record(session, audit.SYSTEM, Action.TIP_STATE, "tip", "x")

    assert Level.BROKEN not in found(context, everything=True).values()


@pytest.mark.parametrize(
    ("check", "break_it"), [(check, one) for check, ways in BREAKING.items() for one in ways]
)
def test_each_fault_is_found(
    context: Context, make: Make, check: str, break_it: Callable[[Context], None]
) -> None:
    """With what to do about it."""
    make.tip()
    with context.db.write() as session:
        audit.record(session, audit.SYSTEM, Action.TIP_STATE, "tip", "x")
    break_it(context)

    assert found(context, everything=True)[check] == Level.BROKEN
    assert all(one.do for one in checks.examine(context, everything=True) if one.level != Level.FINE)


def test_a_full_disk_is_found_and_tips_are_refused_in_words(context: Context, make: Make) -> None:
    """Before the database cannot be read any more; with room again everything goes on."""
    make.tip()
    full = replace(context, settings=context.settings.model_copy(update={"disk_reserve_mb": 10**9}))

    assert found(full)["disk"] == Level.BROKEN
    door = Client(create_app(full), full)
    form = door.get("/?lang=en")
    sent = {"place_text": "Metro exit 9", "description": "A child begs."}
    answer = door.post("/tip?lang=en", data=sent, files={"photos": ("a.jpg", jpeg(), "image/jpeg")})
    assert form.status_code == 200
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "Please send it again later." in answer.text
    with context.db.read() as session:
        assert len(session.exec(select(Tip)).all()) == 1


@pytest.mark.folder
def test_old_files_without_rows_are_swept_and_nothing_else(context: Context, make: Make) -> None:
    """A young one may still get its row; one with a row stays however old it is."""
    make.tip()
    folder = context.settings.data_dir / "photos" / "zz"
    folder.mkdir()
    old, young = folder / "old", folder / "young"
    for path in (old, young):
        path.write_bytes(b"sealed")
    before = time.time() - stored.YOUNGEST_ORPHAN_S - 60
    os.utime(old, (before, before))
    os.utime(photo(context), (before, before))

    assert found(context)["files"] == Level.LOOK
    assert stored.sweep(context) == 1
    assert not old.exists()
    assert young.exists()
    assert photo(context).exists()
    assert found(context)["files"] == Level.FINE


def test_the_command_speaks_to_people_and_programs(
    context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words and a status for people, JSON for programs, and no name or place in either."""
    tip = make.tip()
    for name, value in environment_of(context.settings).items():
        monkeypatch.setenv(name, value)
    gone(context)

    said = CliRunner().invoke(app, ["doctor"])
    told = CliRunner().invoke(app, ["doctor", "--json"])

    assert (said.exit_code, told.exit_code) == (2, 2)
    assert "1 stored files are gone." in said.output
    assert {"check", "level", "says", "do"} == set(json.loads(told.output)[0])
    assert tip.place_text not in said.output + told.output


def test_how_photos_are_confined_and_when_the_log_was_signed_is_said(
    context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator reads what protects the decoder, and is told when it is limits alone."""
    make.tip()
    with context.db.write() as session:
        audit.record(session, audit.SYSTEM, Action.TIP_STATE, "tip", "x")
    with context.db.write() as session:
        audit.write_checkpoint(session, audit.checkpoints_path(context.settings), context.keys.signing)

    says = " ".join(one.says for one in checks.examine(context))
    monkeypatch.setattr(checks, "confinement", lambda: Confinement.NO_KERNEL)

    assert "The audit log's head was signed at" in says
    assert found(context)["confinement"] == Level.LOOK


@pytest.mark.folder
def test_orphans_are_looked_for_by_themselves(context: Context, make: Make) -> None:
    """Nobody has to ask: the worker's watches sweep, and the log says so."""
    make.tip()
    old = context.settings.data_dir / "photos" / "zz" / "old"
    old.parent.mkdir()
    old.write_bytes(b"sealed")
    before = time.time() - stored.YOUNGEST_ORPHAN_S - 60
    os.utime(old, (before, before))
    (watch,) = (one for one in watches.WATCHES if one.name == "orphans")

    watch.look(context)

    assert not old.exists()
    with context.db.read() as session:
        swept = session.exec(select(AuditEvent).where(AuditEvent.action == Action.ORPHANS_SWEPT)).one()
    assert swept.detail == {"files": 1}
