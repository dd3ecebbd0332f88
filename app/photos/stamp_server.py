"""The process that burns who looks, and when, into a picture.

Started as `python -m app.photos.stamp_server '{limits}'` by `app.photos.stamping`. The pictures are the
service's own, and are yet treated as a stranger's: a confined child opens each of them.
"""

import io
import json
import sys
from typing import TYPE_CHECKING, Final

from app.photos.examine_server import ChildLimits, Frame, serve

if TYPE_CHECKING:
    from PIL import Image

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_MOST_PIXELS: Final = 64_000_000
_QUALITY: Final = 92
_SLANT: Final = 30
"""Degrees by which the repeated lines rise."""
_SMALLEST, _LINES_TO_A_SIDE = 11, 44
"""Height of the letters: pixels at least, and what part of the picture's longer side otherwise."""
_TILED, _ALONG_EDGES = 0.24, 0.62
"""How much of a letter covers what is below it, between 0 and 1."""
_GROUND, _MIDDLE = 8, 128
"""Pixels over which the ground's shade is taken together, and the shade from which it counts as light."""
_CALM_MIDDLE: Final = 0.3
"""What share of the tiling is left in the very middle of a face that is to be compared."""


def stamp(request: bytes) -> tuple[Frame, bytes]:
    """Mark one picture.

    Args:
        request: a line of JSON with `text` and `calm`, a line feed, and the picture.

    Returns:
        The marked picture as JPEG; a picture that cannot be read raises, which the server reports.
    """
    head, _, picture = request.partition(b"\n")
    asked = json.loads(head)
    return Frame.EXAMINATION, marked(picture, str(asked["text"]), calm=bool(asked["calm"]))


def marked(picture: bytes, text: str, *, calm: bool) -> bytes:
    """A picture with a text burnt in: in lines along its upper and lower edge and, faintly, all over it.

    Args:
        picture: JPEG, PNG or WebP.
        text: what to write, in ASCII.
        calm: leave the middle nearly free, where a face is that people compare.

    Returns:
        A JPEG without any metadata; our pictures stand upright without it.

    Raises:
        ValueError: it has more pixels than any picture of ours.
        OSError: it cannot be read.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415 - only the server's process has pictures.

    with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
        if opened.width * opened.height > _MOST_PIXELS:
            msg = "too many pixels"
            raise ValueError(msg)
        upright = opened.convert("RGB")
    letters = _tiled(upright.size, text)
    if calm:
        letters = ImageChops.multiply(letters, _calm(upright.size))
    letters = ImageChops.lighter(letters, _edges(upright.size, text))
    # Light letters where the picture is dark and dark ones where it is light: they can be read on any ground.
    ground = upright.convert("L").reduce(_GROUND).resize(upright.size, Image.Resampling.BILINEAR)
    ink = ground.point([255 if shade < _MIDDLE else 0 for shade in range(256)])
    upright.paste(ink.convert("RGB"), (0, 0), letters)
    upright.info.clear()
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _line(size: tuple[int, int], text: str, strength: float) -> "Image.Image":
    """One line of text as a mask, high enough for a picture of this size."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - as above.

    font = ImageFont.load_default(max(_SMALLEST, max(size) // _LINES_TO_A_SIDE))
    left, top, right, bottom = (round(side) for side in font.getbbox(text))
    line = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(line).text((1 - left, 1 - top), text, fill=round(255 * strength), font=font)
    return line


def _tiled(size: tuple[int, int], text: str) -> "Image.Image":
    """The text again and again, aslant, the rows so near that their lines lie evenly."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - as above.

    line = _line(size, text, _TILED)
    slanted = line.rotate(_SLANT, resample=Image.Resampling.BICUBIC, expand=True)
    mask = Image.new("L", size)
    down, across = slanted.height // 2 + line.height, slanted.width
    for top in range(-slanted.height // 2, size[1], down):
        for left in range(-across // 2, size[0], across):
            there = (left, top, left + slanted.width, top + slanted.height)
            mask.paste(ImageChops.lighter(mask.crop(there), slanted), there)
    return mask


def _edges(size: tuple[int, int], text: str) -> "Image.Image":
    """The text along the upper and the lower edge, repeated as often as there is room."""
    from PIL import Image  # noqa: PLC0415 - as above.

    line = _line(size, text, _ALONG_EDGES)
    mask = Image.new("L", size)
    for left in range(2, size[0], line.width + 2 * line.height):
        for top in (2, size[1] - line.height - 2):
            mask.paste(line, (left, top))
    return mask


def _calm(size: tuple[int, int]) -> "Image.Image":
    """How much of the tiling stays where: all of it at the rim, little in the middle."""
    from PIL import Image  # noqa: PLC0415 - as above.

    def strength(far: int) -> int:
        outward = min(1.0, max(0.0, far / 255 - 0.35) / 0.4)
        return round(255 * (_CALM_MIDDLE + (1 - _CALM_MIDDLE) * outward))

    return Image.radial_gradient("L").resize(size).point([strength(far) for far in range(256)])


def warm_up() -> None:
    """Load decoders, letters and what draws them now, so that a confined child opens no file."""
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415 - as above.

    for name in ("JPEG", "PNG", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48)).save(buffer, name)
        marked(buffer.getvalue(), "0 2000-01-01 00:00 00000000", calm=True)


def main() -> None:
    """Serve marks with the limits given as JSON in the first argument."""
    warm_up()
    serve(stamp, ChildLimits(**json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
