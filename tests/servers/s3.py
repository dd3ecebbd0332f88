"""A real S3-compatible server (SeaweedFS), from a package, on free ports of the loopback: no container."""

import atexit
import contextlib
import ctypes
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

BUCKET: Final = "photos"
ACCESS_KEY, SECRET_KEY = "homeward-tests", "a-secret-of-these-tests-alone"
START_S: Final = 60.0
PR_SET_PDEATHSIG: Final = 1
PORTS: Final = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)
OPTIONS: Final = (
    "-s3",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-master.telemetry=false",
    "-master.peers=none",  # one master that asks nobody
    "-master.electionTimeout=1s",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=40",
    "-volume.preStopSeconds=0",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
)


class S3Server:
    """One server with a bucket; its folder is new, and goes with it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hw-s3-"))
        (self.folder / "data").mkdir()
        self._ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self.secret_file = self.folder / "secret"
        self.secret_file.write_text(f"{ACCESS_KEY}\n{SECRET_KEY}\n")
        self.secret_file.chmod(0o600)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    def url(self, prefix: str, bucket: str = BUCKET, endpoint: str = "") -> str:
        """What Homeward's `photo_store_url` is for a prefix of the bucket."""
        return f"s3://{bucket}/{prefix}?endpoint={endpoint or self.endpoint}"

    def client(self, prefix: str = "") -> S3Store:
        """The bare client, as a stranger who has the keys would use it."""
        return S3Store(
            BUCKET,
            prefix=prefix or None,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True, "timeout": "20s"},
            retry_config={"max_retries": 0},
        )

    def start(self) -> None:
        """Start the server and wait until it takes and gives objects, old ones too.

        Raises:
            RuntimeError: it did not, or ended; with the end of its log.
        """
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                str(Path(sysconfig.get_path("scripts")) / "weed"),
                "-logtostderr",
                "server",
                *OPTIONS,
                f"-dir={self.folder / 'data'}",
                f"-s3.config={self.folder / 's3.json'}",
                *(f"-{name}={port}" for name, port in self._ports.items()),
            ],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": os.defpath},
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - calls one system call and touches no lock
        )
        log.close()
        client = self.client()
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                obstore.put(client, "started", b"yes")  # the first makes the bucket
                if obstore.get(client, "started").bytes() == b"yes":
                    return
            except (BaseError, OSError):
                time.sleep(0.05)
        msg = "SeaweedFS did not start: " + (self.folder / "log").read_text(errors="replace")[-2000:]
        raise RuntimeError(msg)

    def kill(self) -> None:
        """End the server at once, as a power cut of its machine would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Have it answer nothing, while its connections stand."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Have it answer again."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        for port in self._ports.values():  # its own sockets lie beside its folder
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - that is where it puts them
                with contextlib.suppress(OSError):
                    path.unlink()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wanted() -> bool:
    """Whether tests' deployments keep their photos in a bucket: HOMEWARD_TEST_STORE=s3."""
    return os.environ.get("HOMEWARD_TEST_STORE", "files") == "s3"


@functools.cache
def shared() -> S3Server:
    """The server of this process's tests, started with the first that asks and gone with the process."""
    server = S3Server()
    atexit.register(server.close)
    return server


def settings_for(folder: Path) -> dict[str, Any]:
    """Settings that keep the photos of a folder's deployment in the bucket, under a prefix of its own."""
    prefix = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:24]
    return {"photo_store_url": shared().url(prefix), "photo_store_secret_file": shared().secret_file}
