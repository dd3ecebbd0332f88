"""While somebody guesses or floods, tips are taken in, and whoever does the work gets through."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from app.core.context import Context
from app.main import create_app
from app.tips import doors, receipts
from app.tips.parts import NewPhoto
from tests.attacks.serving import work_in
from tests.conftest import Client
from tests.make import jpeg


@pytest.fixture(autouse=True)
def fresh_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has all tries of a process."""
    monkeypatch.setattr(receipts, "tries", receipts.Tries(receipts.TRIES_PER_S, receipts.TRIES_AT_ONCE))


def send(client: Client, **texts: str) -> httpx.Response:
    fields = {"place_text": "Metro exit A", "description": "A child asks for money.", **texts}
    return client.post("/tip", files=[("photos", ("a.jpg", jpeg(), "image/jpeg"))], data=fields)


class TestGuessing:
    def test_tips_are_taken_in_while_200_wrong_codes_come_at_once(self, context: Context) -> None:
        """None of the 200 is an error of ours, and hardly one of them costs a hash."""
        app = create_app(context)
        codes = [receipts.new_code(context.keys, f"guess {number}") for number in range(200)]

        def enter(code: str) -> int:
            return Client(app, context).post("/receipt", data={"code": code}).status_code

        with ThreadPoolExecutor(32) as pool:
            guesses = [pool.submit(enter, code) for code in codes]
            tips = [pool.submit(send, Client(app, context)) for _ in range(10)]
            statuses = Counter(guess.result() for guess in guesses)

        assert {tip.result().status_code for tip in tips} == {303}
        assert set(statuses) <= {422, 429, 503}
        assert statuses[422] <= receipts.TRIES_AT_ONCE
        assert statuses[429] >= 150

    def test_a_receipt_opens_for_its_holder_beside_somebody_who_guesses(
        self, context: Context, client: Client
    ) -> None:
        """Behind the very same address: the page asks for work, and with it the tip opens."""
        page = client.get(send(client).headers["location"]).text
        code = re.findall(r"(?:\d{4} ){3}\d{4}", page)[0]
        for number in range(60):
            client.post("/receipt", data={"code": receipts.new_code(context.keys, f"guess {number}")})
        refused = client.post("/receipt", data={"code": code})

        opened = client.post("/receipt", data={"code": code, "work": work_in(refused.content)})

        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert opened.status_code == 303
        assert opened.headers["location"].startswith("/receipt/")

    def test_a_solved_sum_opens_one_look_up(self, context: Context, client: Client) -> None:
        """Whoever guesses pays for each guess."""
        for number in range(60):
            client.post("/receipt", data={"code": receipts.new_code(context.keys, f"guess {number}")})
        work = work_in(client.get("/receipt").content)
        code = receipts.new_code(context.keys, "another guess")

        tries = [client.post("/receipt", data={"code": code, "work": work}).status_code for _ in range(2)]

        assert tries == [422, 429]


class TestFlood:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A door as it is, with small amounts."""
        door = replace(
            doors.SEND, own="2 per minute", crowd="4 per minute", slow="3 per minute", most="8 per minute"
        )
        monkeypatch.setattr(doors, "SEND", door)

    def test_nobody_is_refused_for_lack_of_work_below_the_ceiling(self, client: Client) -> None:
        """Honest people behind one mobile address send as everybody does."""
        answers = [send(client) for _ in range(5)]

        assert {answer.status_code for answer in answers} == {303}
        assert "data-challenge" in client.get("/").text

    def test_above_it_the_form_comes_back_and_asks_for_work(self, client: Client) -> None:
        """503 with the time to wait, and what was typed is kept; with work it goes at once."""
        for _ in range(5):
            send(client)

        refused = send(client, description="A girl of about six.")
        sent = send(client, work=work_in(refused.content))

        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "A girl of about six." in refused.text
        assert sent.status_code == 303

    def test_the_last_ceiling_holds_for_everybody(self, client: Client) -> None:
        """It keeps the disk."""
        statuses = []
        for _ in range(10):
            page = client.get("/").content
            statuses.append(send(client, work=work_in(page)).status_code)

        assert statuses == [303] * 8 + [503] * 2

    def test_one_large_tip_weighs_what_it_weighs(self) -> None:
        """Amounts are started MiB, one at least."""
        sizes = ([1], [2**20], [2**20, 1], [20 * 2**20] * 6)

        weights = [doors.weight_of([NewPhoto(bytes(n), "JPEG") for n in each]) for each in sizes]

        assert weights == [1, 1, 2, 120]
