"""A line between a client and a server of the loopback that does what real lines do now and then."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final, Self

PIECE: Final = 1 << 20
LISTEN_S: Final = 0.1


class Wire:
    """Passes bytes on, both ways, and misbehaves as it is told.

    Args:
        port: the server's.

    Attributes:
        refuse: so many of the next connections are closed at once.
        lose_answers: so many of the next answers are swallowed, with the connection, once the server has done
            what it was asked.
        up, down: change what goes to the server, and what comes from it.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.refuse = 0
        self.lose_answers = 0
        self.up: Callable[[bytes], bytes] = bytes
        self.down: Callable[[bytes], bytes] = bytes
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LISTEN_S)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def endpoint(self) -> str:
        """Its address, for the client."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self.refuse:
                self.refuse -= 1
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._port))
            for source, sink, answers in ((client, server, False), (server, client, True)):
                source.settimeout(LISTEN_S)
                thread = threading.Thread(target=self._pass, args=(source, sink, answers))
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(OSError):
            while not self._closing.is_set():
                try:
                    piece = source.recv(PIECE)
                except TimeoutError:
                    continue
                if not piece:
                    break
                if answers and self.lose_answers:
                    self.lose_answers -= 1
                    break
                sink.sendall((self.down if answers else self.up)(piece))
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
