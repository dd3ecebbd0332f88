"""A file system of its own in a file, whose power can be cut."""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

GOING_DOWN = 0x8004587D
"""The ioctl of ext4 and XFS that ends a file system at once; `xfs_io -x -c shutdown` sends the same."""
WITH_LOG, WITHOUT_LOG = 1, 2
"""The journal is written first; or nothing that is still in memory reaches the disk, as in a power cut."""
UNMOUNT_PATIENCE_S = 20.0


class Disk:
    """A loop-mounted file system.

    Args:
        image: where its file is made.
        folder: where it is mounted.
        kind: ext4 or xfs.
        megabytes: its size.
    """

    def __init__(self, image: Path, folder: Path, kind: str, megabytes: int) -> None:
        self._image, self.folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        _call(f"mkfs.{kind}", "-q", "-F" if kind == "ext4" else "-f", str(image))
        self.mount()

    def mount(self) -> None:
        """Mount it; a journal is played back as after a power cut."""
        _call("mount", "-o", "loop", str(self._image), str(self.folder))

    def unmount(self) -> None:
        """Take it off, as soon as the processes that were killed have let go."""
        deadline = time.monotonic() + UNMOUNT_PATIENCE_S
        while subprocess.run(["umount", str(self.folder)], check=False, capture_output=True).returncode:  # noqa: S603, S607
            if time.monotonic() > deadline:
                msg = "the file system stays busy"
                raise RuntimeError(msg)
            time.sleep(0.1)

    def remount(self, mode: str) -> None:
        """Make it "ro" or "rw", as soon as the processes that were killed have let go."""
        deadline = time.monotonic() + UNMOUNT_PATIENCE_S
        while subprocess.run(  # noqa: S603
            ["mount", "-o", f"remount,{mode}", str(self.folder)],  # noqa: S607
            check=False,
            capture_output=True,
        ).returncode:
            if time.monotonic() > deadline:
                msg = f"the file system does not become {mode}"
                raise RuntimeError(msg)
            time.sleep(0.1)

    def cut(self, *, keep_journal: bool = False) -> None:
        """End all access at once: each one ends in an I/O error until it is mounted again.

        Args:
            keep_journal: the journal in memory is written first; else all that was not synced is lost.
        """
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, GOING_DOWN, struct.pack("I", WITH_LOG if keep_journal else WITHOUT_LOG))
        finally:
            os.close(handle)

    def fill(self, name: str) -> Path:
        """Take all room there is.

        Returns:
            The file that takes it; removed, the room is back.
        """
        filler = self.folder / name
        with filler.open("wb") as file:
            free = shutil.disk_usage(self.folder).free
            os.posix_fallocate(file.fileno(), 0, max(1, free - 2**20))
        return filler


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - constant words and our own paths
