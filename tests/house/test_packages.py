"""Promises about the check of packages for known holes: it fails on one, and says when it checked nothing."""

import json
import runpy
from typing import Any

import pytest

SCRIPT = ".ci/audit-packages"
NONE = {"dependencies": [{"name": "x", "skip_reason": "not found"}]}
FINE = {"dependencies": [{"name": "x", "version": "1", "vulns": []}]}
HOLE = {"dependencies": [{"name": "x", "version": "1", "vulns": [{"id": "CVE-1"}]}]}


@pytest.mark.parametrize(
    ("python", "npm", "status", "says"),
    [
        (NONE, {}, 0, "NOTHING WAS CHECKED"),
        ({}, {"error": "405"}, 0, "NOTHING WAS CHECKED"),
        (FINE, {"vulnerabilities": {}}, 0, "no known hole"),
        (HOLE, {}, 1, "x 1: CVE-1"),
        (FINE, {"vulnerabilities": {"y": {}}}, 1, "y"),
    ],
)
def test_it_fails_on_a_hole_and_is_never_silent(
    capsys: pytest.CaptureFixture[str], python: Any, npm: Any, status: int, says: str
) -> None:
    """Green means checked, or says that it was not."""
    script = runpy.run_path(SCRIPT)
    told = {"npm": npm}
    script["main"].__globals__["run"] = lambda command, *_: json.dumps(told.get(command[0], python))

    assert script["main"]() == status
    assert says in capsys.readouterr().out
