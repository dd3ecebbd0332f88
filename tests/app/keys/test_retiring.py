"""Promises about taking a key away, about values that do not open, and about being killed half-way."""

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.audit import sealed
from app.audit import service as audit
from app.audit.models import Action
from app.cli import app
from app.core.context import Context, open_context
from app.core.crypto import Keys, Unsealable, add_key
from app.core.errors import Conflict, NotFound
from app.keys import retiring, rewrapping
from app.tips.models import Tip
from tests.app.keys.test_keys import everything, fill
from tests.conftest import environment_of
from tests.guards import rewrite
from tests.make import Make

KILLED = """
import os, signal
from app.core.context import open_context
from app.core.settings import Settings
from app.keys import rewrapping
write, steps = rewrapping._write, iter(range(3))
def dies(*args):
    if next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*args)
rewrapping._write = dies
rewrapping.rewrap(open_context(Settings()))
"""


@pytest.fixture
def here(context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The deployment, as commands and other processes find it."""
    for name, value in environment_of(context.settings).items():
        monkeypatch.setenv(name, value)
    return context


def test_a_retired_key_opens_nothing_and_the_rest_is_read(here: Context, make: Make) -> None:
    """Refused while anything needs it; afterwards a thief who has its line has nothing."""
    add_key(here.settings.key_file)
    tip = fill(here, make)
    with here.db.read() as session:
        old = session.get_one(Tip, tip.id).contact_sealed
    before = everything(here, tip)
    stolen = Keys({n: here.keys._ring[n] for n in (1, 2)})
    add_key(here.settings.key_file)
    with pytest.raises(Conflict, match="sealed to this key"):
        retiring.retire(here, 2)
    rewrapping.rewrap(here)

    said = CliRunner().invoke(app, ["keys", "retire", "2"])

    assert said.exit_code == 0
    assert "Key 2 is gone" in said.output
    fresh = open_context(here.settings)
    assert fresh.keys.numbers == [1, 3]
    assert everything(fresh, tip) == before
    with fresh.db.read() as session:
        contact = session.get_one(Tip, tip.id).contact_sealed
    assert contact is not None
    with pytest.raises(Unsealable):
        stolen.unseal(contact)
    assert old is not None
    with pytest.raises(Unsealable):
        fresh.keys.unseal(old)
    fresh.close()


def test_root_newest_and_unknown_keys_stay(context: Context) -> None:
    """Each is refused in words, and the key file stays as it is."""
    add_key(context.settings.key_file)
    before = context.settings.key_file.read_bytes()

    for number, refusal in ((1, Conflict), (2, Conflict), (7, NotFound)):
        with pytest.raises(refusal):
            retiring.retire(context, number)

    assert context.settings.key_file.read_bytes() == before


def test_words_in_the_log_keep_their_key(context: Context) -> None:
    """The log is never rewritten: what its words are sealed to cannot go."""
    add_key(context.settings.key_file)
    with context.db.write() as session:
        words = sealed.seal(context.keys, "for the court")
        audit.record(session, audit.SYSTEM, Action.TIP_STATE, "tip", "x", reason_sealed=words)
    add_key(context.settings.key_file)
    rewrapping.rewrap(context)

    assert rewrapping.needed_by_log(context) == {2: 1}
    with pytest.raises(Conflict, match="words of the audit log"):
        retiring.retire(context, 2)


def lying(context: Context) -> str:
    """A message as it lies in the database."""
    with context.db.read() as session:
        return str(session.connection().execute(text("SELECT text FROM tip_message")).scalar_one())


def test_what_does_not_open_is_counted_and_left(here: Context, make: Make) -> None:
    """The command says how many and where, ends with 1, and changes nothing of them."""
    tip = fill(here, make)
    words = lying(here)
    damaged = words[:-8] + ("A" * 8 if not words.endswith("A" * 8) else "B" * 8)
    rewrite(here, "UPDATE tip_message SET text = :damaged", damaged=damaged)
    add_key(here.settings.key_file)

    said = CliRunner().invoke(app, ["keys", "rewrap"])

    assert said.exit_code == 1
    assert "tip_message.text: 1 do not open" in said.output
    assert "Everything is sealed" not in said.output
    assert lying(here) == damaged
    with here.db.read() as session:
        assert session.get_one(Tip, tip.id).description


def test_killed_half_way_it_goes_on(here: Context, make: Make) -> None:
    """A process that dies by kill -9 leaves old and new; all opens, and a second run ends it."""
    tip = fill(here, make)
    before = everything(here, tip)
    add_key(here.settings.key_file)

    died = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", KILLED], env=os.environ, check=False, capture_output=True
    )

    assert died.returncode == -signal.SIGKILL
    assert rewrapping.needed(here).keys() == {1, 2}
    assert everything(here, tip) == before
    assert rewrapping.rewrap(here).shut == {}
    assert rewrapping.needed(here).keys() == {2}
    assert everything(here, tip) == before
