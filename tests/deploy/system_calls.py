"""Runs a program under the filter of system calls that a systemd unit asks for.

`python -m tests.deploy.system_calls UNIT PROGRAM ARGUMENTS...`: no systemd runs where tests run, but its own
`systemd-analyze syscall-filter` says which calls each of its groups names.
"""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pyseccomp


def members(group: str) -> set[str]:
    """System calls of a group, those of groups in it among them."""
    said = subprocess.run(  # noqa: S603 - systemd's own program
        ["systemd-analyze", "syscall-filter", "--no-pager", group],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: set[str] = set()
    for line in said.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= members(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def allowed(unit: Path) -> set[str]:
    """System calls that a unit leaves its processes: lines add, and with a tilde take away."""
    calls: set[str] = set()
    for line in unit.read_text().splitlines():
        if not line.startswith("SystemCallFilter="):
            continue
        value = line.partition("=")[2]
        named: set[str] = set()
        for name in value.removeprefix("~").split():
            named |= members(name) if name.startswith("@") else {name}
        calls = calls - named if value.startswith("~") else calls | named
    return calls


def main() -> None:
    """Put the filter on and become the program."""
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in sorted(allowed(Path(sys.argv[1]))):
        if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:
            made.add_rule(pyseccomp.ALLOW, name)
    made.load()
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - what the caller names


if __name__ == "__main__":
    main()
