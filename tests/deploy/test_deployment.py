"""Promises about the deployment files: what they name exists, nothing is open that need not be."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app import cli
from app.core.settings import Settings
from app.main import LARGEST_BODY
from app.supervisor import GRACE_S
from tests.conftest import Client
from tests.deploy import files
from tests.deploy.files import DEPLOY, UNITS

SETTINGS = {f"HOMEWARD_{name.upper()}" for name in Settings.model_fields}
BESIDES = {
    "HOMEWARD_IMAGE",  # compose.yaml's own: which image is run.
    "HOMEWARD_MODELS",  # Read by the networks' process, not by Settings.
    "HOMEWARD_WEIGHTS",
}
COMMAND = r"(?:(?:^|&& |bin/)homeward|\brm tools|homeward-entry) ((?:[a-z-]+ ?){1,2})"
WORKLOADS = ("web", "worker", "migrate")


def commands() -> set[str]:
    """Every command, as `keys list`, and every group that does something by itself."""
    found = set()
    for name, command in get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner or ()}
        if not inner or command.invoke_without_command:
            found.add(name)
    return found


def is_command(arguments: list[str]) -> bool:
    """Whether arguments begin with a command."""
    return arguments[0] in commands() or " ".join(arguments[:2]) in commands()


class TestNames:
    def test_every_setting_exists(self) -> None:
        """A setting that nobody reads protects nobody."""
        named = {
            (path.name, name)
            for path in files.texts()
            for name in re.findall(r"HOMEWARD_[A-Z_]*[A-Z]", path.read_text())
        }

        assert ("compose.yaml", "HOMEWARD_DATABASE_URL") in named
        assert [pair for pair in named if pair[1] not in SETTINGS | BESIDES] == []

    def test_every_command_exists(self) -> None:
        """What is started is a command of this version."""
        asked = [list(one["command"]) for one in files.services().values() if files.own(one)]
        asked += [list(pod["containers"][0]["args"]) for name, pod in files.pods() if name in WORKLOADS]
        for unit in UNITS:
            for line in files.unit_lines(unit, "ExecStart"):
                asked += [line.split(f"{files.EXECUTABLE} ")[1].split()] if files.EXECUTABLE in line else []

        assert len(asked) > 10
        assert [arguments for arguments in asked if not is_command(arguments)] == []

    def test_commands_in_the_guides_exist(self) -> None:
        """An operator in trouble types no command that is not there."""
        guides = [DEPLOY / "README.md", *(DEPLOY.parent / f"{name}.md" for name in ("upgrade", "disaster"))]
        typed = [
            (guide.name, found.split())
            for guide in guides
            for block in re.findall(r"```(?:sh|bash)\n(.*?)```", guide.read_text(), re.DOTALL)
            for found in re.findall(COMMAND, block, re.MULTILINE)
        ]

        assert len(typed) > 10
        assert [pair for pair in typed if not is_command(pair[1])] == []

    def test_every_probe_is_answered(self, client: Client) -> None:
        """A probe of a page that is not there would take every process down."""
        asked = files.probes("web-1") | files.probes("web-2")
        for _, pod in files.pods():
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = pod["containers"][0].get(kind, {}).get("httpGet")
                asked |= {probe["path"]} if probe else set()

        assert asked
        assert {path: client.get(path).status_code for path in asked} == dict.fromkeys(asked, 200)

    def test_images_are_of_one_version(self) -> None:
        """What runs tomorrow is what was looked at today."""
        images = [str(one["image"]) for one in files.services().values()]
        images += [container["image"] for _, pod in files.pods() for container in pod["containers"]]
        images += re.findall(r"^ARG BASE=(\S+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)

        assert len(images) > 10
        assert [image for image in images if not re.search(r":v?\d+\.\d+\.?\d*[\w.-]*$", image)] == []


class TestCompose:
    @pytest.mark.parametrize("name", sorted(files.services()))
    def test_a_service_can_do_little(self, name: str) -> None:
        """Whoever breaks into one finds no root, nothing to write, no right and an end to what it may use."""
        one = files.services()[name]

        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in one["security_opt"]
        assert one["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory", "pids"}
        if name == "folder":  # It gives a new volume to the store's user, without a network.
            assert (one["cap_add"], one["network_mode"]) == (["CHOWN"], "none")
        else:
            assert not one["user"].startswith(("0", "root"))
            assert "cap_add" not in one

    def test_only_the_proxy_is_reached_from_outside(self) -> None:
        """Nothing else has a port or a way out."""
        deployment = files.compose()
        open_ = {name for name, one in deployment["services"].items() if "ports" in one}
        out = {
            name
            for name, one in deployment["services"].items()
            for network in one.get("networks", [])
            if not (deployment["networks"][network] or {}).get("internal")
        }

        assert open_ == {"proxy"}
        assert out == {"proxy"}

    def test_processes_that_decode_have_users_of_their_own(self) -> None:
        """The kernel counts processes by user in all containers, and a decode child may start few."""
        lasting = {
            name: one["user"] for name, one in files.services().items() if files.own(one) and name != "tools"
        }

        assert len(set(lasting.values())) == len(lasting)

    def test_no_secret_is_in_the_environment(self) -> None:
        """Secrets are files: an environment is read by whoever may inspect a container."""
        for name, one in files.services().items():
            for key, value in one.get("environment", {}).items():
                secret = re.search(r"PASSWORD|SECRET|KEY", key) is not None
                assert not secret or str(value).startswith("/run/"), (name, key)
                assert not re.search(r"//[^/@]*:[^/@]*@", str(value)), (name, key)

    def test_web_processes_refuse_no_tip_for_want_of_a_disk(self) -> None:
        """Their data folder is a small memory file system: there is no disk to keep free."""
        for name in ("web-1", "web-2"):
            assert files.services()[name]["environment"]["HOMEWARD_DISK_RESERVE_MB"] == "0"

    def test_processes_have_time_to_end(self) -> None:
        """Who is told to stop finishes first."""
        for one in files.services().values():
            if files.own(one):
                assert int(one["stop_grace_period"].removesuffix("s")) > GRACE_S

    def test_docker_reads_it(self) -> None:
        """Docker's own reader has nothing against it."""
        if files.told("docker", "compose", "version")[0]:
            pytest.skip("docker compose is not installed here.")
        names = {"CITIZENS_HOST": "tips.example.org", "CONSOLE_HOST": "console.example.org"}

        status, _, complaint = files.told(
            "docker", "compose", "-f", str(files.COMPOSE), "config", "-q", **names
        )

        assert (status, complaint) == (0, "")


class TestKubernetes:
    @pytest.mark.parametrize(
        ("name", "pod"), list(files.pods()), ids=lambda value: value if isinstance(value, str) else ""
    )
    def test_a_pod_can_do_little(self, name: str, pod: dict[str, Any]) -> None:
        """As compose.yaml."""
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert name == "proxy" or pod["hostUsers"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]

    def test_workers_reach_database_and_store_alone(self) -> None:
        """Whoever breaks out of a picture's decoder cannot tell anybody."""
        policies = [document for name, document in files.manifests() if name == "network.yaml"]
        nothing = policies[0]["spec"]
        out = [
            rule
            for policy in policies[1:]
            if policy["spec"]["podSelector"] != {} and "worker" in str(policy["spec"]["podSelector"])
            for rule in policy["spec"].get("egress", [])
        ]

        assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert len(out) == 1
        assert [list(peer) for rule in out for peer in rule["to"]] == [["namespaceSelector"]]
        assert {port["port"] for port in out[0]["ports"]} == {5432, 8333}

    def test_what_lasts_has_a_disruption_budget(self) -> None:
        """A node that is emptied takes no last process with it."""
        lasting = {
            document["metadata"]["name"]
            for _, document in files.manifests()
            if document["kind"] in {"Deployment", "StatefulSet"} and document["spec"]["replicas"] > 1
        }
        kept = {
            document["metadata"]["name"]
            for _, document in files.manifests()
            if document["kind"] == "PodDisruptionBudget"
        }

        assert lasting == kept == {"web", "worker", "proxy"}

    def test_kubectl_puts_it_together(self) -> None:
        """All that kustomization.yaml names is there and has names of its own."""
        status, printed, complaint = files.told("kubectl", "kustomize", str(DEPLOY / "kubernetes"))

        assert status == 0, complaint
        assert len(re.findall("^kind: ", printed, re.MULTILINE)) == 16


class TestSystemd:
    def test_systemd_reads_the_units(self, tmp_path: Path) -> None:
        """Its own check has nothing against any; only the program stands elsewhere."""
        for path in (DEPLOY / "systemd").glob("*.*"):
            text = path.read_text().replace(f"{files.EXECUTABLE} ", "/bin/true ")
            (tmp_path / path.name).write_text(text.replace("/usr/bin/logger", "/bin/true"))
        units = sorted(str(tmp_path / path.name) for path in UNITS)

        assert files.told("systemd-analyze", "verify", "--man=no", *units) == (0, "", "")

    @pytest.mark.parametrize(
        "unit", [unit for unit in UNITS if "homeward " in unit.read_text()], ids=lambda unit: unit.name
    )
    def test_a_unit_can_do_little(self, unit: Path) -> None:
        """Whoever breaks into one finds nothing to write but data, and no right."""
        wanted = {
            "NoNewPrivileges": "yes",
            "ProtectSystem": "strict",
            "ProtectHome": "yes",
            "PrivateTmp": "yes",
            "PrivateDevices": "yes",
            "CapabilityBoundingSet": "",
            "RestrictNamespaces": "yes",
            "User": "homeward",
        }

        found = {key: files.unit_lines(unit, key)[0] for key in wanted}

        assert found == wanted
        assert files.unit_lines(unit, "MemoryMax")
        assert files.unit_lines(unit, "ReadWritePaths")[0] == "/var/lib/homeward"

    @pytest.mark.parametrize("name", ["homeward-web.service", "homeward-worker@.service"])
    def test_decoding_can_still_be_shut_in(self, name: str) -> None:
        """A unit's filter of system calls leaves the decode child's own, narrower one possible."""
        files.told("systemd-analyze", "--version")
        unit = str(DEPLOY / "systemd" / name)

        found = files.told(
            sys.executable,
            "-m",
            "tests.deploy.system_calls",
            unit,
            sys.executable,
            "-m",
            "app.photos.confinement",
        )

        assert found == (0, "filtered", "")


class TestProxy:
    def test_its_largest_body_is_the_applications(self) -> None:
        """A tip that the application takes is not refused before it, and a larger one is."""
        (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", files.NGINX.read_text())

        assert int(megabytes) * 2**20 == LARGEST_BODY

    def test_it_writes_no_address_and_no_photo_down(self) -> None:
        """No log names who sent a tip, no file keeps what was sent."""
        text = files.NGINX.read_text()

        assert re.findall(r"access_log (.*?);", text) == ["off"]
        assert re.findall(r"error_log (.*?);", text) == ["stderr emerg"]
        assert set(re.findall(r"_temp_path (/tmp)/", text)) == {"/tmp"}  # noqa: S108 - a tmpfs of its container
        assert files.services()["proxy"]["tmpfs"][0].startswith("/tmp:")  # noqa: S108
        assert re.findall(r"proxy_max_temp_file_size (.*?);", text) == ["0"]

    def test_it_hands_bodies_on_whole(self) -> None:
        """A slow sender holds the proxy alone."""
        assert "proxy_request_buffering on;" in files.NGINX.read_text()
