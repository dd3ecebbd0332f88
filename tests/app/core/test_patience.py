import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.core.web.patience import Patience

Connect = Callable[[], socket.socket]
QUICK = Patience(header_s=0.3, body_s=0.6)
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
GET = b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 60_000_000
SLACK_S = LARGE / 2**30
gone: list[str] = []


async def echo(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        gone.append("disconnected")
        raise
    return PlainTextResponse(str(len(body)))


def fine(_: Request) -> Response:
    return PlainTextResponse("fine")


def large(_: Request) -> Response:
    return PlainTextResponse(b"x" * LARGE)


@contextmanager
def serving(patience: Patience) -> Iterator[Connect]:
    routes = [Route("/echo", echo, methods=["POST"]), Route("/fine", fine), Route("/large", large)]
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=0,
        http=patience.protocol(),
        ws="none",
        log_level="critical",
        loop="asyncio",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield lambda: socket.create_connection(("127.0.0.1", port), timeout=20)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    with serving(QUICK) as connecting:
        yield connecting


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; it waits for that."""
    said = b""
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionResetError:
        pass
    return said


def answer_of(connection: socket.socket) -> bytes:
    """One answer, whose last line has no more than ten bytes; the connection stays open."""
    said = b""
    while b"\r\n\r\n" not in said or said.endswith(b"\r\n\r\n"):
        said += connection.recv(1000)
    return said


def drip(connection: socket.socket, byte: bytes) -> bytes:
    """Send a byte again and again until the other side has had enough."""
    try:
        for _ in range(400):
            connection.sendall(byte)
            time.sleep(0.01)
    except OSError:
        return b"closed"
    return b"open"


class TestWaits:
    def test_an_empty_connection_is_closed(self, connect: Connect) -> None:
        """Nothing was asked, so nothing is said."""
        with connect() as connection:
            assert rest_of(connection) == b""

    @pytest.mark.parametrize("begun", [b"G", b"GET /fine HTTP/1.1\r\nHost: x\r\n", HEAD, HEAD + b"x" * 999])
    def test_what_stops_half_way_is_told_and_closed(self, connect: Connect, begun: bytes) -> None:
        """408, wherever it stopped."""
        with connect() as connection:
            connection.sendall(begun)

            assert rest_of(connection).startswith(b"HTTP/1.1 408 ")

    @pytest.mark.parametrize("begun", [b"GET /fine HTTP/1.1\r\nX: ", HEAD, HEAD.replace(b"echo", b"nobody")])
    def test_a_dripping_sender_is_closed(self, connect: Connect, begun: bytes) -> None:
        """A byte now and then does not begin the time anew, not even where nobody reads the body."""
        with connect() as connection:
            connection.sendall(begun)

            assert drip(connection, b"x") == b"closed"

    def test_the_application_hears_of_it(self, connect: Connect) -> None:
        """Nobody goes on waiting for a body that will not come."""
        gone.clear()
        with connect() as connection:
            connection.sendall(HEAD)
            rest_of(connection)

        assert gone == ["disconnected"]

    def test_a_receiver_that_takes_nothing_is_closed(self, connect: Connect) -> None:
        """An answer does not wait in memory for ever."""
        with connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
            connection.sendall(GET.replace(b"fine", b"large"))
            time.sleep(2 * QUICK.body_s + SLACK_S)

            assert len(rest_of(connection)) < LARGE

    def test_a_body_that_keeps_its_pace_may_take_longer(self, connect: Connect) -> None:
        """A photo over a slow line is no attack: what has come buys time."""
        size = 100_000
        with connect() as connection:
            connection.sendall(HEAD.replace(b"1000", b"%d" % size))
            for _ in range(20):
                connection.sendall(b"x" * (size // 20))
                time.sleep(0.05)

            assert answer_of(connection).endswith(b"100000")

    def test_one_connection_serves_several_requests(self, connect: Connect) -> None:
        """Each has its own time, from its own first byte."""
        with connect() as connection:
            for _ in range(4):
                connection.sendall(GET)
                assert answer_of(connection).endswith(b"fine")
                time.sleep(0.1)

    def test_requests_sent_in_one_go_are_answered_in_order(self, connect: Connect) -> None:
        """Pipelining stays as uvicorn has it."""
        with connect() as connection:
            connection.sendall(GET * 3)
            said = b""
            while said.count(b"fine") < 3:
                said += connection.recv(1000)

        assert said.count(b"HTTP/1.1 200") == 3


class TestRoom:
    def test_the_oldest_that_waits_makes_room(self) -> None:
        """However many stand open, who comes now is served."""
        with serving(Patience(60, 60, most_connections=3)) as connect, ExitStack() as stack:
            idle = [stack.enter_context(connect()) for _ in range(6)]
            honest = stack.enter_context(connect())
            honest.sendall(GET)

            assert answer_of(honest).endswith(b"fine")
            assert [rest_of(connection) for connection in idle[:3]] == [b""] * 3

    def test_bodies_under_way_do_not_count_as_work(self) -> None:
        """Two slow senders beside a limit of one, and an honest request is answered."""
        with serving(Patience(60, 60, most_at_work=1)) as connect, connect() as first, connect() as second:
            first.sendall(HEAD)
            second.sendall(HEAD)
            with connect() as honest:
                honest.sendall(GET)

                assert b" 200 " in honest.recv(1000)

    def test_memory_is_taken_from_the_oldest(self) -> None:
        """Of two large bodies that wait, the newer one still arrives when a third asks for room."""
        megabytes = HEAD.replace(b"1000", b"3000000")
        with serving(Patience(60, 60, most_held=6_000_000)) as connect, connect() as old, connect() as new:
            old.sendall(megabytes + b"x" * 2_900_000)
            new.sendall(megabytes + b"x" * 2_900_000)
            with connect() as third:
                third.sendall(megabytes + b"x" * 3_000_000)

                assert answer_of(third).endswith(b"3000000")
            assert rest_of(old).startswith(b"HTTP/1.1 408 ")
            new.sendall(b"x" * 100_000)
            assert answer_of(new).endswith(b"3000000")
