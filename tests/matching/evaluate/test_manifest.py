import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from matching.evaluate.__main__ import main
from matching.evaluate.manifest import ManifestError, read_dataset


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def manifest(folder: Path, *lines: Mapping[str, object], pictures: str = "") -> Path:
    """Write lines, and the pictures they name beside the manifest or in a folder beside it."""
    for line in lines:
        if "file" in line:
            picture(folder / pictures / str(line["file"]))
    path = folder / "manifest.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


ANN = {"file": "ann.jpg", "person": "Ann", "age": 3.5}
BO = {"file": "bo.jpg", "person": "Bo"}


class TestReading:
    @pytest.mark.parametrize("folder", ["", "images"])
    def test_pictures_lie_beside_the_manifest_or_in_images(self, tmp_path: Path, folder: str) -> None:
        """Both places that sets of pictures use are found."""
        data = read_dataset(manifest(tmp_path, ANN, BO, pictures=folder))

        assert [each.path.name for each in data.pictures] == ["ann.jpg", "bo.jpg"]
        assert data.pictures[0].age == 3.5

    def test_the_order_of_lines_changes_nothing(self, tmp_path: Path) -> None:
        """Whoever sorts a manifest otherwise gets the same figures."""
        one = read_dataset(manifest(tmp_path, ANN, BO))
        other = read_dataset(manifest(tmp_path, BO, ANN))

        assert [(each.path, each.person) for each in one.pictures] == [
            (each.path, each.person) for each in other.pictures
        ]

    def test_kinds_and_boxes_are_kept(self, tmp_path: Path) -> None:
        """Portraits stand in the gallery, tips are searched, the head's box says whose face counts."""
        tip = {**BO, "kind": "tip", "head_box": [1, 2, 3, 4]}
        ann, bo = read_dataset(manifest(tmp_path, {**ANN, "kind": "portrait"}, tip)).pictures

        assert (ann.is_record, bo.is_record) == (True, False)
        assert bo.head_box == (1, 2, 3, 4)

    def test_a_folder_for_each_person_with_ages_in_file_names(self, tmp_path: Path) -> None:
        """Collections of ageing faces write the age behind an A; other names say nothing."""
        for name in ("001/001A02.JPG", "001/001A14b.JPG", "002/holiday.png", "002/notes.txt"):
            if name.endswith("txt"):
                (tmp_path / name).write_text("no picture")
            else:
                picture(tmp_path / name)
        data = read_dataset(tmp_path)

        assert [(each.person, each.age) for each in data.pictures[:2]] == [(0, 2.0), (0, 14.0)]
        assert data.pictures[2].person == 1
        assert str(data.pictures[2].age) == "nan"
        assert len(data.pictures) == 3

    def test_people_say_themselves_that_they_do_not_exist(self, tmp_path: Path) -> None:
        """A manifest may carry the label that every report then shows."""
        assert read_dataset(manifest(tmp_path, {**ANN, "synthetic": True}, BO)).synthetic
        assert not read_dataset(manifest(tmp_path, ANN, BO)).synthetic

    def test_a_limit_keeps_whole_people(self, tmp_path: Path) -> None:
        """Half a person's pictures would change what is measured."""
        lines = [{"file": f"{person}{n}.jpg", "person": person} for person in "abc" for n in range(3)]
        data = read_dataset(manifest(tmp_path, *lines), limit=7)

        assert [each.name for each in data.pictures] == list("aaabbb")


class TestRefusing:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ('{"file": "ann.jpg"', "Line 2 of manifest.jsonl cannot be read"),
            ('{"file": "ann.jpg"}', "Line 2 of manifest.jsonl has no person"),
            ('{"file": "gone.jpg", "person": 1}', "Line 2 of manifest.jsonl: there is no picture gone.jpg"),
            ('{"file": "ann.jpg", "person": 1, "age": -1}', "Line 2 of manifest.jsonl: -1 is no age"),
            ('{"file": "ann.jpg", "person": 1, "age": "old"}', "Line 2 of manifest.jsonl cannot be read"),
            ('{"file": "ann.jpg", "person": 1, "head_box": [1]}', "Line 2 of manifest.jsonl cannot be read"),
            ("[]", "Line 2 of manifest.jsonl cannot be read"),
        ],
    )
    def test_a_wrong_line_is_named(self, tmp_path: Path, line: str, words: str) -> None:
        """Whoever wrote a thousand lines is told which one is wrong."""
        path = manifest(tmp_path, ANN)
        path.write_text(path.read_text() + line, encoding="utf-8")

        with pytest.raises(ManifestError, match=words):
            read_dataset(path)

    def test_one_person_has_no_strangers(self, tmp_path: Path) -> None:
        """Nothing can be said of false matches without a second person."""
        with pytest.raises(ManifestError, match="at least two people"):
            read_dataset(manifest(tmp_path, ANN))

    @pytest.mark.parametrize("engine", ["homeward", "no-such-engine"])
    def test_the_command_ends_with_2_and_a_sentence(
        self, tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A script can tell wrong input from figures, a person reads one sentence."""
        path = tmp_path / "manifest.jsonl" if engine == "homeward" else manifest(tmp_path, ANN, BO)

        assert main([str(path), "--engine", engine]) == 2

        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.strip().splitlines()) == 1
