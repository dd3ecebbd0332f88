"""Finding faces, and saying honestly how much each one can carry."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from matching import dlib_package, mtcnn
from matching.alignment import Points
from matching.face_quality import FaceQuality, judge
from matching.mtcnn import Detections
from matching.orientation import SAME_FACE, set_upright, shared_area, turned_back
from matching.photo import Pixels
from matching.rendition import Box
from matching.weights import MTCNN, available

MOST_FACES: Final = 32
"""Faces kept of one photo, largest first: a crowd is nobody's clue."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face observed in a picture; lengths and places are pixels of that picture."""

    box: Box
    points: tuple[tuple[float, float], ...]
    """(x, y) of the eye further left in the picture, the other eye, the nose, the mouth's two corners; the
    last two are NaN where the detector does not know them."""
    score: float
    """How sure the detector is, 0 to 1."""
    quality: FaceQuality

    @property
    def array(self) -> Points:
        """The points as (5, 2) float32."""
        return np.array(self.points, np.float32)

    @property
    def eyes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The eye further left in the picture, then the other."""
        return self.points[0], self.points[1]

    @property
    def nose(self) -> tuple[float, float]:
        """The tip of the nose."""
        return self.points[2]


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """What was found in one picture."""

    faces: tuple[FoundFace, ...]
    """Largest first, at most `MOST_FACES`."""
    to_hide: tuple[Box, ...]
    """Every face, and what is only perhaps one: hidden in redacted scenes, where too much is right."""


class Detector(Protocol):
    """Whatever finds faces."""

    @property
    def name(self) -> str:
        """The detector's name, part of the version of templates made from its faces."""

    def find(self, pixels: Pixels) -> FoundFaces:
        """Find faces.

        Args:
            pixels: (height, width, 3) uint8 sRGB, upright.

        Returns:
            Faces with boxes inside the picture.
        """


class MtcnnDetector:
    """MTCNN in a ladder: each rung only if the one before found nothing.

    Faces that are found although they lie on their side are looked for again the way they lie.

    1. Faces of at least 24 pixels in a copy of at most 1600.
    2. Faces of at least 12 pixels there: people far away, and a second chance at other sizes.
    3. As the first, the picture turned by a quarter, three quarters and a half: phones lie about what is up.
    4. What the first rung found with a lower demand: a faint face is better than none.
    """

    name: Final = "mtcnn"
    working_side: Final = 1600
    least_face: Final = 24
    far_face: Final = 12
    """Pixels of the smallest face that the second rung looks for: the networks' own cell."""
    sure: Final = 0.7
    """Score of a face."""
    faint: Final = 0.4
    """Score that counts on the last rung, and is hidden in redacted scenes."""

    def find(self, pixels: Pixels) -> FoundFaces:
        """Find faces; see `Detector`.

        Source:
            Smallest faces found in 90 % of cases: 18 pixels, HOG 80 and enlarged once 48. FG-NET, ages 4 to
            17: 100 %, HOG 98 %.
        """
        upright = self._detect(pixels, self.least_face)
        if (upright.scores >= self.sure).any():
            return found_faces(pixels, self._set_upright(pixels, upright), self.sure)
        far = self._detect(pixels, self.far_face)
        if (far.scores >= self.sure).any():
            return found_faces(pixels, self._set_upright(pixels, far), self.sure)
        for quarters in (1, 3, 2):
            turned = np.ascontiguousarray(np.rot90(pixels, quarters))
            lying = self._detect(turned, self.least_face)
            if (lying.scores >= self.sure).any():
                lying = turned_back(self._set_upright(turned, lying), quarters, pixels.shape)
                return found_faces(pixels, lying, self.sure)
        return found_faces(pixels, upright if len(upright.scores) else far, self.faint)

    def _set_upright(self, pixels: Pixels, found: Detections) -> Detections:
        return set_upright(pixels, found, self.sure, lambda turned: self._detect(turned, self.least_face))

    def _detect(self, pixels: Pixels, least_face: int) -> Detections:
        return mtcnn.detect(pixels, self.working_side, least_face, self.faint)


class HogDetector:
    """dlib's HOG detector, for installations without MTCNN's weights; upright faces only."""

    name: Final = "hog"

    def find(self, pixels: Pixels) -> FoundFaces:
        """Find faces; see `Detector`.

        - Rectangles of dlib's own limit are faces; only if there is none, fainter ones are.

        Source:
            Synthetic set, 1024-pixel scenes: 113 of 120 tips, 89 of 93 portraits, nothing that is no face,
            for 420 ms of processor time.
        """
        found = dlib_package.detect(pixels)
        sure = 0.5 if (found.scores >= 0.5).any() else 0.5 + dlib_package.FAINT_SCORE / 2  # noqa: PLR2004 - dlib's own limit.
        return found_faces(pixels, found, sure)


def best_detector() -> Detector:
    """MTCNN where its weights were converted, HOG elsewhere."""
    return MtcnnDetector() if available(*MTCNN) else HogDetector()


def resized(face: FoundFace, pixels: Pixels, factor: float) -> FoundFace:
    """The same face in a larger copy of its picture, judged again there.

    Args:
        face: as found.
        pixels: the larger copy.
        factor: its pixels for one pixel of the picture the face was found in.

    Returns:
        A face in pixels of the copy.
    """
    box = face.box
    sides = np.array([box.left, box.top, box.left + box.width, box.top + box.height]) * factor
    larger = _box_inside(sides.astype(np.float32), pixels)
    points = face.array * np.float32(factor)
    return _face(pixels, larger or box, points, face.score)


def found_faces(pixels: Pixels, found: Detections, sure: float) -> FoundFaces:
    """Sort detections into faces and what is hidden just in case."""
    order = np.argsort(-found.scores, kind="stable")
    boxes = [(index, box) for index in order if (box := _box_inside(found.boxes[index], pixels)) is not None]
    # What cannot be turned upright cannot be encoded: it is hidden, and the photo goes on without it.
    sound = [
        (index, box)
        for index, box in boxes
        if found.scores[index] >= sure and _have_places(found.points[index], found.boxes[index])
    ]
    distinct = [sound[place] for place in _distinct([box for _, box in sound])]
    largest = sorted(distinct, key=lambda each: -each[1].width * each[1].height)[:MOST_FACES]
    faces = (_face(pixels, box, found.points[index], float(found.scores[index])) for index, box in largest)
    return FoundFaces(tuple(faces), tuple(box for _, box in boxes))


def _have_places(points: Points, sides: Points) -> bool:
    """Whether eyes and nose are known, the eyes apart, and no point further off than the box is long."""
    low, high = sides[:2], sides[2:]
    length = float(max(high - low))
    near = np.isnan(points) | ((points >= low - length) & (points <= high + length))
    return bool(np.isfinite(points[:3]).all() and near.all() and np.ptp(points[:2], axis=0).max() >= 1)


def _face(pixels: Pixels, box: Box, points: Points, score: float) -> FoundFace:
    places = tuple((float(x), float(y)) for x, y in points)
    return FoundFace(box, places, round(score, 4), judge(pixels, box, points, score))


def _box_inside(sides: Points, pixels: Pixels) -> Box | None:
    """Left, top, right, bottom as whole pixels, cut off at the border; None if nothing is left."""
    height, width = pixels.shape[:2]
    if not np.isfinite(sides).all():
        return None
    left, top = max(0, round(float(sides[0]))), max(0, round(float(sides[1])))
    right, bottom = min(width, round(float(sides[2]))), min(height, round(float(sides[3])))
    box = Box(left, top, right - left, bottom - top)
    return box if box.lies_in(width, height) else None


def _distinct(boxes: list[Box]) -> list[int]:
    """Which boxes, best first, share little area with each better one."""
    sides = np.array([(box.left, box.top, box.left + box.width, box.top + box.height) for box in boxes])
    kept: list[int] = []
    for index in range(len(boxes)):
        if (shared_area(sides[index, None], sides[kept]) < SAME_FACE).all():
            kept.append(index)
    return kept
