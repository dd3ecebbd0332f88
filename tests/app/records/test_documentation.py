"""The examples of docs/registry.md are run."""

import re
from pathlib import Path

from app.core.context import Context
from app.records.importing import import_folder
from app.records.lines import Outcome
from tests.make import jpeg

TEXT = (Path(__file__).parents[3] / "docs" / "registry.md").read_text(encoding="utf-8")


def test_the_examples_are_lists_that_are_taken(context: Context, tmp_path: Path) -> None:
    """Whoever copies an example gets no refusal."""
    for kind, name in (("csv", "records.csv"), ("json", "records.jsonl")):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "a.jpg").write_bytes(jpeg((1, 2, 3)))
        (folder / "b.jpg").write_bytes(jpeg((90, 2, 3)))
        [example] = re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)
        (folder / name).write_text(example, encoding="utf-8")

        report = import_folder(context, folder)

        assert report.lines
        assert report.count(Outcome.ADDED) == len(report.lines)
