"""What the tip form asks and takes: when it was, where the child is in a photo, answers to scripts."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import col, func, select

from app.core.context import Context
from app.core.errors import Invalid
from app.core.render import FRONTEND
from app.officers.models import Role
from app.photos.models import Photo, PhotoState
from app.tips import fields
from app.tips.models import Tip
from tests.app.tips.conftest import Send
from tests.conftest import Client
from tests.make import Make, jpeg

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
KEY = "a-key-of-this-form"


def only(context: Context) -> Tip:
    """The one tip that was taken."""
    with context.db.read() as session:
        return session.exec(select(Tip)).one()


def count(context: Context) -> int:
    """How many tips were taken."""
    with context.db.read() as session:
        return session.exec(select(func.count()).select_from(Tip)).one()


def told(client: Client, photos: list[bytes] | None = None, **texts: str) -> httpx.Response:
    """Send the form as its script does."""
    files = [("photos", (f"photo-{number}", data)) for number, data in enumerate(photos or [jpeg()])]
    sent = {"place_text": "Metro exit A", "submission": KEY, **texts}
    return client.post(
        "/tip",
        files=[*files, *((name, (None, text)) for name, text in sent.items())],
        headers={"Accept": "application/json"},
    )


class TestWhen:
    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ({"seen": "now"}, NOON),
            ({"seen": "now", "observed_time": "03:00", "observed_at": "2026-02-03T14:05"}, NOON),
            ({"seen": "today", "observed_time": "09:30"}, datetime(2026, 5, 1, 1, 30, tzinfo=UTC)),
            ({"seen": "today", "observed_time": "09:30:15"}, datetime(2026, 5, 1, 1, 30, 15, tzinfo=UTC)),
            ({"seen": "today", "observed_time": ""}, None),
            ({"seen": "other", "observed_at": "2026-02-03T14:05"}, datetime(2026, 2, 3, 6, 5, tzinfo=UTC)),
            ({"seen": "other", "observed_at": ""}, None),
            ({"seen": "now", "waited_s": "7200"}, NOON - timedelta(hours=2)),
            (
                {"seen": "today", "observed_time": "20:00", "waited_s": "54000"},
                datetime(2026, 4, 30, 12, 0, tzinfo=UTC),
            ),
        ],
    )
    @time_machine.travel(NOON, tick=False)
    def test_the_choice_counts(
        self, context: Context, send: Send, typed: Mapping[str, str], expected: datetime | None
    ) -> None:
        """A field that was not chosen says nothing; what waited on a device was seen before it waited."""
        assert send(**typed).status_code == 303

        assert only(context).observed_at == expected

    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            ({"seen": "yesterday"}, "seen"),
            ({"seen": "today", "observed_time": "25:00"}, "observed_time"),
            ({"seen": "today", "observed_time": "half past nine"}, "observed_time"),
            ({"seen": "today", "observed_time": "13:30"}, "observed_time"),
            ({"seen": "other", "observed_at": "2026-05-02T13:30"}, "observed_at"),
            ({"seen": "now", "waited_s": "-1"}, "waited_s"),
            ({"seen": "now", "waited_s": "99999999"}, "waited_s"),
        ],
    )
    @time_machine.travel(NOON, tick=False)
    def test_what_cannot_be_is_refused_beside_its_field(
        self, context: Context, send: Send, typed: Mapping[str, str], name: str
    ) -> None:
        """The form comes back with the choice that was made."""
        answer = send(**typed)

        assert answer.status_code == 422
        assert f'id="{name}-error"' in answer.text
        if typed["seen"] != "yesterday":
            assert re.search(rf'value="{typed["seen"]}"\s+checked', answer.text)
        assert count(context) == 0

    @pytest.mark.parametrize(("hour", "shown"), [(4, "11:00"), (16, "00:00")])
    def test_earlier_today_has_a_sensible_time(self, client: Client, hour: int, shown: str) -> None:
        """An hour ago, and never yesterday."""
        with time_machine.travel(datetime(2026, 5, 1, hour, 0, tzinfo=UTC), tick=False):
            text = client.get("/").text

        assert re.search(rf'type="time"\s+value="{shown}"', text)
        assert re.search(r'value="now"\s+checked', text)


class TestMarks:
    def test_they_are_kept_with_their_photos(self, context: Context, send: Send) -> None:
        """In the order of the photos, with none where nobody pointed."""
        photos = [jpeg((10, 20, 30)), jpeg((30, 20, 10)), jpeg((20, 20, 20))]

        assert send(photos, marks="[[0.25,0.5],null,[1,0]]").status_code == 303

        with context.db.read() as session:
            kept = session.exec(select(Photo).order_by(col(Photo.position))).all()
        assert [(photo.marked_x, photo.marked_y) for photo in kept] == [(0.25, 0.5), (None, None), (1, 0)]

    @pytest.mark.parametrize(
        "marks",
        ["x", "[]", "[[0.5,0.5],null]", "[[1.5,0]]", "[[-0.1,0]]", "[[0.5]]", "[[NaN,0]]", "[[true,0]]",
         "[1e999]", "null", "{}", "[" * 5000, '[["0.5",0]]', "[[0.5,0.5,0.5]]", "[[0.5,0.5]]x"],
    )  # fmt: skip
    def test_others_are_refused(self, context: Context, send: Send, marks: str) -> None:
        """One for each photo, shares of its sides, nothing else."""
        answer = send(marks=marks)

        assert answer.status_code == 422
        assert 'id="marks-error"' in answer.text
        assert count(context) == 0

    def test_a_form_without_photos_asks_for_photos(self, send: Send) -> None:
        """Marks of photos that a browser has dropped are no problem of their own."""
        answer = send([], marks="[[0.5,0.5]]")

        assert 'id="photos-error"' in answer.text
        assert 'id="marks-error"' not in answer.text

    @given(
        st.lists(st.none() | st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=6)
    )
    @settings(deadline=None)
    def test_what_the_script_writes_is_read(self, marks: list[tuple[int, int] | None]) -> None:
        """All shares in thousandths come back as they were."""
        shares = [None if mark is None else [mark[0] / 1000, mark[1] / 1000] for mark in marks]
        text = json.dumps(shares, separators=(",", ":"))

        read = fields.marks({"marks": text}, "marks", len(marks))

        assert [None if mark is None else list(mark) for mark in read] == shares

    @given(st.text(max_size=60) | st.text(alphabet="[]0.15,nul-eE ", max_size=60))
    @settings(deadline=None)
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        """Marks or a refusal."""
        try:
            read = fields.marks({"marks": text}, "marks", 2)
        except Invalid:
            return

        assert len(read) in {0, 2}

    def test_officers_see_where_the_sender_pointed(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """On the picture and in words; a photo without a mark shows none."""
        tip = make.tip(photos=2)
        with context.db.write() as session:
            photos = session.exec(
                select(Photo).where(Photo.tip_id == tip.id).order_by(col(Photo.position))
            ).all()
            for photo in photos:
                photo.state, photo.width, photo.height = PhotoState.EXAMINED, 64, 48
                session.add(photo)
            photos[0].marked_x, photos[0].marked_y = 0.25, 0.5

        text = client.get(f"/console/tips/{tip.id}", as_=make.officer(Role.REVIEWER)).text

        assert text.count("25 % from the left, 50 % from the top") == 1
        assert len(re.findall(r'<circle cx="25.0%" cy="50.0%"', text)) == 2
        assert " style=" not in text


class TestScript:
    def test_it_is_told_the_receipt(self, context: Context, client: Client) -> None:
        """The code, and the address of its page."""
        answer = told(client)

        assert answer.status_code == 201
        assert re.fullmatch(r"(\d{4} ){3}\d{4}", answer.json()["receipt"])
        assert answer.json()["receipt"] in client.get(answer.json()["link"]).text.replace("\xa0", " ")
        assert answer.headers["cache-control"] == "no-store"
        assert count(context) == 1

    def test_the_same_tip_sent_again_is_one(self, context: Context, client: Client) -> None:
        """However long it waited, and whatever proof of work came with it."""
        first = told(client, seen="now", waited_s="1", work="")

        second = told(client, seen="now", waited_s="900", work="another")

        assert second.status_code == 201
        assert second.json()["receipt"] == first.json()["receipt"]
        assert count(context) == 1

    def test_another_tip_under_the_key_is_not_lost_in_silence(self, context: Context, client: Client) -> None:
        """The script learns that it has to draw a new key."""
        told(client)

        answer = told(client, description="Another one.")

        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")
        assert count(context) == 1

    def test_a_refusal_names_its_field(self, context: Context, client: Client) -> None:
        """In the reader's language, without repeating what was sent."""
        answer = told(client, place_text="", description="MARK")

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["field"] == "place_text"
        assert "MARK" not in answer.text
        assert count(context) == 0

    def test_its_extras_are_in_the_readers_language(self, client: Client) -> None:
        """No sentence stands in a script."""
        chinese = client.get("/tip/extras", headers={"Accept-Language": "zh"}).text
        english = client.get("/tip/extras", headers={"Accept-Language": "en"}).text

        names = re.findall(r'data-say="([\w-]+)"', english)
        assert len(names) == len(set(names)) > 30
        assert names == re.findall(r'data-say="([\w-]+)"', chinese)
        assert "正在发送" in chinese
        assert not re.findall(r"<script|\sstyle=|\son\w+=", english)

    def test_its_extras_are_packed_and_hold_no_secret(self, client: Client) -> None:
        """The same for everybody: no key of a form, no cookie."""
        packed = client.get("/tip/extras", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/tip/extras", headers={"Accept-Encoding": "identity"})

        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.text == plain.text == client.get("/tip/extras").text
        assert "submission" not in plain.text
        assert "set-cookie" not in packed.headers

    def test_every_sentence_that_a_script_says_is_there(self, client: Client) -> None:
        """Names in the scripts and in the extras are the same ones."""
        scripts = "".join(path.read_text() for path in (FRONTEND / "scripts" / "tip").glob("*.js"))
        said = set(re.findall(r'say\(\s*"([\w-]+)"', scripts))

        there = set(re.findall(r'data-say="([\w-]+)"', client.get("/tip/extras").text))

        assert len(said) > 25
        assert said <= there


class TestPage:
    def test_it_asks_in_the_order_of_haste(self, client: Client) -> None:
        """Photo, place, what, when, danger with the number before its switch, contact, safety, send."""
        text = client.get("/", headers={"Accept-Language": "en"}).text

        marks = [
            *('id="camera"', 'id="photos"', 'name="place_text"', 'name="description"', 'name="seen"'),
            *("Call first. Then send this.", 'name="danger_now"', 'name="contact"'),
            *("Do not approach. Do not follow.", "Do not post the photo.", "Send to the police"),
        ]
        places = [text.index(mark) for mark in marks]

        assert places == sorted(places)

    def test_the_contact_is_folded_unless_it_was_typed(self, client: Client, send: Send) -> None:
        """Nobody has to give one; what was typed is not hidden."""
        assert re.search(r'<details class="field"\s*>', client.get("/").text)

        answer = send(place_text="", contact="13800000000")

        assert re.search(r'<details class="field"\s+open\s*>', answer.text)
