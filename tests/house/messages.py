"""Every message a reader may see, collected from templates and code."""

import ast
from pathlib import Path

from jinja2.ext import babel_extract

from app.core import errors

ROOT = Path(__file__).parents[2]
REFUSALS = {
    name
    for name, thing in vars(errors).items()
    if isinstance(thing, type) and issubclass(thing, errors.Refusal)
}
MARKERS = {"_", "gettext", "message"}


def in_templates(folder: Path = ROOT / "frontend" / "templates") -> set[str]:
    """Message ids of all templates in a folder."""
    found: set[str] = set()
    for path in folder.rglob("*.html"):
        with path.open("rb") as file:
            options = {"trimmed": "false", "newstyle_gettext": "true", "trim_blocks": "true"}
            for _line, _function, message, _comments in babel_extract(
                file, ("_", "gettext", "ngettext"), (), options
            ):
                first = message[0] if isinstance(message, tuple) else message
                if first:
                    found.add(first)
    return found


def in_code() -> set[str]:
    """Message ids of refusals and marked constants."""
    found: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0]
            is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
            if name in REFUSALS | MARKERS and is_text and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return found
