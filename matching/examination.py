"""Everything a sandboxed child does for one photo, and the plain form in which its answer travels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from matching.encoders import LARGEST_TEMPLATE
from matching.engine import Engine, default_engine
from matching.face_quality import GOOD_EYE_DISTANCE, FaceQuality, QualityReason
from matching.faces import MOST_FACES, FoundFace, resized
from matching.formats import ALLOWED_FORMATS
from matching.hashing import VERIFICATION_BITS, PictureHash, picture_hash
from matching.photo import SCENE_SIDE, Photo, PhotoFacts, PhotoLimits, Pixels, read_photo
from matching.pictures.fingerprint import LONGEST, Fingerprint, fingerprint
from matching.rendition import Box, crop_face, redact, scene_jpeg
from matching.wire import LARGEST_BLOB, Blobs, Fields, MalformedMessage, pack, unpack

MOST_ENCODERS: Final = 4
"""Encoders whose templates one examination carries: the one in use, its successor, and room for trials."""

DETAIL_SIDE: Final = 4096
"""Pixels of the longer side of the copy from which small faces are encoded: a 12-megapixel photo as it is."""

_LITTLE_ENDIAN_FLOAT: Final = np.dtype("<f4")
_TIME: Final = r"[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d([+-][01]\d:[0-5]\d)?"
_NAME: Final = r"[A-Za-z0-9_.+-]{1,128}"
"""Of an encoder, or its version; three fused networks and a detector need about seventy characters."""
_LANDMARK_SLACK: Final = 2 * SCENE_SIDE
"""Pixels by which a landmark may lie beyond the picture: the shape model guesses what a border cuts off."""


@dataclass(frozen=True, slots=True)
class ExaminedFace:
    """One face with its template and its crop; lengths and places are pixels of the scene."""

    box: Box
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """(x, y) of the eye further left in the picture, then of the other."""
    nose: tuple[float, float]
    quality: FaceQuality
    templates: tuple[bytes, ...]
    """float32, little endian; one for each of `Examination.encoders`."""
    crop: bytes
    """JPEG, square."""

    def vector(self, encoder: int = 0) -> NDArray[np.float32]:
        """The template of one of `Examination.encoders` as (d,) float32."""
        return np.frombuffer(self.templates[encoder], _LITTLE_ENDIAN_FLOAT).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Examination:
    """What one photo gave."""

    facts: PhotoFacts
    hash: PictureHash
    width: int
    """Pixels of the scene and of the redacted scene."""
    height: int
    scene: bytes
    """JPEG of the whole picture, without metadata."""
    redacted: bytes
    """JPEG of the same size, with every face that was found, or perhaps found, hidden."""
    encoders: tuple[tuple[str, str], ...]
    """Name and version of each encoder that was used."""
    faces: tuple[ExaminedFace, ...]
    """Largest first."""
    fingerprint: Fingerprint
    """By which copies of the picture are known."""

    def to_wire(self) -> bytes:
        """Write the examination as a JSON header and its blobs."""
        header: dict[str, Any] = {
            "facts": asdict(self.facts),
            "phash": f"{self.hash.phash:016x}",
            "verification": self.hash.verification.hex(),
            "detail": self.hash.detail,
            "width": self.width,
            "height": self.height,
            "scene_bytes": len(self.scene),
            "redacted_bytes": len(self.redacted),
            "encoders": [word for encoder in self.encoders for word in encoder],
            "faces": [_face_header(face) for face in self.faces],
            "fingerprint_bytes": len(known := self.fingerprint.to_bytes()),
        }
        blobs = [blob for face in self.faces for blob in (*face.templates, face.crop)]
        return pack(header, [self.scene, self.redacted, *blobs, known])

    @classmethod
    def from_wire(cls, message: bytes) -> Self:
        """Read an examination, trusting nothing in it.

        Args:
            message: what a child sent.

        Returns:
            An examination whose numbers are finite and in range, whose boxes lie in the picture, whose
            templates are of one length and whose pictures begin and end like JPEGs; not that it is true.

        Raises:
            MalformedMessage: it is anything else.
        """
        fields, blobs = unpack(message)
        width, height = fields.whole("width", 1, SCENE_SIDE), fields.whole("height", 1, SCENE_SIDE)
        examination = cls(
            facts=_read_facts(fields.object("facts")),
            hash=_read_hash(fields),
            width=width,
            height=height,
            scene=blobs.take_jpeg(fields.whole("scene_bytes", 1, LARGEST_BLOB)),
            redacted=blobs.take_jpeg(fields.whole("redacted_bytes", 1, LARGEST_BLOB)),
            encoders=_read_encoders(fields),
            faces=tuple(
                _read_face(face, blobs, width, height) for face in fields.objects("faces", MOST_FACES)
            ),
            fingerprint=_read_fingerprint(blobs.take(fields.whole("fingerprint_bytes", 1, LONGEST))),
        )
        fields.finish()
        blobs.finish()
        lengths = {tuple(len(template) for template in face.templates) for face in examination.faces}
        if len(lengths) > 1 or any(len(each) != len(examination.encoders) for each in lengths):
            raise MalformedMessage("templates of different lengths")
        return examination


def examine(data: bytes, engines: Sequence[Engine] = (), limits: PhotoLimits | None = None) -> Examination:
    """Read a photo, make its renditions, hash it, find and encode its faces.

    Args:
        data: the file as it was sent.
        engines: the first one's detector finds the faces, every one's encoder encodes them; by default
            `default_engine`.
        limits: what is read at most.

    Returns:
        The examination.

    Raises:
        UnreadablePhoto: with the reason.
    """
    engines = engines or (default_engine(),)
    photo = read_photo(data, limits)
    found = engines[0].find(photo.pixels)
    pixels, found_faces = found_in_detail(data, photo, found.faces, limits)
    encoded = [engine.encode(pixels, found_faces) for engine in engines]
    faces = (
        ExaminedFace(
            box=face.box,
            eyes=face.eyes,
            nose=face.nose,
            quality=detailed.quality,
            templates=tuple(templates[place].astype(_LITTLE_ENDIAN_FLOAT).tobytes() for templates in encoded),
            crop=scene_jpeg(crop_face(photo.pixels, face.box)),
        )
        for place, (face, detailed) in enumerate(zip(found.faces, found_faces, strict=True))
    )
    height, width = photo.pixels.shape[:2]
    return Examination(
        facts=photo.facts,
        hash=picture_hash(photo.pixels),
        width=width,
        height=height,
        scene=scene_jpeg(photo.pixels),
        redacted=scene_jpeg(redact(photo.pixels, found.to_hide)),
        encoders=tuple((engine.encoder_name, engine.encoder_version) for engine in engines),
        faces=tuple(faces),
        fingerprint=fingerprint(photo.pixels),
    )


def found_in_detail(
    data: bytes, photo: Photo, faces: tuple[FoundFace, ...], limits: PhotoLimits | None = None
) -> tuple[Pixels, tuple[FoundFace, ...]]:
    """The copy from which faces are encoded, and the faces in its pixels.

    Where a face is small in the scene and the original has more pixels, the original is read once more: a
    child of fifty pixels in a 12-megapixel street has nineteen in the scene.

    Source:
        Synthetic, 14 portraits shrunk into a 12-megapixel photo, median cosine with the full-size portrait:
        8 pixels between the eyes in the scene 0.875 (MobileFaceNet alone 0.72), from the original 0.977; 12
        pixels 0.952 and 0.994; 17 pixels 0.977 and 0.996.
    """
    largest = max(photo.facts.width, photo.facts.height)
    small = any(face.quality.eye_distance < GOOD_EYE_DISTANCE for face in faces)
    if not small or largest <= max(photo.pixels.shape):
        return photo.pixels, faces
    limits = limits or PhotoLimits()
    detail = read_photo(data, replace(limits, scene_side=max(limits.scene_side, DETAIL_SIDE))).pixels
    factor = max(detail.shape) / max(photo.pixels.shape)
    return detail, tuple(resized(face, detail, factor) for face in faces)


def _face_header(face: ExaminedFace) -> dict[str, Any]:
    return {
        "box": [face.box.left, face.box.top, face.box.width, face.box.height],
        "landmarks": [*face.eyes[0], *face.eyes[1], *face.nose],
        "quality": {**asdict(face.quality), "reasons": [reason.value for reason in face.quality.reasons]},
        "template_bytes": [len(template) for template in face.templates],
        "crop_bytes": len(face.crop),
    }


def _read_facts(fields: Fields) -> PhotoFacts:
    longest = PhotoLimits().longest_side
    facts = PhotoFacts(
        format=fields.text("format", "|".join(ALLOWED_FORMATS)),
        width=fields.whole("width", 1, longest),
        height=fields.whole("height", 1, longest),
        claimed_taken_at=fields.optional_text("claimed_taken_at", _TIME),
        claimed_latitude=fields.optional_number("claimed_latitude", -90, 90),
        claimed_longitude=fields.optional_number("claimed_longitude", -180, 180),
    )
    fields.finish()
    return facts


def _read_encoders(fields: Fields) -> tuple[tuple[str, str], ...]:
    names = fields.texts("encoders", 2 * MOST_ENCODERS, _NAME)
    if not names or len(names) % 2:
        raise MalformedMessage("each encoder has a name and a version")
    return tuple(zip(names[::2], names[1::2], strict=True))


def _read_hash(fields: Fields) -> PictureHash:
    return PictureHash(
        phash=int(fields.text("phash", "[0-9a-f]{16}"), 16),
        verification=bytes.fromhex(fields.text("verification", f"[0-9a-f]{{{VERIFICATION_BITS // 4}}}")),
        detail=fields.number("detail", 0, 127.5),
    )


def _read_fingerprint(blob: bytes) -> Fingerprint:
    try:
        return Fingerprint.from_bytes(blob)
    except ValueError as error:
        raise MalformedMessage("no fingerprint") from error


def _read_face(fields: Fields, blobs: Blobs, width: int, height: int) -> ExaminedFace:
    box = Box(*fields.wholes("box", 4, 0, SCENE_SIDE))
    if not box.lies_in(width, height):
        raise MalformedMessage("a face's box lies outside the picture")
    left_x, left_y, right_x, right_y, nose_x, nose_y = fields.numbers(
        "landmarks", 6, -_LANDMARK_SLACK, _LANDMARK_SLACK
    )
    longest = LARGEST_TEMPLATE * _LITTLE_ENDIAN_FLOAT.itemsize
    lengths = fields.some_wholes("template_bytes", MOST_ENCODERS, 1, longest)
    face = ExaminedFace(
        box=box,
        eyes=((left_x, left_y), (right_x, right_y)),
        nose=(nose_x, nose_y),
        quality=_read_quality(fields.object("quality")),
        templates=tuple(blobs.take(length) for length in lengths),
        crop=blobs.take_jpeg(fields.whole("crop_bytes", 1, LARGEST_BLOB)),
    )
    fields.finish()
    if any(length % _LITTLE_ENDIAN_FLOAT.itemsize for length in lengths):
        raise MalformedMessage("a template is made of whole numbers of four bytes")
    if not all(np.isfinite(face.vector(place)).all() for place in range(len(lengths))):
        raise MalformedMessage("a template is made of finite numbers")
    return face


def _read_quality(fields: Fields) -> FaceQuality:
    reasons = "|".join(QualityReason)
    quality = FaceQuality(
        size=fields.whole("size", 1, DETAIL_SIDE),
        eye_distance=fields.number("eye_distance", 0, 4 * DETAIL_SIDE),
        sharpness=fields.number("sharpness", 0, 1e7),
        reasons=tuple(QualityReason(text) for text in fields.texts("reasons", len(QualityReason), reasons)),
    )
    fields.finish()
    return quality
