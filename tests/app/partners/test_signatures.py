"""Signed requests: what is altered, old or sent by somebody else is refused, and nothing of it is kept."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.context import Context
from app.core.errors import NotSignedIn
from app.partners import signatures
from app.partners.keys import NewKey
from tests.app.partners.calls import TIPS, bearing, form, make_key, send, signed, tips
from tests.conftest import Client


@pytest.fixture
def key(context: Context) -> NewKey:
    """A key whose requests have to be signed."""
    return make_key(context, signed=True)


def secret_of(key: NewKey) -> str:
    assert key.signing_secret is not None
    return key.signing_secret


def headers_of(key: NewKey, *said: Any, **more: Any) -> dict[str, str]:
    return bearing(key.key) | signed(secret_of(key), *said, **more)


class TestGoodSignatures:
    def test_a_signed_form_with_a_photo_is_taken(self, context: Context, client: Client, key: NewKey) -> None:
        """The body is read once for the signature and once for the tip."""
        body, kind = form(description="A girl asks for money.")
        headers = headers_of(key, "POST", TIPS, body) | {"Content-Type": kind}
        headers["Idempotency-Key"] = "request-0001"

        answer = client.post(TIPS, headers=headers, content=body)

        assert answer.status_code == 201
        assert tips(context)[0].description == "A girl asks for money."

    def test_a_signed_question_is_answered(self, client: Client, key: NewKey) -> None:
        """Without a body, and with a query as it stands in the request."""
        target = f"{TIPS}?limit=5&external_id=a%2Fb"

        assert client.get(target, headers=headers_of(key, "GET", target)).status_code == 200

    def test_a_key_without_a_secret_needs_no_signature(self, context: Context, client: Client) -> None:
        """And a signature that it sends all the same is not looked at."""
        plain = make_key(context).key

        assert send(client, plain).status_code == 201
        headers = bearing(plain) | {signatures.SIGNATURE: "v1=00", signatures.TIMESTAMP: "1"}
        assert client.get(TIPS, headers=headers).status_code == 200

    def test_a_request_sent_again_under_its_key_makes_one_tip(
        self, context: Context, client: Client, key: NewKey
    ) -> None:
        """Who overhears a request and repeats it changes nothing."""
        body, kind = form()
        headers = headers_of(key, "POST", TIPS, body) | {"Content-Type": kind}
        headers["Idempotency-Key"] = "request-0001"

        answers = [client.post(TIPS, headers=headers, content=body) for _ in range(3)]

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(tips(context)) == 1

    @pytest.mark.parametrize("repeat", [None, ""])
    def test_a_signed_tip_has_a_key_of_its_own(
        self, context: Context, client: Client, key: NewKey, repeat: str | None
    ) -> None:
        """Without one, whoever overhears the request could make tips of it for five minutes."""
        body, kind = form()
        headers = headers_of(key, "POST", TIPS, body) | {"Content-Type": kind}
        headers |= {} if repeat is None else {"Idempotency-Key": repeat}

        answer = client.post(TIPS, headers=headers, content=body)

        assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
        assert tips(context) == []


class TestBadSignatures:
    @pytest.mark.parametrize(
        "said",
        [
            ("POST", TIPS, b"another body"),
            ("POST", f"{TIPS}/batch", None),
            ("POST", f"{TIPS}?a=1", None),
            ("PUT", TIPS, None),
        ],
        ids=["body", "path", "query", "method"],
    )
    def test_what_was_altered_is_refused(
        self, context: Context, client: Client, key: NewKey, said: tuple[str, str, bytes | None]
    ) -> None:
        """One changed byte anywhere, and nothing is kept."""
        body, kind = form()
        method, target, signed_body = said
        given_headers = headers_of(key, method, target, body if signed_body is None else signed_body)

        answer = client.post(TIPS, headers=given_headers | {"Content-Type": kind}, content=body)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert tips(context) == []

    @pytest.mark.parametrize("age_s", [301, -310, 10**9])
    def test_an_old_or_early_request_is_refused(self, client: Client, key: NewKey, age_s: int) -> None:
        """A request is good for five minutes."""
        answer = client.get(TIPS, headers=headers_of(key, "GET", TIPS, age_s=age_s))

        assert answer.status_code == 401

    def test_a_request_of_four_minutes_ago_is_taken(self, client: Client, key: NewKey) -> None:
        """Clocks differ."""
        assert client.get(TIPS, headers=headers_of(key, "GET", TIPS, age_s=240)).status_code == 200

    @pytest.mark.parametrize("stamp", ["", "-1", "1e9", "٣", " 1", "9" * 13, "nan"])
    def test_a_time_that_is_none_is_refused(self, key: NewKey, stamp: str) -> None:
        """Hostile numbers break nothing."""
        with pytest.raises(NotSignedIn):
            signatures.check(secret_of(key), {signatures.TIMESTAMP: stamp}, "GET", TIPS, b"")

    def test_the_time_is_signed_too(self, client: Client, key: NewKey) -> None:
        """A request cannot be made younger."""
        old = headers_of(key, "GET", TIPS, age_s=600)
        fresh = headers_of(key, "GET", TIPS)
        old[signatures.TIMESTAMP] = fresh[signatures.TIMESTAMP]

        assert client.get(TIPS, headers=old).status_code == 401

    @pytest.mark.parametrize("left_out", [signatures.TIMESTAMP, signatures.SIGNATURE])
    def test_a_missing_half_is_refused(self, client: Client, key: NewKey, left_out: str) -> None:
        """A key that signs is worth nothing without its secret."""
        headers = headers_of(key, "GET", TIPS)
        del headers[left_out]

        assert client.get(TIPS, headers=headers).status_code == 401

    def test_another_keys_secret_does_not_fit(self, context: Context, client: Client, key: NewKey) -> None:
        """Not even one of the same channel."""
        other = make_key(context, signed=True)
        headers = bearing(key.key) | signed(secret_of(other), "GET", TIPS)

        assert client.get(TIPS, headers=headers).status_code == 401

    @settings(deadline=None, max_examples=60)
    @given(
        said=st.tuples(st.integers(0, 2**40), st.sampled_from(["GET", "POST"]), st.text(), st.binary()),
        other=st.tuples(st.integers(0, 2**40), st.sampled_from(["GET", "POST"]), st.text(), st.binary()),
    )
    def test_two_different_requests_have_two_signatures(
        self, said: tuple[int, str, str, bytes], other: tuple[int, str, str, bytes]
    ) -> None:
        """For targets as they can stand in a request's first line."""
        said = (*said[:2], "/" + said[2].encode().hex(), said[3])
        other = (*other[:2], "/" + other[2].encode().hex(), other[3])

        assert (signatures.sign("s", *said) == signatures.sign("s", *other)) == (said == other)
