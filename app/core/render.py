"""Pages: templates, the reader's language, and the words that codes are shown with."""

import gettext
import hashlib
import io
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as TemplateContext

from app.core import languages
from app.core.context import Context
from app.core.settings import Settings

FRONTEND = Path(__file__).parents[2] / "frontend"
INSTALLED = languages.installed()
LANGUAGES = {code: language.name for code, language in INSTALLED.items()}
"""What readers call each language, by its code."""
LOCALES = {code: language.locale for code, language in INSTALLED.items()}

_words: dict[tuple[type[StrEnum], str], str] = {}


@cache
def translations(language: str) -> gettext.NullTranslations:
    """All catalogs of a language in one; English is the language of the message ids."""
    merged: gettext.NullTranslations = gettext.NullTranslations()
    for path in sorted((languages.LOCALE_FOLDER / language).glob("*.po")):
        buffer = io.BytesIO()
        with path.open("rb") as file:
            write_mo(buffer, read_po(file, locale=language))
        buffer.seek(0)
        catalog = gettext.GNUTranslations(buffer)
        catalog.add_fallback(merged)
        merged = catalog
    return merged


def translate(language: str, message: str, **values: str | int) -> str:
    """A sentence in a language, with its named values filled in."""
    text = translations(language).gettext(message)
    return text % values if values else text


def word(language: str, code: StrEnum) -> str:
    """The word that a code is shown with, in a language."""
    return translations(language).gettext(_words[type(code), code.value])


def moment(language: str, value: datetime | None, zone: ZoneInfo) -> str:
    """A moment as readers of a language write it."""
    if value is None:
        return "–"
    return format_datetime(value, "medium", tzinfo=zone, locale=LOCALES[language])


def language_cookie(settings: Settings) -> str:
    """Name of the cookie in which the console remembers an officer's language."""
    return "__Host-lang" if settings.secure_cookies else "lang"


def language_of(request: Request) -> str:
    """The reader's language: the one asked for, chosen before, or preferred by the browser."""
    context: Context = request.app.state.context
    chosen = request.cookies.get(language_cookie(context.settings))
    for wish in (request.query_params.get("lang"), chosen):
        if wish in LANGUAGES:
            return wish
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return context.settings.default_language


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a page in the reader's language.

    Args:
        request: the request; its language decides.
        template: path below `frontend/templates`.
        status: status of the answer.
        values: what the template shows.

    Returns:
        The page. In the console a language asked for by link is remembered in a cookie; citizens get none,
        and their links keep the language instead.
    """
    language = language_of(request)
    context: Context = request.app.state.context
    body = (
        _environment(language)
        .get_template(template)
        .render(
            request=request,
            language=language,
            language_tag=INSTALLED[language].tag,
            direction=INSTALLED[language].direction,
            languages=LANGUAGES,
            settings=context.settings,
            zone=context.settings.zone,
            **values,
        )
    )
    response = HTMLResponse(body, status_code=status)
    name = language_cookie(context.settings)
    chosen = request.query_params.get("lang") == language != request.cookies.get(name)
    if chosen and template.startswith("console/"):
        response.set_cookie(
            name,
            language,
            max_age=31_536_000,
            samesite="strict",
            path="/",
            httponly=True,
            secure=context.settings.secure_cookies,
        )
    return response


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FRONTEND / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalog = translations(language)
    environment.install_gettext_translations(catalog, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["word"] = _word(catalog)
    environment.filters["moment"] = _moment(LOCALES[language])
    environment.filters["day"] = lambda value: _day(value, LOCALES[language])
    environment.globals["asset"] = asset
    environment.globals["link"] = link
    return environment


def use_words(words: Mapping[tuple[type[StrEnum], str], str]) -> None:
    """Take the words that codes are shown with; plumbing knows none of its own."""
    _words.update(words)


def _word(catalog: gettext.NullTranslations) -> Callable[[StrEnum], str]:
    return lambda code: catalog.gettext(_words[type(code), code.value])


def _moment(locale: Locale) -> Callable[..., str]:
    @pass_context
    def moment(context: TemplateContext, value: datetime | None) -> str:
        if value is None:
            return "–"
        return format_datetime(value, "medium", tzinfo=context["zone"], locale=locale)

    return moment


def _day(value: date | None, locale: Locale) -> str:
    return "–" if value is None else format_date(value, "medium", locale=locale)


@cache
def asset(name: str) -> str:
    """The address of a style or script, changing with its content so that it can be cached for good."""
    digest = hashlib.sha256((FRONTEND / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"


@pass_context
def link(context: TemplateContext, path: str) -> str:
    """A link that keeps the language a reader without cookies asked for."""
    request: Request = context["request"]
    wish = request.query_params.get("lang")
    if wish not in LANGUAGES:
        return path
    return f"{path}{'&' if '?' in path else '?'}lang={wish}"
