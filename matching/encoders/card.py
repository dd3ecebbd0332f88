"""Cards of networks that the operator brings: what a file is, who may use it, how it wants its input.

A network is a pair of files, NAME.onnx and NAME.json, in the folder that HOMEWARD_MODELS names. Nothing is
ever downloaded, and nothing is loaded whose content is not what its card says. A card of an encoder:

    {
      "kind": "encoder",
      "name": "example",
      "version": "2026.1",
      "sha256": "(what `sha256sum example.onnx` prints)",
      "licence": "Apache-2.0",
      "training_data": "As its publisher states it.",
      "mean": [0, 0, 0],
      "std": [1, 1, 1],
      "colours": "RGB",
      "layout": "NCHW",
      "dimensions": 128,
      "side": 112
    }

`input_name` and `weight` may stand beside these. A detector's card ends with `training_data`.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from matching.wire import Fields, MalformedMessage

SIDE: Final = 112
"""Pixels of the face chips of the ArcFace and SFace family."""

MOST_DIMENSIONS: Final = 512
"""Numbers in the longest template of that family."""

_LONGEST_CARD: Final = 64 * 1024
"""Bytes."""
_NAME: Final = r"[a-z0-9][a-z0-9_-]{0,31}"
_VERSION: Final = r"[A-Za-z0-9._]{1,16}"
_TEXT: Final = r"\S[^\x00-\x1f]{0,498}\S"
_NO_LICENCES: Final = frozenset(("unknown", "none", "n/a", "tbd", "unlicensed"))
_ENCODER_DEFAULTS: Final[dict[str, Any]] = {"input_name": None, "weight": None}


class OperatorModelRefused(ValueError):
    """A network of the operator's is not what its card says, or the card does not say enough."""


class Kind(StrEnum):
    """What a network does."""

    ENCODER = "encoder"  # From an aligned face to its template.
    DETECTOR = "detector"  # From a picture to faces, as YuNet gives them.


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an encoder wants its face chips, and what it gives."""

    mean: tuple[float, float, float]
    """Levels, 0 to 255, that are subtracted; in the order of `colours`."""
    std: tuple[float, float, float]
    """Levels that the rest is divided by."""
    colours: str
    """RGB or BGR."""
    layout: str
    """NCHW or NHWC."""
    dimensions: int
    input_name: str | None = None
    """Name of the network's input, if the card insists on one."""
    weight: float | None = None
    """In a fused score, beside dlib's 0.65 and MobileFaceNet's 0.35; if there is none, an equal share."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about a network."""

    file: Path
    kind: Kind
    name: str
    version: str
    sha256: str
    licence: str
    training_data: str
    encoding: Encoding | None
    """For encoders."""

    def content(self) -> bytes:
        """Read the network's file.

        Raises:
            OperatorModelRefused: it is missing, or another one than the card describes.
        """
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise OperatorModelRefused(f"{self.file.name} cannot be read") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise OperatorModelRefused(
                f"{self.file.name} is not the file its card describes: its SHA-256 differs"
            )
        return data


def models_folder() -> Path | None:
    """The folder of the operator's networks: HOMEWARD_MODELS, or none."""
    named = os.environ.get("HOMEWARD_MODELS")
    return Path(named) if named else None


def cards(folder: Path | None, kind: Kind) -> list[ModelCard]:
    """Every card of one kind in a folder, by name.

    Raises:
        OperatorModelRefused: one of the folder's cards cannot be read.
    """
    names = sorted(path.stem for path in folder.glob("*.json")) if folder else []
    return [card for card in (read_card(folder, name) for name in names) if card.kind == kind]


def read_card(folder: Path | None, name: str) -> ModelCard:
    """Read a card.

    Args:
        folder: where it lies.
        name: of the network: small letters, digits, hyphens and underscores.

    Raises:
        OperatorModelRefused: there is none, or it lacks or mistakes something.
    """
    if folder is None:
        raise OperatorModelRefused(f"the network {name} needs a folder of networks: set HOMEWARD_MODELS")
    try:
        # The name becomes part of a path only after it has been read as a name.
        Fields({"name": name}).text("name", _NAME)
        path = folder / f"{name}.json"
        if path.stat().st_size > _LONGEST_CARD:
            raise MalformedMessage("it is too long")
        return _read(folder / f"{name}.onnx", json.loads(path.read_bytes()))
    except OSError as error:
        raise OperatorModelRefused(f"the network {name} has no card that can be read in {folder}") from error
    except (ValueError, RecursionError) as error:
        raise OperatorModelRefused(f"the card of the network {name} is refused: {error}") from error


def _read(file: Path, values: object) -> ModelCard:
    fields = Fields(values)
    kind = Kind(fields.text("kind", "|".join(Kind)))
    if kind == Kind.ENCODER and isinstance(values, dict):
        fields = Fields({**_ENCODER_DEFAULTS, **values})
        fields.text("kind", kind)
    card = ModelCard(
        file=file,
        kind=kind,
        name=fields.text("name", _NAME),
        version=fields.text("version", _VERSION),
        sha256=fields.text("sha256", "[0-9a-f]{64}"),
        licence=fields.text("licence", _TEXT),
        training_data=fields.text("training_data", _TEXT),
        encoding=_read_encoding(fields) if kind == Kind.ENCODER else None,
    )
    fields.finish()
    if card.name != file.stem:
        raise MalformedMessage("its name is not that of its file")
    if card.licence.lower() in _NO_LICENCES:
        raise MalformedMessage("its licence must be stated")
    return card


def _read_encoding(fields: Fields) -> Encoding:
    mean_0, mean_1, mean_2 = fields.numbers("mean", 3, 0, 255)
    std_0, std_1, std_2 = fields.numbers("std", 3, 0.001, 1000)
    fields.whole("side", SIDE, SIDE)
    return Encoding(
        mean=(mean_0, mean_1, mean_2),
        std=(std_0, std_1, std_2),
        colours=fields.text("colours", "RGB|BGR"),
        layout=fields.text("layout", "NCHW|NHWC"),
        dimensions=fields.whole("dimensions", 8, MOST_DIMENSIONS),
        input_name=fields.optional_text("input_name", _TEXT),
        weight=fields.optional_number("weight", 0.01, 10),
    )
