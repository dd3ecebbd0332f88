import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matching.dlib_package import load_face_recognition
from matching.encoders import Encoder, unit_rows
from matching.encoders.chips import ChipEncoder, dlib_encoder, mobilefacenet_encoder
from matching.encoders.fused import FusedEncoder
from matching.encoders.package import FaceRecognitionEncoder
from matching.engine import encoder_named
from matching.face_quality import FaceQuality
from matching.faces import FoundFace
from matching.photo import Pixels, read_photo
from matching.rendition import Box
from tests.matching import networks
from tests.matching.pictures import FACES, face_file, scene

pytestmark = pytest.mark.faces

NAMES = ("dlib", "mobilefacenet", "dlib+mobilefacenet", "face_recognition", "onnx-tiny")
REAL = tuple(name for name in NAMES if name != "onnx-tiny")
AVERAGED = tuple(name for name in NAMES if name != "face_recognition")
SIDE = 360
BOX = Box(98, 72, 145, 186)
POINTS = ((138.4, 143.5), (206.2, 144.7), (168.8, 181.0), (144.9, 216.0), (197.1, 217.4))
"""Where the face lies in p0045-portrait0, written down so that no detector decides what is compared."""


def face(factor: float = 1.0, left: float = 0.0, top: float = 0.0) -> FoundFace:
    """The face of p0045-portrait0 in a copy of another size, `left` and `top` pixels of which are cut off."""
    box = Box(
        round(BOX.left * factor - left),
        round(BOX.top * factor - top),
        max(1, round(BOX.width * factor)),
        max(1, round(BOX.height * factor)),
    )
    points = tuple((x * factor - left, y * factor - top) for x, y in POINTS)
    return FoundFace(box, points, 1.0, FaceQuality(box.height, 67.8 * factor, 100.0))


@pytest.fixture(scope="module")
def picture() -> Pixels:
    return read_photo(face_file("p0045-portrait0")).pixels


@pytest.fixture(scope="module", autouse=True)
def _models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of the operator's with one network."""
    with pytest.MonkeyPatch.context() as patch:
        folder = networks.put(tmp_path_factory.mktemp("models"), networks.encoder_network())
        patch.setenv("HOMEWARD_MODELS", str(folder))
        yield


@pytest.fixture
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return encoder_named(request.param)


def every(names: tuple[str, ...] = NAMES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("encoder", names, indirect=True)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of two templates."""
    rows = unit_rows(np.stack([one, other]))
    return float(rows[0] @ rows[1])


class TestContract:
    """What every encoder promises, whoever made it."""

    @every()
    def test_a_template_is_float32_of_the_length_it_says(self, encoder: Encoder, picture: Pixels) -> None:
        """Galleries are matrices: one odd row and nothing can be searched."""
        templates = encoder.encode(picture, [face(), face()])

        assert templates.shape == (2, encoder.dimensions)
        assert templates.dtype == np.float32
        assert np.isfinite(templates).all()

    @every(AVERAGED)
    def test_a_template_has_unit_length(self, encoder: Encoder, picture: Pixels) -> None:
        """The comparison score is a dot product only between unit vectors."""
        lengths = np.linalg.norm(encoder.encode(picture, [face()]), axis=1)

        assert np.abs(lengths - 1).max() < 1e-5

    @every()
    def test_no_faces_are_no_templates(self, encoder: Encoder) -> None:
        """The array keeps its shape."""
        assert encoder.encode(np.asarray(scene()), []).shape == (0, encoder.dimensions)

    @every()
    @pytest.mark.parametrize("count", [1, 2, 16, 32])
    def test_company_changes_nothing(self, encoder: Encoder, picture: Pixels, count: int) -> None:
        """A face in a crowd gets the template it would get alone."""
        alone = encoder.encode(picture, [face()])[0]

        assert np.abs(encoder.encode(picture, [face()] * count) - alone).max() < 1e-5

    @every()
    def test_templates_come_in_the_order_of_the_faces(self, encoder: Encoder, picture: Pixels) -> None:
        """A template beside the wrong crop accuses the wrong child's picture."""
        one, other = face(), face(0.9)

        there, back = encoder.encode(picture, [one, other]), encoder.encode(picture, [other, one])

        assert np.abs(there - back[::-1]).max() < 1e-5
        assert np.abs(there[0] - there[1]).max() > 1e-3

    @every()
    def test_another_process_gives_the_same_numbers(self, encoder: Encoder, picture: Pixels) -> None:
        """Templates made by different workers, years apart, lie in one gallery."""
        code = (
            "import hashlib, sys\n"
            "from tests.matching.test_encoders import face, read_photo, face_file, encoder_named\n"
            "made = encoder_named(sys.argv[1]).encode(\n"
            "    read_photo(face_file('p0045-portrait0')).pixels, [face()])\n"
            "print(hashlib.sha256(made.tobytes()).hexdigest())\n"
        )
        run = subprocess.run(  # noqa: S603 - the code is above.
            [sys.executable, "-c", code, encoder.name], check=True, capture_output=True, text=True
        )

        here = hashlib.sha256(encoder.encode(picture, [face()]).tobytes()).hexdigest()
        assert run.stdout.strip() == here

    @every()
    def test_the_picture_stays_as_it_is(self, encoder: Encoder, picture: Pixels) -> None:
        """Renditions are made from the same pixels; they may also be read-only or a view."""
        pixels = picture.copy()
        pixels.flags.writeable = False
        wide = np.concatenate([picture, picture], axis=1)[:, : picture.shape[1]]

        plain = encoder.encode(pixels, [face()])

        assert np.array_equal(pixels, picture)
        assert np.abs(encoder.encode(wide, [face()]) - plain).max() < 1e-5

    @every()
    @pytest.mark.parametrize(("left", "top"), [(160, 0), (0, 170), (190, 200), (90, 0)])
    def test_a_face_at_the_border_has_a_template(
        self, encoder: Encoder, picture: Pixels, left: int, top: int
    ) -> None:
        """Half a face is half a clue, not an error."""
        cut = np.ascontiguousarray(picture[top:, left:])

        templates = encoder.encode(cut, [face(left=left, top=top)])

        assert np.isfinite(templates).all()
        assert templates.any()

    @every()
    @pytest.mark.parametrize("side", [6, 14, 40])
    def test_a_tiny_face_has_a_template(self, encoder: Encoder, picture: Pixels, side: int) -> None:
        """Whether it is worth a search is not the encoder's to say."""
        small = np.asarray(Image.fromarray(picture).resize((side, side)))

        assert np.isfinite(encoder.encode(small, [face(side / SIDE)])).all()

    @every(REAL)
    def test_a_face_of_a_huge_picture_is_the_same_face(self, encoder: Encoder, picture: Pixels) -> None:
        """Twelve megapixels of one face are averaged down, not sampled."""
        huge = np.asarray(Image.fromarray(picture).resize((3600, 3600), Image.Resampling.BICUBIC))

        score = likeness(
            encoder.encode(huge, [face(10)])[0],
            encoder.encode(picture, [face()])[0],
        )

        assert score > 0.99

    @every(REAL)
    def test_a_grey_picture_keeps_the_person(self, encoder: Encoder, picture: Pixels) -> None:
        """Scanned prints have one channel, repeated three times."""
        grey = np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))

        same = likeness(encoder.encode(grey, [face()])[0], encoder.encode(picture, [face()])[0])

        assert same > 0.85

    @every(AVERAGED)
    def test_a_mirrored_picture_gives_the_same_template(self, encoder: Encoder, picture: Pixels) -> None:
        """Selfies are mirrored, and whoever reposts a photo may mirror it."""
        mirrored = np.ascontiguousarray(picture[:, ::-1])
        (eye, other, nose, corner, another) = ((SIDE - 1 - x, y) for x, y in POINTS)
        points = (other, eye, nose, another, corner)
        there = FoundFace(face().box, points, 1.0, face().quality)

        one, two = encoder.encode(picture, [face()])[0], encoder.encode(mirrored, [there])[0]

        assert likeness(one, two) > 0.99

    @every(("dlib", "mobilefacenet", "onnx-tiny"))
    def test_a_mirrored_chip_gives_the_same_template(self, encoder: Encoder) -> None:
        """Flip averaging is exact: only the places that faces are brought to are not quite symmetric."""
        assert isinstance(encoder, ChipEncoder)
        side = encoder.side
        chips = np.random.default_rng(2).integers(0, 256, (3, side, side, 3)).astype(np.uint8)

        there = encoder.encode_chips(chips)
        back = encoder.encode_chips(np.ascontiguousarray(chips[:, :, ::-1]))

        assert np.abs(there - back).max() < 1e-3


GOLDEN = {
    ("dlib", "0.3.0+points5+flip"): [-0.0526, 0.1072, -0.0016, -0.0648, -0.0718, -0.0327],
    ("mobilefacenet", "1.0.24+points5+flip"): [-0.0306, 0.0103, 0.0029, 0.0054, -0.0241, -0.1138],
    ("dlib+mobilefacenet", "0.3.0-65+1.0.24-35+points5+flip"): [
        -0.0424,
        0.0864,
        -0.0013,
        -0.0523,
        -0.0579,
        -0.0264,
    ],
    ("face_recognition", "1.3.0+models-0.3.0"): [-0.0819, 0.152, 0.017, -0.0803, -0.106, -0.0425],
}
"""The first numbers of the template of p0045-portrait0 (synthetic), by name and version."""


@pytest.mark.parametrize("name", REAL)
def test_other_numbers_need_another_version(name: str, picture: Pixels) -> None:
    """Templates made before and after a change would be compared with each other, and nobody would notice."""
    encoder = encoder_named(name)

    template = encoder.encode(picture, [face()])[0]

    assert GOLDEN[name, encoder.version] == pytest.approx(template[:6].tolist(), abs=1e-3)


class TestFaceRecognition:
    """The encoder that gives what the package gives."""

    @pytest.mark.parametrize("path", sorted(FACES.glob("*.jpg")), ids=lambda path: path.stem)
    def test_the_networks_numbers_are_the_packages_own(self, path: Path) -> None:
        """ONNX Runtime may be faster than dlib; it may not be another encoder."""
        package = load_face_recognition()
        pixels = read_photo(path.read_bytes()).pixels
        places = package.face_locations(pixels)
        own = np.array(package.face_encodings(pixels, places))

        ours = FaceRecognitionEncoder().encode_boxes(
            pixels, [Box(left, top, right - left, bottom - top) for top, right, bottom, left in places]
        )

        assert len(places) > 0
        assert np.abs(ours - own).max() <= 1e-5
        assert min(likeness(one, two) for one, two in zip(ours, own, strict=True)) >= 0.9999

    def test_it_says_what_made_the_numbers(self) -> None:
        """A template without its encoder's name and version cannot be compared with anything."""
        encoder = FaceRecognitionEncoder()

        assert (encoder.name, encoder.version, encoder.dimensions) == (
            "face_recognition",
            "1.3.0+models-0.3.0",
            128,
        )

    @pytest.mark.parametrize(
        "box",
        [Box(-25, 0, 20, 20), Box(320, 0, 20, 20), Box(5, 5, 0, 9), Box(9, 9, -4, 5), Box(0, 240, 9, 9)],
    )
    def test_a_box_outside_the_picture_is_refused(self, box: Box) -> None:
        """The models would encode it without a word."""
        with pytest.raises(ValueError, match="must touch the picture"):
            FaceRecognitionEncoder().encode_boxes(np.asarray(scene()), [box])

    def test_missing_models_are_an_import_error_not_the_end_of_the_process(self) -> None:
        """The package calls quit() when its models cannot be imported."""
        code = (
            "import sys; sys.modules['face_recognition_models'] = None\n"
            "from matching.dlib_package import load_face_recognition\n"
            "try: load_face_recognition()\n"
            "except ImportError: sys.exit(7)\n"
        )
        run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)  # noqa: S603
        assert run.returncode == 7


class TestFused:
    @settings(deadline=None)
    @given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
    def test_its_score_is_the_weighted_mean_of_the_networks_scores(self, seed: int, share: float) -> None:
        """One matrix and one product serve any number of networks."""
        generator = np.random.default_rng(seed)
        parts = [unit_rows(generator.normal(size=(2, size)).astype(np.float32)) for size in (7, 12)]
        fused = FusedEncoder(tuple(map(_Given, parts)), (share, 1 - share))

        one, other = fused.encode(np.zeros((1, 1, 3), np.uint8), [])

        means = share * (parts[0][0] @ parts[0][1]) + (1 - share) * (parts[1][0] @ parts[1][1])
        assert one @ other == pytest.approx(means, abs=1e-5)
        assert one @ one == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("weights", [(), (1.0,), (0.5, 0.6), (1.0, 0.0), (1.5, -0.5)])
    def test_weights_that_make_no_mean_are_refused(self, weights: tuple[float, ...]) -> None:
        """A score beyond 1 has no threshold."""
        with pytest.raises(ValueError, match="weight"):
            FusedEncoder((dlib_encoder(), mobilefacenet_encoder()), weights)

    def test_its_version_tells_of_every_network_and_share(self) -> None:
        """Other weights make other templates."""
        networks_ = (dlib_encoder(), mobilefacenet_encoder())

        versions = {FusedEncoder(networks_, weights).version for weights in ((0.5, 0.5), (0.65, 0.35))}

        assert versions == {"0.3.0-50+1.0.24-50+points5+flip", "0.3.0-65+1.0.24-35+points5+flip"}


class _Given:
    """An encoder whose templates are given."""

    name, version = "given", "1"

    def __init__(self, templates: np.ndarray) -> None:
        self._templates = templates
        self.dimensions = templates.shape[1]

    def encode(self, pixels: Pixels, faces: object) -> np.ndarray:
        del pixels, faces
        return self._templates


def test_importing_the_module_loads_no_model() -> None:
    """A process may know an encoder's name without paying 160 MB for it."""
    code = (
        "import sys, matching.encoders, matching.policy, matching.examination;"
        "print([m for m in ('dlib', 'face_recognition', 'onnx', 'tflite') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603 - as above.
    assert run.stdout.strip() == b"[]"
