"""What the project promises about itself: languages complete, words and jobs all known, docs true."""

import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from typer.main import get_command

from app import cli, pipeline, words
from app.cases.models import CaseState
from app.core.render import FRONTEND, LANGUAGES
from app.core.settings import Settings
from app.records.models import RecordState
from tests.house import messages
from tests.house.missing import missing

ROOT = Path(__file__).parents[2]
CATALOGS = sorted((FRONTEND / "locale" / "zh").glob("*.po"))


class TestLanguages:
    def test_every_message_has_its_chinese(self) -> None:
        """No reader meets a sentence in a language they did not choose."""
        assert missing("zh") == []

    @pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.name)
    def test_translations_keep_the_named_values(self, path: Path) -> None:
        """A value that a sentence names is named in the other language too."""
        with path.open("rb") as file:
            entries = [
                entry for entry in read_po(file, locale="zh") if isinstance(entry.id, str) and entry.id
            ]

        wrong = [
            entry.id
            for entry in entries
            if set(re.findall(r"%\((\w+)\)", str(entry.id)))
            != set(re.findall(r"%\((\w+)\)", str(entry.string)))
        ]

        assert entries
        assert wrong == []

    def test_the_extraction_finds_messages(self) -> None:
        """A check that finds nothing would pass for ever."""
        assert "Skip to the content" in messages.in_templates()
        assert "There is nothing here, or it is not yours to see." in messages.in_code()
        assert set(LANGUAGES) == {"zh", "en"}


class TestWords:
    def test_every_code_that_is_shown_has_its_words(self) -> None:
        """No page shows a code."""
        kinds: set[type[StrEnum]] = {kind for kind, _ in words.WORDS}

        missing = [code for kind in kinds for code in kind if (kind, code.value) not in words.WORDS]

        assert missing == []

    def test_codes_of_two_enums_with_one_value_keep_their_own_words(self) -> None:
        """A closed case is no closed record."""
        assert words.WORDS[CaseState, "closed"] != words.WORDS[RecordState, "closed"]


class TestJobs:
    def test_every_job_that_is_enqueued_has_a_handler(self) -> None:
        """A job nobody knows would be parked for ever."""
        kinds = {
            kind
            for path in (ROOT / "app").rglob("*.py")
            for kind in re.findall(r"(?:enqueue|_later)\(\s*session,\s*\"(\w+)\"", path.read_text())
        }

        assert kinds == set(pipeline.HANDLERS)


class TestDocuments:
    def test_readme_names_every_setting(self) -> None:
        """An operator finds what may be set."""
        readme = (ROOT / "README.md").read_text()

        missing = [name for name in Settings.model_fields if f"HOMEWARD_{name.upper()}" not in readme]

        assert missing == []

    def test_readme_names_every_command(self) -> None:
        """An operator finds what may be run."""
        readme = (ROOT / "README.md").read_text()
        group = get_command(cli.app)
        names = []
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            inner = getattr(command, "commands", None)
            names.extend([f"{name} {sub}" for sub in inner] if inner else [name])

        assert [name for name in names if f"homeward {name}" not in readme] == []

    def test_no_file_outgrows_a_page_of_code(self) -> None:
        """Past 400 lines a file is split by noun."""
        long = [
            str(path.relative_to(ROOT))
            for folder in ("app", "matching", "frontend/scripts", "frontend/styles", "frontend/templates")
            for path in (ROOT / folder).rglob("*.*")
            if path.suffix in {".py", ".js", ".css", ".html"} and len(path.read_text().splitlines()) > 400
        ]

        assert long == []


class TestWebProcess:
    def test_it_starts_without_the_face_model(self) -> None:
        """Taking a tip in needs neither pixels nor templates, nor a bucket's client where there is none."""
        heavy = ("dlib", "face_recognition", "PIL", "numpy", "scipy", "obstore")
        code = f"import sys; import app.main; print([m for m in {heavy} if m in sys.modules])"

        answer = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert answer.stdout.strip() == "[]"
