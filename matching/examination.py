"""Everything a sandboxed child does for one photo, and the plain form in which its answer travels."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from matching.encoders import Encoder, FaceRecognitionEncoder
from matching.faces import MOST_FACES, FaceQuality, QualityReason, find_faces
from matching.formats import ALLOWED_FORMATS
from matching.hashing import VERIFICATION_BITS, PictureHash, picture_hash
from matching.photo import SCENE_SIDE, PhotoFacts, PhotoLimits, read_photo
from matching.rendition import Box, crop_face, redact, scene_jpeg
from matching.wire import LARGEST_BLOB, Blobs, Fields, MalformedMessage, pack, unpack

LARGEST_TEMPLATE: Final = 1024
"""Numbers in the longest template that any known encoder makes, twice over."""

_LITTLE_ENDIAN_FLOAT: Final = np.dtype("<f4")
_TIME: Final = r"[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d([+-][01]\d:[0-5]\d)?"
_NAME: Final = r"[A-Za-z0-9_.+-]{1,64}"
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
    template: bytes
    """float32, little endian."""
    crop: bytes
    """JPEG, square."""

    @property
    def vector(self) -> NDArray[np.float32]:
        """The template as (d,) float32."""
        return np.frombuffer(self.template, _LITTLE_ENDIAN_FLOAT).astype(np.float32)


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
    encoder: str
    encoder_version: str
    faces: tuple[ExaminedFace, ...]
    """Largest first."""

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
            "encoder": self.encoder,
            "encoder_version": self.encoder_version,
            "faces": [_face_header(face) for face in self.faces],
        }
        blobs = [blob for face in self.faces for blob in (face.template, face.crop)]
        return pack(header, [self.scene, self.redacted, *blobs])

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
            encoder=fields.text("encoder", _NAME),
            encoder_version=fields.text("encoder_version", _NAME),
            faces=tuple(
                _read_face(face, blobs, width, height) for face in fields.objects("faces", MOST_FACES)
            ),
        )
        fields.finish()
        blobs.finish()
        if len({len(face.template) for face in examination.faces}) > 1:
            raise MalformedMessage("templates of different lengths")
        return examination


def examine(data: bytes, encoder: Encoder | None = None, limits: PhotoLimits | None = None) -> Examination:
    """Read a photo, make its renditions, hash it, find and encode its faces.

    Args:
        data: the file as it was sent.
        encoder: how faces are encoded; by default `FaceRecognitionEncoder`.
        limits: what is read at most.

    Returns:
        The examination.

    Raises:
        UnreadablePhoto: with the reason.
    """
    encoder = encoder or FaceRecognitionEncoder()
    photo = read_photo(data, limits)
    found = find_faces(photo.pixels)
    templates = encoder.encode(photo.pixels, [face.box for face in found.faces])
    faces = (
        ExaminedFace(
            box=face.box,
            eyes=face.eyes,
            nose=face.nose,
            quality=face.quality,
            template=template.astype(_LITTLE_ENDIAN_FLOAT).tobytes(),
            crop=scene_jpeg(crop_face(photo.pixels, face.box)),
        )
        for face, template in zip(found.faces, templates, strict=True)
    )
    height, width = photo.pixels.shape[:2]
    return Examination(
        facts=photo.facts,
        hash=picture_hash(photo.pixels),
        width=width,
        height=height,
        scene=scene_jpeg(photo.pixels),
        redacted=scene_jpeg(redact(photo.pixels, found.to_hide)),
        encoder=encoder.name,
        encoder_version=encoder.version,
        faces=tuple(faces),
    )


def _face_header(face: ExaminedFace) -> dict[str, Any]:
    return {
        "box": [face.box.left, face.box.top, face.box.width, face.box.height],
        "landmarks": [*face.eyes[0], *face.eyes[1], *face.nose],
        "quality": {**asdict(face.quality), "reasons": [reason.value for reason in face.quality.reasons]},
        "template_bytes": len(face.template),
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


def _read_hash(fields: Fields) -> PictureHash:
    return PictureHash(
        phash=int(fields.text("phash", "[0-9a-f]{16}"), 16),
        verification=bytes.fromhex(fields.text("verification", f"[0-9a-f]{{{VERIFICATION_BITS // 4}}}")),
        detail=fields.number("detail", 0, 127.5),
    )


def _read_face(fields: Fields, blobs: Blobs, width: int, height: int) -> ExaminedFace:
    box = Box(*fields.wholes("box", 4, 0, SCENE_SIDE))
    if not box.lies_in(width, height):
        raise MalformedMessage("a face's box lies outside the picture")
    left_x, left_y, right_x, right_y, nose_x, nose_y = fields.numbers(
        "landmarks", 6, -_LANDMARK_SLACK, _LANDMARK_SLACK
    )
    face = ExaminedFace(
        box=box,
        eyes=((left_x, left_y), (right_x, right_y)),
        nose=(nose_x, nose_y),
        quality=_read_quality(fields.object("quality")),
        template=blobs.take(
            fields.whole("template_bytes", 1, LARGEST_TEMPLATE * _LITTLE_ENDIAN_FLOAT.itemsize)
        ),
        crop=blobs.take_jpeg(fields.whole("crop_bytes", 1, LARGEST_BLOB)),
    )
    fields.finish()
    if len(face.template) % _LITTLE_ENDIAN_FLOAT.itemsize or not np.isfinite(face.vector).all():
        raise MalformedMessage("a template is made of finite numbers")
    return face


def _read_quality(fields: Fields) -> FaceQuality:
    reasons = "|".join(QualityReason)
    quality = FaceQuality(
        size=fields.whole("size", 1, SCENE_SIDE),
        eye_distance=fields.number("eye_distance", 0, 4 * SCENE_SIDE),
        sharpness=fields.number("sharpness", 0, 1e7),
        reasons=tuple(QualityReason(text) for text in fields.texts("reasons", len(QualityReason), reasons)),
    )
    fields.finish()
    return quality
