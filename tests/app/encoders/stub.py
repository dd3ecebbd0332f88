"""An examiner that finds the faces it is told to, for tests of what is done with them."""

import io

import numpy as np
from PIL import Image

from matching.examination import Examination, ExaminedFace
from matching.face_quality import FaceQuality
from matching.hashing import PictureHash
from matching.photo import PhotoFacts
from matching.pictures.fingerprint import fingerprint
from matching.rendition import Box

NEW = ("new-net", "1")


def vector(seed: int, dimensions: int = 8) -> bytes:
    """A unit template."""
    row = np.random.default_rng(seed).standard_normal(dimensions)
    return (row / np.linalg.norm(row)).astype("<f4").tobytes()


def picture(size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (9, 9, 9)).save(buffer, "JPEG")
    return buffer.getvalue()


def examination(*boxes: Box, width: int = 64, height: int = 48) -> Examination:
    """What a child process answers that found these faces."""
    return Examination(
        facts=PhotoFacts("JPEG", width, height, None, None, None),
        hash=PictureHash(1, bytes(32), 40.0),
        width=width,
        height=height,
        scene=picture(),
        redacted=picture(),
        encoders=(NEW,),
        faces=tuple(
            ExaminedFace(
                box=box,
                eyes=((1.0, 1.0), (2.0, 1.0)),
                nose=(1.5, 2.0),
                quality=FaceQuality(box.width, 12.0, 50.0, ()),
                templates=(vector(number),),
                crop=picture((320, 320)),
            )
            for number, box in enumerate(boxes)
        ),
        fingerprint=fingerprint(np.full((height, width, 3), 9, np.uint8)),
    )


class Finds:
    """Answers one photo after the other with what it was given; the last answer for ever."""

    def __init__(self, *answers: Examination | BaseException) -> None:
        self._answers = list(answers)
        self.asked = 0

    def examine(self, data: bytes) -> Examination:
        del data
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Examination):
            return answer
        raise answer
