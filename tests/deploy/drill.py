"""The drill of docs/disaster.md on a real PostgreSQL server: it is lost with its disk, and comes back.

`python -m tests.deploy.drill` runs the guide's own steps: a base backup and a log archive, the server killed
and its folder removed, the archive replayed; the same up to a moment before somebody drops everything; a
dump; Homeward's own backup, restored onto SQLite. After each, tips are counted, and `homeward audit verify`
and `homeward doctor --all` have their say.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from pyrage import x25519

from app.audit.service import TIPSTER, checkpoints_path, write_checkpoint
from app.core.context import open_context
from app.core.settings import Settings
from app.tips import service as tips
from app.tips.intake import NewTip
from app.tips.parts import NewPhoto
from tests.make import jpeg
from tests.servers.postgres import PostgresServer

TIPS = 40
"""Tips of each of the three times that some come in."""
ARCHIVING = {
    "archive_mode": "on",
    "archive_command": "test ! -f ../wal/%f && cp %p ../wal/%f",
    "autovacuum": "on",
}


class Drill:
    """A deployment whose database is on a server that archives its log.

    Args:
        folder: of the deployment.
        server: the server.
    """

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder, self.server = folder, server
        self.identity = x25519.Identity.generate()
        self.broken: list[str] = []
        (folder / "backup.key").write_text(f"{self.identity}\n")

    def settings(self, database: str, data: str = "data") -> Settings:
        """The deployment's, with one of its databases."""
        return Settings(
            database_url=database,
            data_dir=self.folder / data,
            key_file=self.folder / "keys" / "homeward.key",
            backup_recipients=str(self.identity.to_public()),
            receipt_memory_kib=64,
            receipt_passes=1,
        )

    def send(self, database: str) -> None:
        """Tips come in, a signed head of the log is written."""
        context = open_context(self.settings(database))
        for number in range(TIPS):
            photo = NewPhoto(jpeg((number, 120, 150)), "JPEG")
            new = NewTip((photo,), "en", f"exit {number}", None, None, "", False, "", None, None, None, "")  # noqa: FBT003
            tips.accept(context, tips.web_channel(context), new, TIPSTER)
        with context.db.write() as session:
            write_checkpoint(session, checkpoints_path(context.settings), context.keys.signing)
        context.close()

    def homeward(self, *arguments: str, database: str, data: str = "data") -> tuple[int, str]:
        """Run a command of Homeward's; its status and its words."""
        settings = self.settings(database, data).model_dump(exclude_defaults=True)
        environment = {f"HOMEWARD_{name.upper()}": str(value) for name, value in settings.items()}
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "app", *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def look(
        self, what: str, database: str, wanted: int, data: str = "data", *, behind: bool = False
    ) -> None:
        """Count tips, have everything verified; a database behind the log's signed heads is to be told so."""
        if database.startswith("postgresql"):
            with psycopg.connect(database.replace("+psycopg", "", 1)) as connection:
                row = connection.execute("SELECT count(*) FROM tip").fetchone()
        else:
            path = database.removeprefix("sqlite:///")
            row = sqlite3.connect(path).execute("SELECT count(*) FROM tip").fetchone()
        status, said = self.homeward("audit", "verify", database=database, data=data)
        _, found = self.homeward("doctor", "--all", "--json", database=database, data=data)
        wrong = [f"{one['check']}: {one['says']}" for one in json.loads(found) if one["level"] == "broken"]
        counted = row[0] if row else 0
        verdict = f"audit verify ends with {status}; doctor: {wrong or 'nothing broken'}"
        say(f"{what}: {counted} of {wanted} tips; {verdict}")
        if status:
            say(f"  {said}")
        if counted != wanted or bool(status) != behind or (wrong and not behind):
            self.broken.append(what)

    def lose(self) -> None:
        """The server's machine is gone with its disk; base backup and archive lie elsewhere."""
        self.server.kill()
        shutil.rmtree(self.server.folder / "data")

    def replay(self, *until: str) -> None:
        """Lay the base backup down and replay the archive, as the guide says."""
        data = self.server.folder / "data"
        shutil.copytree(self.server.folder / "base", data)
        lines = ["restore_command = 'cp ../wal/%f %p'", "recovery_target_action = 'promote'", *until]
        with (data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        (data / "recovery.signal").touch()
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", str(data)], check=True)  # noqa: S603, S607
        data.chmod(0o700)
        self.server.start()
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as connection:
            while connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                time.sleep(0.1)

    def base(self) -> None:
        """Take a base backup and have it verified."""
        target = self.server.folder / "base"
        shutil.rmtree(target, ignore_errors=True)
        where = ["-h", str(self.server.folder), "-U", "postgres"]
        self.server._run("pg_basebackup", *where, "-c", "fast", "-D", str(target))
        try:
            self.server._run("pg_verifybackup", "--no-parse-wal", str(target))
        except subprocess.CalledProcessError as error:
            if error.returncode > 0:
                raise
            say(f"pg_verifybackup of this package ends by signal {-error.returncode} and verifies nothing")


def run(drill: Drill) -> None:
    """All of it."""
    server = drill.server
    database = server.create("homeward")
    drill.send(database)
    began = time.monotonic()
    drill.base()
    say(f"base backup taken in {time.monotonic() - began:.1f} s")
    drill.send(database)
    server.execute("SELECT pg_switch_wal()")
    time.sleep(3)  # The archive has it: pg_stat_archiver in the field.
    drill.lose()
    began = time.monotonic()
    drill.replay()
    say(f"the server answers again after {time.monotonic() - began:.1f} s")
    drill.look("disk lost, base backup and log archive replayed", database, 2 * TIPS)

    drill.base()
    drill.send(database)
    time.sleep(1)
    moment = datetime.now(UTC)
    time.sleep(1)
    with psycopg.connect(server.conninfo("homeward"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
    server.execute("SELECT pg_switch_wal()")
    time.sleep(3)
    drill.lose()
    drill.replay(f"recovery_target_time = '{moment.isoformat()}'")
    drill.look("everything dropped, replayed to the moment before", database, 3 * TIPS)

    dump = server.folder / "homeward.dump"
    to = ["-h", str(server.folder), "-U", "postgres"]
    server._run("pg_dump", *to, "-Fc", "--exclude-table-data=face_index.*", "-f", str(dump), "homeward")
    again = server.create("again")
    server._run("pg_restore", *to, "--exit-on-error", "-d", "again", str(dump))
    drill.look("pg_dump, pg_restore into an empty database", again, 3 * TIPS)

    backup = str(drill.folder / "night.age")
    identity = ["--identity", str(drill.folder / "backup.key")]
    for words in (["backup", "make", backup], ["backup", "verify", backup, *identity]):
        status, said = drill.homeward(*words, database=database)
        say(f"homeward {words[0]} {words[1]}: {said.splitlines()[0]}")
        drill.broken += [said] if status else []
    lite = f"sqlite:///{drill.folder / 'lite' / 'homeward.sqlite'}"
    status, said = drill.homeward("restore", backup, *identity, database=lite, data="lite")
    drill.broken += [said] if status else []
    drill.look("Homeward's backup of PostgreSQL, restored onto SQLite", lite, 3 * TIPS, data="lite")

    drill.send(database)  # Another forty, then the day before is laid down: the log's heads know more.
    drill.homeward("database", "move", "--to", server.create("older"), database=lite, data="lite")
    drill.look("an older database beside newer heads of the log", server.url("older"), 3 * TIPS, behind=True)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the drill in folders that are taken away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="homeward-drill-"))
    server = PostgresServer(durable=True, settings=ARCHIVING)
    try:
        (server.folder / "wal").mkdir()
        if os.geteuid() == 0:
            shutil.chown(server.folder / "wal", "nobody")
        drill = Drill(folder, server)
        run(drill)
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(drill.broken))


if __name__ == "__main__":
    main()
