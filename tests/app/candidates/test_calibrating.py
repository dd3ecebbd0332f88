import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from matching.calibration import write_calibration
from matching.calibration.labelled import calibrated
from tests.matching.pictures import FACES
from tests.matching.test_adaptation import labelled


def run(*arguments: str) -> tuple[int, str]:
    """Run `homeward calibrate`; its exit status and what it says."""
    result = CliRunner().invoke(cli.app, ["calibrate", *arguments])
    return result.exit_code, result.output + str(result.exception or "")


class TestCalibrate:
    def test_it_shows_what_a_calibration_rests_on(self, tmp_path: Path) -> None:
        """People, pairs, figures on held-out people, and whether the people exist."""
        found = calibrated(
            labelled(60), encoder="drawn", version="1", source="drawn", synthetic=True, ensemble=3
        )
        write_calibration(found, tmp_path / "drawn.json")
        status, said = run("--show", str(tmp_path / "drawn.json"))

        assert status == 0
        assert "60 people who do not exist (synthetic)" in said
        assert "age 8-12" in said
        assert "held out" in said
        assert f"{found.provenance.held_out[0].cllr:.3f}" in said

    def test_a_broken_file_is_one_sentence(self, tmp_path: Path) -> None:
        """Not a traceback."""
        (tmp_path / "drawn.json").write_text('{"format": 1}')
        status, said = run("--show", str(tmp_path / "drawn.json"))

        assert status == 1
        assert "homeward: drawn.json is no calibration: encoder is missing" in said

    def test_it_asks_for_what_it_needs(self) -> None:
        """Which pictures, and where to."""
        status, said = run("--encoder", "dlib")

        assert status == 1
        assert "say which pictures to learn from" in said

    @pytest.mark.faces
    def test_few_people_are_refused_and_nothing_is_written(self, tmp_path: Path) -> None:
        """From pictures to refusal: five people are no evidence."""
        lines = [
            {
                "file": str(path),
                "person": path.stem[:5],
                "age": 7,
                "kind": "portrait" if "portrait" in path.stem else "tip",
            }
            for path in sorted(FACES.glob("*.jpg"))
        ]
        manifest = tmp_path / "manifest.jsonl"
        manifest.write_text("\n".join(json.dumps(line) for line in lines))
        status, said = run(str(manifest), "--out", str(tmp_path / "out.json"), "--synthetic")

        assert status == 1
        assert "30 persons with two pictures are needed, not" in said
        assert not (tmp_path / "out.json").exists()
