import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.web.framing import FREE_CHUNKS, LEAST_CHUNK_BYTES, ClearFraming

HEAD = b"POST /tip HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def body_of(request: bytes) -> bytes:
    """What a server reads of a request."""
    framing, body = ClearFraming(2**16), b""
    framing.receive_data(request)
    while not isinstance(event := framing.next_event(), h11.EndOfMessage):
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    return body


def chunks(count: int, size: int) -> bytes:
    return (b"%x\r\n%s\r\n" % (size, b"x" * size)) * count + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 5\r\n" + CHUNKED,
        HEAD + CHUNKED + b"Content-Length: 5\r\n",
        HEAD.replace(b"1.1", b"1.0") + CHUNKED,
        HEAD.replace(b"1.1", b"0.9"),
        HEAD.replace(b"1.1", b"9.9"),
    ],
)
def test_a_request_whose_end_is_not_clear_is_refused(head: bytes) -> None:
    """Two lengths, chunks where there are none, versions nobody speaks: what follows is never a request."""
    with pytest.raises(h11.RemoteProtocolError):
        body_of(head + b"\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_a_body_arrives_as_it_was_sent(body: bytes, size: int) -> None:
    """With a length, or in chunks of any size."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    assert body_of(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) == body
    assert body_of(HEAD + CHUNKED + b"\r\n" + chunked) == body


def test_a_body_of_crumbs_is_refused() -> None:
    """Very many very small chunks would keep the process busy; as many of some size, or fewer, pass."""
    with pytest.raises(h11.RemoteProtocolError):
        body_of(HEAD + CHUNKED + b"\r\n" + chunks(FREE_CHUNKS + 1, LEAST_CHUNK_BYTES - 1))

    assert body_of(HEAD + CHUNKED + b"\r\n" + chunks(FREE_CHUNKS + 1, LEAST_CHUNK_BYTES))
    assert body_of(HEAD + CHUNKED + b"\r\n" + chunks(FREE_CHUNKS, 1))
