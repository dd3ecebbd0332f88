"""The package `face_recognition`: imported without harm, and its face detector."""

import warnings
from functools import cache
from types import ModuleType
from typing import Final

import numpy as np
from PIL import Image, ImageFile

from matching.alignment import Points
from matching.mtcnn import Detections
from matching.photo import Pixels
from matching.rendition import Box

WORKING_SIDE: Final = 1280
"""Pixels of the longer side of the copy that the HOG detector searches."""

FAINT_SCORE: Final = -0.2
"""HOG score that still counts where a photo shows no better face: on the synthetic set 1 more tip and 3 more
portraits are found, and nothing that is no face; real streets will have some."""

POSSIBLE_SCORE: Final = -0.4
"""HOG score down to which a rectangle is hidden in redacted scenes, just in case."""

_NOSE_TIP: Final = 0.78
"""Where the nose's tip lies from between the eyes (0) to its base (1), which is what dlib's model marks.

Source:
    Medians over 126 synthetic faces, dlib's points beside MTCNN's.
"""


@cache
def load_face_recognition() -> ModuleType:
    """Import `face_recognition` without what the import does to the process.

    Returns:
        The module; about 0.5 s and 160 MB the first time.

    Raises:
        ImportError: the package, its models or `pkg_resources` are missing. The package itself would print a
            hint and end the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            import face_recognition  # noqa: PLC0415 - loads dlib and 120 MB of models.
        except SystemExit as error:
            raise ImportError("face_recognition_models, or setuptools below 82, is missing") from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    module: ModuleType = face_recognition
    return module


def detect(pixels: Pixels) -> Detections:
    """Find upright faces with dlib's HOG detector, as it is and at twice the size.

    - The first look finds large faces that the second misses, the second finds small ones.
    - Every rectangle that scores at least 0, dlib's own limit, gets a score of 0.5 or more here; fainter ones
      get less, down to those that are only hidden in redacted scenes.

    Args:
        pixels: (height, width, 3) uint8 sRGB, upright.

    Returns:
        Faces in pixels of the picture, one above another where the two looks agree; the corners of the mouth
        are NaN, since dlib's five points have none.

    Source:
        Heights of faces found, 24 of each: without enlarging 17 % at 64 pixels and 92 % at 80; enlarged once
        96 % at 48.
    """
    height, width = pixels.shape[:2]
    factor = min(1.0, WORKING_SIDE / max(height, width))
    copy = pixels
    if factor < 1:
        size = (round(width * factor), round(height * factor))
        copy = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    detector = load_face_recognition().api.face_detector
    boxes: list[list[float]] = []
    scores: list[float] = []
    for enlargements in (0, 1):
        rectangles, strengths, _ = detector.run(copy, enlargements, POSSIBLE_SCORE)
        for found, strength in zip(rectangles, strengths, strict=True):
            boxes.append(
                [side / factor for side in (found.left(), found.top(), found.right(), found.bottom())]
            )
            scores.append(_as_share(strength))
    if not boxes:
        return Detections(
            np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
        )
    corners = np.array(boxes, np.float32)
    points = np.stack([_five_points(pixels, box) for box in np.rint(corners).astype(int).tolist()])
    return Detections(corners, points, np.array(scores, np.float32))


def _as_share(strength: float) -> float:
    """HOG scores as shares: 0.5 at dlib's own limit, 0.4 for a faint face, 0.3 for what is perhaps one."""
    return min(1.0, 0.5 + strength / 2)


def _five_points(pixels: Pixels, box: list[int]) -> Points:
    left, top, right, bottom = box
    (marks,) = load_face_recognition().api._raw_face_landmarks(  # noqa: SLF001 - the public form cannot tell eyes apart.
        pixels, [(top, right, bottom, left)], model="small"
    )
    marked = np.array([(marks.part(i).x, marks.part(i).y) for i in range(5)], np.float32)
    eyes = np.stack([marked[0:2].mean(0), marked[2:4].mean(0)])
    eyes = eyes[np.argsort(eyes[:, 0], kind="stable")]
    middle = eyes.mean(0)
    nose = middle + _NOSE_TIP * (marked[4] - middle)
    return np.concatenate([eyes, nose[None], np.full((2, 2), np.nan, np.float32)]).astype(np.float32)


def hog_box(box: Box) -> Box:
    """The square that dlib's HOG detector would draw around a face that MTCNN found.

    Source:
        Medians over 126 synthetic faces: 0.83 of the height, its middle 0.07 of the height lower.
    """
    side = round(0.833 * box.height)
    middle_x, middle_y = box.left + box.width / 2, box.top + box.height * 0.566
    return Box(round(middle_x - side / 2), round(middle_y - side / 2), side, side)
