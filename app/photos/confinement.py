"""What a process that decodes a stranger's photo may still ask of the kernel: memory, time and its pipe.

A filter of system calls (seccomp) is made once by the server and put on by each child. What decoders and
networks need is allowed; what their libraries may try, and can do without, is refused like a missing right;
everything else ends the process: opening connections, starting programs, touching other processes.
"""

import ctypes
import errno
import os
import subprocess
import sys
import tempfile
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

_ALLOWED: Final = (
    *("write", "read", "close", "fstat", "lseek", "poll", "ppoll"),  # Its answer.
    *("brk", "munmap", "mremap", "madvise"),  # Memory.
    *(
        "futex",
        "rseq",
        "set_robust_list",
        "set_tid_address",
        "sched_yield",
        "sched_getaffinity",
        "membarrier",
    ),
    *(
        "gettid",
        "getpid",
        "eventfd2",
        "exit",
        "exit_group",
        "restart_syscall",
        "getcpu",
    ),  # Decoders' threads.
    *("rt_sigprocmask", "rt_sigaction", "rt_sigreturn", "sigaltstack"),  # Its own answers to signals.
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom"),
    *("getrusage", "times", "uname", "sysinfo", "getuid", "geteuid", "getgid", "getegid"),  # What it is.
)
"""Seen with every format, detector and encoder (strace), and what their libraries do on other machines."""

_REFUSED: Final = (
    *(
        "open",
        "openat",
        "stat",
        "lstat",
        "statx",
        "access",
        "faccessat",
        "faccessat2",
        "readlink",
        "readlinkat",
    ),
    *("getcwd", "getdents64", "ioctl", "fcntl", "unlink", "unlinkat", "mkdir", "dup", "getppid"),
    *("sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_setscheduler", "setpriority"),
    *("mbind", "set_mempolicy", "get_mempolicy", "mlock", "prctl", "sched_getattr"),
)
"""What a library may try in passing; it is told that it has no right to. Files are among it: some libraries
look for the machine's description, and a photo must not be lost for that."""

_CLONE_THREAD: Final = 0x00010000
_AT_EMPTY_PATH: Final = 0x1000
"""Flag of newfstatat: the question is about an open descriptor, not about a path."""
_PROT_EXEC: Final = 4
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_INSTRUCTION_BYTES: Final = 8
_ROOT: Final = Path(__file__).resolve().parents[2]


class Confinement(StrEnum):
    """How well the processes that decode photos are shut in on this machine."""

    FILTERED = "filtered"  # Limits, and a filter of system calls.
    NO_LIBRARY = "no_library"  # Limits alone: libseccomp is not installed.
    NO_KERNEL = "no_kernel"  # Limits alone: the kernel takes no filter.


class _Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@cache
def program() -> bytes:
    """The filter as instructions for the kernel, made once in a process; none without libseccomp."""
    try:
        import pyseccomp  # noqa: PLC0415 - it looks for libseccomp at once, and raises without it.
    except (ImportError, RuntimeError, OSError, AttributeError):
        return b""
    kill, refuse, allow = pyseccomp.KILL_PROCESS, pyseccomp.ERRNO(errno.EPERM), pyseccomp.ALLOW
    made = pyseccomp.SyscallFilter(kill)
    for names, action in ((_ALLOWED, allow), (_REFUSED, refuse)):
        for name in names:
            _rule(made, action, name)
    # A thread belongs to its process; whatever else is cloned would be another one.
    _rule(made, allow, "clone", (0, _CLONE_THREAD, _CLONE_THREAD))
    # Its flags lie in memory, where no filter looks; the C library then takes the older call above.
    _rule(made, pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    _rule(made, allow, "newfstatat", (3, _AT_EMPTY_PATH, _AT_EMPTY_PATH))
    _rule(made, refuse, "newfstatat", (3, _AT_EMPTY_PATH, 0))
    for name in ("mmap", "mprotect"):
        # Memory that it may write must never become code.
        _rule(made, allow, name, (2, _PROT_EXEC, 0))
        _rule(made, refuse, name, (2, _PROT_EXEC, _PROT_EXEC))
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def _rule(made: "SyscallFilter", action: int, name: str, *arguments: tuple[int, int, int]) -> None:
    """Add a rule; a call that this machine's processor does not know needs none.

    Args:
        made: the filter.
        action: what happens.
        name: of the call.
        arguments: which one, what bits of it count, and what they have to be.
    """
    import pyseccomp  # noqa: PLC0415 - as above.

    if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:
        compared = [
            pyseccomp.Arg(place, pyseccomp.MASKED_EQ, mask, value) for place, mask, value in arguments
        ]
        made.add_rule(action, name, *compared)


def shut_in() -> Confinement:
    """Put the filter on this process, for good.

    Returns:
        What holds now; where there can be no filter nothing has changed.
    """
    instructions = program()
    if not instructions:
        return Confinement.NO_LIBRARY
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filled = _Program(len(instructions) // _INSTRUCTION_BYTES, instructions)
    refused = libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filled), 0, 0)
    return Confinement.NO_KERNEL if refused else Confinement.FILTERED


@cache
def confinement() -> Confinement:
    """What holds on this machine, tried once with a process that shuts itself in."""
    tried = subprocess.run(
        [sys.executable, "-m", "app.photos.confinement"], cwd=_ROOT, capture_output=True, check=False
    )
    said = tried.stdout.decode("ascii", "replace")
    return Confinement(said) if said in set(Confinement) else Confinement.NO_KERNEL


if __name__ == "__main__":
    os.write(1, shut_in().value.encode())
    os._exit(0)
