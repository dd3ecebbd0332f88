"""What becomes of a picture on its way through messengers: the edits that `matching.reposts` measures.

Every edit draws what it leaves to chance from the generator it is given, and its result is compressed as JPEG
once more, as any messenger does.
"""

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Edit = Callable[[Image.Image, np.random.Generator], Image.Image]
"""Takes an RGB picture and a source of chance, gives the edited RGB picture."""

PASSED_ON_QUALITY: Final = 75
"""JPEG quality (libjpeg, 1-95) of a picture that was passed on; messengers use 60 to 85."""

POOR_QUALITY: Final = 30
"""JPEG quality of a picture that was passed on many times."""

_GREY: Final = (128, 128, 128)
_CAPTION: Final = "Please share: seen begging near the station!"


def compressed(image: Image.Image, quality: int = PASSED_ON_QUALITY) -> bytes:
    """Write a picture as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _poor(image: Image.Image, _: np.random.Generator) -> Image.Image:
    with Image.open(io.BytesIO(compressed(image, POOR_QUALITY))) as again:
        return again.convert("RGB")


def _scaled(share: float) -> Edit:
    def edit(image: Image.Image, _: np.random.Generator) -> Image.Image:
        size = (round(image.width * share), round(image.height * share))
        return image.resize(size, Image.Resampling.LANCZOS)

    return edit


def _captioned(*, top: bool) -> Edit:
    def edit(image: Image.Image, chance: np.random.Generator) -> Image.Image:
        bar = round(image.height * chance.uniform(0.1, 0.2))
        dark = bool(chance.integers(2))
        ground, ink = ((10, 10, 10), "white") if dark else ((250, 250, 250), "black")
        framed = Image.new("RGB", (image.width, image.height + bar), ground)
        framed.paste(image, (0, bar if top else 0))
        font = ImageFont.load_default(max(8, bar * 2 // 5))
        at = (image.width // 20, bar // 4 + (0 if top else image.height))
        ImageDraw.Draw(framed).text(at, _CAPTION, fill=ink, font=font)
        return framed

    return edit


def _cropped(area: float) -> Edit:
    def edit(image: Image.Image, chance: np.random.Generator) -> Image.Image:
        width, height = round(image.width * area**0.5), round(image.height * area**0.5)
        left = int(chance.integers(image.width - width + 1))
        top = int(chance.integers(image.height - height + 1))
        return image.crop((left, top, left + width, top + height))

    return edit


def _screenshot(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """A phone's screen: 720 x 1560 pixels, a status line, a title, the picture across, some text, buttons."""
    dark = bool(chance.integers(2))
    ground, ink = ((18, 18, 18), (235, 235, 235)) if dark else ((255, 255, 255), (30, 30, 30))
    screen = Image.new("RGB", (720, 1560), ground)
    draw = ImageDraw.Draw(screen)
    draw.text((40, 18), "14:05", fill=ink, font=ImageFont.load_default(26))
    draw.rectangle((620, 22, 672, 44), outline=ink, width=3)
    draw.text((90, 90), "Neighbourhood watch", fill=ink, font=ImageFont.load_default(34))
    draw.ellipse((20, 84, 72, 136), fill=(90, 140, 200))
    room = 1100
    height = min(room, round(image.height * 720 / image.width))
    shown = image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)
    at = 170 + int(chance.integers(room - height + 1))
    screen.paste(shown, ((720 - shown.width) // 2, at))
    for line in range(3):
        draw.text((40, at + height + 20 + 40 * line), _CAPTION, fill=ink, font=ImageFont.load_default(26))
    draw.rectangle((0, 1460, 720, 1560), fill=(60, 60, 60) if dark else (240, 240, 240))
    for button in range(4):
        draw.ellipse((90 + 160 * button, 1485, 140 + 160 * button, 1535), outline=ink, width=4)
    return screen


def _mirrored(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageOps.mirror(image)


def _mirrored_and_poor(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    return _poor(ImageOps.mirror(image), chance)


def _turned(degrees: float) -> Edit:
    def edit(image: Image.Image, chance: np.random.Generator) -> Image.Image:
        sign = 1 if chance.integers(2) else -1
        return image.rotate(sign * degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_GREY)

    return edit


def _relit(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    brighter = ImageEnhance.Brightness(image).enhance(chance.uniform(0.7, 1.35))
    return ImageEnhance.Contrast(brighter).enhance(chance.uniform(0.7, 1.4))


def _grey(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageOps.grayscale(image).convert("RGB")


def _sepia(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageOps.colorize(ImageOps.grayscale(image), (40, 20, 0), (255, 240, 200))


def _face_hidden(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Blurs a disc as large as a face in a portrait, where a head would be."""
    side = round(min(image.size) * 0.4)
    left = int(chance.integers(image.width - side + 1))
    top = int(chance.integers(image.height - side + 1))
    region = image.crop((left, top, left + side, top + side)).filter(ImageFilter.GaussianBlur(side / 8))
    disc = Image.new("L", (side, side), 0)
    ImageDraw.Draw(disc).ellipse((0, 0, side, side), fill=255)
    hidden = image.copy()
    hidden.paste(region, (left, top), disc)
    return hidden


def _watermarked(image: Image.Image, _: np.random.Generator) -> Image.Image:
    layer = Image.new("RGBA", image.size)
    font = ImageFont.load_default(max(10, image.width // 12))
    for row in range(3):
        place = (image.width // 10, image.height * (1 + 2 * row) // 6)
        ImageDraw.Draw(layer).text(place, "city news channel", fill=(255, 255, 255, 110), font=font)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _stickered(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    side = min(image.size) // 5
    for colour in ((240, 200, 40), (230, 60, 60)):
        left = int(chance.integers(image.width - side + 1))
        top = int(chance.integers(image.height - side + 1))
        draw.ellipse((left, top, left + side, top + side), fill=colour, outline="black", width=3)
        draw.text(
            (left + side // 4, top + side // 3), "SOS", fill="black", font=ImageFont.load_default(side // 4)
        )
    return marked


def _bordered(image: Image.Image, chance: np.random.Generator) -> Image.Image:
    colour = tuple(int(level) for level in chance.integers(0, 256, 3))
    return ImageOps.expand(image, round(min(image.size) * 0.08), colour)


EDITS: Final[Mapping[str, Edit]] = MappingProxyType(
    {
        "recompressed": _poor,
        "half the size": _scaled(0.5),
        "quarter of the size": _scaled(0.25),
        "caption above": _captioned(top=True),
        "caption below": _captioned(top=False),
        "crop to 75 %": _cropped(0.75),
        "crop to 50 %": _cropped(0.5),
        "crop to 25 %": _cropped(0.25),
        "screenshot": _screenshot,
        "mirrored": _mirrored,
        "mirrored, recompressed": _mirrored_and_poor,
        "turned by 3 degrees": _turned(3),
        "turned by 8 degrees": _turned(8),
        "brightness and contrast": _relit,
        "greyscale": _grey,
        "sepia": _sepia,
        "face hidden": _face_hidden,
        "watermark": _watermarked,
        "stickers": _stickered,
        "border": _bordered,
    }
)
"""Edits by name; crops are by area, at random places."""
