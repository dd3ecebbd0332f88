"""What compose.yaml says, started without containers: `python -m tests.deploy.rehearsal`.

Each service of ours runs its own command with its own settings, addresses apart. The database is set up by
the file that its service mounts, with a password; the store has its service's arguments and is set up by the
bucket service's own lines; secrets are made by `new-secrets` and copied by `entry`; nginx has its real
configuration (NGINX=/path). Tips then come in through the proxy, as citizens send them.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.deploy import files
from tests.deploy.files import DEPLOY
from tests.make import jpeg
from tests.servers.postgres import PostgresServer, _program

TIPS = 12
WAIT_S = 240.0
SCRIPTS = sysconfig.get_path("scripts")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Rehearsal:
    """The processes, their folder and their ports.

    Args:
        folder: where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {
            name: free_port()
            for name in (
                "database",
                "web-1",
                "web-2",
                "https",
                "http",
                "proxy",
                "s3",
                "master",
                "volume",
                "filer",
            )
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.server: PostgresServer | None = None
        self.broken: list[str] = []

    def start(self, name: str, command: list[str], **environment: str) -> None:
        """Start a process; its log is a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - what compose.yaml says
                command,
                env={"PATH": f"{SCRIPTS}:/usr/bin:/bin", "HOME": str(self.folder)} | environment,
                stdout=log,
                stderr=log,
                cwd=files.DEPLOY.parents[1],
            )

    def once(self, what: str, command: list[str], typed: str = "", **environment: str) -> str:
        """Run something to its end, which has to be a good one."""
        done = subprocess.run(  # noqa: S603 - what compose.yaml says
            command,
            env={"PATH": f"{SCRIPTS}:/usr/bin:/bin", "HOME": str(self.folder)} | environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        self.hold(done.returncode == 0, f"{what}: {(done.stdout + done.stderr).strip()[-300:] or 'done'}")
        return done.stdout

    def hold(self, well: bool, what: str) -> None:  # noqa: FBT001
        """Print what happened, and keep what was not well."""
        sys.stdout.write(f"{'well  ' if well else 'broken'} {what}\n")
        sys.stdout.flush()
        if not well:
            self.broken.append(what)

    def secrets(self) -> None:
        """As the guide says, with a certificate of our own."""
        secrets = self.folder / "secrets"
        self.once("new-secrets", [str(DEPLOY / "new-secrets"), str(secrets)], DATABASE_HOST="127.0.0.1")
        self.once(
            "certificate",
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-days", "2", "-subj", "/CN=tips.example.org", "-addext"),
                "subjectAltName=DNS:tips.example.org,DNS:console.example.org",
                *("-keyout", str(secrets / "tls.key"), "-out", str(secrets / "tls.crt")),
            ],
        )

    def database(self) -> None:
        """A server that asks for passwords, set up by the mounted script."""
        os.environ["PGPORT"] = str(self.ports["database"])  # Whoever connects by the socket reads it.
        self.server = PostgresServer(
            durable=True, settings={"listen_addresses": "127.0.0.1", "port": str(self.ports["database"])}
        )
        rules = self.server.folder / "data" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self.server.execute("SELECT pg_reload_conf()")
        programs = _program("psql").parent
        self.once(
            "database-init.sh",
            [str(DEPLOY / "database-init.sh")],
            PATH=f"{programs}:/usr/bin:/bin",
            PGHOST=str(self.server.folder),
            PGPORT=os.environ["PGPORT"],
            PGUSER="postgres",
            PASSWORD_FILE=str(self.folder / "secrets" / "database_password"),
        )

    def store(self) -> None:
        """The store with its service's arguments, and the bucket service's lines."""
        services = files.services()
        (self.folder / "store").mkdir()
        change = {
            "-dir=/data": f"-dir={self.folder / 'store'}",
            "-ip=store": "-ip=127.0.0.1",
            "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1",
            "-s3.port=8333": f"-s3.port={self.ports['s3']}",
            "-s3.config=/run/secrets/store.json": f"-s3.config={self.folder / 'secrets' / 'store.json'}",
        }
        arguments = [change.get(one, one) for one in services["store"]["command"]]
        for name in ("master", "volume", "filer"):
            arguments += [f"-{name}.port={self.ports[name]}", f"-{name}.port.grpc={free_port()}"]
            self.ports[f"{name}.grpc"] = int(arguments[-1].partition("=")[2])
        arguments += [
            f"-s3.port.grpc={free_port()}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.peers=none",
        ]
        self.start("store", [f"{SCRIPTS}/weed", *arguments])
        self.hold(answers(f"http://127.0.0.1:{self.ports['s3']}/healthz"), "the store is healthy")
        (lines,) = services["bucket"]["command"]
        lines = lines.replace("$$", "$").replace("/usr/bin/weed", f"{SCRIPTS}/weed")
        for name, said in (("master", "store:9333"), ("filer", "store:8888")):
            lines = lines.replace(said, f"127.0.0.1:{self.ports[name]}.{self.ports[name + '.grpc']}")
        for _ in range(2):  # It may be repeated.
            self.once("bucket", ["/bin/sh", "-c", lines])

    def environment(self, name: str) -> dict[str, str]:
        """A service's own settings, addresses and folders apart."""
        mine = self.folder / name
        mine.mkdir(exist_ok=True)
        said: dict[str, Any] = files.services()[name]["environment"]
        change = (
            ("homeward@database/", f"homeward@127.0.0.1:{self.ports['database']}/"),
            ("store:8333", f"127.0.0.1:{self.ports['s3']}"),
            ("/run/homeward", str(mine)),
            ("/var/lib/homeward", str(mine)),
            ("https://citizens-host.example", f"https://tips.example.org:{self.ports['https']}"),
            ("https://console-host.example", f"https://console.example.org:{self.ports['https']}"),
        )
        found = {}
        for key, value in said.items():
            text = str(value)
            for old, new in change:
                text = text.replace(old, new)
            found[key] = text
        if name in self.ports:
            found |= {
                "HOMEWARD_PORT": str(self.ports[name]),
                "HOMEWARD_HOST": "127.0.0.1",
                "FORWARDED_ALLOW_IPS": "127.0.0.1",
            }
        return found | {"SECRETS_GIVEN": str(self.folder / "secrets"), "SECRETS_MINE": str(mine / "secrets")}

    def service(self, name: str) -> tuple[list[str], dict[str, str]]:
        """How a service of ours is started: the image's entry with the service's command."""
        return [str(DEPLOY / "entry"), *files.services()[name]["command"]], self.environment(name)

    def proxy(self, nginx: str) -> None:
        """Nginx with its configuration; ports and folders apart."""
        place = self.folder / "proxy"
        place.mkdir()
        text = files.NGINX.read_text()
        for old, new in (
            ("/tmp/", f"{place}/"),  # noqa: S108 - what is replaced
            ("/etc/nginx/homeward/upstream.conf", str(place / "upstream.conf")),
            ("/run/secrets/", f"{self.folder / 'secrets'}/"),
            ("listen 8443", f"listen 127.0.0.1:{self.ports['https']}"),
            ("listen 8080", f"listen 127.0.0.1:{self.ports['http']}"),
            ("127.0.0.1:8081", f"127.0.0.1:{self.ports['proxy']}"),
        ):
            text = text.replace(old, new)
        (place / "nginx.conf").write_text(text)
        upstream = (DEPLOY / "proxy" / "upstream-compose.conf").read_text()
        for name in ("web-1", "web-2"):
            upstream = upstream.replace(f"{name}:8000", f"127.0.0.1:{self.ports[name]}")
        (place / "upstream.conf").write_text(upstream)
        place.chmod(0o777)
        self.start("nginx", [nginx, "-e", "stderr", "-c", str(place / "nginx.conf"), "-g", "daemon off;"])
        self.hold(answers(f"http://127.0.0.1:{self.ports['proxy']}/"), "the proxy is healthy")

    def end(self) -> None:
        """Stop everything, asking first."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.running.items():
            try:
                process.wait(45)
            except subprocess.TimeoutExpired:
                # The store waits for others of its kind before it ends: compose.yaml gives it longer.
                self.hold(well=name == "store", what=f"{name} did not end in 45 s")
                process.kill()
        if self.server:
            self.server.close()


def answers(address: str, host: str = "localhost") -> bool:
    """Whether somebody answers well within a while."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            if httpx.get(address, headers={"Host": host}, timeout=5).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    return False


def through_the_proxy(one: Rehearsal) -> None:
    """Send tips as citizens do, and try what must not get through."""
    trusted = ssl.create_default_context(cafile=str(one.folder / "secrets" / "tls.crt"))
    port = one.ports["https"]

    def ask(host: str, method: str, path: str, **more: Any) -> httpx.Response:
        with httpx.Client(verify=trusted, timeout=120) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{port}{path}",
                extensions={"sni_hostname": host},
                headers={"Host": f"{host}:{port}", "Origin": f"https://{host}:{port}"}
                | more.pop("headers", {}),
                **more,
            )

    seen = [
        ask("tips.example.org", "GET", "/tip").status_code,
        ask("console.example.org", "GET", "/console/sign-in").status_code,
    ]
    one.hold(seen == [200, 200], f"the form and the sign-in page answer {seen}")
    seen = [
        ask("tips.example.org", "GET", path).status_code
        for path in ("/console", "/console/sign-in", "/livez", "/metrics")
    ] + [ask("console.example.org", "GET", "/tip").status_code]
    one.hold(set(seen) == {404}, f"pages of the other name, health and metrics answer {seen}")
    try:
        ask("elsewhere.example.org", "GET", "/")
        one.hold(well=False, what="a name that is not ours is answered")
    except httpx.HTTPError as error:
        one.hold(well=True, what=f"a name that is not ours gets no certificate: {type(error).__name__}")
    codes = [
        ask(
            "tips.example.org",
            "POST",
            "/tip",
            files={"photos": (f"{number}.jpg", jpeg((number * 20, 80, 120)), "image/jpeg")},
            data={"place_text": "福田区华强北", "description": "A boy asks passers-by for money"},
            headers={"X-Forwarded-For": "203.0.113.9"},
        ).status_code
        for number in range(TIPS)
    ]
    one.hold(set(codes) == {303}, f"{TIPS} tips are answered {sorted(set(codes))}")
    large = ask("tips.example.org", "POST", "/tip", content=b"0" * (121 * 2**20 + 1))
    one.hold(large.status_code == 413, f"a body beyond the limit is answered {large.status_code}")


def processed(one: Rehearsal) -> None:
    """Wait until workers have looked into all tips."""
    assert one.server is not None
    end, found = time.monotonic() + WAIT_S, None
    while time.monotonic() < end:
        where = f"host={one.server.folder} port={one.ports['database']} user=postgres dbname=homeward"
        with psycopg.connect(where) as connection:
            found = connection.execute(
                "SELECT count(*) FILTER (WHERE state NOT IN ('received', 'processing')), count(*) FROM tip"
            ).fetchone()
        if found == (TIPS, TIPS):
            break
        time.sleep(1)
    one.hold(found == (TIPS, TIPS), f"workers have looked into {found[0] if found else 0} of {TIPS} tips")


def main() -> None:
    """Rehearse."""
    folder = Path(tempfile.mkdtemp(prefix="homeward-rehearsal-"))
    folder.chmod(0o755)
    one = Rehearsal(folder)
    nginx = os.environ.get("NGINX") or shutil.which("nginx")
    try:
        one.secrets()
        one.database()
        one.store()
        command, environment = one.service("migrate")
        one.once("migrate", command, **environment)
        for name in ("web-1", "web-2", "worker-1", "worker-2"):
            command, environment = one.service(name)
            one.start(name, command, **environment)
        (probe,) = files.probes("web-1")
        host = f"tips.example.org:{one.ports['https']}"
        for name in ("web-1", "web-2"):
            well = answers(f"http://127.0.0.1:{one.ports[name]}{probe}", host)
            one.hold(well, f"{name} answers at {probe}")
        if nginx:
            one.proxy(nginx)
            through_the_proxy(one)
            processed(one)
        else:
            one.hold(well=False, what="nginx is not installed here: name it in NGINX")
        command, environment = one.service("worker-1")
        said = one.once("doctor", ["/bin/sh", "-c", '"$0" doctor || test $? = 1', command[0]], **environment)
        bad = re.findall(r"^(broken|look) +(.*)", said, re.MULTILINE)
        one.hold(well=all(level == "look" for level, _ in bad), what=f"doctor: {bad or 'fine'}")
        one.hold("confinement: Photos are decoded behind" in said, "photos are decoded behind a filter")
    finally:
        one.end()
        logs = b"".join(path.read_bytes() for path in folder.glob("*.log") if path.name != "store.log")
        one.hold(b"203.0.113.9" not in logs, "no log names the address that a sender claimed")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(one.broken))


if __name__ == "__main__":
    main()
