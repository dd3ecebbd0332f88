"""Requests that change something in the console must come from the console's own pages."""

from urllib.parse import urlsplit

from fastapi import Request

from app.core.errors import NotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def require_own_origin(request: Request) -> None:
    """Refuse a form sent by another site.

    Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin; a request that says
    neither is no form of ours.

    Raises:
        NotAllowed: the request comes from elsewhere or does not say.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        origin = request.headers.get("origin", "")
        allowed = urlsplit(origin).netloc == request.headers.get("host")
    if not allowed:
        raise NotAllowed(
            "This form was not sent from Homeward's own page. Open the page again and repeat it."
        )
