"""A language is added by adding a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel import UnknownLocaleError

from app.core import languages, render
from app.core.settings import Settings
from tests.conftest import Client

ARABIC = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Language: ar\\n"

msgid "Your receipt code"
msgstr "رمز الإيصال الخاص بك"
"""


@pytest.fixture
def arabic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A deployment with one more file: some sentences in Arabic."""
    for code in ("zh", "ar"):
        (tmp_path / code).mkdir()
    (tmp_path / "ar" / "homeward.po").write_text(ARABIC)
    (tmp_path / "zh" / "homeward.po").write_text(ARABIC.replace("ar", "zh"))
    found = languages.installed(tmp_path)["ar"]
    monkeypatch.setattr(languages, "LOCALE_FOLDER", tmp_path)
    monkeypatch.setitem(render.INSTALLED, "ar", found)
    monkeypatch.setitem(render.LANGUAGES, "ar", found.name)
    monkeypatch.setitem(render.LOCALES, "ar", found.locale)
    yield tmp_path
    render.translations.cache_clear()
    render._environment.cache_clear()


class TestInstalled:
    def test_a_folder_of_catalogs_is_a_language(self, arabic: Path) -> None:
        """With its own name, its direction, and English as the last resort."""
        found = languages.installed(arabic)

        assert list(found) == ["ar", "zh", "en"]
        assert (found["ar"].name, found["ar"].direction, found["ar"].tag) == ("العربية", "rtl", "ar")
        assert (found["zh"].name, found["zh"].direction, found["zh"].tag) == ("简体中文", "ltr", "zh-Hans")
        assert found["en"].tag == "en"

    def test_a_folder_that_names_no_language_is_refused(self, tmp_path: Path) -> None:
        """A slip of the operator's is seen when the service starts, not by a reader."""
        (tmp_path / "xx").mkdir()
        (tmp_path / "xx" / "homeward.po").write_text(ARABIC)

        with pytest.raises(UnknownLocaleError):
            languages.installed(tmp_path)

    def test_a_default_without_catalogs_is_refused(self) -> None:
        """The readers who name no language get one that is there."""
        assert Settings(default_language="en").default_language == "en"
        with pytest.raises(ValueError, match="no catalogs"):
            Settings(default_language="fr")


@pytest.mark.usefixtures("arabic")
class TestPages:
    def test_it_is_offered_and_shown_from_right_to_left(self, client: Client) -> None:
        """What is translated is shown so, the rest in English."""
        page = client.get("/receipt?lang=ar").text

        assert '<html lang="ar" dir="rtl">' in page
        assert "رمز الإيصال الخاص بك" in page
        assert "Open my tip" in page
        assert 'hreflang="ar"' in client.get("/receipt?lang=en").text

    def test_a_browser_that_prefers_it_gets_it(self, client: Client) -> None:
        """Without a link pressed."""
        page = client.get("/receipt", headers={"Accept-Language": "ar-EG,ar;q=0.9"}).text

        assert 'lang="ar"' in page
