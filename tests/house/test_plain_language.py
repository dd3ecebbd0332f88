"""What citizens read is plain speech, in both languages."""

import re
from pathlib import Path

import pytest

from app.core.render import FRONTEND, translations
from app.tips import answers
from tests.house import messages

LONGEST_SENTENCE = 24
"""English words; plain-language guides for public services ask for 15 to 25."""
LONGEST_CHINESE = 44
"""Signs between two full stops."""

OFFICIAL = {
    "en": re.compile(
        r"\b(cluster|disposition|jurisdiction|metadata|hash(ed)?|rendition|template|candidate|utili[sz]e|pursuant"
        r"|hereby|aforementioned|facilitate|commence|terminate|prior to|in order to|regarding)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("兹|予以|上述|鉴于|特此|贵方|敬请|务必知悉|元数据|哈希|聚类|辖区"),
}
"""Words of files and of programmers; a citizen's page does without."""


def read_by_citizens() -> set[str]:
    """Every message of the citizens' pages and answers."""
    folder = Path(FRONTEND / "templates" / "citizen")
    shown = messages.in_templates(folder) | set(answers.NOTICES.values())
    return shown | {str(text) for text in answers.STATUS_SENTENCES.values()}


def sentences(text: str) -> list[str]:
    """A message's sentences, without their values."""
    plain = re.sub(r"%\(\w+\)s|\{\w+\}", "7", text)
    return [part for part in re.split(r"(?<=[.!?:;])\s+|[。！？：；]", plain) if part.strip()]


class TestCitizens:
    def test_no_sentence_is_long(self) -> None:
        """Somebody in a hurry, on a small screen, reads it once."""
        long = [
            sentence
            for text in read_by_citizens()
            for sentence in sentences(text)
            if len(sentence.split()) > LONGEST_SENTENCE
        ]

        assert long == []

    def test_no_chinese_sentence_is_long(self) -> None:
        """The same in Chinese."""
        catalog = translations("zh")

        long = [
            sentence
            for text in read_by_citizens()
            for sentence in sentences(catalog.gettext(text))
            if len(re.sub(r"\s", "", sentence)) > LONGEST_CHINESE
        ]

        assert long == []

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_no_word_of_files_and_programmers(self, language: str) -> None:
        """Nobody needs to know how it works to send a tip."""
        catalog = translations(language)

        found = {
            text: word.group()
            for text in map(catalog.gettext, read_by_citizens())
            if (word := OFFICIAL[language].search(text))
        }

        assert found == {}

    def test_the_check_reads_something(self) -> None:
        """A check of no messages would pass for ever."""
        assert len(read_by_citizens()) > 60
        assert sentences("One. Two: three, %(most)s.") == ["One.", "Two:", "three, 7."]
