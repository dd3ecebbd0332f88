"""Who may write beside others: only what adds rows of its own or changes rows that it alone holds.

Records, references and templates are decided about by reading first, so whoever touches them writes alone.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
MEANT = {
    "app/tips/service.py",  # A tip that comes in: its rows are new, its key is unique.
    "app/watches.py",  # Holds of watches, each changed under a condition; rows of workers.
    "app/worker.py",  # The job that the worker holds, and the worker's own row.
}
ALONE = ("app.records", "app.candidates", "app.encoders", "app.photos", "app.retention", "app.erasing")
"""Rooms of records, references and templates: nothing of theirs is called beside other writers."""


def blocks(tree: ast.Module) -> Iterator[ast.With]:
    """Blocks of sessions that write together."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            "write_together" in ast.unparse(item.context_expr) for item in node.items
        ):
            yield node


def of_alone(tree: ast.Module) -> set[str]:
    """Names that a module has from rooms which write alone."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
        if f"{node.module}.{alias.name}".startswith(ALONE)
    }


def wrong(path: Path, name: str) -> list[str]:
    """What a file does beside other writers that it may not."""
    tree = ast.parse(path.read_text())
    found = list(blocks(tree))
    calls = path.read_text().count(".write_together(")
    if calls and name not in MEANT:
        return [f"{name} writes together and is not known to"]
    if calls != len(found):
        return [f"{name} takes a session that writes together otherwise than by `with`"]
    used = {node.id for block in found for node in ast.walk(block) if isinstance(node, ast.Name)}
    return [f"{name} uses {each} beside other writers" for each in sorted(used & of_alone(tree))]


def test_nobody_touches_records_references_or_templates_beside_other_writers() -> None:
    """A new user of `write_together` is entered above, with its reason."""
    names = {path: path.relative_to(APP.parent).as_posix() for path in APP.rglob("*.py")}

    assert [each for path, name in sorted(names.items()) for each in wrong(path, name)] == []
    assert {name for path, name in names.items() if list(blocks(ast.parse(path.read_text())))} == MEANT


@pytest.mark.parametrize(
    "text",
    [
        "def f(db):\n    with db.write_together() as session:\n        service.add_record(session)\n",
        "def f(db):\n    held = db.write_together()\n",
    ],
)
def test_the_check_finds_who_does(tmp_path: Path, text: str) -> None:
    """So that it is none that cannot fail."""
    path = tmp_path / "wrong.py"
    path.write_text(f"from app.records import service\n{text}")

    assert wrong(path, "app/worker.py")
    assert wrong(path, "app/records/service.py")
