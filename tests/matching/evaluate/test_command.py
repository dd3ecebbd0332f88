import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from matching.evaluate import enrolment
from matching.evaluate.__main__ import main
from matching.evaluate.enrolment import BASELINE, enrol
from matching.evaluate.manifest import read_dataset
from tests.matching.pictures import FACES

pytestmark = pytest.mark.faces

PICTURES = ("p0040-portrait0", "p0040-portrait1", "p0041-portrait0", "p0041-tip1")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two people who do not exist, and a file that is no picture."""
    lines = []
    for name in PICTURES:
        shutil.copy(FACES / f"{name}.jpg", tmp_path)
        lines.append({"file": f"{name}.jpg", "person": name[:5], "synthetic": True})
    (tmp_path / "broken.jpg").write_bytes(b"no picture at all")
    lines.append({"file": "broken.jpg", "person": "p0040"})
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_two_engines_side_by_side(
    manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command gives figures, a file and a page; a second run looks at no picture again."""
    folder = manifest.parent
    arguments = [str(manifest), "--engine", BASELINE, "--engine", "homeward", "--resamples", "5"]
    arguments += ["--json", str(folder / "out.json"), "--html", str(folder / "out.html")]
    arguments += ["--templates", str(folder / "kept")]

    assert main(arguments) == 0

    said = capsys.readouterr().out
    report = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert "2 people, 5 pictures, 4 compared (synthetic: says nothing about children)" in said
    assert "1 cannot be read: broken.jpg" in said
    assert list(report["engines"]) == [BASELINE, "homeward"]
    assert report["data"]["unreadable"] == ["broken.jpg"]
    assert report["engines"]["homeward"]["mated"] == 2
    assert report["engines"]["homeward"]["failure_to_enrol"]["value"] == pytest.approx(0.2)
    assert report["engines"]["homeward"]["cpu_ms_per_photo"]["value"] > 0
    assert (folder / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    def refuse(*_: object) -> None:
        raise AssertionError("a picture was looked at again")

    monkeypatch.setattr(enrolment, "read_photo", refuse)
    monkeypatch.setattr(Image, "open", refuse)
    assert main(arguments) == 0
    assert json.loads((folder / "out.json").read_text(encoding="utf-8")) == report


def test_the_persons_own_face_is_compared(tmp_path: Path) -> None:
    """Where the data say where the head is, a bystander's face is never taken for the person's."""
    shutil.copy(FACES / f"{PICTURES[0]}.jpg", tmp_path)
    shutil.copy(FACES / f"{PICTURES[2]}.jpg", tmp_path)
    lines = [
        {"file": f"{PICTURES[0]}.jpg", "person": 1, "head_box": [0, 0, 1, 1]},
        {"file": f"{PICTURES[2]}.jpg", "person": 2},
    ]
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    pictures = read_dataset(path).pictures

    assert enrol("dlib", pictures, None, lambda _: None).found.tolist() == [False, True]
