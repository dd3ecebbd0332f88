"""Named arrays in one file: written whole or not at all, read as memory-mapped views, refused when damaged.

The file is a run of arrays in NumPy's own format, each on a page of its own, between a line that says what it
is and a SHA-256 digest of everything before it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_MAGIC: Final = b"homeward arrays 1\n"
_PAGE: Final = 4096
"""Bytes: arrays begin on multiples of it, so that every row of one is aligned as NumPy and BLAS want it."""
_PIECE: Final = 1 << 20
_DIGEST_BYTES: Final = hashlib.sha256().digest_size


class DamagedFile(ValueError):
    """The file was not written by `write_arrays`, or not all of it is what was written."""


def write_arrays(path: Path, note: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write arrays durably; whoever opens the path finds the old file or the whole new one.

    Args:
        path: the file; a neighbour with another suffix is used on the way.
        note: what belongs to the arrays, as JSON.
        arrays: C-contiguous arrays without Python objects, by name.

    Raises:
        OSError: the disk is full or failing; the old file stands.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w+b") as file:
            header = json.dumps({"note": note, "arrays": list(arrays)}).encode()
            file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
            for array in arrays.values():
                _write(file, np.ascontiguousarray(array))
            file.flush()
            file.seek(0)
            digest = _digest(file, os.fstat(file.fileno()).st_size)
            file.seek(0, os.SEEK_END)
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Map the arrays of a file into memory.

    Pages that are only read are shared by all processes which read the file; a page that is written to
    becomes this process's own, and the file never changes.

    Args:
        path: a file that `write_arrays` wrote.

    Returns:
        The note, and the arrays by name.

    Raises:
        FileNotFoundError: there is none.
        DamagedFile: its digest is not that of its content, or it is another kind of file.
    """
    with path.open("rb") as file:
        content = os.fstat(file.fileno()).st_size - _DIGEST_BYTES
        if content < len(_MAGIC) or _digest(file, content) != file.read():
            raise DamagedFile(f"{path.name} is damaged")
        file.seek(0)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DamagedFile(f"{path.name} is no file of arrays")
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        arrays = {name: _map(file, path) for name in header["arrays"]}
    return header["note"], arrays


def _write(file: BinaryIO, array: Array) -> None:
    np.lib.format.write_array_header_2_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(bytes(-file.tell() % _PAGE))
    file.write(array.reshape(-1).view(np.uint8).data)


def _map(file: BinaryIO, path: Path) -> Array:
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    file.seek(-file.tell() % _PAGE, os.SEEK_CUR)
    place = file.tell()
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    file.seek(size, os.SEEK_CUR)
    if size == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, mode="c", offset=place, shape=shape)


def _digest(file: BinaryIO, count: int) -> bytes:
    """The digest of the next bytes; reads as many as there are, up to the count."""
    digest = hashlib.sha256()
    while count > 0 and (piece := file.read(min(_PIECE, count))):
        digest.update(piece)
        count -= len(piece)
    return digest.digest()
