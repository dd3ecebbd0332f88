"""Who holds the deployment's keys: a file, or a key service that a command asks.

All give the same text, a key on each line. Neither a holder's words nor its output is ever shown or logged.
"""

import shlex
import subprocess
from pathlib import Path
from typing import Protocol

LONGEST_S = 20
"""Seconds that a command may take to give the keys."""


class KeyProblem(RuntimeError):
    """The keys are missing, readable by others, or no keys."""


class Holder(Protocol):
    """Gives the keys, and says whether they changed."""

    def read(self) -> str:
        """The keys as they are now.

        Raises:
            KeyProblem: they cannot be had, or others can read them.
        """

    def version(self) -> int | None:
        """A number that differs once the keys changed; None when that cannot be told."""


class FileHolder:
    """A file that its owner alone may read; systemd's credentials are such files.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str:
        """As `Holder.read`."""
        if not self._path.exists():
            msg = f"the key file {self._path} is missing; without it no stored photo can be opened"
            raise KeyProblem(msg)
        if self._path.stat().st_mode & 0o077:
            msg = f"the key file {self._path} may be read by others; set its mode to 0600"
            raise KeyProblem(msg)
        try:
            return self._path.read_text()
        except ValueError as error:
            msg = f"the key file {self._path} does not hold a key"
            raise KeyProblem(msg) from error

    def version(self) -> int | None:
        """As `Holder.version`."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None


class CommandHolder:
    """A command that prints the keys: `vault kv get`, a cloud's key service, a security module's tool.

    Args:
        command: program and arguments, split as a shell would; no shell runs it.
    """

    def __init__(self, command: str) -> None:
        self._command = command

    def read(self) -> str:
        """As `Holder.read`."""
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own setting
                shlex.split(self._command), capture_output=True, text=True, timeout=LONGEST_S, check=True
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            msg = "the key command failed; without its keys no stored photo can be opened"
            raise KeyProblem(msg) from None
        return done.stdout

    def version(self) -> int | None:
        """As `Holder.version`: asking at each value would be too often."""
        return None
