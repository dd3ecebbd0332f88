"""How long a connection may keep the web process waiting, and who goes first when too many do.

Uvicorn waits for a request's head and body for ever, and counts connections that merely stand open among
those it works for. Here each wait has an end; and where many wait at once, who has waited longest makes room.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.core.web.framing import ClearFraming

LEAST_BYTES_PER_S: Final = 4096
"""Pace at which a body that takes longer than its time may go on."""
MOST_CONNECTIONS: Final = 1000
"""Open at once. The oldest that still waits for its sender is closed for a new one."""
MOST_AT_WORK: Final = 200
"""Requests that arrived whole and are being answered; beyond them the answer is 503 at once."""
MOST_HEAD_BYTES: Final = 2**16
"""Of a request's line and headers; also of a chunk's."""
MOST_BYTES_HELD: Final = 2**30
"""Of bodies not yet answered, all together: eight of the largest requests. For more the oldest goes."""
_MUCH: Final = 2**20
"""Bytes held from which giving a request up is worth while."""

_TOO_SLOW: Final = b"The request took too long to arrive. Nothing was saved; please send it again."


@dataclass
class Patience:
    """What the connections of one web process share.

    Attributes:
        header_s: seconds that a request's head may take.
        body_s: seconds that its body may take, beside the time it needs at the least pace; and seconds that a
            receiver may take nothing.
        most_connections: open at once.
        most_at_work: requests that are answered at once.
        most_held: bytes of bodies not yet answered.
    """

    header_s: float
    body_s: float
    most_connections: int = MOST_CONNECTIONS
    most_at_work: int = MOST_AT_WORK
    most_held: int = MOST_BYTES_HELD
    _held: int = field(default=0, init=False)

    def protocol(self) -> type[asyncio.Protocol]:
        """What uvicorn is to make for each connection, as its setting `http`."""
        return cast("type[asyncio.Protocol]", partial(PatientProtocol, self))

    def hold(self, count: int) -> bool:
        """Note bytes that came or went.

        Returns:
            Whether more is held than may be.
        """
        self._held += count
        return self._held > self.most_held


class PatientProtocol(H11Protocol):
    """A connection whose waits end.

    Args:
        patience: what all connections share.
        given: as uvicorn gives it.
    """

    def __init__(self, patience: Patience, **given: Any) -> None:
        super().__init__(**given)
        self.conn = ClearFraming(MOST_HEAD_BYTES)
        self._patience = patience
        self._began = self.loop.time()
        self._received = 0
        self._resting = False
        self._taken_by: float | None = None
        self._unread = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room if need be, and begin to wait for a head."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self._patience.most_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what came, then let uvicorn read it."""
        if self._resting:
            self._resting, self._began = False, self.loop.time()
            self._watch()
        self._received += len(data)
        if self._patience.hold(len(data)):
            self._make_memory()
        if not self.transport.is_closing():
            super().data_received(data)

    def handle_events(self) -> None:
        """Take requests up unless too many are being answered; those still arriving do not count."""
        most = self._patience.most_at_work
        full = len(self.tasks) >= most and sum(each.at_work for each in self._others()) >= most
        self.limit_concurrency = 0 if full else None
        super().handle_events()
        if self.conn.our_state is self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            # What came last belonged to a request that was answered before all of it had come: no one waits
            # for an answer any more, and none may lie ready for the next request.
            self._forget()

    def send_400_response(self, msg: str) -> None:
        """Say that a request cannot be read, unless it has its answer already, or a part of it."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Forget the request; what follows is another one."""
        self._forget()
        self._resting, self._began = True, self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for a receiver that does not keep up."""
        super().pause_writing()
        self._await_receiver()

    def resume_writing(self) -> None:
        """The receiver took nearly all there was."""
        super().resume_writing()
        self._taken_by = None

    @property
    def at_work(self) -> bool:
        """Whether a request has arrived whole and is not answered yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    @property
    def holds_much(self) -> bool:
        """Whether it has received much that is not answered yet."""
        return self._received > _MUCH

    @property
    def waits_since(self) -> float:
        """When it began to wait for its sender, on the loop's clock; never if it does not."""
        return inf if self.at_work or self.transport.is_closing() else self._began

    def _ends(self) -> float:
        """When the wait at hand has lasted too long."""
        if self._taken_by is not None:
            return self._taken_by
        if self.at_work:
            return inf
        if self.conn.their_state is h11.SEND_BODY:
            return self._began + self._patience.body_s + self._received / LEAST_BYTES_PER_S
        return self._began + self._patience.header_s

    def _watch(self) -> None:
        """Look again when the wait at hand would end; a wait that changed meanwhile is then seen as it is."""
        if self._timer is not None:
            self._timer.cancel()
        left = min(self._ends() - self.loop.time(), self._patience.body_s)
        self._timer = self.loop.call_later(max(0.0, left), self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            # What was written last may still have to be taken.
            self._timer = self.loop.call_later(self._patience.body_s, self.transport.abort)
        elif self._taken_by is not None and self._receiver_keeps_pace():
            self._await_receiver()
        elif self.loop.time() >= self._ends():
            self.give_up()
        else:
            self._watch()

    def _await_receiver(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._taken_by = self.loop.time() + self._patience.body_s
        self._watch()

    def _receiver_keeps_pace(self) -> bool:
        taken = self._unread - self.transport.get_write_buffer_size()
        return taken >= LEAST_BYTES_PER_S * self._patience.body_s

    def give_up(self) -> None:
        """Say that it took too long, if that can still be said, and close."""
        begun = self._received > 0
        self._forget()
        if self._taken_by is not None:
            self.transport.abort()
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if begun and self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
            for event in (
                h11.Response(status_code=408, headers=headers, reason=b"Request Timeout"),
                h11.Data(data=_TOO_SLOW),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _make_room(self) -> None:
        """Close whoever has waited for its sender longest."""
        min(self._others(), key=lambda each: each.waits_since).give_up()

    def _make_memory(self) -> None:
        """The same, among those that hold much."""
        large = [each for each in self._others() if each.holds_much and each.waits_since < inf]
        min(large, key=lambda each: each.waits_since, default=self).give_up()

    def _others(self) -> "list[PatientProtocol]":
        return [each for each in self.connections if isinstance(each, PatientProtocol)]

    def _forget(self) -> None:
        self._patience.hold(-self._received)
        self._received = 0
