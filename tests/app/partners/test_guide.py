"""The partners' guide: every command in it is run against the real application, and answers as it says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.core.context import Context
from tests.app.partners.calls import make_key, served, tips
from tests.make import jpeg

GUIDE = Path(__file__).parents[3] / "docs" / "partners.md"
BLOCK = re.compile(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", re.DOTALL)
MISSING = [program for program in ("bash", "curl", "openssl") if shutil.which(program) is None]


def shape(said: Any) -> Any:
    """The names in an answer, without its values; of a list those of its first entry."""
    if isinstance(said, dict):
        return {name: shape(value) for name, value in said.items()}
    return [shape(each) for each in said[:1]] if isinstance(said, list) else None


@pytest.mark.skipif(bool(MISSING), reason=f"the guide's commands need {', '.join(MISSING)}")
def test_every_command_works_and_answers_as_the_guide_says(context: Context, tmp_path: Path) -> None:
    """In the order they stand in, with an address and keys of this test."""
    (tmp_path / "photo.jpg").write_bytes(jpeg())
    plain, signing = make_key(context), make_key(context, "Signs", signed=True)
    assert signing.signing_secret is not None
    blocks = BLOCK.findall(GUIDE.read_text())

    with served(context) as address:
        settings = ""
        for command, said in blocks:
            real = (
                command.replace("https://tips.example.org", address)
                .replace("hw1_0123456789ab_secret", plain.key)
                .replace("hw1_0123456789ab_signed", signing.key)
                .replace("hws_secret", signing.signing_secret)
            )
            done = subprocess.run(  # noqa: S603 - the guide's own commands, against this test's server
                ["bash", "-euo", "pipefail", "-c", settings + real],  # noqa: S607
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            if said:
                assert shape(json.loads(done.stdout)) == shape(json.loads(said)), command
            else:
                settings += real

    assert len(blocks) >= 6
    assert len(tips(context)) == 2


def test_the_guide_leads_to_pages_that_are_there() -> None:
    """No broken link."""
    for name in re.findall(r"\]\(([^)#:]+)\)", GUIDE.read_text()):
        assert (GUIDE.parent / name).is_file(), name
