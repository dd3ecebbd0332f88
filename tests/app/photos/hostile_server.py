"""A decode server whose children do what a photo asks for: the worst that an exploited decoder could."""

import contextlib
import ctypes
import json
import mmap
import os
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path

from app.photos.examine_server import LENGTH, ChildLimits, Frame, serve

SERVER = os.getpid()


def verdict(*, held: bool) -> tuple[Frame, bytes]:
    """Say "damaged" if the walls held and "too_small" if they did not."""
    return Frame.UNREADABLE, b"damaged" if held else b"too_small"


def pipes() -> list[int]:
    """Descriptors that are pipes: there should be one, to answer through."""
    found = []
    for descriptor in range(64):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                found.append(descriptor)
    return found


def own_pipe() -> int:
    return max(pipes())


def obey(photo: bytes) -> tuple[Frame, bytes]:
    return ORDERS[photo.decode()]()


def loop() -> tuple[Frame, bytes]:
    while True:
        pass


def sleep() -> tuple[Frame, bytes]:
    time.sleep(1000)
    raise AssertionError


def memory() -> tuple[Frame, bytes]:
    hoard = [bytearray(1 << 20) for _ in range(1 << 16)]
    return verdict(held=len(hoard) < 0)


def leave() -> tuple[Frame, bytes]:
    os._exit(0)


def crash() -> tuple[Frame, bytes]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return sleep()


def stumble() -> tuple[Frame, bytes]:
    raise LookupError


def half_an_answer() -> tuple[Frame, bytes]:
    os.write(own_pipe(), Frame.EXAMINATION.value + LENGTH.pack(1000) + b"only this")
    os._exit(0)


def endless_answer() -> tuple[Frame, bytes]:
    os.write(own_pipe(), Frame.EXAMINATION.value + LENGTH.pack(1 << 60))
    return sleep()


def unknown_frame() -> tuple[Frame, bytes]:
    os.write(own_pipe(), b"Z" + LENGTH.pack(3) + b"abc")
    return sleep()


def close_and_stay() -> tuple[Frame, bytes]:
    os.close(own_pipe())
    return sleep()


def speak_for_the_server() -> tuple[Frame, bytes]:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.write(descriptor, Frame.UNREADABLE.value + LENGTH.pack(9) + b"too_small")
    return verdict(held=True)


def write_a_file() -> tuple[Frame, bytes]:
    written = 0
    for folder in (Path("/tmp"), Path("/dev/shm"), Path(__file__).parent):  # noqa: S108 - where a thief would try.
        path = folder / f"homeward-escape-{os.getpid()}"
        with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
            written += file.write(b"x")
        with contextlib.suppress(OSError):
            path.unlink()
    return verdict(held=written == 0)


def read_a_file() -> tuple[Frame, bytes]:
    read = 0
    for path in ("/etc/passwd", "/proc/self/environ", f"/proc/{SERVER}/environ", __file__):
        with contextlib.suppress(OSError), Path(path).open("rb", buffering=0) as file:
            read += len(file.read())
    return verdict(held=read == 0)


def connect() -> tuple[Frame, bytes]:
    with contextlib.suppress(OSError), socket.socket() as outside:
        outside.connect(("127.0.0.1", 9))
    return verdict(held=False)


def run_a_program() -> tuple[Frame, bytes]:
    with contextlib.suppress(OSError):
        os.execv("/bin/true", ["true"])  # noqa: S606 - it must not start.
    return verdict(held=False)


def trace_the_server() -> tuple[Frame, bytes]:
    attach = 16
    return verdict(held=ctypes.CDLL(None).ptrace(attach, SERVER, 0, 0) == 0)


def new_code() -> tuple[Frame, bytes]:
    with contextlib.suppress(OSError):
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        return verdict(held=False)
    return verdict(held=True)


def use_a_thread() -> tuple[Frame, bytes]:
    done = threading.Event()
    threading.Thread(target=done.set).start()
    return verdict(held=done.wait(2))


def fork_bomb() -> tuple[Frame, bytes]:
    started = 0
    try:
        for _ in range(500):
            if os.fork() == 0:
                time.sleep(1000)
            started += 1
    except OSError:
        return verdict(held=started < 50)
    return verdict(held=False)


def kill_the_server() -> tuple[Frame, bytes]:
    with contextlib.suppress(PermissionError):
        os.kill(SERVER, signal.SIGKILL)
        return sleep()
    return verdict(held=True)


def look_around() -> tuple[Frame, bytes]:
    networks = {"HOMEWARD_WEIGHTS", "HOMEWARD_MODELS"}
    secrets = [name for name in os.environ if ("HOMEWARD" in name or "KEY" in name) and name not in networks]
    loaded = [name for name in sys.modules if name.startswith(("sqlmodel", "sqlalchemy", "app.core"))]
    return verdict(held=len(pipes()) == 1 and not secrets and not loaded)


ORDERS = {
    order.__name__: order
    for order in (
        loop,
        sleep,
        memory,
        leave,
        crash,
        stumble,
        half_an_answer,
        endless_answer,
        unknown_frame,
        close_and_stay,
        speak_for_the_server,
        write_a_file,
        read_a_file,
        connect,
        run_a_program,
        trace_the_server,
        new_code,
        use_a_thread,
        fork_bomb,
        kill_the_server,
        look_around,
    )
} | {
    "garbage": lambda: (Frame.EXAMINATION, b"garbage"),
    "unknown_reason": lambda: (Frame.UNREADABLE, b"because"),
    "no_text": lambda: (Frame.FAILED, b"\xff\xfe"),
    "ready": lambda: (Frame.READY, b""),
    "fine": lambda: verdict(held=True),
}

if __name__ == "__main__":
    serve(obey, ChildLimits(**json.loads(sys.argv[1])))
