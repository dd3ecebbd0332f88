"""Receipt codes: made, typed, looked up, and what they do not tell."""

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select
from stdnum import damm

from app.core.context import Context
from app.core.crypto import Keys
from app.core.errors import Invalid, TooMany, Unavailable
from app.tips import receipts
from app.tips.models import Tip
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.guards import stored_bytes
from tests.stored import sealed_bytes

KEYS = Keys(b"k" * 32)
RECEIPT = re.compile(r"(?:\d{4} ){3}\d{4}")


def code_of(client: Client, send: Send) -> str:
    """The code of a tip sent just now."""
    found = RECEIPT.search(client.get(send().headers["location"]).text)
    assert found
    return found.group()


class TestCode:
    @given(st.one_of(st.none(), st.text(min_size=1)))
    def test_a_code_is_sixteen_digits_that_check(self, seed: str | None) -> None:
        """The last one tells a slip of the pen."""
        code = receipts.new_code(KEYS, seed)

        assert re.fullmatch("[0-9]{16}", code)
        assert damm.is_valid(code)

    def test_a_repeated_request_has_the_code_it_had(self) -> None:
        """And another request, or another deployment, has another."""
        code = receipts.new_code(KEYS, "channel:key:digest")

        assert code == receipts.new_code(KEYS, "channel:key:digest")
        assert code != receipts.new_code(KEYS, "channel:key:other")
        assert code != receipts.new_code(Keys(b"j" * 32), "channel:key:digest")

    def test_a_code_without_a_key_is_drawn(self) -> None:
        """Nothing that was sent leads to it."""
        assert len({receipts.new_code(KEYS, None) for _ in range(50)}) == 50

    @given(st.integers(0, 10**15 - 1), st.sampled_from([" ", "-", "–", "\u3000", " - "]))
    def test_it_is_read_as_people_write_it(self, number: int, gap: str) -> None:
        """With spaces, dashes, and the digits of a Chinese keyboard."""
        body = f"{number:015}"
        code = body + damm.calc_check_digit(body)
        wide = "".join(unicodedata.lookup(f"FULLWIDTH DIGIT {unicodedata.name(d)[6:]}") for d in code)

        assert receipts.read_code(receipts.shown(code).replace(" ", gap)) == code
        assert receipts.read_code(f" {wide} ") == code

    @given(st.integers(0, 10**15 - 1), st.integers(0, 15), st.integers(1, 9))
    def test_one_wrong_digit_is_always_noticed(self, number: int, place: int, shift: int) -> None:
        """Before anything is hashed or looked up."""
        body = f"{number:015}"
        code = body + damm.calc_check_digit(body)
        wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]

        with pytest.raises(Invalid):
            receipts.read_code(wrong)

    @given(st.text(max_size=40))
    def test_whatever_is_typed_is_a_code_or_refused(self, typed: str) -> None:
        """Never an error of ours."""
        try:
            code = receipts.read_code(typed)
        except Invalid as refusal:
            assert refusal.field == "code"  # noqa: PT017 - any text may be refused
        else:
            assert len(code) == 16


class TestLookup:
    def test_the_code_is_stored_nowhere(self, context: Context, client: Client, send: Send) -> None:
        """Not in any file or row of the deployment, with spaces or without."""
        code = code_of(client, send)

        everything = stored_bytes(context) + sealed_bytes(context)

        assert everything
        assert code.encode() not in everything
        assert code.replace(" ", "").encode() not in everything

    def test_the_stored_value_needs_the_pepper(self, context: Context, client: Client, send: Send) -> None:
        """The database alone does not say which code fits."""
        code = code_of(client, send).replace(" ", "")
        with context.db.read() as session:
            stored = session.exec(select(Tip.receipt_lookup)).one()

        assert len(stored) == 32
        assert receipts.lookup_value(context.keys, context.settings, code) == stored
        settings = context.settings
        for guess in (code, receipts.shown(code)):
            without_pepper = hash_secret_raw(
                guess.encode(),
                salt=context.keys.derive("receipt salt")[:16],
                time_cost=settings.receipt_passes,
                memory_cost=settings.receipt_memory_kib,
                parallelism=1,
                hash_len=64,
                type=Type.ID,
            )
            assert without_pepper[:32] != stored

    def test_a_code_opens_its_tip(self, client: Client, send: Send) -> None:
        """From another phone, on another day."""
        code = code_of(client, send)
        client.cookies.clear()

        answer = client.post("/receipt", data={"code": code.replace(" ", "-")})

        assert answer.status_code == 303
        page = client.get(answer.headers["location"])
        assert page.status_code == 200
        assert "Write it down now" not in page.text

    def test_an_unknown_code_costs_what_a_known_one_costs(
        self, context: Context, client: Client, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One hash each, so that time tells nothing."""
        known = code_of(client, send)
        unknown = receipts.shown(receipts.new_code(context.keys, "no tip"))
        real, hashed = receipts.lookup_value, []

        def counted(*arguments: object) -> bytes:
            hashed.append(arguments[-1])
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(receipts, "lookup_value", counted)

        found, missed = (client.post("/receipt", data={"code": code}) for code in (known, unknown))

        assert (found.status_code, missed.status_code) == (303, 422)
        assert len(hashed) == 2

    def test_a_wrong_check_digit_is_refused_before_hashing(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A slip of the pen takes no try and no memory."""

        def never(*_arguments: object) -> bytes:
            msg = "hashed"
            raise AssertionError(msg)

        monkeypatch.setattr(receipts, "lookup_value", never)

        answers = [client.post("/receipt", data={"code": "1234 5678 9012 3456"}) for _ in range(30)]

        assert {answer.status_code for answer in answers} == {422}
        assert all("1234" not in answer.text for answer in answers)


class TestThrottle:
    def test_tries_run_out_and_come_back(self) -> None:
        """At the promised pace, whoever asks."""
        moment = [0.0]
        tries = receipts.Tries(10, 20, lambda: moment[0])
        for _ in range(20):
            tries.take()

        with pytest.raises(TooMany):
            tries.take()

        moment[0] += 0.1
        tries.take()
        with pytest.raises(TooMany):
            tries.take()
        moment[0] += 3600
        for _ in range(20):
            tries.take()
        with pytest.raises(TooMany):
            tries.take()

    def test_guessing_is_answered_with_wait(
        self, context: Context, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """429 with the time to wait, and a page that says so."""
        monkeypatch.setattr(receipts, "tries", receipts.Tries(0.001, 2))
        codes = [receipts.new_code(context.keys, f"guess {number}") for number in range(3)]

        answers = [client.post("/receipt", data={"code": code}) for code in codes]

        assert [answer.status_code for answer in answers] == [422, 422, 429]
        assert answers[-1].headers["retry-after"] == "2"
        assert "Wait a little" in answers[-1].text

    def test_a_queue_of_hashes_is_cut_short(
        self, context: Context, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When all places are taken, a lookup is told to come back, and the rest of the service goes on."""
        monkeypatch.setattr(receipts, "HASH_PATIENCE_S", 0.01)
        code = receipts.new_code(context.keys, "guess")
        for _ in range(receipts.HASHES_AT_ONCE):
            receipts._hashing.acquire()

        try:
            with pytest.raises(Unavailable):
                receipts.find(context, code)
            form = client.get("/")
            answer = client.post("/receipt", data={"code": code})
        finally:
            for _ in range(receipts.HASHES_AT_ONCE):
                receipts._hashing.release()

        assert form.status_code == 200
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0

    def test_tips_are_taken_in_while_codes_are_guessed(
        self, context: Context, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody who guesses codes keeps nobody from reporting."""
        monkeypatch.setattr(receipts, "tries", receipts.Tries(0.001, 1))
        code = receipts.new_code(context.keys, "guess")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _number: _try(context, code), range(8)))

        assert send().status_code == 303


def _try(context: Context, code: str) -> None:
    with pytest.raises((Invalid, TooMany)):
        receipts.find(context, code)
