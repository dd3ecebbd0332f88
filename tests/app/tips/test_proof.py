"""The proof of submission: what it says, what it never says, and that nobody can forge one."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.core.crypto import Keys
from app.core.errors import Invalid
from app.tips import proof, withdrawing
from app.tips.models import Tip
from tests.app.tips.conftest import Send
from tests.conftest import Client, environment_of
from tests.guards import drop_guards
from tests.make import Make, jpeg

PHOTO, OTHER = jpeg((10, 20, 30)), jpeg((200, 20, 30))


@pytest.fixture
def page(send: Send) -> str:
    """The receipt page of a tip with one photo."""
    return send(photos=[PHOTO], place_text="Metro exit A", contact="138 0013 8000").headers["location"]


@pytest.fixture
def saved(client: Client, page: str) -> str:
    """What its sender saved."""
    return client.get(f"{page}/proof").text


def altered(saved: str, **fields: Any) -> str:
    """The proof with fields of its statement replaced."""
    body = json.loads(saved)
    body["statement"] |= fields
    return json.dumps(body)


class TestWhatItSays:
    def test_it_names_the_photos_and_the_place_in_the_chain(
        self, context: Context, client: Client, page: str
    ) -> None:
        """Anybody with the file can compute the same SHA-256, and an auditor finds the row."""
        answer = client.get(f"{page}/proof")

        statement = answer.json()["statement"]
        with context.db.read() as session:
            row = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ACCEPTED)).one()
        assert answer.headers["content-disposition"] == 'attachment; filename="homeward-proof.json"'
        assert [photo["sha256"] for photo in statement["photos"]] == [hashlib.sha256(PHOTO).hexdigest()]
        assert statement["chain"] == {"seq": row.seq, "hash": row.hash}
        assert statement["operator"] == context.settings.operator_name
        assert statement["public_key"] == bytes(context.keys.signing.verify_key).hex()

    def test_it_opens_nothing_and_names_nobody(self, context: Context, client: Client, page: str) -> None:
        """Neither tip, code, place, words nor contact: it may be shown to anybody."""
        with context.db.read() as session:
            tip = session.exec(select(Tip)).one()
        code = client.get(page).text.split('id="own-code">')[1][:19]

        saved = client.get(f"{page}/proof").text

        held = [str(tip.id), tip.id.hex, code, code.replace(" ", ""), "exit", "138", "money"]
        assert code[0].isdigit()
        assert [word for word in held if word in saved] == []

    def test_asked_for_twice_it_is_the_same(self, client: Client, page: str, saved: str) -> None:
        """Two copies can be compared."""
        assert client.get(f"{page}/proof").text == saved

    def test_an_altered_address_gives_none(self, client: Client, page: str) -> None:
        """The proof is its sender's to save."""
        answer = client.get(f"{page[:-4]}AAAA/proof")

        assert answer.headers["location"] == "/receipt?ended=1"

    def test_it_can_be_printed(self, client: Client, page: str, saved: str) -> None:
        """The same on paper."""
        paper = client.get(f"{page}/paper").text

        statement = json.loads(saved)["statement"]
        assert statement["photos"][0]["sha256"] in paper
        assert statement["chain"]["hash"] in paper

    @pytest.mark.parametrize("rest", ["proof", "paper"])
    def test_a_tip_that_was_taken_back_has_none(
        self, context: Context, client: Client, page: str, rest: str
    ) -> None:
        """Whether its photos are still here is nothing that its sender is told."""
        with context.db.write() as session:
            withdrawing.withdraw(session, session.exec(select(Tip.id)).one())

        assert client.get(f"{page}/{rest}").status_code == 409

    def test_a_tip_that_nobody_accepted_has_none(self, context: Context, make: Make) -> None:
        """There is no row to point at."""
        tip = make.tip()

        with context.db.read() as session, pytest.raises(Exception, match="no proof"):
            proof.of_tip(session, context, tip.id)


class TestThePublicPage:
    def test_a_genuine_proof_holds(self, client: Client, saved: str) -> None:
        """In plain words, and with what it says."""
        answer = client.post("/proof", data={"proof": saved})

        assert answer.status_code == 200
        assert "Genuine." in answer.text
        assert hashlib.sha256(PHOTO).hexdigest() in answer.text

    def test_it_shows_the_key_that_it_checks_with(self, context: Context, client: Client) -> None:
        """Whoever noted it can check a proof without this service."""
        assert proof.public_key(context) in client.get("/proof").text

    def test_a_file_holds_as_well(self, client: Client, saved: str) -> None:
        """As it was saved."""
        answer = client.post("/proof/file", files={"proof": ("homeward-proof.json", saved.encode())})

        assert "Genuine." in answer.text

    @pytest.mark.parametrize(
        "fields",
        [
            {"operator": "Another office"},
            {"received_at": "2020-01-01T00:00:00+00:00"},
            {"photos": [{"sha256": "0" * 64, "received_at": "2020-01-01T00:00:00+00:00"}]},
            {"photos": []},
            {"chain": {"seq": 2, "hash": "0" * 64}},
            {"public_key": "0" * 64},
        ],
    )
    def test_an_altered_statement_does_not(self, client: Client, saved: str, fields: dict[str, Any]) -> None:
        """Whatever part of it was changed; then nothing it says is shown."""
        answer = client.post("/proof", data={"proof": altered(saved, **fields)})

        assert "Not genuine." in answer.text
        assert "0" * 64 not in answer.text.split('id="proof-text"')[0]

    def test_another_deployments_key_does_not(self, context: Context, client: Client, saved: str) -> None:
        """Somebody who signs with a key of their own proves nothing."""
        forger = Keys(b"f" * 32)
        statement = json.loads(saved)["statement"]
        statement["public_key"] = bytes(forger.signing.verify_key).hex()
        signature = base64.b64encode(forger.signing.sign(rfc8785.dumps(statement)).signature).decode()
        forged = json.dumps({"statement": statement, "signature": signature})
        claimed = json.dumps(
            {"statement": statement | {"public_key": proof.public_key(context)}, "signature": signature}
        )

        for each in (forged, claimed):
            assert "Not genuine." in client.post("/proof", data={"proof": each}).text

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE audit_event SET detail = '{\"photos\": 7}' WHERE seq = :seq",
            "UPDATE audit_event SET hash = :other WHERE seq = :seq",
            "UPDATE audit_event SET action = 'tip_viewed' WHERE seq = :seq",
            "DELETE FROM audit_event WHERE seq = :seq",
        ],
    )
    def test_an_edited_audit_row_is_told(
        self, context: Context, client: Client, saved: str, change: str
    ) -> None:
        """The sender learns that the log does not hold what was signed."""
        seq = json.loads(saved)["statement"]["chain"]["seq"]
        with context.db.write() as session:
            drop_guards(session.connection())
            given = {"seq": seq} | ({"other": "1" * 64} if ":other" in change else {})
            session.execute(text(change), given)

        answer = client.post("/proof", data={"proof": saved})

        assert "does not hold this entry any more" in answer.text

    @pytest.mark.parametrize(
        "foreign",
        [
            "",
            "{}",
            "[]",
            "null",
            "7",
            '"x"',
            '{"statement": {}, "signature": ""}',
            '{"statement": [], "signature": 1}',
            '{"statement": {"chain": {}}}',
            "[" * 5000,
            "not json",
            "x" * (proof.LONGEST + 1),
            "\ud83d",
        ],
    )
    def test_foreign_texts_are_refused_in_words(self, client: Client, foreign: str) -> None:
        """With the reason beside the field, and without a fault."""
        answer = client.post("/proof", data={"proof": foreign.encode("utf-8", "surrogatepass")})

        assert answer.status_code == 422
        assert "This is no proof of submission." in answer.text

    def test_a_huge_file_is_refused(self, client: Client) -> None:
        """What is no proof is not looked at for long."""
        answer = client.post("/proof/file", files={"proof": ("p.json", b"[" * 3_000_000)})

        assert answer.status_code == 422
        assert len(answer.content) < 20_000

    def test_a_photo_is_compared_by_its_sha256(self, client: Client, saved: str) -> None:
        """Typed as a program shows it."""
        digest = hashlib.sha256(PHOTO).hexdigest()
        spaced = " ".join(digest[start : start + 8] for start in range(0, 64, 8)).upper()

        same = client.post("/proof", data={"proof": saved, "sha256": spaced})
        other = client.post("/proof", data={"proof": saved, "sha256": hashlib.sha256(OTHER).hexdigest()})
        wrong = client.post("/proof", data={"proof": saved, "sha256": "xyz"})

        assert "This is one of the photos that were sent.</p>" in _flat(same.text)
        assert "This is none of the photos that were sent.</p>" in _flat(other.text)
        assert wrong.status_code == 422
        assert "A SHA-256 has 64" in wrong.text

    def test_it_tells_nothing_else(self, context: Context, client: Client, saved: str) -> None:
        """The page of a proof is the same whatever became of the tip."""
        before = client.post("/proof", data={"proof": saved}).text
        with context.db.write() as session:
            withdrawing.withdraw(session, session.exec(select(Tip.id)).one())

        assert client.post("/proof", data={"proof": saved}).text == before


class TestCommand:
    def test_it_checks_signature_and_chain(self, context: Context, tmp_path: Path, saved: str) -> None:
        """Status 0 for a genuine proof, 1 for an altered one; with a key it needs no database."""
        good, bad, none = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "none.json"
        good.write_text(saved)
        bad.write_text(altered(saved, operator="Another office"))
        none.write_bytes(b"\xff" * 100_000)

        answers = [_run(context, str(file)) for file in (good, bad, none)]
        right = proof.public_key(context)
        tried = ((good, right), (bad, right), (good, "0" * 64), (good, "no key"))
        alone = [_run(None, str(file), "--key", key) for file, key in tried]

        assert [answer.returncode for answer in answers] == [0, 1, 1]
        assert [answer.returncode for answer in alone] == [0, 1, 1, 1]
        assert hashlib.sha256(PHOTO).hexdigest() in answers[0].stdout
        assert "the audit log was not read" in alone[0].stdout
        assert "Traceback" not in "".join(answer.stderr for answer in [*answers, *alone])

    def test_an_edited_row_ends_with_status_one(self, context: Context, tmp_path: Path, saved: str) -> None:
        """As on the page."""
        file = tmp_path / "proof.json"
        file.write_text(saved)
        with context.db.write() as session:
            drop_guards(session.connection())
            session.execute(text("UPDATE audit_event SET subject_id = 'x' WHERE action = 'tip_accepted'"))

        answer = _run(context, str(file))

        assert answer.returncode == 1
        assert "of the audit log is gone, or was changed" in answer.stdout


NAMES = st.sampled_from(
    ["statement", "signature", "chain", "photos", "sha256", "seq", "hash", "public_key", "kind", "version"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING)
@settings(deadline=None)
def test_no_json_is_a_fault(body: object) -> None:
    """Whatever somebody brings, it is a proof or refused in words."""
    with pytest.raises(Invalid):
        proof.read(json.dumps(body))


def _run(context: Context | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOMEWARD_DATA_DIR": "/nonexistent", "HOMEWARD_KEY_FILE": "/nonexistent/key"}
    if context is not None:
        environment = environment_of(context.settings)
    command = [sys.executable, "-m", "app", "receipt", "verify", *arguments]
    return subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[3]
    )


def _flat(page: str) -> str:
    return " ".join(page.split()).replace(" </p>", "</p>")
