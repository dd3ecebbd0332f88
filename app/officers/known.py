"""Browsers that an officer signed in with before: guessing from elsewhere does not lock them out of these."""

import base64
import json
import secrets

from fastapi import Request
from fastapi.responses import Response
from nacl.exceptions import CryptoError

from app.core.context import Context

COOKIE = "known"
LASTING_S = 90 * 24 * 3600


def remember(context: Context, response: Response, username: str) -> None:
    """Let a browser be known from now on; the cookie opens nothing, it only has its own count of tries."""
    body = {"for": username, "as": secrets.token_hex(16)}
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(context.keys.box(COOKIE).encrypt(json.dumps(body).encode())).decode(),
        max_age=LASTING_S,
        path="/console/sign-in",
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )


def browser_of(context: Context, request: Request, username: str) -> str:
    """What the browser of a request is counted as for a user name; "" for one that is not known for it."""
    try:
        sealed = base64.urlsafe_b64decode(request.cookies.get(COOKIE, ""))
        body = json.loads(context.keys.box(COOKIE).decrypt(sealed))
    except (CryptoError, ValueError):
        return ""
    return str(body["as"]) if body["for"] == username else ""
