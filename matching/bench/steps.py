"""The steps of a photo, ours and the peer's, each ready to be repeated.

The peer is the package face_recognition at its defaults: HOG with one enlargement, five points, one sample.
"""

import io
from collections.abc import Callable
from functools import partial
from typing import Final

import imagehash
import numpy as np
from PIL import Image

from matching.dlib_package import load_face_recognition
from matching.engine import default_engine, encoder_named, warm_up
from matching.examination import DETAIL_SIDE, examine, found_in_detail
from matching.faces import FoundFaces
from matching.hashing import picture_hash
from matching.photo import PhotoLimits, Pixels, read_photo

Step = Callable[[], object]

SHRUNK_SIDE: Final = 1600
"""Pixels of the longer side to which users of the peer are told to shrink large photos."""
SIZES: Final = {"full": None, "1600": SHRUNK_SIDE}
"""Pixels of the longer side at which the peer works."""

ENCODERS: Final = ("dlib", "mobilefacenet", "dlib+mobilefacenet")
BATCHES: Final = (1, 8)
"""Faces that are encoded together."""


def reading(jpeg: bytes) -> Step:
    """Read the photo at the scene's size."""
    return lambda: read_photo(jpeg)


def reading_detail(jpeg: bytes) -> Step:
    """Read it once more, for faces that are small in the scene."""
    return lambda: read_photo(jpeg, PhotoLimits(scene_side=DETAIL_SIDE))


def detecting(jpeg: bytes) -> Step:
    """Find faces in the scene."""
    engine = default_engine()
    warm_up(engine)
    pixels = read_photo(jpeg).pixels
    return lambda: engine.find(pixels)


def encoding(jpeg: bytes, name: str, count: int) -> Step:
    """Encode faces with one encoder."""
    engine, encoder = default_engine(), encoder_named(name)
    warm_up(engine)
    pixels = read_photo(jpeg).pixels
    found = engine.find(pixels).faces
    faces = (found * count)[:count]
    return lambda: encoder.encode(pixels, faces)


def hashing(jpeg: bytes) -> Step:
    """Hash the scene."""
    pixels = read_photo(jpeg).pixels
    return lambda: picture_hash(pixels)


def whole_photo(jpeg: bytes) -> Step:
    """From the file's bytes to the templates of all faces."""
    engine = default_engine()
    warm_up(engine)

    def run() -> object:
        photo = read_photo(jpeg)
        found: FoundFaces = engine.find(photo.pixels)
        pixels, faces = found_in_detail(jpeg, photo, found.faces)
        return engine.encode(pixels, faces)

    return run


def examining(jpeg: bytes) -> Step:
    """All that a worker does for a photo: templates, hash, crops, the scene and the redacted scene."""
    engine = default_engine()
    warm_up(engine)
    return lambda: examine(jpeg, (engine,))


def peer_reading(jpeg: bytes) -> Step:
    """`load_image_file`."""
    package = load_face_recognition()
    return lambda: package.load_image_file(io.BytesIO(jpeg))


def peer_detecting(jpeg: bytes, side: int | None, enlargements: int) -> Step:
    """`face_locations`, at full size or shrunk."""
    package = load_face_recognition()
    pixels = _peer_pixels(jpeg, side)
    return lambda: package.face_locations(pixels, number_of_times_to_upsample=enlargements)


def peer_encoding(jpeg: bytes) -> Step:
    """`face_encodings` of one face whose place is known."""
    package = load_face_recognition()
    pixels = _peer_pixels(jpeg, SHRUNK_SIDE)
    places = package.face_locations(pixels)[:1]
    return lambda: package.face_encodings(pixels, places)


def peer_photo(jpeg: bytes, side: int | None) -> Step:
    """From the file's bytes to encodings at the package's defaults, at full size or shrunk."""
    package = load_face_recognition()

    def run() -> object:
        pixels = _peer_pixels(jpeg, side)
        return package.face_encodings(pixels, package.face_locations(pixels))

    return run


def peer_hashing(jpeg: bytes) -> Step:
    """`imagehash.phash` of the scene, 64 and 256 bits, as the package is used."""
    scene = Image.fromarray(read_photo(jpeg).pixels)
    return lambda: (imagehash.phash(scene), imagehash.phash(scene, hash_size=16))


def _peer_pixels(jpeg: bytes, side: int | None) -> Pixels:
    if side is None:
        return np.asarray(load_face_recognition().load_image_file(io.BytesIO(jpeg)), np.uint8)
    with Image.open(io.BytesIO(jpeg)) as image:
        # Pillow decodes a JPEG at half its size here, as `load_image_file` would not: the peer at its best.
        image.thumbnail((side, side))
        return np.asarray(image.convert("RGB"), np.uint8)


STEPS: Final[dict[str, Callable[[bytes], Step]]] = {
    "read": reading,
    "read detail": reading_detail,
    "detect": detecting,
    "hash": hashing,
    "photo": whole_photo,
    "examine": examining,
    **{
        f"encode {name} {count}": partial(encoding, name=name, count=count)
        for name in ENCODERS
        for count in BATCHES
    },
    "peer read": peer_reading,
    **{
        f"peer detect {name} {enlargements}": partial(peer_detecting, side=side, enlargements=enlargements)
        for name, side in SIZES.items()
        for enlargements in (0, 1)
    },
    "peer encode": peer_encoding,
    "peer hash": peer_hashing,
    **{f"peer photo {name}": partial(peer_photo, side=side) for name, side in SIZES.items()},
}
"""Makers of steps by name: processes are told a name, not a function."""
