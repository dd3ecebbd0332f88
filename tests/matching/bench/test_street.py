import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matching.bench.street import HEIGHT, WIDTH, composed, people, street
from matching.evaluate.manifest import ManifestError


class TestStreet:
    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        """A figure can be measured again."""
        persons = people()

        assert street(persons, 2, seed=7).jpeg == street(persons, 2, seed=7).jpeg
        assert street(persons, 2, seed=7).jpeg != street(persons, 2, seed=8).jpeg

    def test_it_is_as_large_as_a_photo_from_a_phone(self) -> None:
        """A picture that packs too well would be read too fast."""
        found = street(people(), 6)

        assert Image.open(io.BytesIO(found.jpeg)).size == (WIDTH, HEIGHT)
        assert 3e6 < len(found.jpeg) < 4e6

    def test_faces_near_and_far_lie_apart_and_inside(self) -> None:
        """Nobody covers anybody, nobody is cut off."""
        found = street(people(), 6)

        assert found.heights.max() / found.heights.min() == pytest.approx(6)
        apart = np.linalg.norm(found.centres[:, None] - found.centres[None], axis=2)
        reach = found.heights[:, None] / 2 + found.heights[None] / 2
        assert (apart + 1e9 * np.eye(6) > reach).all()
        inside = (found.centres > found.heights[:, None] / 2) & (
            found.centres < [WIDTH, HEIGHT] - found.heights[:, None] / 2
        )
        assert inside.all()

    def test_faces_too_large_for_the_street_are_refused(self) -> None:
        """A face that overlaps another would count as missed."""
        with pytest.raises(ValueError, match="no room"):
            composed(people() * 2, [900.0] * 12, 0, 1)


class TestPeople:
    def test_without_a_manifest_they_are_those_of_the_tests(self) -> None:
        """The command runs on a fresh checkout."""
        assert len(people()) == 6
        assert all(person.path.is_file() for person in people())

    def test_a_manifest_without_street_scenes_is_refused(self, tmp_path: Path) -> None:
        """The message says what is missing."""
        for name in ("a", "b"):
            Image.new("RGB", (40, 40)).save(tmp_path / f"{name}.png")
        lines = '{"file": "a.png", "person": 1}\n{"file": "b.png", "person": 2}\n'
        (tmp_path / "manifest.jsonl").write_text(lines)

        with pytest.raises(ManifestError, match="no street scene"):
            people(tmp_path / "manifest.jsonl")
