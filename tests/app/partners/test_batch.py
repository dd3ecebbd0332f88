"""Batches: each tip is checked, kept and answered for itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.core.context import Context
from app.partners import batch
from app.tips.models import Tip
from tests.app.partners.calls import TIPS, bearing, change_channel, day_of, make_key, send_batch, tips
from tests.conftest import Client
from tests.make import jpeg

MARKER = "planted-7f3a"


@pytest.fixture
def key(context: Context) -> str:
    """A key of one partner."""
    return make_key(context).key


def item(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A good item with the photo `one`."""
    return {
        "idempotency_key": f"item-{number:04}",
        "place_text": f"Exit {number}",
        "photos": ["one"],
    } | fields


class TestItems:
    def test_good_and_bad_ones_are_answered_each_for_itself(
        self, context: Context, client: Client, key: str
    ) -> None:
        """In the order they were sent; a refused one stops no other and keeps nothing."""
        items = [
            item(1),
            item(2, latitude=91, longitude=1),
            item(3, photos=["missing"]),
            item(4, unknown=MARKER),
            item(5, photos=["text"]),
            item(6, place_text="\ud800"),
            item(7, photos=["one", "two"], latitude=22.541, longitude=114.055, danger_now=True),
        ]

        answer = send_batch(client, key, items, one=jpeg(), two=jpeg((1, 2, 3)), text=b"no photo")

        body = answer.json()
        assert answer.status_code == 207
        assert [each["item"] for each in body] == list(range(7))
        assert [each["status_code"] for each in body] == [201, 422, 422, 422, 415, 422, 201]
        assert [each["field"] for each in body] == [
            None, "latitude", "photos", None, "photos", "place_text", None,
        ]  # fmt: skip
        assert MARKER not in answer.text
        assert all(each["detail"] and each["code"] and each["id"] is None for each in body[1:6])
        assert {str(tip.id) for tip in tips(context)} == {body[0]["id"], body[6]["id"]}
        for each in (body[0], body[6]):
            read = client.get(f"{TIPS}/{each['id']}", headers=bearing(key))
            assert read.status_code == 200
            assert len(each["receipt"].replace(" ", "")) == 16
        assert tips(context)[1].danger_now

    def test_a_repeated_batch_makes_no_second_tips(self, context: Context, client: Client, key: str) -> None:
        """A lost answer is asked for again, receipts included; the day counts each tip once."""
        items = [item(1), item(2), item(3, place_text="")]

        first = send_batch(client, key, items, one=jpeg())
        second = send_batch(client, key, items, one=jpeg())

        assert first.json() == second.json()
        assert len(tips(context)) == 2
        day = day_of(context)
        assert day is not None
        assert day.accepted == 2

    def test_a_key_used_for_another_tip_is_told(self, context: Context, client: Client, key: str) -> None:
        """The second tip would be lost in silence otherwise; within one batch and across two."""
        body = send_batch(client, key, [item(1), item(1, description="other")], one=jpeg()).json()
        later = send_batch(client, key, [item(1, photos=["two"])], two=jpeg((9, 9, 9))).json()

        assert [each["status_code"] for each in body] == [201, 422]
        assert body[1]["code"] == later[0]["code"] == "idempotency-key-reused"
        assert len(tips(context)) == 1

    @pytest.mark.parametrize("spoilt", [None, "", 7, "short", "with space", "\ud800" * 9, ["item-0001"]])
    def test_each_needs_a_key_of_its_own(
        self, context: Context, client: Client, key: str, spoilt: Any
    ) -> None:
        """Without one, a repeated batch would double its tips; the field is named as it is in an item."""
        body = send_batch(client, key, [item(idempotency_key=spoilt)], one=jpeg()).json()

        assert (body[0]["status_code"], body[0]["field"]) == (422, "idempotency_key")
        assert tips(context) == []

    @pytest.mark.parametrize(
        "photos", [None, "one", [], ["one", 1], ["tips"], [["one"]], ["\ud800"], ["one"] * 7]
    )
    def test_photos_are_named_by_their_parts(
        self, context: Context, client: Client, key: str, photos: Any
    ) -> None:
        """One to six, each a file that was sent."""
        body = send_batch(client, key, [item(photos=photos)], one=jpeg()).json()

        assert (body[0]["status_code"], body[0]["field"]) == (422, "photos")
        assert tips(context) == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("place_text", ["x"]),
            ("place_text", {"x": 1}),
            ("description", "a\x00b"),
            ("latitude", "text"),
            ("danger_now", "perhaps"),
            ("coordinate_system", 7),
            ("external_id", "\ud800"),
        ],
    )
    def test_a_bad_value_is_named(
        self, context: Context, client: Client, key: str, field: str, value: Any
    ) -> None:
        """As in a single tip."""
        extra = {"longitude": 1} if field == "latitude" else {}
        body = send_batch(client, key, [item() | {field: value} | extra], one=jpeg()).json()

        assert (body[0]["status_code"], body[0]["field"]) == (422, field)
        assert tips(context) == []

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-1e9"])
    def test_numbers_that_are_no_place_are_refused(
        self, context: Context, client: Client, key: str, number: str
    ) -> None:
        """JSON readers take more for a number than there is on earth."""
        text = json.dumps([item(longitude=1, latitude="@")]).replace('"@"', number)

        body = send_batch(client, key, text, one=jpeg()).json()

        assert (body[0]["status_code"], body[0]["field"]) == (422, "latitude")
        assert tips(context) == []

    def test_a_number_close_to_nought_is_a_place(self, context: Context, client: Client, key: str) -> None:
        """However short the program that sends it writes it."""
        body = send_batch(client, key, [item(latitude=0.00001, longitude=1e-7)], one=jpeg()).json()

        assert body[0]["status_code"] == 201
        assert tips(context)[0].latitude == pytest.approx(0.00001)

    def test_the_same_fields_do_what_they_do_in_a_single_tip(
        self, context: Context, client: Client, key: str
    ) -> None:
        """Nothing is lost on this way."""
        send_batch(
            client,
            key,
            [
                item(
                    observed_at="2026-11-20T10:15:00+08:00",
                    external_id="p-1",
                    source_url="https://example.org/1",
                    language="zh",
                    description="第一行",
                )
            ],
            one=jpeg(),
        )

        tip: Tip = tips(context)[0]
        assert (tip.external_id, tip.source_url, tip.language, tip.description) == (
            "p-1", "https://example.org/1", "zh", "第一行",
        )  # fmt: skip


class TestTheWhole:
    @pytest.mark.parametrize(
        "text",
        ["", "no json", "{}", "[]", "[1]", "null", "[" * 5000, '"x"', "9" * 5000, "\ud800"],
        ids=["empty", "text", "object", "none", "number", "null", "deep", "string", "long", "surrogate"],
    )
    def test_what_is_no_list_of_tips_is_refused_whole(
        self, context: Context, client: Client, key: str, text: str
    ) -> None:
        """With a problem, and nothing is kept."""
        answer = send_batch(client, key, text, one=jpeg())

        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["field"] == "tips"
        assert tips(context) == []

    def test_at_most_fifty_go_at_once(self, context: Context, client: Client, key: str) -> None:
        """The limit is told, not reached in silence."""
        answer = send_batch(client, key, [item(n) for n in range(batch.MOST_ITEMS + 1)], one=jpeg())

        assert (answer.status_code, answer.json()["field"]) == (422, "tips")
        assert tips(context) == []

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda parts: [*parts, ("one", ("b.jpg", jpeg(), "image/jpeg"))],
            lambda parts: [*parts, ("other", (None, "text"))],
            lambda parts: [*parts, parts[0]],
        ],
        ids=["two files of one name", "a second text", "two lists"],
    )
    def test_a_part_comes_once(
        self, context: Context, client: Client, key: str, spoil: Callable[[list[Any]], list[Any]]
    ) -> None:
        """Which of two was meant is not guessed."""
        parts = [("tips", (None, json.dumps([item()]))), ("one", ("a.jpg", jpeg(), "image/jpeg"))]

        answer = client.post(f"{TIPS}/batch", headers=bearing(key), files=spoil(parts))

        assert answer.status_code == 422
        assert tips(context) == []

    def test_it_needs_a_key_and_goes_by_its_channels_quota(
        self, context: Context, client: Client, key: str
    ) -> None:
        """Another channel's batches use nothing up."""
        change_channel(context, minute_quota=2)
        other = make_key(context, "Another").key

        assert send_batch(client, "none", [item()], one=jpeg()).status_code == 401
        assert send_batch(client, other, [item(n) for n in range(4)], one=jpeg()).status_code == 207
        assert send_batch(client, key, [item(n) for n in range(3)], one=jpeg()).status_code == 429
        assert send_batch(client, key, [item(n) for n in range(2)], one=jpeg()).status_code == 207

    def test_another_channels_keys_are_its_own(self, context: Context, client: Client, key: str) -> None:
        """Two partners may use the same keys for different tips."""
        other = make_key(context, "Another").key

        first = send_batch(client, key, [item(1)], one=jpeg()).json()
        second = send_batch(client, other, [item(1, place_text="Elsewhere")], one=jpeg()).json()

        assert [first[0]["status_code"], second[0]["status_code"]] == [201, 201]
        assert first[0]["receipt"] != second[0]["receipt"]
