"""Migrations that say they only add: code of before goes on working on their schema."""

import ast
from pathlib import Path

import pytest

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"
ADDING = {"add_column", "create_index", "create_table", "execute", "f", "get_bind"}
FIRST_THAT_SAYS = "0008"


def migrations() -> list[Path]:
    return [path for path in sorted(VERSIONS.glob("0*.py")) if path.name[:4] >= FIRST_THAT_SAYS]


def upgrade_of(path: Path) -> tuple[bool, ast.FunctionDef]:
    """Whether a migration says that it only adds, and its function."""
    module = ast.parse(path.read_text())
    says = any(
        isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == ["EXPANDS"]
        and ast.unparse(node.value) == "True"
        for node in module.body
    )
    found = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    return says, found[0]


@pytest.mark.parametrize("path", migrations(), ids=lambda path: path.name)
def test_what_says_it_adds_only_adds(path: Path) -> None:
    """No column, table or index goes; a new column has a default or may be empty."""
    says, upgrade = upgrade_of(path)
    if not says:
        return
    calls = [
        node
        for node in ast.walk(upgrade)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("op.")
    ]
    assert {ast.unparse(call.func).removeprefix("op.") for call in calls} <= ADDING
    for call in calls:
        text = ast.unparse(call)
        if ast.unparse(call.func) == "op.add_column":
            assert "server_default" in text or "nullable=True" in text, text
        if ast.unparse(call.func) == "op.create_index" and "create_table" not in text:
            assert "unique=True" not in text, text
        if ast.unparse(call.func) == "op.execute":
            assert not any(word in text.upper() for word in ("DROP ", "RENAME ", "ALTER COLUMN")), text


def test_the_check_finds_what_takes_away(tmp_path: Path) -> None:
    """So that it is none that cannot fail."""
    path = tmp_path / "0099_wrong.py"
    path.write_text("EXPANDS = True\ndef upgrade():\n    op.drop_column('tip', 'language')\n")
    with pytest.raises(AssertionError):
        test_what_says_it_adds_only_adds(path)
    path.write_text(
        "EXPANDS = True\ndef upgrade():\n    op.add_column('tip', sa.Column('x', nullable=False))\n"
    )
    with pytest.raises(AssertionError):
        test_what_says_it_adds_only_adds(path)
