"""From a stranger's bytes to upright sRGB pixels, or to one clear reason why not.

Only the sandboxed child calls this on a photo that came from outside.
"""

import io
import math
import warnings
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile

from matching.claims import read_claims
from matching.formats import UnreadablePhoto, UnreadableReason, refusal_of, sniff
from matching.jpeg_guard import check_jpeg_structure

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8, sRGB."""

SCENE_SIDE: Final = 1600
"""Pixels of the scene's longer side: a 12-megapixel photo read and shrunk to it costs 111 ms of processor
time, 251 ms without draft mode (Pillow, measured)."""

MOST_PIXELS: Final = 50_500_000
"""Pixels of the largest phone photo that is read (50 megapixels are common); it decodes in about 120 MB."""

SHRINKING: Final = Image.Resampling.HAMMING
"""How a decoded picture is brought to the scene's size.

Source:
    From 2016 to 1600 pixels: 25 ms of processor time, Lanczos 51; templates of faces with 53 to 14 pixels
    between the eyes have cosines of 0.999 to 0.973 with those from the full size, Lanczos 0.999 to 0.969.
"""

MOST_PIXELS_OF: Final = {"WEBP": 20_000_000, "AVIF": 40_000_000}
"""Pixels of formats whose decoders hold a picture several times over; no camera writes them, and messengers'
pictures have 2 to 16 million.

Source:
    Memory of the child, for kinds of `python -m tests.attacks.hostile_pictures`: WebP without loss 866 MB for
    49 million; given to the examiner directly, 808 MB for 29 million and AVIF 782 MB for 49, with faces.
"""

_BAND: Final = 128
"""Rows of the scene that are made at a time."""

LARGEST_PROFILE: Final = 128 * 1024
"""Bytes of a colour profile that is applied. Displays' have 0.5 to 10 kB; presses' are ignored."""

_WHITE: Final = (255, 255, 255)

pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is read at most; the defaults are those of production."""

    most_pixels: int = MOST_PIXELS
    shortest_side: int = 32
    """Pixels; nothing can be seen on less."""
    longest_side: int = 16_384
    """Pixels; longer ones are made to exhaust memory, not taken."""
    scene_side: int = SCENE_SIDE


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What is known about the original. `claimed_` values come from metadata that anybody can write."""

    format: str
    width: int
    """Pixels of the original, turned upright."""
    height: int
    claimed_taken_at: str | None = None
    """ISO 8601, with an offset only if the camera wrote one."""
    claimed_latitude: float | None = None
    """Degrees, WGS 84."""
    claimed_longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A readable photo."""

    pixels: Pixels
    """(height, width, 3) uint8 sRGB, upright, longer side at most `PhotoLimits.scene_side`."""
    facts: PhotoFacts


def read_photo(data: bytes, limits: PhotoLimits | None = None) -> Photo:
    """Read a photo as people look at it: upright, in sRGB, not larger than needed, without metadata.

    Args:
        data: the file; its content decides what it is.
        limits: what is read at most.

    Returns:
        The pixels and the few facts that are kept.

    Raises:
        UnreadablePhoto: with the reason.
    """
    limits = limits or PhotoLimits()
    form = sniff(data)
    if form is None:
        raise UnreadablePhoto(refusal_of(data))
    if form == "JPEG":
        check_jpeg_structure(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _decode(data, form, limits)
        except UnreadablePhoto:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
            raise UnreadablePhoto(UnreadableReason.TOO_LARGE) from error
        except Exception as error:  # A decoder may raise anything, and each time the picture is to blame.
            raise UnreadablePhoto(UnreadableReason.DAMAGED) from error


def _decode(data: bytes, form: str, limits: PhotoLimits) -> Photo:
    """Open, check the sizes, and only then decode."""
    # Importing face_recognition switches this on for the whole process; half a picture is no picture.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = limits.most_pixels
    with Image.open(io.BytesIO(data), formats=[form]) as image:
        width, height = image.size
        _check_size(width, height, limits)
        if width * height > MOST_PIXELS_OF.get(form, limits.most_pixels):
            raise UnreadablePhoto(UnreadableReason.TOO_LARGE)
        factor = limits.scene_side / max(width, height)
        if factor < 1:
            # A square box would leave a wide picture as it is: the side that shrinks least decides.
            image.draft(None, (round(width * factor), round(height * factor)))
        image.load()
        # Not earlier: a PNG decodes to find its metadata, and an error in its pixels would go unnoticed.
        claims = read_claims(image)
        scene = _shrunk_rgb(image, limits.scene_side)
        _check_size(*scene.size, limits)
        scene = _to_srgb(scene, image.info.get("icc_profile"))
    if claims.transposition is not None:
        before, scene = scene.size, scene.transpose(claims.transposition)
        if scene.size != before:
            width, height = height, width
    facts = PhotoFacts(form, width, height, claims.taken_at, claims.latitude, claims.longitude)
    return Photo(np.asarray(scene, dtype=np.uint8), facts)


def _check_size(width: int, height: int, limits: PhotoLimits) -> None:
    if min(width, height) < limits.shortest_side:
        raise UnreadablePhoto(UnreadableReason.TOO_SMALL)
    if max(width, height) > limits.longest_side or width * height > limits.most_pixels:
        raise UnreadablePhoto(UnreadableReason.TOO_LARGE)


def _shrunk_rgb(image: Image.Image, longest: int) -> Image.Image:
    """Make it RGB with a longer side of at most so many pixels.

    Another mode is turned and shrunk in bands: two whole copies of 49 megapixels, beside what the networks
    hold, were 876 MB.
    """
    if image.mode == "RGB" and not image.has_transparency_data:
        image.thumbnail((longest, longest), SHRINKING, reducing_gap=2.0)
        return image
    step = max(1.0, max(image.size) / longest)
    width, height = (max(1, round(side / step)) for side in image.size)
    scene, step = Image.new("RGB", (width, height)), image.height / height
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        # The filter looks at the neighbours of each pixel: bands have some rows in common.
        first = max(0, math.floor((top - 2) * step))
        last = min(image.height, math.ceil((bottom + 2) * step))
        band = _to_rgb(image.crop((0, first, image.width, last)))
        box = (0.0, top * step - first, float(image.width), min(bottom * step - first, float(last - first)))
        scene.paste(band.resize((width, bottom - top), SHRINKING, box), (0, top))
    return scene


def _to_rgb(image: Image.Image) -> Image.Image:
    """Turn any mode into 8-bit RGB; what is transparent becomes white."""
    if image.mode.startswith("I"):
        # Pillow's own conversion cuts 16 bits off at 255, which turns such a picture all white.
        levels = np.clip(np.asarray(image, dtype=np.int32), 0, 65_535) // 257
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", image.size, _WHITE)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")


def _to_srgb(scene: Image.Image, profile: object) -> Image.Image:
    """Apply a small RGB colour profile; one that is missing, large or broken changes nothing."""
    if not isinstance(profile, bytes) or not 0 < len(profile) <= LARGEST_PROFILE:
        return scene
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return scene
        converted = ImageCms.profileToProfile(scene, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return scene
    return cast("Image.Image", converted)
