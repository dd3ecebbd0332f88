"""Requests whose end two programs would see at different places are refused, and bodies of crumbs too."""

from typing import Any, Final

import h11

FREE_CHUNKS: Final = 10_000
"""Chunks that a body may come in, however small they are."""
LEAST_CHUNK_BYTES: Final = 128
"""Bytes that chunks hold on average where there are more of them.

Source:
    h11 takes 6.5 microseconds for a chunk of any size; by which 1 MB/s of single bytes would keep it busy.
"""

_SPOKEN: Final = (b"1.0", b"1.1")


class ClearFraming(h11.Connection):
    """A server's side of a connection on which nobody can hide a request in another one's body.

    h11 lets a request that gives its length in two ways pass, as older standards did; a proxy that reads the
    other of the two would hand its second half over as a request of its own.

    Args:
        most_head: bytes of a request's line and headers, or of a chunk's.

    Source:
        RFC 9112, sections 6.1 and 6.3: it "ought to be handled as an error".
    """

    def __init__(self, most_head: int) -> None:
        super().__init__(h11.SERVER, most_head)
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        """The next event, as h11 has it.

        Raises:
            h11.RemoteProtocolError: also for a request with a length and chunks, one with chunks in a version
                that has none, versions that do not exist, and bodies of very many very small chunks.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
            _check(event)
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_end
            self._bytes += len(event.data)
            if self._chunks > FREE_CHUNKS and self._bytes < LEAST_CHUNK_BYTES * self._chunks:
                msg = "crumbs"
                raise h11.RemoteProtocolError(msg)
        return event


def _check(request: h11.Request) -> None:
    names = {name for name, _ in request.headers}
    chunked = b"transfer-encoding" in names
    if request.http_version not in _SPOKEN:
        reason = "unknown version"
    elif chunked and b"content-length" in names:
        reason = "two lengths"
    elif chunked and request.http_version != _SPOKEN[-1]:
        reason = "chunks in an old version"
    else:
        return
    raise h11.RemoteProtocolError(reason)
