from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from matching.encoders.card import OperatorModelRefused, read_card
from matching.engine import UnknownEngine, default_engine, engine_named
from matching.faces import HogDetector, MtcnnDetector
from matching.photo import Pixels
from matching.yunet import FAINT, YunetDetector, yunet
from tests.matching.networks import DETECTOR, YUNET, encoder_network, put, yunet_network

PICTURE = np.random.default_rng(4).integers(0, 256, (3, 4, 3)).astype(np.uint8).repeat(32, 0).repeat(32, 1)
"""96 pixels high, 128 wide; squares of 32, so that each cell sees one colour."""


def load(folder: Path, name: str = "tiny") -> YunetDetector:
    return yunet(read_card(folder, name))


def by_hand(network: onnx.ModelProto, pixels: Pixels) -> list[list[float]]:
    """Decode as the layout says: cells row by row, offsets in cells, sizes as logarithms; BGR, 0 to 255."""
    session = onnxruntime.InferenceSession(network.SerializeToString())
    names = [each.name for each in session.get_outputs()]
    levels = pixels[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    given = dict(zip(names, session.run(None, {"input": levels}), strict=True))
    rows: list[list[float]] = []
    for stride in (8, 16, 32):
        cls, obj, bbox, kps = (given[f"{kind}_{stride}"][0] for kind, _ in YUNET)
        for cell in range(len(cls)):
            score = float(np.sqrt(cls[cell, 0] * obj[cell, 0]))
            at = np.array([cell % (pixels.shape[1] // stride), cell // (pixels.shape[1] // stride)])
            middle, sides = (at + bbox[cell, :2]) * stride, np.exp(bbox[cell, 2:]) * stride
            points = (at + kps[cell].reshape(5, 2)) * stride
            rows.append([*(middle - sides / 2), *(middle + sides / 2), *points.ravel(), score])
    return rows


class TestDecoding:
    def test_faces_are_where_the_layout_says(self, tmp_path: Path) -> None:
        """Boxes, five points and scores in pixels of the picture, the eye further left first."""
        network = yunet_network()
        found = load(put(tmp_path, network, **DETECTOR)).detect(PICTURE)

        cells = np.array(by_hand(network, PICTURE))

        assert len(found.scores) > 0
        for box, points, score in zip(found.boxes, found.points, found.scores, strict=True):
            row = np.array([*box, *points.ravel(), score])
            assert np.abs(cells - row).max(1).min() < 1e-2
        assert found.scores.min() >= FAINT
        assert found.scores.max() == pytest.approx(cells[:, -1].max(), abs=1e-4)

    def test_a_large_picture_is_shrunk_and_its_faces_are_not(self, tmp_path: Path) -> None:
        """Places are those of the picture that was given."""
        detector = load(put(tmp_path, yunet_network(), **DETECTOR))
        large = PICTURE.repeat(25, 0).repeat(25, 1)

        found = detector.detect(large)

        assert found.boxes[:, 2].max() > 1600
        faces = detector.find(large)
        assert all(face.box.lies_in(large.shape[1], large.shape[0]) for face in faces.faces)
        assert all(box.lies_in(large.shape[1], large.shape[0]) for box in faces.to_hide)

    def test_a_picture_of_any_size_has_an_answer(self, tmp_path: Path) -> None:
        """Sizes that are no multiple of a cell are filled up by OpenCV."""
        detector = load(put(tmp_path, yunet_network(), **DETECTOR))

        for height, width in ((33, 47), (1, 90), (70, 64)):
            found = detector.detect(np.full((height, width, 3), 90, np.uint8))
            assert len(found.boxes) == len(found.points) == len(found.scores)


class TestRefused:
    @pytest.mark.parametrize(
        "network",
        [
            encoder_network(),
            yunet_network(kinds=(("cls", 1), ("obj", 1), ("bbox", 4))),
            yunet_network(kinds=(("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 8))),
            b"\x08\x08 nothing",
        ],
    )
    def test_what_is_no_yunet(self, tmp_path: Path, network: Any) -> None:
        """A trial run tells, before a photo goes by unsearched."""
        with pytest.raises(OperatorModelRefused):
            load(put(tmp_path, network, **DETECTOR))

    def test_another_file_than_the_cards(self, tmp_path: Path) -> None:
        """What was checked is what is run."""
        folder = put(tmp_path, yunet_network(), **DETECTOR)
        (folder / "tiny.onnx").write_bytes(yunet_network(seed=3).SerializeToString())

        with pytest.raises(OperatorModelRefused, match="SHA-256"):
            load(folder)

    def test_numbers_kept_outside_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The SHA-256 is that of one file; what lies beside it was checked by nobody."""
        monkeypatch.chdir(tmp_path)
        onnx.save_model(
            yunet_network(),
            "tiny.onnx",
            save_as_external_data=True,
            location="numbers.bin",
            size_threshold=0,
        )

        with pytest.raises(OperatorModelRefused):
            load(put(tmp_path, (tmp_path / "tiny.onnx").read_bytes(), **DETECTOR))


class TestInUse:
    def test_the_one_in_the_folder_finds_the_faces(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its name is part of every version, so that templates made by other points are never compared."""
        monkeypatch.setenv("HOMEWARD_MODELS", str(put(tmp_path, yunet_network(), **DETECTOR)))
        sha256 = read_card(tmp_path, "tiny").sha256

        assert default_engine().encoder_version.endswith(f"+yunet-tiny-{sha256[:12]}")
        assert engine_named("dlib").detector is default_engine().detector
        assert isinstance(engine_named("face_recognition").detector, HogDetector)

    def test_without_one_nothing_changes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An encoder alone leaves the detector as it is."""
        monkeypatch.setenv("HOMEWARD_MODELS", str(put(tmp_path, encoder_network())))

        assert isinstance(default_engine().detector, MtcnnDetector)

    def test_two_are_one_too_many(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Which one it is must not depend on an alphabet."""
        put(tmp_path, yunet_network(), **DETECTOR)
        monkeypatch.setenv("HOMEWARD_MODELS", str(put(tmp_path, yunet_network(), "second", **DETECTOR)))

        with pytest.raises(UnknownEngine, match="second, tiny are detectors"):
            default_engine()
