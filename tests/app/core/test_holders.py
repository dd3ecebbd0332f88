"""Promises that hold whoever holds the keys: a file, or a command that asks a key service."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.context import open_context
from app.core.crypto import KeyProblem, Keys, add_key, load_keys
from app.core.errors import Conflict
from app.core.holders import CommandHolder, FileHolder, Holder
from app.core.settings import Settings
from app.keys import retiring

ROOT = "ab" * 32


def printing(path: Path) -> str:
    """A command that prints a file, as a key service's client prints a secret."""
    return shlex.join([sys.executable, "-S", "-c", "import sys; print(open(sys.argv[1]).read())", str(path)])


HOLDERS: list[Callable[[Path], Holder]] = [FileHolder, lambda path: CommandHolder(printing(path))]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with a root secret."""
    path = tmp_path / "kept"
    path.touch(mode=0o600)
    path.write_text(f"{ROOT}\n")
    return path


@pytest.mark.parametrize("made", HOLDERS)
def test_keys_are_the_same_and_new_ones_are_taken_up(kept: Path, made: Callable[[Path], Holder]) -> None:
    """Values sealed by one process open in another that has not met the newer key yet."""
    running = load_keys(kept, create=False, holder=made(kept))
    add_key(kept)
    fresh = load_keys(kept, create=False, holder=made(kept))

    assert running.derive("receipts") == Keys(bytes.fromhex(ROOT)).derive("receipts")
    assert running.unseal(fresh.seal(b"new")) == b"new"


@pytest.mark.parametrize("made", HOLDERS)
@pytest.mark.parametrize("text", ["", "secret words", "00" * 31])
def test_what_is_no_key_is_refused_and_not_repeated(
    kept: Path, made: Callable[[Path], Holder], text: str
) -> None:
    """The start stops in words that quote nothing of what was given."""
    kept.write_text(text)

    with pytest.raises(KeyProblem) as refused:
        load_keys(kept, create=False, holder=made(kept))

    assert not text or text not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "command", ["/nowhere/kms", f"{sys.executable} -S -c 'raise SystemExit(\"word\")'", "'"]
)
def test_a_command_that_fails_stops_the_start(tmp_path: Path, command: str) -> None:
    """No key is made in its stead, not even for a new deployment."""
    settings = Settings(data_dir=tmp_path / "data", key_file=tmp_path / "key", key_command=command)

    with pytest.raises(KeyProblem, match="key command failed"):
        open_context(settings)

    assert not settings.key_file.exists()


def test_a_deployment_runs_on_a_command_alone(tmp_path: Path, kept: Path) -> None:
    """The key file is neither made nor read."""
    settings = Settings(data_dir=tmp_path / "data", key_file=tmp_path / "key", key_command=printing(kept))

    context = open_context(settings)

    assert context.keys.derive("receipts") == Keys(bytes.fromhex(ROOT)).derive("receipts")
    assert not settings.key_file.exists()
    with pytest.raises(Conflict, match="key service"):
        retiring.retire(context, 2)
    context.close()
