"""A form that comes back: with what was typed, and the reason beside its field."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.core.errors import Refusal
from app.core.render import language_of, page, translate


def refused_form(request: Request, template: str, refusal: Refusal, **values: Any) -> HTMLResponse:
    """Answer a refused form with the form itself.

    Args:
        request: the request; its language decides.
        template: the form's page; it reads `errors`, sentences by field name, "" for the whole form.
        refusal: why nothing was saved; the caller's transaction is over.
        values: what the template shows, among them what was typed.

    Returns:
        The page with the refusal's status and headers.
    """
    message = translate(language_of(request), refusal.message, **refusal.values)
    response = page(request, template, status=refusal.status, errors={refusal.field or "": message}, **values)
    response.headers.update(refusal.headers)
    return response
