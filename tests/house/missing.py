"""Print the messages that no catalog translates: `python -m tests.house.missing`."""

import sys

from app import words
from app.core.render import translations
from tests.house import messages


def missing(language: str) -> list[str]:
    """Messages of templates, code and words without a translation."""
    catalog = translations(language)
    everything = messages.in_templates() | messages.in_code() | set(words.WORDS.values())
    return sorted(message for message in everything if catalog.gettext(message) == message != "Homeward")


if __name__ == "__main__":
    sys.stdout.write("\n".join(missing("zh")) + "\n")
