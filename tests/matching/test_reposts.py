import json
import subprocess
import sys
from pathlib import Path

import pytest

from matching.edits import EDITS
from matching.reposts import measure, share
from tests.matching.pictures import FACES


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The pictures that the tests carry, four of them portraits that are left out."""
    lines = []
    for path in sorted(FACES.glob("*.jpg")):
        (tmp_path / path.name).symlink_to(path)
        lines.append(json.dumps({"file": path.name, "kind": "tip" if "tip" in path.name else "portrait"}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path / "manifest.jsonl"


class TestMeasure:
    def test_it_finds_what_hashes_alone_lose(self, manifest: Path) -> None:
        """In small what the measuring command shows in large."""
        measured = measure(manifest, pictures=2)
        own, pdq, phash = measured.methods.values()

        assert own.found_in_all.of == 2 * len(EDITS)
        assert own.found_in_all.count >= 0.95 * own.found_in_all.of
        assert max(pdq.found_in_all.count, phash.found_in_all.count) < 0.6 * own.found_in_all.of
        assert own.joined.count == 0
        assert own.joined.of > 500
        assert measured.fingerprint_bytes < 13_500

    def test_the_command_prints_and_writes(self, manifest: Path, tmp_path: Path) -> None:
        """What is printed can be read by programs too."""
        out = tmp_path / "out.json"

        answer = subprocess.run(  # noqa: S603 - our own interpreter.
            [
                sys.executable,
                "-m",
                "matching.reposts",
                str(manifest),
                "--pictures",
                "1",
                "--json",
                str(out),
            ],
            capture_output=True,
            text=True,
            check=True,
        )

        assert "crop to 25 %" in answer.stdout
        written = json.loads(out.read_text())
        assert set(written["methods"]) == {
            "homeward",
            "PDQ alone, 31 of 256 bits",
            "pHash alone, 10 of 64 bits",
        }


class TestShare:
    @pytest.mark.parametrize(
        ("count", "of", "low", "high"),
        [(0, 100_000, 0, 3.84e-5), (95, 100, 0.888, 0.978), (50, 50, 0.929, 1)],
    )
    def test_the_interval_is_wilsons(self, count: int, of: int, low: float, high: float) -> None:
        """Values of the published formula."""
        counted = share(count, of)

        assert counted.low == pytest.approx(low, abs=5e-4)
        assert counted.high == pytest.approx(high, abs=5e-4)
