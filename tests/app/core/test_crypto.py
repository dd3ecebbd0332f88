"""Sealing: what is closed opens for the holder of the key, and for nobody else."""

import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.crypto import CHUNK_BYTES, KeyProblem, Keys, Unsealable, load_keys, open_bytes, seal_bytes


class TestSealedBytes:
    @given(st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]))
    def test_any_length_comes_back(self, length: int) -> None:
        """Also a file that ends exactly at a chunk's end."""
        key, plain = secrets.token_bytes(32), secrets.token_bytes(length)

        assert open_bytes(seal_bytes(plain, key), key) == plain

    @pytest.mark.parametrize("cut", [1, 17, CHUNK_BYTES, CHUNK_BYTES + 17])
    def test_a_cut_file_does_not_open(self, cut: int) -> None:
        """A truncated original is noticed, also when it is cut between two chunks."""
        key = secrets.token_bytes(32)
        sealed = seal_bytes(secrets.token_bytes(2 * CHUNK_BYTES), key)

        with pytest.raises(Unsealable):
            open_bytes(sealed[:-cut], key)

    def test_swapped_chunks_do_not_open(self) -> None:
        """Chunks have their place."""
        key, step = secrets.token_bytes(32), CHUNK_BYTES + 17
        sealed = seal_bytes(secrets.token_bytes(3 * CHUNK_BYTES), key)
        swapped = (
            sealed[:24] + sealed[24 + step : 24 + 2 * step] + sealed[24 : 24 + step] + sealed[24 + 2 * step :]
        )

        with pytest.raises(Unsealable):
            open_bytes(swapped, key)

    def test_another_key_does_not_open(self) -> None:
        """The key is the file's own."""
        sealed = seal_bytes(b"a photo", secrets.token_bytes(32))

        with pytest.raises(Unsealable):
            open_bytes(sealed, secrets.token_bytes(32))


class TestKeyFile:
    def test_a_key_is_made_once_and_read_again(self, tmp_path: Path) -> None:
        """The same deployment opens tomorrow what it sealed today."""
        path = tmp_path / "keys" / "root"
        sealed = load_keys(path, create=True).seal(b"contact")

        assert load_keys(path, create=False).unseal(sealed) == b"contact"
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_missing_key_is_not_replaced_in_silence(self, tmp_path: Path) -> None:
        """A new key beside old photos would hide that they can no longer be opened."""
        with pytest.raises(KeyProblem):
            load_keys(tmp_path / "root", create=False)

        assert not (tmp_path / "root").exists()

    def test_a_key_that_others_may_read_is_refused(self, tmp_path: Path) -> None:
        """A key file with an open mode is no secret."""
        path = tmp_path / "root"
        load_keys(path, create=True)
        path.chmod(0o644)

        with pytest.raises(KeyProblem):
            load_keys(path, create=False)

    def test_purposes_have_keys_of_their_own(self) -> None:
        """What leaks for one purpose says nothing of another."""
        keys = Keys(b"r" * 32)

        assert keys.derive("one") != keys.derive("two")
        assert keys.derive("one") == Keys(b"r" * 32).derive("one")
