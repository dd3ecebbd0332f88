import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.examination import Examination, ExaminedFace, examine
from matching.face_quality import FaceQuality, QualityReason
from matching.hashing import PictureHash
from matching.photo import PhotoFacts
from matching.pictures.fingerprint import fingerprint
from matching.pictures.keypoints import MOST_KEYPOINTS
from matching.rendition import Box
from matching.wire import LARGEST_MESSAGE, MAGIC, MalformedMessage
from tests.matching.pictures import face_file, scene

PRINTS = [fingerprint(np.asarray(scene())), fingerprint(np.zeros((32, 900, 3), np.uint8))]
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


points = st.tuples(finite(0, 1600), finite(0, 1600))
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
            ("encoders.0", "../../x"),
            ("encoders.1", "x" * 65),
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
        """One encoder gives one length."""
        faces = sample().faces
        short = ExaminedFace(faces[0].box, faces[0].eyes, faces[0].nose, faces[0].quality, (bytes(8),), JPEG)
        mixed = replace(sample(), faces=(faces[0], short)).to_wire()
        with pytest.raises(MalformedMessage, match="different lengths"):
            Examination.from_wire(mixed)


@pytest.mark.faces
def test_a_photo_gives_all_that_the_service_keeps_of_it() -> None:
    """One pass: renditions, hash, faces with templates and crops, and the way over the wire."""
    examination = examine(face_file("p0040-tip1"))

    assert (examination.width, examination.height) == (1024, 768)
    assert len(examination.faces) == 2
    assert examination.hash.usable
    assert examination.scene != examination.redacted
    for face in examination.faces:
        assert face.vector().dtype == np.float32
        assert np.isclose(np.linalg.norm(face.vector()), 1, atol=1e-5)
        assert face.quality.searchable
    assert Examination.from_wire(examination.to_wire()) == examination
