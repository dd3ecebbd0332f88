import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from matching.encoders.card import Kind, OperatorModelRefused, cards, models_folder, read_card
from matching.encoders.chips import ChipEncoder
from matching.encoders.fused import FusedEncoder
from matching.encoders.operator import operator_encoder
from matching.engine import UnknownEngine, encoder_named, engine_named
from tests.matching.networks import DIMENSIONS, WEIGHTS, encoder_network, put

CHIPS = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3)).astype(np.uint8)


def load(folder: Path, name: str = "tiny") -> ChipEncoder:
    return operator_encoder(read_card(folder, name))


class TestAccepted:
    def test_a_network_and_its_card_are_an_encoder(self, tmp_path: Path) -> None:
        """Name and version say whose file it is, which one, and how it is fed."""
        folder = put(tmp_path, encoder_network())
        card = read_card(folder, "tiny")

        encoder = operator_encoder(card)

        assert encoder.name == "onnx-tiny"
        assert encoder.version.startswith(f"1.0-{card.sha256[:12]}-")
        assert encoder.dimensions == DIMENSIONS
        assert encoder.encode_chips(CHIPS).shape == (3, DIMENSIONS)
        assert card.licence == "Apache-2.0"

    def test_its_template_is_what_the_card_says(self, tmp_path: Path) -> None:
        """Levels less the mean, by the deviation, through the network, averaged with the mirror image."""
        encoder = load(put(tmp_path, encoder_network()))
        both = np.stack([CHIPS, CHIPS[:, :, ::-1]]).astype(np.float64)
        cells = ((both - 127.5) / 128).reshape(2, 3, 7, 16, 7, 16, 3).mean((3, 5))

        rows = cells.transpose(0, 1, 4, 2, 3).reshape(2, 3, 147) @ WEIGHTS
        rows /= np.linalg.norm(rows, axis=2, keepdims=True)
        expected = rows.sum(0) / np.linalg.norm(rows.sum(0), axis=1, keepdims=True)

        assert np.abs(encoder.encode_chips(CHIPS) - expected).max() < 1e-5

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("colours", ["RGB", "BGR"])
    @pytest.mark.parametrize("batch", ["n", 1])
    def test_every_way_to_feed_it_gives_the_same_template(
        self, tmp_path: Path, layout: str, colours: str, batch: int | str
    ) -> None:
        """Layout, order of colours and a fixed batch of one are habits of exporters, not of faces."""
        plain = load(put(tmp_path / "plain", encoder_network()))
        other = load(
            put(
                tmp_path / "other",
                encoder_network(layout=layout, colours=colours, batch=batch),
                layout=layout,
                colours=colours,
            )
        )

        assert np.abs(plain.encode_chips(CHIPS) - other.encode_chips(CHIPS)).max() < 1e-5

    def test_mean_and_deviation_follow_the_order_of_the_colours(self, tmp_path: Path) -> None:
        """A card for BGR names blue first."""
        rgb = load(put(tmp_path / "rgb", encoder_network(), mean=[123, 116, 103], std=[58, 57, 56]))
        bgr = load(
            put(
                tmp_path / "bgr",
                encoder_network(colours="BGR"),
                colours="BGR",
                mean=[103, 116, 123],
                std=[56, 57, 58],
            )
        )

        assert np.abs(rgb.encode_chips(CHIPS) - bgr.encode_chips(CHIPS)).max() < 1e-5

    def test_another_file_or_another_feeding_is_another_version(self, tmp_path: Path) -> None:
        """Their templates must never be compared."""
        network = encoder_network()
        versions = {
            load(put(tmp_path / "a", network)).version,
            load(put(tmp_path / "b", network, std=[127.5, 127.5, 127.5])).version,
            load(put(tmp_path / "c", network, colours="BGR")).version,
            load(put(tmp_path / "d", encoder_network(weights=WEIGHTS * 2))).version,
            load(put(tmp_path / "e", network, version="1.1")).version,
        }

        assert len(versions) == 5

    def test_a_file_that_is_exchanged_is_looked_at_again(self, tmp_path: Path) -> None:
        """The trial is remembered for a file, not for a name."""
        folder = put(tmp_path, encoder_network())
        load(folder)
        path = folder / "tiny.onnx"
        path.write_bytes(path.read_bytes() + b"\0")

        with pytest.raises(OperatorModelRefused, match="SHA-256"):
            load(folder)

    def test_a_file_exchanged_behind_the_card_is_never_run(self, tmp_path: Path) -> None:
        """What was tried is what is run: the content is checked each time it is loaded."""
        folder = put(tmp_path, encoder_network())
        encoder = load(folder)
        (folder / "tiny.onnx").write_bytes(encoder_network(weights=WEIGHTS * 3).SerializeToString())

        with pytest.raises(OperatorModelRefused, match="SHA-256"):
            encoder.encode_chips(CHIPS)


def poisoned() -> np.ndarray[Any, np.dtype[np.float32]]:
    weights = WEIGHTS.copy()
    weights[0, 0] = np.inf
    return weights


NETWORKS: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], dict[str, Any], str]] = {
    "no network at all": (lambda: b"\x08\x08 this is no ONNX file", {}, "cannot be loaded"),
    "half a network": (lambda: encoder_network().SerializeToString()[:5000], {}, "cannot be loaded"),
    "another side": (lambda: encoder_network(side=96, weights=WEIGHTS[:108]), {}, "it takes pictures of"),
    "another layout": (lambda: encoder_network(layout="NHWC"), {}, "it takes pictures of"),
    "a fixed batch": (lambda: encoder_network(batch=4), {}, "it takes pictures of"),
    "a second input": (lambda: encoder_network(extra="input"), {}, "not one input"),
    "an input of another name": (encoder_network, {"input_name": "data"}, "not one input"),
    "another length": (encoder_network, {"dimensions": 64}, r"not float32 of \(64,\)"),
    "infinite templates": (lambda: encoder_network(weights=poisoned()), {}, "not finite"),
    "empty templates": (lambda: encoder_network(weights=WEIGHTS * 0), {}, "or nothing"),
    "one template for all": (
        lambda: encoder_network(extra="constant"),
        {},
        "one template for different pictures",
    ),
    "templates that depend on company": (lambda: encoder_network(extra="company"), {}, "faces beside it"),
}


class TestRefused:
    @pytest.mark.parametrize("case", NETWORKS)
    def test_a_network_that_is_not_what_its_card_says(self, tmp_path: Path, case: str) -> None:
        """A trial run tells before a gallery is filled with nonsense."""
        make, changes, reason = NETWORKS[case]
        folder = put(tmp_path, make(), **changes)

        with pytest.raises(OperatorModelRefused, match=reason):
            load(folder)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"sha256": "0" * 64}, "SHA-256 differs"),
            ({"sha256": "A" * 64}, "sha256"),
            ({"licence": None}, "licence is missing"),
            ({"licence": " "}, "licence"),
            ({"licence": "Unknown"}, "licence must be stated"),
            ({"training_data": None}, "training_data is missing"),
            ({"name": "other"}, "name is not that of its file"),
            ({"version": "1+2"}, "version"),
            ({"kind": "oracle"}, "kind"),
            ({"kind": "detector"}, "unknown fields"),
            ({"mean": [0, 0]}, "mean"),
            ({"mean": [0, 0, float("nan")]}, "mean"),
            ({"std": [0, 1, 1]}, "std"),
            ({"colours": "GBR"}, "colours"),
            ({"layout": "CHWN"}, "layout"),
            ({"side": 160}, "side"),
            ({"dimensions": 100_000}, "dimensions"),
            ({"dimensions": True}, "dimensions"),
            ({"weight": 0}, "weight"),
            ({"threshold": 0.4}, "unknown fields"),
        ],
    )
    def test_a_card_that_says_too_little_or_too_much(
        self, tmp_path: Path, changes: dict[str, Any], reason: str
    ) -> None:
        """What is not stated cannot be answered for; a misspelt field must not be overlooked."""
        folder = put(tmp_path, encoder_network(), **changes)

        with pytest.raises(OperatorModelRefused, match=reason):
            load(folder)

    @pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 60_000, '"' + "x" * 70_000 + '"'])
    def test_a_card_that_is_no_card(self, tmp_path: Path, text: str) -> None:
        """Whatever lies there, the answer is a sentence."""
        folder = put(tmp_path, encoder_network())
        (folder / "tiny.json").write_text(text)

        with pytest.raises(OperatorModelRefused, match="card"):
            load(folder)

    @pytest.mark.parametrize("name", ["../tiny", "", "/etc/passwd", "Tiny", "a+b", "x" * 40, "absent"])
    def test_a_name_that_leads_elsewhere(self, tmp_path: Path, name: str) -> None:
        """Names come from a command line and from the database."""
        folder = put(tmp_path / "models", encoder_network())
        put(tmp_path, encoder_network())

        with pytest.raises(OperatorModelRefused):
            load(folder, name)

    @pytest.mark.parametrize("part", ["tiny.onnx", "tiny.json"])
    def test_one_file_of_the_pair_alone(self, tmp_path: Path, part: str) -> None:
        """A network without its card, or a card without its network, is none."""
        folder = put(tmp_path, encoder_network())
        (folder / part).unlink()

        with pytest.raises(OperatorModelRefused):
            load(folder)

    def test_numbers_kept_outside_the_file_are_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The SHA-256 is that of one file; ONNX Runtime would take the rest from wherever it runs."""
        monkeypatch.chdir(tmp_path)
        onnx.save_model(
            encoder_network(),
            "tiny.onnx",
            save_as_external_data=True,
            location="numbers.bin",
            size_threshold=0,
        )
        folder = put(tmp_path, (tmp_path / "tiny.onnx").read_bytes())

        assert (tmp_path / "numbers.bin").stat().st_size > WEIGHTS.nbytes // 2
        with pytest.raises(OperatorModelRefused, match="cannot be loaded"):
            load(folder)


class TestByName:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = put(tmp_path, encoder_network())
        put(folder, encoder_network(weights=WEIGHTS[:, ::-1].copy()), "second")
        put(folder, encoder_network(weights=WEIGHTS * 2), "heavy", weight=1.0)
        monkeypatch.setenv("HOMEWARD_MODELS", str(folder))
        return folder

    def test_it_is_found_by_its_name(self, folder: Path) -> None:
        """HOMEWARD_MODELS names the folder; nothing is looked for anywhere else."""
        assert models_folder() == folder
        assert encoder_named("onnx-tiny").name == "onnx-tiny"
        assert engine_named("onnx-tiny").encoder_version.endswith("+points5+flip+mtcnn")

    @pytest.mark.parametrize(
        ("name", "shares"),
        [
            ("dlib+mobilefacenet+onnx-tiny", (0.65 / 1.5, 0.35 / 1.5, 1 / 3)),
            ("dlib+mobilefacenet+onnx-heavy", (0.325, 0.175, 0.5)),
            ("onnx-tiny+onnx-second", (0.5, 0.5)),
            ("mobilefacenet+onnx-tiny", (0.35 / 0.85, 0.5 / 0.85)),
            ("dlib+mobilefacenet", (0.65, 0.35)),
        ],
    )
    def test_it_is_fused_with_others(self, name: str, shares: tuple[float, ...]) -> None:
        """An equal share, or the weight of its card beside the built-in ones' own."""
        encoder = encoder_named(name)

        assert isinstance(encoder, FusedEncoder)
        assert encoder.name == name
        assert encoder.weights == pytest.approx(shares)
        assert len(encoder.version) <= 96

    @pytest.mark.parametrize(
        "name",
        [
            "onnx-absent",
            "onnx-",
            "dlib+onnx-absent",
            "onnx-tiny+onnx-tiny",
            "dlib+face_recognition",
            "dlib+",
            "",
            "facenet",
        ],
    )
    def test_what_is_not_there_has_one_error(self, name: str) -> None:
        """Whoever asks by name need not know where networks come from."""
        with pytest.raises(UnknownEngine):
            encoder_named(name)

    def test_templates_nobody_would_believe_are_not_made(self, folder: Path) -> None:
        """The service refuses longer ones, so each photo would be lost."""
        wide = np.random.default_rng(0).normal(0, 0.1, (147, 512)).astype(np.float32)
        for name in ("wide", "wider"):
            put(folder, encoder_network(weights=wide), name, dimensions=512)

        assert encoder_named("onnx-wide+onnx-wider").dimensions == 1024
        with pytest.raises(UnknownEngine, match="longer than 1024"):
            encoder_named("onnx-wide+onnx-wider+onnx-tiny")

    def test_without_a_folder_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is searched for or fetched; the error says what to set."""
        monkeypatch.delenv("HOMEWARD_MODELS")

        assert models_folder() is None
        assert cards(None, Kind.ENCODER) == []
        with pytest.raises(UnknownEngine, match="set HOMEWARD_MODELS"):
            encoder_named("onnx-tiny")

    def test_the_folders_cards_can_be_listed(self, folder: Path) -> None:
        """What an operator brought can be shown with its licence."""
        listed = cards(folder, Kind.ENCODER)

        assert [card.name for card in listed] == ["heavy", "second", "tiny"]
        assert cards(folder, Kind.DETECTOR) == []
        (folder / "notes.json").write_text(json.dumps({"what": "no card"}))
        with pytest.raises(OperatorModelRefused, match="notes"):
            cards(folder, Kind.ENCODER)
