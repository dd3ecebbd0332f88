"""What the deployment files say, read as their programs would."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

DEPLOY: Final = Path(__file__).parents[2] / "docs" / "deploy"
COMPOSE: Final = DEPLOY / "compose.yaml"
MANIFESTS: Final = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS: Final = sorted(
    path for path in (DEPLOY / "systemd").iterdir() if path.suffix in {".service", ".timer"}
)
NGINX: Final = DEPLOY / "proxy" / "nginx.conf"
EXECUTABLE: Final = "/srv/homeward/.venv/bin/homeward"

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose(**variables: str) -> dict[str, Any]:
    """compose.yaml with its variables filled in and its anchors merged.

    Args:
        variables: instead of those of the environment.
    """

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        return variables.get(name, default if kind == "-" else f"{name.lower().replace('_', '-')}.example")

    read: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, COMPOSE.read_text()))
    return read


def services() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def own(service: dict[str, Any]) -> bool:
    """Whether a service runs Homeward's own image."""
    return str(service["image"]).startswith("homeward:")


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and content of each Kubernetes object."""
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod specification of each workload."""
    for _, document in manifests():
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def probes(service: str) -> set[str]:
    """Paths by which a service of compose.yaml is asked how it is."""
    return set(re.findall(r"127\.0\.0\.1:8000(/\w+)", str(services()[service]["healthcheck"])))


def unit_lines(path: Path, key: str) -> list[str]:
    """Values of a key of a systemd unit, in their order."""
    return [line.partition("=")[2] for line in path.read_text().splitlines() if line.partition("=")[0] == key]


def texts() -> Iterator[Path]:
    """All deployment files."""
    yield from sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def told(program: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run another program's own check.

    Args:
        program: its name.
        arguments: what it is asked.
        environment: all that it sees beside the path.

    Returns:
        Status, what it printed, what it complained of.
    """
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed here.")
    done = subprocess.run(  # noqa: S603 - programs that are named here
        [found, *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=DEPLOY.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
