"""The page where one asks: with work, without script, and never for nothing."""

import pytest

from app.core.context import Context
from app.core.web import limiting
from app.enquiries import queries
from app.tips.parts import LARGEST_PHOTO
from tests.app.enquiries.conftest import Ask, enquiries, picture
from tests.conftest import Client
from tests.make import jpeg
from tests.stored import files as stored_files

FILE = ("a.jpg", jpeg(), "image/jpeg")


class TestForm:
    def test_it_says_what_is_told_and_asks_for_work(self, client: Client) -> None:
        """Before anything is sent."""
        page = client.get("/checked").text

        assert "New to us" in page
        assert "Nobody looks at it." in page
        assert 'data-challenge="' in page
        assert '<input type="hidden" name="work">' in page

    def test_without_script_it_goes_the_slow_way(self, client: Client) -> None:
        """Ten in ten minutes, all together; then with the time to wait. Never not at all."""
        answers = [client.post("/checked", files={"photos": FILE}) for _ in range(11)]

        assert [answer.status_code for answer in answers] == [303] * 10 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 600
        assert "Wait a few minutes" in answers[-1].text
        assert 'data-challenge="' in answers[-1].text

    def test_work_goes_on_when_the_slow_way_is_full(self, client: Client, ask: Ask) -> None:
        """A browser with script notices nothing."""
        for _ in range(11):
            client.post("/checked", files={"photos": FILE})

        assert ask(jpeg()).status_code == 303

    def test_all_together_have_an_hourly_limit(
        self, context: Context, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With work too; a refused picture is kept nowhere."""
        monkeypatch.setattr(queries, "asked_since", lambda *_: context.settings.enquiries_per_hour)

        answer = ask(jpeg())

        assert answer.status_code == 429
        assert enquiries(context) == []
        assert stored_files(context) == []

    @pytest.mark.parametrize(
        ("files", "status", "sentence"),
        [
            ([], 415, ""),
            ([("photos", ("a.jpg", b"", "image/jpeg"))], 422, "One of the photos is empty."),
            ([("photos", FILE), ("photos", FILE)], 422, "Ask about one photo at a time."),
            ([("photos", ("a.txt", b"no picture", "text/plain"))], 415, "not a photo we can take"),
            (
                [("photos", ("a.jpg", b"\xff\xd8\xff" + bytes(LARGEST_PHOTO), "image/jpeg"))],
                413,
                "larger than",
            ),
        ],
    )
    def test_a_wrong_form_is_refused_in_words(
        self, context: Context, client: Client, files: list[object], status: int, sentence: str
    ) -> None:
        """And nothing is kept, and nothing of the slow way is used up."""
        answers = [client.post("/checked", files=files or None) for _ in range(12)]

        assert {answer.status_code for answer in answers} == {status}
        assert sentence in answers[0].text
        assert enquiries(context) == []

    def test_another_part_is_refused(self, client: Client) -> None:
        """A form is what we made it."""
        answer = client.post("/checked", files={"photos": FILE}, data={"place_text": "Metro"})

        assert answer.status_code == 422

    def test_the_language_goes_along(self, client: Client) -> None:
        """A reader without cookies keeps the language that was asked for."""
        answer = client.post("/checked?lang=zh", files={"photos": FILE})

        assert answer.headers["location"].endswith("?lang=zh")
        assert "正在比对" in client.get(answer.headers["location"]).text


class TestAddress:
    @pytest.mark.parametrize("token", ["x", "AAAA", "%00", "a" * 500, "é"])
    def test_an_altered_address_leads_back(self, client: Client, token: str) -> None:
        """It tells nothing, and one may ask again."""
        answer = client.get(f"/checked/{token}")

        assert (answer.status_code, answer.headers["location"]) == (303, "/checked?ended=1")
        assert "answers are kept for one day" in client.get("/checked?ended=1").text

    def test_a_receipts_address_opens_no_answer(self, client: Client, ask: Ask) -> None:
        """Each kind of address has a key of its own."""
        token = ask(picture("p0007-tip0.jpg")).headers["location"].rpartition("/")[2]

        assert client.get(f"/receipt/{token}").headers["location"] == "/receipt?ended=1"

    def test_the_waiting_page_comes_again_by_itself(self, client: Client, ask: Ask) -> None:
        """Without script; and there is a link for whoever does not want to wait for it."""
        answer = client.get(ask(jpeg()).headers["location"])

        assert int(answer.headers["refresh"]) >= 1
        assert "Look again now" in answer.text


class TestOthersForms:
    def test_receipt_codes_ask_for_work_after_ten(self, context: Context, client: Client) -> None:
        """Not before: the usual visitor never sees it."""
        from app.tips import receipts  # noqa: PLC0415

        codes = [receipts.new_code(context.keys, f"guess {number}") for number in range(10)]
        before = client.get("/receipt").text
        tries = [client.post("/receipt", data={"code": code}) for code in codes]

        assert "data-challenge" not in before
        assert {answer.status_code for answer in tries} == {422}
        assert "data-challenge" in tries[-1].text
        assert "data-challenge" in client.get("/receipt").text

    def test_the_tip_form_is_free_of_work(self, client: Client) -> None:
        """Nothing of it is loaded while nothing is asked."""
        page = client.get("/").text

        assert "work.js" not in page
        assert limiting.Gate.__name__ not in page
