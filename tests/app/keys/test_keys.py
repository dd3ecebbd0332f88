"""Promises about what lies sealed, and about changing the key."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from app.audit import service as audit
from app.core import sealing
from app.core.context import Context, open_context
from app.core.crypto import NUMBERED, KeyProblem, Keys, Unsealable, add_key, load_keys
from app.keys import rewrapping
from app.photos.models import Face, Photo, PhotoFingerprint, Template
from app.tips.models import Author, Tip, TipMessage
from tests.guards import rewrite, stored_bytes
from tests.make import ENCODER, ENCODER_VERSION, Make

PLACE, WORDS, CONTACT = "Shengli Road 117, underpass", "A girl of about six sells lighters.", b"13912345678"


def vector(seed: int, size: int = 128) -> bytes:
    """A face's numbers, of length one."""
    drawn = np.random.default_rng(seed).standard_normal(size)
    return (drawn / np.linalg.norm(drawn)).astype("<f4").tobytes()


def fill(context: Context, make: Make) -> Tip:
    """A tip with everything that must not lie open."""
    tip = make.tip(place_text=PLACE, description=WORDS, contact_sealed=context.keys.seal(CONTACT))
    with context.db.write() as session:
        photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
        face = session.exec(select(Face).where(Face.photo_id == photo.id)).one()
        session.add(
            Template(face_id=face.id, encoder=ENCODER, encoder_version=ENCODER_VERSION, vector=vector(1))
        )
        session.add(
            PhotoFingerprint(
                photo_id=photo.id, pdq="", pdq_quality=0, content_pdq="", fingerprint=b"miniature" * 40
            )
        )
        session.add(TipMessage(tip_id=tip.id, author=Author.OFFICER, text="Where exactly was she?"))
    return tip


def everything(context: Context, tip: Tip) -> tuple[Any, ...]:
    """What the product reads of the tip."""
    with context.db.read() as session:
        found = session.get_one(Tip, tip.id)
        photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
        assert found.contact_sealed is not None
        return (
            found.place_text,
            found.description,
            context.keys.unseal(found.contact_sealed),
            np.frombuffer(session.exec(select(Template.vector)).one(), "<f4").round(3).tolist(),
            session.exec(select(PhotoFingerprint.fingerprint)).one(),
            session.exec(select(TipMessage.text)).one(),
            context.store.get(photo.store_key, photo.sealed_key),
        )


class TestAtRest:
    def test_nothing_of_it_lies_in_the_clear(self, context: Context, make: Make) -> None:
        """A copied disk shows no place, word, contact, miniature or template, not even a turned one."""
        fill(context, make)

        raw = stored_bytes(context)

        turned = sealing.turned(context.keys, 1, vector(1))
        for marker in (PLACE.encode(), WORDS.encode(), CONTACT, b"miniature", b"Where exactly"):
            assert marker not in raw
        assert vector(1)[:16] not in raw
        assert turned[:16] not in raw

    def test_what_was_stored_before_there_was_sealing_is_read_and_sealed(
        self, context: Context, make: Make
    ) -> None:
        """An older database goes on; `keys rewrap` seals it."""
        tip = fill(context, make)
        rewrite(context, "UPDATE template SET vector = :vector", vector=vector(7))
        rewrite(context, "UPDATE tip_message SET text = 'as it was'")

        before = everything(context, tip)
        assert before[5] == "as it was"
        assert rewrapping.needed(context)[0] == 2
        rewrapping.rewrap(context)

        assert everything(context, tip) == before
        assert 0 not in rewrapping.needed(context)
        context.db.empty_log()
        assert b"as it was" not in stored_bytes(context)

    def test_a_value_opens_in_its_own_column_only(self, context: Context) -> None:
        """Who can write to the database cannot move one officer's words under another name."""
        sealed = sealing.seal(context.keys, b"words", "tip.description")

        with pytest.raises(Unsealable):
            sealing.unseal(context.keys, sealed, "tip_message.text")

    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 400), st.integers(1, 255))
    def test_any_change_is_noticed(self, place: int, change: int) -> None:
        """Sealed bytes open whole or not at all; without its mark a value is taken for an old plain one."""
        keys = Keys(b"k" * 32)
        sealed = bytearray(sealing.seal(keys, b"x" * 300, "tip.description"))
        sealed[place % len(sealed)] ^= change
        try:
            found = sealing.unseal(keys, bytes(sealed), "tip.description")
        except Unsealable:
            return
        assert found == bytes(sealed)

    def test_a_turned_template_resembles_nobody_elsewhere(self, context: Context) -> None:
        """Angles among turned templates stay; between a turned one and a plain one there is no likeness."""
        one, two = (np.frombuffer(vector(seed), "<f4") for seed in (1, 2))
        other = Keys(b"o" * 32)
        turned = [np.frombuffer(sealing.turned(context.keys, 1, vector(seed)), "<f4") for seed in (1, 2)]
        elsewhere = np.frombuffer(sealing.turned(other, 1, vector(1)), "<f4")

        assert turned[0] @ turned[1] == pytest.approx(one @ two, abs=1e-5)
        assert abs(turned[0] @ one) < 0.4
        assert abs(turned[0] @ elsewhere) < 0.4
        back = np.frombuffer(sealing.turned(context.keys, 1, turned[0].tobytes(), back=True), "<f4")
        assert back == pytest.approx(one, abs=1e-6)


class TestRotation:
    def test_everything_is_read_before_and_after_and_old_thefts_are_worthless(
        self, context: Context, make: Make
    ) -> None:
        """A second key seals, the first one opens what was before, then all is sealed anew."""
        tip = fill(context, make)
        before = everything(context, tip)
        with context.db.read() as session:
            contact = session.get_one(Tip, tip.id).contact_sealed
        stolen = sealing.turned(context.keys, 1, vector(1))

        number = add_key(context.settings.key_file)
        again = open_context(context.settings)
        assert everything(again, tip) == before
        assert rewrapping.needed(again).keys() == {1}
        changed = rewrapping.rewrap(again).changed

        assert (number, again.keys.newest) == (2, 2)
        assert {
            "template.vector",
            "tip.description",
            "tip.contact_sealed",
            "photo.sealed_key",
        } <= changed.keys()
        assert rewrapping.needed(again).keys() == {2}
        assert rewrapping.rewrap(again) == rewrapping.Rewrapped({}, {})
        assert everything(again, tip) == before
        # This process began with one key and takes up the second when it meets it.
        assert everything(context, tip) == before
        fresh = np.frombuffer(sealing.turned(again.keys, 2, vector(1)), "<f4")
        assert abs(np.frombuffer(stolen, "<f4") @ fresh) < 0.4
        with again.db.read() as session:
            assert session.get_one(Tip, tip.id).contact_sealed != contact
            log = audit.checkpoints_path(again.settings)
            assert not audit.verify(session, log, again.keys.signing).problems
        again.close()

    def test_tips_stay_guarded(self, context: Context, make: Make) -> None:
        """The trigger that keeps a tip as it was sent is there again afterwards."""
        fill(context, make)
        add_key(context.settings.key_file)
        again = open_context(context.settings)
        rewrapping.rewrap(again)
        again.close()

        with pytest.raises(IntegrityError, match="kept as they were"):
            rewrite(context, "UPDATE tip SET description = 'something else'")

    def test_stopped_half_way_it_goes_on(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A crash between two transactions leaves old and new beside each other, and all of it opens."""
        tip = fill(context, make)
        before = everything(context, tip)
        add_key(context.settings.key_file)
        again = open_context(context.settings)
        steps = iter(range(3))
        write = rewrapping._write

        def dies(*args: Any) -> tuple[int, int]:
            next(steps)
            return write(*args)

        monkeypatch.setattr(rewrapping, "_write", dies)
        with pytest.raises(StopIteration):
            rewrapping.rewrap(again)
        monkeypatch.undo()

        assert rewrapping.needed(again).keys() == {1, 2}
        assert everything(again, tip) == before
        rewrapping.rewrap(again)
        assert rewrapping.needed(again).keys() == {2}
        assert everything(again, tip) == before
        again.close()

    def test_tips_come_in_meanwhile(self, context: Context, make: Make) -> None:
        """Sealing anew takes turns with those who write."""
        tips = [fill(context, make)]
        add_key(context.settings.key_file)
        again = open_context(context.settings)
        coming = threading.Thread(target=lambda: tips.extend(make.tip() for _ in range(20)))
        coming.start()
        rewrapping.rewrap(again)
        coming.join()
        rewrapping.rewrap(again)

        assert rewrapping.needed(again).keys() == {2}
        assert len(tips) == 21
        again.close()


class TestKeyFile:
    def test_the_first_line_is_as_it_was(self, tmp_path: Path) -> None:
        """A key file of an earlier version is one key; receipts and signatures outlive every rotation."""
        path = tmp_path / "key"
        first = load_keys(path, create=True)
        root = path.read_text()
        add_key(path)
        second = load_keys(path, create=False)

        assert path.read_text().startswith(root)
        assert second.derive("receipts") == first.derive("receipts")
        assert second.signing.verify_key == first.signing.verify_key
        assert second.unseal(first.seal(b"old")) == b"old"
        assert first.unseal(second.seal(b"new")) == b"new"
        assert path.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        "text", ["", "xyz\n", "2 " + "00" * 32 + "\n", "00" * 31 + "\n", "00" * 32 + "\nx y\n"]
    )
    def test_what_is_no_key_file_is_refused(self, tmp_path: Path, text: str) -> None:
        """A damaged file stops the start; nothing is sealed to half a key."""
        path = tmp_path / "key"
        path.write_text(text)
        path.chmod(0o600)

        with pytest.raises(KeyProblem):
            load_keys(path, create=False)

    def test_a_running_process_seals_to_a_new_key_at_once(self, tmp_path: Path) -> None:
        """It notices the changed file by itself, though it meets nothing of the new key."""
        path = tmp_path / "key"
        running = load_keys(path, create=True)
        add_key(path)

        sealed = running.seal(b"new")

        assert sealed.startswith(NUMBERED)
        assert load_keys(path, create=False).unseal(sealed) == b"new"
        path.write_text("damaged")
        assert running.newest == 2
        path.unlink()
        assert running.newest == 2

    def test_without_its_key_a_value_stays_shut(self, tmp_path: Path) -> None:
        """A backup of the key file from before a rotation opens nothing of after."""
        path = tmp_path / "key"
        load_keys(path, create=True)
        old = Keys({1: bytes.fromhex(path.read_text().strip())})
        add_key(path)
        sealed = load_keys(path, create=False).seal(b"new")

        with pytest.raises(Unsealable):
            old.unseal(sealed)
