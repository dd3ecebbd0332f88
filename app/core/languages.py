"""The languages that pages are written in: English, and each that has a folder of catalogs."""

from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError

LOCALE_FOLDER = Path(__file__).parents[2] / "frontend" / "locale"

SCRIPTS = {"zh": "Hans"}
"""Languages written in more than one script, with the one meant here."""
NAMES = {"zh": "简体中文"}
"""Languages that call themselves otherwise than the CLDR does."""


@dataclass(frozen=True)
class Language:
    """A language of the pages.

    Attributes:
        code: as in addresses, cookies and rows, such as "zh".
        name: what its readers call it.
        tag: BCP 47, for the attribute `lang`.
        direction: "ltr" or "rtl".
        locale: how dates and numbers are written.
    """

    code: str
    name: str
    tag: str
    direction: str
    locale: Locale


def installed(folder: Path = LOCALE_FOLDER) -> dict[str, Language]:
    """The languages by code: English last, whose words the code itself holds.

    Adding `frontend/locale/CODE/NAME.po` adds a language; what it does not translate is shown in English.

    Args:
        folder: holds a folder of catalogs for each language.

    Raises:
        UnknownLocaleError: a folder is named after no language.
    """
    codes = sorted(path.name for path in folder.iterdir() if any(path.glob("*.po")))
    return {code: _language(code) for code in [*codes, "en"]}


def _language(code: str) -> Language:
    locale = Locale(code, script=SCRIPTS.get(code))
    name = NAMES.get(code) or locale.get_display_name(code)
    if not name:
        raise UnknownLocaleError(code)
    direction = "rtl" if locale.character_order == "right-to-left" else "ltr"
    return Language(code, name, str(locale).replace("_", "-"), direction, locale)
