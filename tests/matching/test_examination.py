import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matching import mtcnn
from matching.encoders import LARGEST_TEMPLATE
from matching.engine import Engine, default_engine, encoder_named
from matching.examination import (
    DETAIL_SIDE,
    MOST_ENCODERS,
    Examination,
    ExaminedFace,
    examine,
    found_in_detail,
)
from matching.face_quality import FaceQuality, QualityReason
from matching.faces import HogDetector, MtcnnDetector
from matching.formats import UnreadablePhoto
from matching.hashing import PictureHash
from matching.mtcnn import Detections
from matching.photo import Photo, PhotoFacts, PhotoLimits, Pixels, read_photo
from matching.pictures.fingerprint import fingerprint
from matching.pictures.keypoints import MOST_KEYPOINTS
from matching.rendition import Box
from matching.wire import LARGEST_MESSAGE, MAGIC, MalformedMessage
from tests.matching.pictures import encoded, face_file, scene

PRINTS = [fingerprint(np.asarray(scene())), fingerprint(np.zeros((32, 900, 3), np.uint8))]
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


points = st.tuples(finite(0, 1600), finite(0, 1600))
names = st.from_regex(r"[A-Za-z0-9_.+-]{1,128}", fullmatch=True)
jpegs = st.binary(max_size=30).map(lambda middle: b"\xff\xd8\xff" + middle + b"\xff\xd9")


@st.composite
def examinations(draw: st.DrawFn) -> Examination:
    width, height = draw(st.integers(32, 1600)), draw(st.integers(32, 1600))
    dimensions = draw(st.lists(st.integers(1, 192), min_size=1, max_size=3))
    faces = []
    for _ in range(draw(st.integers(0, 4))):
        left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        numbers = np.random.default_rng(draw(st.integers(0, 99)))
        face = ExaminedFace(
            box=Box(left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top))),
            eyes=(draw(points), draw(points)),
            nose=draw(points),
            quality=FaceQuality(
                draw(st.integers(1, 1600)),
                draw(finite(0, 900)),
                draw(finite(0, 9000)),
                tuple(draw(st.lists(st.sampled_from(QualityReason), unique=True))),
            ),
            templates=tuple(numbers.normal(size=count).astype("<f4").tobytes() for count in dimensions),
            crop=draw(jpegs),
        )
        faces.append(face)
    place = draw(st.none() | st.tuples(finite(-90, 90), finite(-180, 180))) or (None, None)
    facts = PhotoFacts(
        draw(st.sampled_from(["JPEG", "AVIF"])),
        draw(st.integers(32, 16_384)),
        draw(st.integers(32, 16_384)),
        draw(st.sampled_from([None, "2026-03-02T14:05:00", "2026-03-02T14:05:00+08:00"])),
        *place,
    )
    short = draw(st.integers(0, 2**64 - 1))
    picture = PictureHash(short, draw(st.binary(min_size=32, max_size=32)), draw(finite(0, 127)))
    return Examination(
        facts,
        picture,
        width,
        height,
        draw(jpegs),
        draw(jpegs),
        tuple((f"encoder-{number}", "1+models-2") for number in range(len(dimensions))),
        tuple(faces),
        draw(st.sampled_from(PRINTS)),
    )


def sample() -> Examination:
    face = ExaminedFace(
        Box(10, 10, 50, 50),
        ((20.0, 30.0), (45.0, 30.0)),
        (32.0, 42.0),
        FaceQuality(50, 25.0, 90.0, (QualityReason.BLURRED,)),
        (np.arange(4, dtype="<f4").tobytes(),),
        JPEG,
    )
    facts = PhotoFacts("JPEG", 640, 480, "2026-03-02T14:05:00", 22.5, 114.1)
    picture = PictureHash(7, bytes(32), 40.0)
    return Examination(facts, picture, 640, 480, JPEG, JPEG, (("e", "1"),), (face, face), PRINTS[0])


def changed(path: str, value: Any) -> bytes:
    """The sample's message with one field of its header set to something else."""
    message = sample().to_wire()
    length = int.from_bytes(message[4:8], "big")
    header = json.loads(message[8 : 8 + length])
    *way, last = path.split(".")
    place: Any = header
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    text = json.dumps(header).encode()
    return MAGIC + len(text).to_bytes(4, "big") + text + message[8 + length :]


class TestWire:
    @settings(deadline=None)
    @given(examinations())
    def test_what_is_sent_arrives(self, examination: Examination) -> None:
        """Nothing is lost or changed between the child and the worker."""
        assert Examination.from_wire(examination.to_wire()) == examination

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_a_changed_message_is_refused_or_still_sound(self, data: st.DataObject) -> None:
        """A hostile child gets one of two answers: refused, or an examination within all ranges."""
        message = data.draw(examinations()).to_wire()
        at = data.draw(st.integers(0, len(message) - 1))
        cut = data.draw(st.integers(0, 20))
        try:
            got = Examination.from_wire(
                message[:at] + data.draw(st.binary(max_size=20)) + message[at + cut :]
            )
        except MalformedMessage:
            return
        assert all(face.box.lies_in(got.width, got.height) for face in got.faces)
        for place in range(len(got.encoders)):
            vectors = [face.vector(place) for face in got.faces]
            assert all(np.isfinite(vector).all() for vector in vectors)
            assert len({vector.size for vector in vectors}) <= 1
        assert len(got.fingerprint.keypoints) <= MOST_KEYPOINTS

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_refused(self, noise: bytes) -> None:
        """Garbage raises MalformedMessage and nothing else."""
        for message in (noise, MAGIC + noise, MAGIC + len(noise).to_bytes(4, "big") + noise):
            with pytest.raises(MalformedMessage):
                Examination.from_wire(message)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("width", 0),
            ("width", 1601),
            ("width", 640.0),
            ("width", True),
            ("width", "640"),
            ("height", 2**70),
            ("faces.0.box", [600, 10, 50, 50]),
            ("faces.0.box", [10, 10, 0, 50]),
            ("faces.0.box", [-1, 10, 5, 50]),
            ("faces.0.box", [10, 10, 50]),
            ("faces.0.landmarks.0", math.nan),
            ("faces.0.landmarks.0", math.inf),
            ("faces.0.landmarks.0", 1e300),
            ("faces.0.landmarks.0", None),
            ("faces.0.quality.reasons", ["handsome"]),
            ("faces.0.quality.size", 0),
            ("faces.0.template_bytes", [15]),
            ("faces.0.template_bytes", [10**9]),
            ("faces.0.template_bytes", [4 * LARGEST_TEMPLATE + 4]),
            ("faces.0.template_bytes", []),
            ("faces.0.template_bytes", [0]),
            ("faces.0.template_bytes", [12]),
            ("faces.0.template_bytes", [12, 4]),
            ("faces.0.template_bytes", [16, 16]),
            ("faces.0.template_bytes", [20, -4]),
            ("faces.0.template_bytes", [16.0]),
            ("faces.0.template_bytes", [True]),
            ("faces.0.template_bytes", ["16"]),
            ("faces.0.template_bytes", [4] * (MOST_ENCODERS + 1)),
            ("faces.0.template_bytes", [[16]]),
            ("faces.0.template_bytes", 16),
            ("faces.0.template_bytes", None),
            ("faces.0.crop_bytes", 0),
            ("faces", [{}] * 33),
            ("faces", {}),
            ("scene_bytes", 5),
            ("scene_bytes", -1),
            ("facts.format", "GIF"),
            ("facts.claimed_taken_at", "<script>"),
            ("facts.claimed_taken_at", "2026-03-02T14:05:00\n"),
            ("facts.claimed_latitude", 91),
            ("facts.claimed_longitude", math.nan),
            ("facts.extra", 1),
            ("extra", 1),
            ("phash", "zz"),
            ("phash", "f" * 17),
            ("verification", "00"),
            ("encoders", []),
            ("encoders", ["e"]),
            ("encoders", ["e", "1", "f"]),
            ("encoders", ["e", "1", "f", "2"]),
            ("encoders", ["e", "1"] * (MOST_ENCODERS + 1)),
            ("encoders", [["e", "1"]]),
            ("encoders", {"e": "1"}),
            ("encoders", "e"),
            ("encoders.0", "../../x"),
            ("encoders.0", ""),
            ("encoders.0", None),
            ("encoders.1", "x" * 129),
            ("encoders.1", 1),
            ("detail", -1),
            ("fingerprint_bytes", 0),
            ("fingerprint_bytes", 10**6),
        ],
    )
    def test_each_field_has_its_range(self, path: str, value: object) -> None:
        """What a child sends ends up in rows, pages and searches."""
        with pytest.raises(MalformedMessage):
            Examination.from_wire(changed(path, value))

    def test_the_frame_is_checked(self) -> None:
        """Bytes left over, deep nesting, huge messages and templates with NaN are refused."""
        message = sample().to_wire()
        nested = b"[" * 60_000
        nan = message.replace(np.arange(4, dtype="<f4").tobytes(), np.full(4, np.nan, "<f4").tobytes())
        for bad in (
            message + b"\0",
            message[:-1],
            MAGIC + len(nested).to_bytes(4, "big") + nested,
            MAGIC + bytes(LARGEST_MESSAGE),
            MAGIC + (2**31).to_bytes(4, "big"),
            message.replace(JPEG, b"<html>" + JPEG[6:]),
            nan,
        ):
            with pytest.raises(MalformedMessage):
                Examination.from_wire(bad)

    def test_templates_of_two_lengths_are_refused(self) -> None:
        """One encoder gives one length, and each face has a template of each encoder."""
        faces = sample().faces
        short = ExaminedFace(faces[0].box, faces[0].eyes, faces[0].nose, faces[0].quality, (bytes(8),), JPEG)
        mixed = replace(sample(), faces=(faces[0], short)).to_wire()
        with pytest.raises(MalformedMessage, match="different lengths"):
            Examination.from_wire(mixed)


@pytest.mark.faces
class TestExamine:
    def test_a_photo_gives_all_that_the_service_keeps_of_it(self) -> None:
        """One pass: renditions, hash, faces with templates and crops, and the way over the wire."""
        examination = examine(face_file("p0040-tip1"))

        assert (examination.width, examination.height) == (1024, 768)
        assert examination.encoders == (("dlib+mobilefacenet", "0.3.0-65+1.0.24-35+points5+flip+mtcnn"),)
        assert len(examination.faces) == 2
        assert examination.hash.usable
        assert examination.scene != examination.redacted
        for face in examination.faces:
            assert face.vector().shape == (320,)
            assert face.vector().dtype == np.float32
            assert float(np.linalg.norm(face.vector())) == pytest.approx(1, abs=1e-5)
            assert face.quality.searchable
        assert Examination.from_wire(examination.to_wire()) == examination

    def test_every_engine_encodes_what_the_first_one_found(self) -> None:
        """While encoders are exchanged, each face has a template of the old and of the new one."""
        engines = [Engine(MtcnnDetector(), encoder_named(name)) for name in ("dlib", "face_recognition")]
        engines[1] = Engine(HogDetector(), engines[1].encoder)

        examination = examine(face_file("p0045-portrait0"), engines)

        (face,) = examination.faces
        assert [name for name, _ in examination.encoders] == ["dlib", "face_recognition"]
        assert [face.vector(place).size for place in range(2)] == [128, 128]
        assert np.abs(face.vector(0) - face.vector(1)).max() > 0.01
        assert Examination.from_wire(examination.to_wire()) == examination

    def test_a_photo_without_faces_is_examined(self) -> None:
        """A place or a shirt may be the clue."""
        examination = examine(encoded(scene()))

        assert examination.faces == ()
        assert Examination.from_wire(examination.to_wire()) == examination

    @pytest.mark.parametrize("value", [math.nan, math.inf, 50.0])
    def test_a_face_whose_points_say_nothing_costs_no_photo(
        self, value: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A network may answer anything; the other face of the photo is searched."""
        real = mtcnn.detect

        def detect(pixels: Pixels, *arguments: Any) -> Detections:
            found = real(pixels, *arguments)
            found.points[1] = value
            return found

        monkeypatch.setattr(mtcnn, "detect", detect)

        examination = examine(face_file("p0040-tip1"))

        assert len(examination.faces) == 1
        assert Examination.from_wire(examination.to_wire()) == examination

    def test_the_limits_hold(self) -> None:
        """The caller says what is read at most, also when the original is read once more."""
        with pytest.raises(UnreadablePhoto):
            examine(face_file("p0045-portrait0"), limits=PhotoLimits(most_pixels=10_000))


STREET = 4000, 3000
CHILD = (3000, 1800)
"""Where the small portrait stands in the street, pixels."""


def street(side: int) -> bytes:
    """A photo of twelve megapixels with one small portrait in it, `side` pixels wide."""
    ground = scene(*STREET)
    child = Image.fromarray(read_photo(face_file("p0045-portrait0")).pixels)
    ground.paste(child.resize((side, side), Image.Resampling.LANCZOS), CHILD)
    return encoded(ground, quality=92)


@pytest.fixture(scope="module")
def data() -> bytes:
    return street(180)


@pytest.mark.faces
class TestDetail:
    """Small faces are encoded from the original."""

    def test_a_small_face_of_a_large_photo_is_encoded_from_the_original(self, data: bytes) -> None:
        """The scene has 13 pixels between the eyes, the original 34."""
        engine = default_engine()
        photo = read_photo(data)
        found = engine.find(photo.pixels)
        pixels, detailed = found_in_detail(data, photo, found.faces)
        (reference,) = engine.encode(
            (own := read_photo(face_file("p0045-portrait0")).pixels), engine.find(own).faces
        )

        (examined,) = examine(data, (engine,)).faces
        (from_scene,), (from_detail,) = (
            engine.encode(photo.pixels, found.faces),
            engine.encode(pixels, detailed),
        )

        assert photo.pixels.shape == (1200, 1600, 3)
        assert pixels.shape == (3000, 4000, 3)
        assert np.array_equal(examined.vector(), from_detail.astype(np.float32))
        assert 1 - float(reference @ from_detail) < 0.4 * (1 - float(reference @ from_scene))
        assert found.faces[0].quality.eye_distance < 14
        assert detailed[0].quality.eye_distance > 30
        assert examined.quality == detailed[0].quality

    def test_places_stay_in_pixels_of_the_scene(self, data: bytes) -> None:
        """Pages draw boxes on the scene, whatever the template was made from."""
        examination = examine(data)

        (face,) = examination.faces
        assert (examination.width, examination.height) == (1600, 1200)
        assert CHILD[0] * 0.4 < face.box.left < face.box.left + face.box.width < (CHILD[0] + 180) * 0.4
        assert CHILD[1] * 0.4 < face.eyes[0][1] < (CHILD[1] + 180) * 0.4
        assert Examination.from_wire(examination.to_wire()) == examination

    def test_a_turned_original_is_turned_again(self, data: bytes) -> None:
        """The second reading obeys the orientation as the first one did."""
        image = Image.fromarray(read_photo(data, PhotoLimits(scene_side=DETAIL_SIDE)).pixels)
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = encoded(image.transpose(Image.Transpose.ROTATE_90), quality=92, exif=exif)

        (upright,), (face,) = examine(data).faces, examine(turned).faces

        assert float(upright.vector() @ face.vector()) > 0.97

    def test_a_photo_without_small_faces_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second reading costs as much as the first; most photos do without."""
        data = street(1200)
        photo = read_photo(data)
        found = default_engine().find(photo.pixels)
        monkeypatch.setattr("matching.examination.read_photo", None)

        pixels, detailed = found_in_detail(data, photo, found.faces)

        assert pixels is photo.pixels
        assert detailed == found.faces

    def test_a_small_original_has_no_more_to_give(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the scene has every pixel, nothing is gained by looking again."""
        ground = scene(900, 700)
        child = Image.fromarray(read_photo(face_file("p0045-portrait0")).pixels)
        ground.paste(child.resize((80, 80)), (400, 300))
        data = encoded(ground)
        photo = read_photo(data)
        found = default_engine().find(photo.pixels)
        monkeypatch.setattr("matching.examination.read_photo", None)

        assert found.faces[0].quality.eye_distance < 20
        assert found_in_detail(data, photo, found.faces) == (photo.pixels, found.faces)

    def test_the_second_reading_has_the_callers_limits_and_its_own_size(
        self, data: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A limit that was wide enough for the first reading is wide enough for the second."""
        asked: list[PhotoLimits | None] = []

        def read(given: bytes, limits: PhotoLimits | None = None) -> Photo:
            asked.append(limits)
            return read_photo(given, limits)

        monkeypatch.setattr("matching.examination.read_photo", read)
        photo = read_photo(data)

        found_in_detail(
            data, photo, default_engine().find(photo.pixels).faces, PhotoLimits(most_pixels=10**8)
        )

        assert asked == [PhotoLimits(most_pixels=10**8, scene_side=DETAIL_SIDE)]
