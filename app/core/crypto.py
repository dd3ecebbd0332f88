"""Keys and sealing.

One root secret lies in a file of its own (mode 0600, outside the data folder). Everything else is derived
from it, one key a purpose. Keys to seal to are added to that file as time goes by; the newest one seals.
Files are sealed with a key of their own, which is sealed to the public key: a process that only takes tips in
needs no key that opens one.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from app.core.holders import FileHolder, Holder
from app.core.holders import KeyProblem as KeyProblem  # noqa: PLC0414 - part of this module, too

ROOT_BYTES = 32
CHUNK_BYTES = 64 * 1024
"""Plain bytes in one chunk of a sealed file; a cut or swapped chunk does not open."""


class Unsealable(ValueError):
    """Sealed bytes that were cut, altered or sealed to another key."""


NUMBERED = b"\xf5hwK"
"""Begins what is sealed to a key with a number; without it, it is the first key's."""


class Keys:
    """The keys of a deployment: one root for all that stays, and numbered ones to seal to.

    Args:
        roots: secrets by number. The first is the root: receipts, signatures and digests rest on it for
            good. What is sealed is sealed to the newest; older ones open what was sealed before.
        holder: who is asked again when a number turns up that is not there yet.

    Raises:
        KeyProblem: there is no first secret, or one has the wrong length.
    """

    def __init__(self, roots: bytes | Mapping[int, bytes], holder: Holder | None = None) -> None:
        self._holder = holder
        self._version = holder.version() if holder else None
        self._ring = {1: roots} if isinstance(roots, bytes) else dict(roots)
        if 1 not in self._ring or any(len(root) != ROOT_BYTES for root in self._ring.values()):
            msg = f"a root secret has {ROOT_BYTES} bytes"
            raise KeyProblem(msg)
        self._root = self._ring[1]
        self._private: dict[int, PrivateKey] = {}
        self._derived: dict[tuple[int, str], bytes] = {}
        self.signing = SigningKey(self.derive("signing"))

    @property
    def newest(self) -> int:
        """Number of the key that is sealed to; a key file that was changed is read first.

        Who uses it twice for one value asks once: it may change in between.
        """
        version = self._holder.version() if self._holder else None
        if version not in (None, self._version):
            self._version = version
            # A file that was damaged meanwhile stops the next start, not the tips that come in now.
            self._read_again()
        return max(self._ring)

    @property
    def numbers(self) -> list[int]:
        """Numbers of all keys, the oldest first."""
        return sorted(self._ring)

    @property
    def public(self) -> PublicKey:
        """What new values are sealed to; it opens nothing."""
        return self._private_key(self.newest).public_key

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, the same at every start and after every rotation."""
        return _derived(self._root, purpose)

    def ring_key(self, number: int, purpose: str) -> bytes:
        """A 32-byte key for one purpose that changes with rotation.

        Raises:
            Unsealable: there is no key of this number.
        """
        known = self._derived.get((number, purpose))
        if known is None:
            if number not in self._ring:
                self._read_again()
            if number not in self._ring:
                raise Unsealable("the key of this number is not there")
            known = self._derived[number, purpose] = _derived(self._ring[number], purpose)
        return known

    def box(self, purpose: str) -> SecretBox:
        """A box that only this deployment opens, for one purpose."""
        return SecretBox(self.derive(purpose))

    def seal(self, plain: bytes) -> bytes:
        """Seal a short text so that only the holder of the private key reads it."""
        number = self.newest
        sealed = bytes(SealedBox(self._private_key(number).public_key).encrypt(plain))
        return sealed if number == 1 else NUMBERED + number.to_bytes(2, "big") + sealed

    def unseal(self, sealed: bytes) -> bytes:
        """Open what `seal` closed.

        Raises:
            Unsealable: altered, cut, or sealed to another key.
        """
        number, inner = _numbered(sealed)
        try:
            return bytes(SealedBox(self._private_key(number)).decrypt(inner))
        except CryptoError as error:
            raise Unsealable("sealed bytes do not open") from error

    def resealed(self, sealed: bytes) -> bytes:
        """The same sealed to the newest key; unchanged when it is already."""
        return sealed if number_of(sealed) == self.newest else self.seal(self.unseal(sealed))

    def _private_key(self, number: int) -> PrivateKey:
        if number not in self._private:
            self._private[number] = PrivateKey(self.ring_key(number, "sealing"))
        return self._private[number]

    def _read_again(self) -> None:
        """Take up keys that were added to the file while this process runs."""
        if self._holder is not None:
            with contextlib.suppress(KeyProblem, OSError):
                self._ring |= _ring_of(self._holder)


def number_of(sealed: bytes) -> int:
    """The number of the key that something was sealed to with `Keys.seal`."""
    return _numbered(sealed)[0]


def _numbered(sealed: bytes) -> tuple[int, bytes]:
    if not sealed.startswith(NUMBERED):
        return 1, sealed
    start = len(NUMBERED)
    return int.from_bytes(sealed[start : start + 2], "big"), sealed[start + 2 :]


def _derived(root: bytes, purpose: str) -> bytes:
    return hashlib.blake2b(purpose.encode(), key=root, digest_size=32, person=b"homeward").digest()


def load_keys(path: Path, *, create: bool, holder: Holder | None = None) -> Keys:
    """Read the keys, or make the first for a new deployment.

    Args:
        path: the key file.
        create: whether a missing file may be made; never true when the database already holds tips.
        holder: who holds the keys, when it is not the file.

    Returns:
        The derived keys.

    Raises:
        KeyProblem: missing and not to be made, readable by others, or no keys.
    """
    if holder is None:
        holder = FileHolder(path)
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(path, {1: secrets.token_bytes(ROOT_BYTES)}, flags=os.O_CREAT | os.O_EXCL)
    return Keys(_ring_of(holder), holder)


def add_key(path: Path) -> int:
    """Add a sealing key to the key file; processes that run take it up when they meet its number.

    The file is replaced in one step: whoever reads it finds the old one or the new one.

    Returns:
        The new key's number.

    Raises:
        KeyProblem: as `load_keys`.
    """
    ring = _ring_of(FileHolder(path))
    number = max(ring) + 1
    _replace(path, ring | {number: secrets.token_bytes(ROOT_BYTES)})
    return number


def remove_key(path: Path, number: int) -> None:
    """Take a sealing key out of the key file; what is still sealed to it opens to nobody any more.

    Raises:
        KeyProblem: as `load_keys`, or it is the root, the newest, or not there.
    """
    ring = _ring_of(FileHolder(path))
    if number not in ring or number in (1, max(ring)):
        msg = "the root and the newest key stay, and what is not there cannot go"
        raise KeyProblem(msg)
    del ring[number]
    _replace(path, ring)


def _replace(path: Path, ring: Mapping[int, bytes]) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    _write(part, ring, flags=os.O_CREAT | os.O_EXCL)
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, ring: Mapping[int, bytes], flags: int) -> None:
    handle = os.open(path, os.O_WRONLY | flags, 0o600)
    with os.fdopen(handle, "w") as file:
        # The first line stands alone, as it did before there were numbers.
        file.write(
            "".join(
                f"{secret.hex()}\n" if n == 1 else f"{n} {secret.hex()}\n"
                for n, secret in sorted(ring.items())
            )
        )
        file.flush()
        os.fsync(file.fileno())


def _ring_of(holder: Holder) -> dict[int, bytes]:
    ring: dict[int, bytes] = {}
    # The first error quotes what was read, so it goes no further.
    with contextlib.suppress(ValueError):
        for line in filter(str.strip, holder.read().splitlines()):
            number, _, secret = line.strip().rpartition(" ")
            ring[int(number or 1)] = bytes.fromhex(secret)
        if 1 in ring and all(len(root) == ROOT_BYTES for root in ring.values()):
            return ring
    raise KeyProblem("what was given as keys holds none: not the key file, or damaged")


def seal_bytes(plain: bytes, key: bytes) -> bytes:
    """Seal a whole file with libsodium's secretstream.

    Args:
        plain: the file.
        key: 32 random bytes used for this file only.

    Returns:
        Header and sealed chunks.
    """
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    parts = [bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)]
    for start in range(0, max(len(plain), 1), CHUNK_BYTES):
        chunk = plain[start : start + CHUNK_BYTES]
        last = start + CHUNK_BYTES >= len(plain)
        tag = (
            bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if last
            else bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
        )
        parts.append(bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, None, tag))
    return b"".join(parts)


def open_bytes(sealed: bytes, key: bytes) -> bytes:
    """Open what `seal_bytes` closed.

    Raises:
        Unsealable: altered, cut short, or another key.
    """
    header_bytes = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
    step = CHUNK_BYTES + bindings.crypto_secretstream_xchacha20poly1305_ABYTES
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    plain: list[bytes] = []
    tag = None
    try:
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, sealed[:header_bytes], key)
        for start in range(header_bytes, len(sealed), step):
            chunk, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
                state, sealed[start : start + step], None
            )
            plain.append(chunk)
    except (CryptoError, ValueError, RuntimeError) as error:
        raise Unsealable("a sealed file does not open") from error
    if tag != bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL:
        raise Unsealable("a sealed file was cut short")
    return b"".join(plain)
