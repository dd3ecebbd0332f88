"""Turning every picture into a template, with what it cost; kept in a file, so that a second run is fast."""

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from matching.dlib_package import load_face_recognition
from matching.engine import Engine, engine_named, warm_up
from matching.evaluate.manifest import Picture
from matching.examination import found_in_detail
from matching.formats import UnreadablePhoto
from matching.photo import read_photo

BASELINE: Final = "face_recognition-default"
"""The package at its defaults: its picture loader, HOG with one upsampling, five points, one sample, L2."""

_MAKERS: Final = ("alignment", "dlib_package", "engine", "examination", "faces", "mtcnn", "photo", "weights")
"""Modules whose code decides what a template is, beside the encoders."""

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """The templates of one engine; a row for each picture."""

    name: str
    """The engine's."""
    version: str
    encoder: str
    """The encoder's name, by which thresholds are known."""
    templates: NDArray[np.float32]
    """(n, d); NaN where no face was found."""
    milliseconds: NDArray[np.float64]
    """(n,) processor time from the file's bytes to the templates of all its faces."""
    readable: NDArray[np.bool_]
    """(n,) whether the file could be read as a picture."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """(n,) whether the person's face was found."""
        return np.isfinite(self.templates[:, 0])

    @property
    def is_baseline(self) -> bool:
        """Whether scores are 1 - L2 distance, compared as they are."""
        return self.name == BASELINE

    def rows(self, chosen: NDArray[np.bool_]) -> "Enrolled":
        """Some of the pictures."""
        return replace(
            self,
            templates=self.templates[chosen],
            milliseconds=self.milliseconds[chosen],
            readable=self.readable[chosen],
        )


Look = Callable[[bytes], list[tuple[Box, NDArray[np.float32]]]]
"""From a file's bytes to the boxes and templates of its faces."""


def looks_of(name: str) -> tuple[Look, tuple[str, str], int]:
    """How an engine looks at a file, its encoder's name and version, and its template's length.

    Raises:
        UnknownEngine: there is none of this name.
    """
    if name == BASELINE:
        engine = engine_named("face_recognition")
        _warm_up_defaults()
        return _look_at_defaults, (engine.encoder_name, engine.encoder_version), engine.encoder.dimensions
    engine = engine_named(name)
    warm_up(engine)
    names = engine.encoder_name, engine.encoder_version
    return lambda data: _look(engine, data), names, engine.encoder.dimensions


def enrol(
    name: str, pictures: tuple[Picture, ...], folder: Path | None, tell: Callable[[int], None]
) -> Enrolled:
    """Make or read the templates of an engine.

    Args:
        name: the engine's.
        pictures: what is measured.
        folder: where templates are kept between runs; None keeps nothing.
        tell: called with the number of pictures that are done.
    """
    look, (encoder, version), dimensions = looks_of(name)
    digest = hashlib.sha256(f"{name}\n{version}\n".encode())
    for source in () if name == BASELINE else _sources():
        digest.update(source.read_bytes())
    for picture in pictures:
        content = hashlib.sha256(picture.path.read_bytes()).hexdigest()
        digest.update(f"{content} {picture.head_box}\n".encode())
    kept = None if folder is None else folder / f"{name.replace('+', '_')}-{digest.hexdigest()[:16]}.npz"
    if kept is not None and kept.is_file():
        with np.load(kept) as file:
            return Enrolled(name, version, encoder, file["templates"], file["milliseconds"], file["readable"])
    templates = np.full((len(pictures), dimensions), np.nan, np.float32)
    milliseconds = np.empty(len(pictures))
    readable = np.ones(len(pictures), bool)
    for number, picture in enumerate(pictures):
        data = picture.path.read_bytes()
        before = time.process_time()
        try:
            faces = look(data)
        except (UnreadablePhoto, OSError, Image.DecompressionBombError):
            # The second and third come from the package's way of reading, which is Pillow's own.
            faces, readable[number] = [], False
        milliseconds[number] = (time.process_time() - before) * 1000
        template = _persons_own(faces, picture)
        if template is not None:
            templates[number] = template
        tell(number + 1)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, templates=templates, milliseconds=milliseconds, readable=readable)
    return Enrolled(name, version, encoder, templates, milliseconds, readable)


def _sources() -> list[Path]:
    """The code that makes an engine's templates: those kept from other code are not its own."""
    folder = Path(__file__).resolve().parents[1]
    return [*(folder / f"{name}.py" for name in _MAKERS), *sorted((folder / "encoders").glob("*.py"))]


def _look(engine: Engine, data: bytes) -> list[tuple[Box, NDArray[np.float32]]]:
    photo = read_photo(data)
    found = engine.find(photo.pixels)
    pixels, faces = found_in_detail(data, photo, found.faces)
    templates = engine.encode(pixels, faces)
    # Boxes of labels are in pixels of the file.
    factor = max(photo.facts.width, photo.facts.height) / max(photo.pixels.shape)
    boxes = [
        (face.box.left * factor, face.box.top * factor, face.box.width * factor, face.box.height * factor)
        for face in found.faces
    ]
    return list(zip(boxes, templates, strict=True))


def _look_at_defaults(data: bytes) -> list[tuple[Box, NDArray[np.float32]]]:
    """What a user of the package does; the picture is turned upright first, which its loader does not do."""
    package = load_face_recognition()
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    places = package.face_locations(pixels)
    encodings = package.face_encodings(pixels, places)
    boxes = [
        (float(left), float(top), float(right - left), float(bottom - top))
        for top, right, bottom, left in places
    ]
    return [(box, np.asarray(row, np.float32)) for box, row in zip(boxes, encodings, strict=True)]


def _warm_up_defaults() -> None:
    """Load everything that the package loads when it is first used."""
    package = load_face_recognition()
    grey = np.full((160, 160, 3), 128, np.uint8)
    package.face_locations(grey)
    package.face_encodings(grey, [(40, 120, 120, 40)])


def _persons_own(
    faces: list[tuple[Box, NDArray[np.float32]]], picture: Picture
) -> NDArray[np.float32] | None:
    """The template of the person's face: the largest, or the largest whose middle lies in the head's box."""
    if picture.head_box is not None:
        left, top, width, height = picture.head_box
        faces = [
            (box, row)
            for box, row in faces
            if left < box[0] + box[2] / 2 < left + width and top < box[1] + box[3] / 2 < top + height
        ]
    return max(faces, key=lambda face: face[0][2] * face[0][3])[1] if faces else None
