"""Keys and sealing.

One root secret lies in a file of its own (mode 0600, outside the data folder). Everything else is derived
from it, one key a purpose. Files are sealed with a key of their own, which is sealed to the public key: a
process that only takes tips in needs no key that opens one.
"""

import hashlib
import os
import secrets
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey

ROOT_BYTES = 32
CHUNK_BYTES = 64 * 1024
"""Plain bytes in one chunk of a sealed file; a cut or swapped chunk does not open."""


class KeyProblem(RuntimeError):
    """The key file is missing, readable by others, or not a key."""


class Unsealable(ValueError):
    """Sealed bytes that were cut, altered or sealed to another key."""


class Keys:
    """The keys derived from one root secret."""

    def __init__(self, root: bytes) -> None:
        if len(root) != ROOT_BYTES:
            msg = f"a root secret has {ROOT_BYTES} bytes"
            raise KeyProblem(msg)
        self._root = root
        self._private = PrivateKey(self.derive("sealing"))
        self.public: PublicKey = self._private.public_key
        self.signing = SigningKey(self.derive("signing"))

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, the same at every start."""
        return hashlib.blake2b(purpose.encode(), key=self._root, digest_size=32, person=b"homeward").digest()

    def box(self, purpose: str) -> SecretBox:
        """A box that only this deployment opens, for one purpose."""
        return SecretBox(self.derive(purpose))

    def seal(self, plain: bytes) -> bytes:
        """Seal a short text so that only the holder of the private key reads it."""
        return bytes(SealedBox(self.public).encrypt(plain))

    def unseal(self, sealed: bytes) -> bytes:
        """Open what `seal` closed.

        Raises:
            Unsealable: altered, cut, or sealed to another key.
        """
        try:
            return bytes(SealedBox(self._private).decrypt(sealed))
        except CryptoError as error:
            raise Unsealable("sealed bytes do not open") from error


def load_keys(path: Path, *, create: bool) -> Keys:
    """Read the root secret, or make one for a new deployment.

    Args:
        path: the key file.
        create: whether a missing file may be made; never true when the database already holds tips.

    Returns:
        The derived keys.

    Raises:
        KeyProblem: missing and not to be made, readable by others, or not a key.
    """
    if not path.exists():
        if not create:
            msg = f"the key file {path} is missing; without it no stored photo can be opened"
            raise KeyProblem(msg)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(ROOT_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    if path.stat().st_mode & 0o077:
        msg = f"the key file {path} may be read by others; set its mode to 0600"
        raise KeyProblem(msg)
    try:
        return Keys(bytes.fromhex(path.read_text().strip()))
    except ValueError as error:
        msg = f"the key file {path} does not hold a key"
        raise KeyProblem(msg) from error


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
