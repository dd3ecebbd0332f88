"""A secret that an answer shows once.

A POST answers with a redirect, so what it made has to reach the page behind it. It travels in a cookie that
only this deployment can open, bound to the officer and the page it is for, and the page takes it back:
loading it again shows nothing.
"""

import base64
import json
from datetime import timedelta

from fastapi import Request
from fastapi.responses import Response
from nacl.exceptions import CryptoError

from app.core.clock import now
from app.core.context import Context
from app.officers.models import Officer

COOKIE = "shown-once"
GOOD_FOR = timedelta(minutes=1)
"""How long the redirect may take."""


def hand_over(context: Context, response: Response, officer: Officer, path: str, secret: str) -> None:
    """Send a secret along with a redirect.

    Args:
        context: the open deployment.
        response: the redirect.
        officer: who may see the secret.
        path: address of the page that shows it; the browser sends the cookie there only.
        secret: a short text, at most about 2 kB.
    """
    body = {"for": str(officer.id), "at": now().timestamp(), "path": path, "secret": secret}
    sealed = context.keys.box(COOKIE).encrypt(json.dumps(body).encode())
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=int(GOOD_FOR.total_seconds()),
        path=path,
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )


def held(context: Context, request: Request, officer: Officer) -> str | None:
    """Open the secret that a request brought back.

    Returns:
        The secret; None when there is none, or it is another officer's, another page's or too old.
    """
    sealed = request.cookies.get(COOKIE)
    if not sealed:
        return None
    try:
        body = json.loads(context.keys.box(COOKIE).decrypt(base64.urlsafe_b64decode(sealed)))
    except (CryptoError, ValueError):
        return None
    age = now().timestamp() - body["at"]
    if body["for"] != str(officer.id) or body["path"] != request.url.path:
        return None
    return str(body["secret"]) if 0 <= age <= GOOD_FOR.total_seconds() else None


def forget(context: Context, request: Request, response: Response) -> None:
    """Tell the browser to drop the secret that this page has shown."""
    response.delete_cookie(
        COOKIE,
        path=request.url.path,
        httponly=True,
        secure=context.settings.secure_cookies,
        samesite="strict",
    )
