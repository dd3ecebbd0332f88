"""Security headers on every answer, errors included."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types own"
)
FILE_POLICY = "default-src 'none'; sandbox"
"""For styles and scripts, should anybody open one as a page; it is short, since lines may be slow."""
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}
NO_FEATURES = "camera=(), microphone=(), display-capture=(), payment=(), usb=(), geolocation="
"""What no page of ours asks a browser for; who may ask where one is follows."""
PLACE_PATHS = frozenset({"/", "/tip"})
"""Addresses of the form, the one page that asks where one is."""
ASSET_CACHE = "public, max-age=31536000, immutable"
HTTPS_ONLY = "max-age=63072000"


class SecurityHeaders:
    """ASGI middleware; a route may set a header itself and keeps it.

    Args:
        app: the application.
        https: browsers are told to come over HTTPS only from now on.
    """

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer does not carry yet."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                path = scope["path"]
                if path.startswith("/assets/") and message["status"] == 200:  # noqa: PLR2004
                    headers["Cache-Control"] = ASSET_CACHE
                for name, value in (ALWAYS | _of_path(path)).items():
                    headers.setdefault(name, value)
                if self._https:
                    headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)
            await send(message)

        await self._app(scope, receive, with_headers)


def _of_path(path: str) -> dict[str, str]:
    """The headers that are not the same everywhere.

    A browser that sends no referrer names no origin with a form either. Citizens' forms need none, since they
    rest on no cookie; the console's are held against theirs where a browser does not say Sec-Fetch-Site.
    """
    if path.startswith("/assets/"):
        return {"Content-Security-Policy": FILE_POLICY, "Referrer-Policy": "no-referrer"}
    return {
        "Content-Security-Policy": PAGE_POLICY,
        "Referrer-Policy": "same-origin" if path.startswith("/console") else "no-referrer",
        "Permissions-Policy": NO_FEATURES + ("(self)" if path in PLACE_PATHS else "()"),
    }
