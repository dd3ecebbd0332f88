"""Kill -9 at any moment: what was acknowledged is processed, exactly once in effect."""

from pathlib import Path

from tests.journeys.campaign import run


def test_no_acknowledged_tip_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    """A small campaign; `make kills` runs the large one."""
    findings = run(tips=16, kills=6, folder=tmp_path, seed=20261123)

    assert findings.problems == ()
    assert findings.tips == 16
