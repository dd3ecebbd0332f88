"""How a refusal looks: RFC 9457 for programs, a page for people. No answer repeats what was sent."""

import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import NOTHING_HERE, Invalid, NotSignedIn, ProofNeeded, Refusal, Unavailable, message
from app.core.objects import StoreTrouble
from app.core.render import language_of, page, translate

log = structlog.get_logger()

GEOREPORT_STATUS = {401: 403, 415: 400, 422: 400}
XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
REFUSED = message("The request was refused. Nothing was saved.")
SENTENCES = {
    400: message("The request could not be read. Nothing was saved."),
    404: NOTHING_HERE,
    405: message("This address does not take that kind of request."),
    413: message("That is more than can be taken at once. Send fewer or smaller photos."),
}
"""What the framework's own refusals say."""


def install(app: FastAPI) -> None:
    """Give an application its answers to everything that goes wrong."""
    app.add_exception_handler(Refusal, _handler(_refused))
    app.add_exception_handler(RequestValidationError, _handler(_malformed))
    app.add_exception_handler(HTTPException, _handler(_http))
    app.add_exception_handler(OperationalError, _handler(_database_busy))
    app.add_exception_handler(PoolTimeout, _handler(_database_busy))
    app.add_exception_handler(StoreTrouble, _handler(_store_away))


def _handler(answer: Callable[..., Response]) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        return answer(request, error)

    return handle


def problem(
    request: Request, status: int, code: str, sentence: str, field: str | None = None, **values: str | int
) -> JSONResponse:
    """A problem document in the sender's language."""
    language = language_of(request)
    body: dict[str, str | int] = {
        "type": f"urn:homeward:problem:{code}",
        "title": translate(language, HTTPStatus(status).phrase),
        "status": status,
        "detail": translate(language, sentence, **values),
        "code": code,
    }
    if field is not None:
        body["field"] = field
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def georeport(request: Request, refusal: Refusal) -> Response:
    """A refusal as Open311 GeoReport v2 has it: 403 for a bad key, 400 for a bad field, JSON or XML."""
    status = GEOREPORT_STATUS.get(refusal.status, refusal.status)
    said = translate(language_of(request), refusal.message, **refusal.values)
    description = f"{refusal.field}: {said}" if refusal.field else said
    if request.url.path.endswith(".xml"):
        inner = f"<code>{status}</code><description>{escape(description)}</description>"
        body = f"{XML_HEAD}<errors><error>{inner}</error></errors>"
        return Response(body, status, media_type="application/xml")
    return JSONResponse([{"code": status, "description": description}], status)


def _answer(request: Request, refusal: Refusal) -> Response:
    request.state.problem = refusal.code
    officer_id = getattr(request.state, "officer_id", None)
    if officer_id is not None:
        route = request.scope.get("route")
        request.app.state.note_refusal(officer_id, refusal.status, getattr(route, "path", ""))
    if request.url.path.startswith("/open311/"):
        response: Response = georeport(request, refusal)
    elif request.url.path.startswith("/api/"):
        response = problem(
            request, refusal.status, refusal.code, refusal.message, refusal.field, **refusal.values
        )
    else:
        console = request.url.path.startswith("/console")
        response = page(
            request,
            "console/refusal.html" if console else "citizen/refusal.html",
            status=refusal.status,
            message=translate(language_of(request), refusal.message, **refusal.values),
            code=refusal.code,
        )
    for name, value in refusal.headers.items():
        response.headers[name] = value
    return response


def _refused(request: Request, error: Refusal) -> Response:
    console = request.url.path.startswith("/console")
    if console and isinstance(error, ProofNeeded):
        return RedirectResponse(f"{error.page}?{urlencode({'next': _came_from(request)})}", status_code=303)
    if console and request.method == "GET" and isinstance(error, NotSignedIn):
        return RedirectResponse(error.page, status_code=303)
    return _answer(request, error)


def _came_from(request: Request) -> str:
    """The page to come back to: the one asked for, or the one whose form was sent."""
    if request.method == "GET":
        return request.url.path
    return urlsplit(request.headers.get("referer", "")).path or "/console"


def _malformed(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0] if error.errors() else {"loc": ()}
    names = [part for part in first["loc"] if isinstance(part, str)]
    if names and names[0] == "path":
        return _http(request, HTTPException(404))
    known = names[1] if len(names) > 1 and names[1].isidentifier() and names[1].isascii() else None
    return _answer(
        request, Invalid("A field is missing, repeated or of the wrong kind. Nothing was saved.", field=known)
    )


def _http(request: Request, error: HTTPException) -> Response:
    refusal = Refusal(SENTENCES.get(error.status_code, REFUSED))
    refusal.status = error.status_code
    refusal.code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    refusal.headers = dict(error.headers or {})
    return _answer(request, refusal)


def _database_busy(request: Request, error: OperationalError | PoolTimeout) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return _answer(request, Unavailable("The service is busy and saved nothing. Please send it again."))


def _store_away(request: Request, error: StoreTrouble) -> Response:
    log.warning("photo_store_unavailable", error=type(error).__name__)
    return _answer(
        request,
        Unavailable(
            "The photos cannot be reached just now. Nothing was saved; please try again later.",
            retry_after_s=60,
        ),
    )


class Faults:
    """ASGI middleware: an error nobody foresaw gets an answer with all headers, and no traceback is printed.

    A traceback may quote what a stranger sent; the log keeps the error's class and where it was raised.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 500 unless an answer has begun already."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            await _broken(Request(scope), error)(scope, receive, send)


def _broken(request: Request, error: Exception) -> Response:
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error("unhandled", error=type(error).__name__, reason=f"{Path(where.filename).name}:{where.lineno}")
    broken = Refusal("Something went wrong here. Nothing was saved; please try again.")
    broken.status, broken.code = 500, "internal"
    return _answer(request, broken)
