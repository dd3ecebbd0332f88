"""Two names for two audiences: citizens' pages answer under one host, the officers' console under another."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import NotFound, Refusal
from app.core.render import language_of, page, translate
from app.core.settings import Settings

CONSOLE = "/console"
FOR_BOTH = "/assets/"


def known_hosts(settings: Settings) -> tuple[str, str] | None:
    """The citizens' host and the console's, as browsers send them; None as long as they are not two."""
    citizens, console = _host(settings.public_url), _host(settings.console_url)
    return (citizens, console) if citizens and console and citizens != console else None


def _host(url: str) -> str:
    """Host and port of an address; the port goes without saying where it is the usual one."""
    parts = urlsplit(url)
    usual = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return parts.netloc.lower().removesuffix(usual)


class Hosts:
    """ASGI middleware: each host has its own addresses, and a host of nobody's gets nothing.

    Args:
        app: the application.
        citizens: host of the citizens' pages and of the API for partners.
        console: host of the officers' console.
    """

    def __init__(self, app: ASGIApp, citizens: str, console: str) -> None:
        self._app = app
        self._citizens, self._console = citizens, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through that came to the right host."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        host, path = request.headers.get("host", "").lower(), scope["path"]
        officers = path == CONSOLE or path.startswith(f"{CONSOLE}/")
        if host not in {self._citizens, self._console}:
            answer = _refused(request, _misdirected())
        elif path.startswith(FOR_BOTH) or officers == (host == self._console):
            answer = self._app
        else:
            answer = _refused(request, NotFound())
        await answer(scope, receive, send)


def _misdirected() -> Refusal:
    refusal = Refusal("This service does not answer under that name.")
    refusal.status, refusal.code = 421, "misdirected"
    return refusal


def _refused(request: Request, refusal: Refusal) -> ASGIApp:
    """The same page for all: the citizens' host does not say that it has a console elsewhere."""
    sentence = translate(language_of(request), refusal.message)
    return page(request, "citizen/refusal.html", status=refusal.status, message=sentence, code=refusal.code)
