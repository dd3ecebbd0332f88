"""How many bytes a request may send; one that sends more gets an answer its sender can read."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DRAINED_BYTES = 512 * 2**20
"""Bytes read and dropped after a refusal: a connection closed while a browser sends shows it no page."""


class BodyLimit:
    """ASGI middleware: a body that is too large is refused by the application's own 413 answer.

    Args:
        app: the application.
        max_body_size: bytes of the largest body.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self._app = app
        self._most = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received while the application reads it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                await _drain(receive, message)
                raise HTTPException(413)
            return message

        await self._app(scope, limited, send)


async def _drain(receive: Receive, message: Message) -> None:
    dropped = 0
    while message["type"] == "http.request" and message.get("more_body") and dropped < DRAINED_BYTES:
        message = await receive()
        dropped += len(message.get("body", b""))
