from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from matching import mtcnn, weights
from matching.dlib_package import hog_box
from matching.encoders.chips import mobilefacenet_encoder
from matching.face_quality import FaceQuality, QualityReason, judge
from matching.faces import MOST_FACES, FoundFace, FoundFaces, HogDetector, MtcnnDetector, found_faces, resized
from matching.mtcnn import MOST_PROPOSALS, Detections
from matching.occlusion import half_covered, unevenness
from matching.photo import Pixels, read_photo
from matching.policy import Rules
from matching.ranking import Gallery, rank
from matching.rendition import Box
from matching.weights import MTCNN, Network
from tests.matching.pictures import FACES, face_file, scene

pytestmark = pytest.mark.faces

R = QualityReason
AGES = {
    "p0040-portrait0": 8.3,
    "p0040-portrait1": 6.7,
    "p0041-portrait0": 7.1,
    "p0042-portrait0": 1.6,
    "p0044-portrait0": 2.2,
    "p0045-portrait0": 7.6,
}
CHILD_AT = {
    "p0040-tip1": (447, 604),
    "p0041-tip1": (261, 893),
    "p0042-tip0": (269, 799),
    "p0045-tip0": (414, 819),
}
"""Where the generator put the child's head, pixels."""
TWO = {"p0040-tip1", "p0044-tip1", "p0045-tip1"}
"""Pictures with an adult beside the child; all others show one face."""


@pytest.fixture(scope="module")
def pictures() -> dict[str, Pixels]:
    return {path.stem: read_photo(path.read_bytes()).pixels for path in sorted(FACES.glob("*.jpg"))}


@pytest.fixture(scope="module")
def found(pictures: dict[str, Pixels]) -> dict[str, FoundFaces]:
    return {name: MtcnnDetector().find(pixels) for name, pixels in pictures.items()}


@pytest.fixture(scope="module")
def portrait(pictures: dict[str, Pixels]) -> Pixels:
    return pictures["p0045-portrait0"]


def find(image: Image.Image | Pixels) -> FoundFaces:
    return MtcnnDetector().find(np.asarray(image))


def one(image: Image.Image | Pixels) -> FoundFace:
    (face,) = find(image).faces
    return face


class TestMtcnn:
    def test_every_face_of_the_pictures_here_is_found(self, found: dict[str, FoundFaces]) -> None:
        """A face that is not found is a child who is not searched for."""
        assert {name: len(faces.faces) for name, faces in found.items()} == {
            name: 2 if name in TWO else 1 for name in found
        }

    def test_the_child_is_among_them(self, found: dict[str, FoundFaces]) -> None:
        """The generator knows where it put the head."""
        for name, (x, y) in CHILD_AT.items():
            assert any(
                face.box.left < x < face.box.left + face.box.width
                and face.box.top < y < face.box.top + face.box.height
                for face in found[name].faces
            )

    def test_boxes_lie_in_the_picture_and_points_where_a_face_has_them(
        self, pictures: dict[str, Pixels], found: dict[str, FoundFaces]
    ) -> None:
        """Everything after this trusts the places: chips, crops, redactions, quality."""
        for name, faces in found.items():
            height, width = pictures[name].shape[:2]
            for face in faces.faces:
                eye, other, nose, corner, another = face.points
                assert face.box.lies_in(width, height)
                assert face.box in faces.to_hide
                assert face.eyes == (eye, other)
                assert face.nose == nose
                assert face.box.left < eye[0] < other[0] < face.box.left + face.box.width
                assert corner[0] < another[0]
                assert max(eye[1], other[1]) < nose[1] < min(corner[1], another[1])
                assert face.box.top < min(eye[1], other[1])
                assert max(corner[1], another[1]) < face.box.top + face.box.height
                assert 0.7 <= face.score <= 1

    def test_a_good_face_has_nothing_held_against_it(self, found: dict[str, FoundFaces]) -> None:
        """Warnings on everything are warnings on nothing."""
        assert all(not face.quality.reasons for faces in found.values() for face in faces.faces)

    def test_the_largest_face_comes_first(self, found: dict[str, FoundFaces]) -> None:
        """Whoever shows one face shows this one."""
        for faces in found.values():
            areas = [face.box.width * face.box.height for face in faces.faces]
            assert areas == sorted(areas, reverse=True)

    def test_the_places_are_these(self, portrait: Pixels) -> None:
        """Templates depend on the points: other points need another name of the detector."""
        face = one(portrait)

        expected = [(138.7, 143.8), (207.0, 144.9), (169.3, 182.1), (143.9, 216.5), (199.2, 217.1)]
        assert MtcnnDetector.name == "mtcnn"
        assert np.abs(np.array(face.points) - expected).max() < 0.75
        assert abs(face.box.left - 99) + abs(face.box.top - 71) <= 3

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    @pytest.mark.parametrize("name", ["p0045-portrait0", "p0041-tip1", "p0040-tip1"])
    def test_a_picture_that_lies_on_its_side_is_turned(
        self, pictures: dict[str, Pixels], found: dict[str, FoundFaces], name: str, quarters: int
    ) -> None:
        """Messengers strip the orientation; places come back in the pixels of the picture that was given."""
        turned = np.ascontiguousarray(np.rot90(pictures[name], quarters))
        height, width = pictures[name].shape[:2]

        faces = find(turned)

        assert len(faces.faces) == len(found[name].faces)
        for face in faces.faces:
            back = np.array([_unturned(point, quarters, width, height) for point in face.points])
            upright = _nearest(back[2], found[name])
            assert np.abs(back - upright.array).max() < 0.1 * upright.box.height
            assert face.box.lies_in(turned.shape[1], turned.shape[0])
            assert (face.box.width > face.box.height) == (
                (upright.box.width > upright.box.height) != (quarters % 2 == 1)
            )

    def test_a_turned_face_gives_the_template_of_the_upright_one(
        self, portrait: Pixels, found: dict[str, FoundFaces]
    ) -> None:
        """The points know which way is up, and the chip is cut by them."""
        encoder = mobilefacenet_encoder()
        turned = np.ascontiguousarray(np.rot90(portrait))

        (there,) = encoder.encode(turned, find(turned).faces)
        (here,) = encoder.encode(portrait, found["p0045-portrait0"].faces)

        assert float(there @ here) > 0.97

    def test_one_who_lies_beside_one_who_stands_is_turned_alone(self, portrait: Pixels) -> None:
        """A child asleep in a car, and whoever took the photo in the mirror."""
        ground = np.full((400, 800, 3), 185, np.uint8)
        ground[20:380, 20:380] = portrait
        ground[20:380, 420:780] = np.rot90(portrait)

        standing, lying = sorted(find(ground).faces, key=lambda face: face.box.left)

        assert R.TILTED not in standing.quality.reasons
        assert R.TILTED in lying.quality.reasons
        back = np.array([_unturned((x - 420, y - 20), 1, 360, 360) for x, y in lying.points])
        assert np.abs(back - (standing.array - 20)).max() < 0.1 * standing.box.height

    @pytest.mark.parametrize("height", [18, 24, 40])
    def test_small_faces_are_found(self, portrait: Pixels, height: int) -> None:
        """A child across the street has twenty pixels."""
        factor = height / 186
        side = round(360 * factor)
        ground = scene(640, 480).filter(ImageFilter.GaussianBlur(6))
        ground.paste(Image.fromarray(portrait).resize((side, side), Image.Resampling.LANCZOS), (300, 200))

        face = one(ground)

        assert abs(face.box.height - height) < 0.5 * height
        assert (face.quality.eye_distance < 12) == (R.TOO_SMALL in face.quality.reasons)


def _nearest(nose: Any, faces: FoundFaces) -> FoundFace:
    """The face whose nose is nearest."""
    return min(faces.faces, key=lambda face: float(np.hypot(*(np.array(face.nose) - nose))))


def _unturned(point: tuple[float, float], quarters: int, width: int, height: int) -> tuple[float, float]:
    """Where a point of the turned picture lies in the one that was turned, by hand."""
    x, y = point
    return {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarters]


def _leaves() -> Pixels:
    generator = np.random.default_rng(0)
    picture = np.zeros((600, 800, 3), np.uint8)
    for x, y, long, across, turn, red, green, blue in generator.integers(
        (0, 0, 6, 3, 0, 10, 60, 10), (800, 600, 26, 10, 360, 120, 220, 90), (3000, 8)
    ).tolist():
        cv2.ellipse(picture, (x, y), (long, across), turn, 0, 360, (red, green, blue), -1)
    return picture


def _stamps(side: int) -> Pixels:
    face = read_photo(face_file("p0045-portrait0")).pixels[60:280, 80:260]
    return np.tile(np.asarray(Image.fromarray(face).resize((side, side))), (800 // side, 800 // side, 1))


NOISE = np.random.default_rng(0).integers(0, 256, (600, 800, 3)).astype(np.uint8)
TEXTURES: dict[str, Callable[[], Pixels]] = {
    "blank": lambda: np.full((600, 800, 3), 128, np.uint8),
    "noise": lambda: NOISE,
    "blobs": lambda: np.asarray(
        ImageEnhance.Contrast(Image.fromarray(NOISE).filter(ImageFilter.GaussianBlur(3))).enhance(4)
    ),
    "leaves": _leaves,
    "a sheet of stamps": lambda: _stamps(16),
    "one pixel high": lambda: np.zeros((1, 900, 3), np.uint8),
    "smaller than a window": lambda: np.zeros((11, 11, 3), np.uint8),
}


class TestBounds:
    @pytest.mark.parametrize("texture", TEXTURES)
    def test_no_texture_costs_more_than_a_bounded_number_of_windows(
        self, texture: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Foliage, gravel and contact sheets are full of what might be a face."""
        asked: dict[str, list[int]] = {name: [] for name in MTCNN}
        network = weights.network

        class Counting:
            def __init__(self, name: str) -> None:
                self._name, self._network = name, network(name)

            def run(self, batch: Any) -> Any:
                asked[self._name].append(batch.size)
                return self._network.run(batch)

        monkeypatch.setattr(mtcnn, "network", Counting)

        detected = mtcnn.detect(TEXTURES[texture](), 1600, 12, 0.4)

        for name, side in zip(MTCNN[1:], (24, 48), strict=True):
            assert sum(asked[name]) <= MOST_PROPOSALS * 3 * side * side
            assert max(asked[name], default=0) <= mtcnn.BATCH * 3 * side * side
        assert max(asked[MTCNN[0]], default=0) <= 3 * 1600 * 1600
        assert len(detected.boxes) == len(detected.points) == len(detected.scores) <= MOST_PROPOSALS

    @pytest.mark.parametrize("texture", ["blank", "noise", "one pixel high", "smaller than a window"])
    def test_nothing_is_found_where_nothing_is(self, texture: str) -> None:
        """An empty answer is an answer."""
        assert find(TEXTURES[texture]()) == FoundFaces((), ())

    def test_a_crowd_is_cut_off_but_wholly_hidden(self) -> None:
        """Nobody searches with the fortieth face of a crowd, and everybody may recognise it."""
        faces = find(_stamps(40))

        assert len(faces.faces) == MOST_FACES
        assert len(faces.to_hide) > 300


def detections(
    rows: list[tuple[float, float, float, float]], points: Any = None, score: float = 0.99
) -> Detections:
    boxes = np.array(rows, np.float32)
    usual = [[(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]] * len(rows)
    sides = (boxes[:, 2:] - boxes[:, :2])[:, None]
    placed = boxes[:, None, :2] + np.array(usual, np.float32) * sides
    return Detections(
        boxes,
        np.array(points, np.float32) if points is not None else placed,
        np.full(len(rows), score, np.float32),
    )


PLAIN = np.asarray(scene())
NAN, INF = float("nan"), float("inf")


class TestWhatIsFound:
    @pytest.mark.parametrize(
        "points",
        [
            [[(50, 50)] * 5],
            [[(NAN, NAN)] * 5],
            [[(40, 40), (NAN, 40), (50, 60), (45, 80), (55, 80)]],
            [[(40, 40), (60, 40), (NAN, 60), (45, 80), (55, 80)]],
            [[(40, 40), (INF, 40), (50, 60), (45, 80), (55, 80)]],
            [[(40, 40), (60, 40), (50, 60), (1e30, 80), (55, 80)]],
            [[(40, 40), (40.2, 40), (50, 60), (45, 80), (55, 80)]],
            [[(-500, 40), (60, 40), (50, 60), (45, 80), (55, 80)]],
        ],
    )
    def test_a_face_that_cannot_be_turned_upright_is_hidden_and_not_searched(self, points: Any) -> None:
        """It costs itself, never the photo."""
        faces = found_faces(PLAIN, detections([(20, 20, 100, 100)], points), 0.7)

        assert faces.faces == ()
        assert faces.to_hide == (Box(20, 20, 80, 80),)

    @pytest.mark.parametrize(
        "row",
        [(NAN, 20, 100, 100), (20, 20, INF, 100), (400, 20, 500, 100), (-90, -90, -5, -5), (20, 20, 20, 90)],
    )
    def test_a_box_that_is_none_is_nothing(self, row: tuple[float, float, float, float]) -> None:
        """A network's numbers may be anything."""
        assert found_faces(PLAIN, detections([row]), 0.7) == FoundFaces((), ())

    def test_unknown_mouths_are_no_reason(self) -> None:
        """Dlib's shape model has none."""
        points = [[(40, 40), (60, 40), (50, 60), (NAN, NAN), (NAN, NAN)]]

        assert len(found_faces(PLAIN, detections([(20, 20, 100, 100)], points), 0.7).faces) == 1

    def test_boxes_are_cut_off_at_the_border(self) -> None:
        """Nothing downstream may see a box outside its picture."""
        (face,) = found_faces(PLAIN, detections([(-30, -30, 90, 90)]), 0.7).faces

        assert face.box == Box(0, 0, 90, 90)
        assert R.AT_THE_EDGE in face.quality.reasons

    def test_one_face_found_twice_is_one(self) -> None:
        """Two looks of a ladder see the same child."""
        rows = [(20.0, 20.0, 100.0, 100.0), (24.0, 22.0, 106.0, 104.0), (150.0, 20.0, 230.0, 100.0)]

        faces = found_faces(PLAIN, detections(rows), 0.7)

        assert [face.box.left for face in faces.faces] == [20, 150]
        assert len(faces.to_hide) == 3

    def test_what_is_only_perhaps_a_face_is_hidden(self) -> None:
        """Too much is right in a redacted scene."""
        faces = found_faces(PLAIN, detections([(20, 20, 100, 100)], score=0.5), 0.7)

        assert (len(faces.faces), len(faces.to_hide)) == (0, 1)

    @settings(deadline=None)
    @given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
    def test_the_packages_box_around_any_face_touches_the_picture(
        self, left: int, top: int, width: int, height: int
    ) -> None:
        """The package's encoder refuses a box outside: a face at the border must not be refused."""
        picture = left + width, top + height

        box = hog_box(Box(left, top, width, height))

        assert box.left < picture[0]
        assert box.top < picture[1]
        assert box.left + box.width > 0
        assert box.top + box.height > 0


class TestQuality:
    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda image: image.filter(ImageFilter.GaussianBlur(4)), R.BLURRED),
            (lambda image: ImageEnhance.Brightness(image).enhance(0.18), R.DARK),
            (lambda image: ImageEnhance.Brightness(image).enhance(2.7), R.OVEREXPOSED),
            (lambda image: image.rotate(42, Image.Resampling.BICUBIC, fillcolor=(180, 185, 190)), R.TILTED),
            (lambda image: image.rotate(-42, Image.Resampling.BICUBIC, fillcolor=(180, 185, 190)), R.TILTED),
            (lambda image: image.crop((0, 85, 360, 360)), R.AT_THE_EDGE),
        ],
    )
    def test_each_flaw_is_named(
        self, portrait: Pixels, make: Callable[[Image.Image], Image.Image], reason: QualityReason
    ) -> None:
        """A reviewer must know why the picture carries little; the face is searched all the same."""
        face = one(make(Image.fromarray(portrait)))

        assert reason in face.quality.reasons
        assert face.quality.searchable

    @pytest.mark.parametrize(("side", "reason", "searched"), [(50, R.TOO_SMALL, False), (85, R.SMALL, True)])
    def test_a_small_face_says_so_and_a_tiny_one_is_not_searched(
        self, portrait: Pixels, side: int, reason: QualityReason, *, searched: bool
    ) -> None:
        """With 9 pixels between the eyes, the right record and any other one look alike."""
        ground = Image.new("RGB", (300, 200), (120, 130, 140))
        ground.paste(Image.fromarray(portrait).resize((side, side)), (100, 60))

        face = one(ground)

        assert reason in face.quality.reasons
        assert face.quality.searchable == searched

    @pytest.mark.parametrize(
        ("nose", "reason"),
        [((88.0, 120.0), R.TURNED), ((100.0, 155.0), R.LOOKING_AWAY), ((100.0, 104.0), R.LOOKING_AWAY)],
    )
    def test_the_place_of_the_nose_tells_the_pose(
        self, nose: tuple[float, float], reason: QualityReason
    ) -> None:
        """Aside, down and up; 0.6 of the way from the eyes to the mouth looks straight ahead."""
        pixels = np.asarray(scene(200, 200))

        def reasons(nose: tuple[float, float]) -> tuple[QualityReason, ...]:
            points = np.array([(85, 100), (115, 100), nose, (90, 160), (110, 160)], np.float32)
            return judge(pixels, Box(60, 60, 80, 110), points, 0.99).reasons

        assert reason in reasons(nose)
        assert not {R.TURNED, R.LOOKING_AWAY} & set(reasons((100.0, 136.0)))

    @pytest.mark.parametrize(("half", "colour"), [("left", 25), ("right", 25), ("lower", 128)])
    def test_half_a_face_is_unclear(self, portrait: Pixels, half: str, colour: int) -> None:
        """A hand, a wall or a mask leaves one half; MTCNN's score hardly falls (synthetic coverings)."""
        covered = portrait.copy()
        covered[
            {"left": np.s_[40:300, 60:169], "right": np.s_[40:300, 169:300], "lower": np.s_[166:300, 60:300]}[
                half
            ]
        ] = colour

        faces = find(covered).faces

        assert all(R.UNCLEAR in face.quality.reasons for face in faces)
        assert faces
        assert all(face.quality.searchable for face in faces)

    def test_plain_faces_are_not_called_covered(
        self, pictures: dict[str, Pixels], found: dict[str, FoundFaces]
    ) -> None:
        """Both halves of a plain face speak for it; the lower one less, since it has no eyes."""
        for name, faces in found.items():
            for face in faces.faces:
                sides, down = unevenness(pictures[name], face.array)
                assert sides < 6.3
                assert -6.0 < down < 10.2

    def test_without_the_network_nothing_is_called_covered(
        self, portrait: Pixels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What cannot be told is not held against a face."""
        monkeypatch.setenv("HOMEWARD_WEIGHTS", "/nonexistent")

        assert not half_covered(portrait * np.uint8(0), one_points())

    def test_a_faint_face_is_unclear(self, portrait: Pixels) -> None:
        """The detector's own doubt counts too."""
        box = Box(98, 72, 145, 186)

        assert R.UNCLEAR in judge(portrait, box, one_points(), 0.75).reasons
        assert R.UNCLEAR not in judge(portrait, box, one_points(), 0.99).reasons

    def test_a_face_is_judged_again_where_it_is_larger(self, portrait: Pixels) -> None:
        """Encoded from the original, a small face is no small one any more."""
        scene_copy = np.asarray(Image.fromarray(portrait).resize((90, 90), Image.Resampling.LANCZOS))
        quality = FaceQuality(46, 16.9, 100.0, (R.SMALL,))
        points = tuple((float(x) / 4, float(y) / 4) for x, y in one_points())
        small = FoundFace(Box(24, 18, 36, 46), points, 0.99, quality)
        assert R.SMALL in judge(scene_copy, small.box, small.array, 0.99).reasons

        face = resized(small, portrait, 4.0)

        assert R.SMALL not in face.quality.reasons
        assert face.box == Box(96, 72, 144, 184)
        assert face.quality.eye_distance == pytest.approx(67.8, abs=0.1)


def one_points() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(
        [(138.4, 143.5), (206.2, 144.7), (168.8, 181.0), (144.9, 216.0), (197.1, 217.4)], np.float32
    )


class TestHog:
    """The detector of installations without MTCNN's weights."""

    def test_it_finds_the_faces_here_and_knows_no_mouths(
        self, pictures: dict[str, Pixels], found: dict[str, FoundFaces]
    ) -> None:
        """Eyes and nose are enough to turn a face upright."""
        for name in ("p0040-tip1", "p0045-portrait0", "p0041-tip1"):
            faces = HogDetector().find(pictures[name])
            assert len(faces.faces) == len(found[name].faces)
            for face in faces.faces:
                other = _nearest(np.array(face.nose), found[name])
                assert np.isnan(face.array[3:]).all()
                assert np.abs(face.array[:3] - other.array[:3]).max() < 0.08 * other.box.height
                assert not {R.UNCLEAR, R.LOOKING_AWAY} & set(face.quality.reasons)

    def test_a_picture_without_faces_has_none(self) -> None:
        """An empty answer is an answer."""
        assert HogDetector().find(np.asarray(scene())).faces == ()


def test_networks_that_are_missing_are_named() -> None:
    """Detectors ask for files by the names that the converter writes."""
    assert all(isinstance(weights.network(name), Network) for name in MTCNN)


def test_the_right_record_comes_first(pictures: dict[str, Pixels], found: dict[str, FoundFaces]) -> None:
    """From picture to short list: each probe brings up its own record first (synthetic people)."""
    encoder = mobilefacenet_encoder()
    references = [encoder.encode(pictures[name], found[name].faces[:1])[0] for name in AGES]
    persons = np.array([int(name[1:5]) for name in AGES])
    gallery = Gallery(np.array(references), persons, np.array(list(AGES.values()), dtype=np.float32))

    for tip, (x, y) in CHILD_AT.items():
        child = next(
            face
            for face in found[tip].faces
            if 0 <= x - face.box.left <= face.box.width and 0 <= y - face.box.top <= face.box.height
        )
        (probe,) = encoder.encode(pictures[tip], [child])

        assert rank(probe, gallery)[0].record == int(tip[1:5])
        if tip != "p0042-tip0":
            # The photo of p0042 was taken at 1.6 years, the tip at 7.3: a growing head is believed less.
            assert Rules.of(encoder.name, gallery).search(probe).candidates[0].record == int(tip[1:5])
