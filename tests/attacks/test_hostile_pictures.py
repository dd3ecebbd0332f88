"""Hostile pictures, as far as they are quick; tests.attacks.hostile_pictures tries all of them."""

import io
import random
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from app.core.context import Context
from app.main import create_app
from matching.examination import examine
from matching.formats import UnreadablePhoto, UnreadableReason
from matching.photo import Photo, PhotoLimits, _shrunk_rgb, read_photo
from tests.attacks.fuzz_pictures import made
from tests.attacks.hostile_jpeg import MARKER, Maker
from tests.attacks.hostile_pictures import all_kinds
from tests.attacks.mutants import mutant, seeds
from tests.conftest import Client
from tests.matching.pictures import scene

SLOW = ("megapixel", " of dice", "gigabyte", "200 MB", "50 MB", "16,384", "frames", "16,383", "20,000")


def quick_kinds() -> Iterator[tuple[str, Maker]]:
    return ((name, make) for name, make in all_kinds() if not any(word in name for word in SLOW))


def read(data: bytes, limits: PhotoLimits | None = None) -> Photo | UnreadableReason:
    try:
        return read_photo(data, limits)
    except UnreadablePhoto as refusal:
        return refusal.reason


def kind(name: str) -> bytes:
    return dict(all_kinds())[name]()


def test_there_are_at_least_ninety_kinds() -> None:
    """Each with a name of its own."""
    names = [name for name, _ in all_kinds()]

    assert len(names) == len(set(names)) >= 90


def test_each_is_read_or_refused_with_a_reason() -> None:
    """No decoder's own error comes out, and what comes out is a picture of a size that can be looked at."""
    verdicts = {name: read(make()) for name, make in quick_kinds()}

    pictures = [verdict for verdict in verdicts.values() if isinstance(verdict, Photo)]
    assert len(verdicts) >= 130
    assert len(pictures) >= 40
    assert all(32 <= side <= 1600 for photo in pictures for side in photo.pixels.shape[:2])
    assert set(UnreadableReason) == {
        verdict for verdict in verdicts.values() if not isinstance(verdict, Photo)
    }


def test_the_form_takes_or_refuses_each_and_repeats_none(context: Context) -> None:
    """Kept for the worker, or refused with a page; no answer holds bytes of the picture."""
    app = create_app(context)
    statuses = set()

    for number, (_, make) in enumerate(quick_kinds()):
        if number % 4 == 0:
            answer = Client(app, context).post(
                "/tip",
                files=[("photos", (f"{MARKER.decode()}.jpg", make(), "image/jpeg"))],
                data={"place_text": "Metro exit A"},
            )
            statuses.add(answer.status_code)
            assert MARKER not in answer.content + repr(answer.headers).encode()

    assert statuses <= {303, 415, 422}
    assert len(statuses) > 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("png: pixels that do not unpack", UnreadableReason.DAMAGED),
        ("png: 16,384 x 40", UnreadableReason.TOO_SMALL),
        ("webp: a canvas of 16 million squared", UnreadableReason.TOO_LARGE),
        ("png: 144 megapixels in 140 KB", UnreadableReason.TOO_LARGE),
        ("jpeg: 500 scans", UnreadableReason.SUSPICIOUS_STRUCTURE),
        ("jpeg: five megabytes of padding", UnreadableReason.SUSPICIOUS_STRUCTURE),
    ],
)
def test_each_is_refused_for_what_is_wrong_with_it(name: str, reason: UnreadableReason) -> None:
    """Half a picture is none, a strip shows nothing, and what takes for ever is not begun."""
    assert read(kind(name)) == reason


def test_a_strip_that_is_just_high_enough_is_examined() -> None:
    """The smallest picture that is read is large enough for all that is done with it."""
    strip = np.random.default_rng(1).integers(0, 255, (33, 1600, 3), np.uint8)

    assert examine(_png(Image.fromarray(strip))).height == 33


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "CMYK", "1"])
@pytest.mark.parametrize("size", [(900, 601), (401, 997), (200, 150)])
def test_bands_show_the_picture_that_one_piece_shows(mode: str, size: tuple[int, int]) -> None:
    """No seam: turned and shrunk in bands or as a whole, pixels differ by a level at most."""
    picture = scene(*size).convert(mode)

    banded = _shrunk_rgb(picture, 400)

    whole = picture.convert("RGB").resize(banded.size, Image.Resampling.HAMMING)
    assert max(banded.size) == min(400, max(size))
    assert np.abs(np.asarray(banded, int) - np.asarray(whole, int)).max() <= 1


def test_seeds_are_good_pictures_and_mutants_can_be_made_again() -> None:
    """A number gives the same bytes each time, and another number others."""
    good_ones = seeds()

    assert all(isinstance(read(seed), Photo) for seed in good_ones)
    assert made(1, 7, good_ones) == made(1, 7, good_ones)
    assert len({made(1, number, good_ones) for number in range(100)}) > 95


def test_mutants_are_read_or_refused() -> None:
    """Three hundred of them, by the code that reads photos."""
    dice, good_ones = random.Random(11), seeds()  # noqa: S311 - repeatable.

    verdicts = [read(mutant(dice, good_ones)) for _ in range(300)]

    assert any(isinstance(verdict, Photo) for verdict in verdicts)
    assert UnreadableReason.DAMAGED in verdicts


def _png(picture: Image.Image) -> bytes:

    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
