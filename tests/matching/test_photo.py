import io
import math
import subprocess
import sys
import time

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from matching.formats import UnreadablePhoto, UnreadableReason, sniff
from matching.photo import (
    LARGEST_PROFILE,
    SCENE_SIDE,
    Photo,
    PhotoFacts,
    PhotoLimits,
    _shrunk_rgb,
    read_photo,
)
from matching.rendition import scene_jpeg
from tests.matching.pictures import (
    encoded,
    png,
    rgb_profile,
    scan_bomb,
    scene,
    with_frame_size,
    with_segment,
)

R = UnreadableReason
GOOD = encoded(scene())


def refusal(data: bytes) -> UnreadableReason:
    began = time.process_time()
    with pytest.raises(UnreadablePhoto) as caught:
        read_photo(data)
    assert time.process_time() - began < 2
    return caught.value.reason


def difference(photo: Photo, image: Image.Image) -> float:
    truth = np.asarray(image.convert("RGB"), dtype=np.int16)
    return float(np.abs(photo.pixels.astype(np.int16) - truth).mean())


class TestSniff:
    @pytest.mark.parametrize(
        ("form", "name"),
        [
            ("JPEG", "JPEG"),
            ("PNG", "PNG"),
            ("WEBP", "WEBP"),
            ("HEIF", "HEIF"),
            ("AVIF", "AVIF"),
            ("MPO", "JPEG"),
        ],
    )
    def test_every_allowed_format_is_known_by_its_content(self, form: str, name: str) -> None:
        """The sender's file name and content type are never looked at."""
        options = {"save_all": True, "append_images": [scene()]} if form == "MPO" else {}
        data = encoded(scene(), form, **options)

        assert sniff(data[:256]) == name
        assert read_photo(data).facts.format == name

    def test_the_door_stays_light(self) -> None:
        """The process that takes photos in must not load a decoder in order to look at four bytes."""
        code = (
            "import sys, matching.formats, matching.jpeg_guard;"
            "sys.exit(any(m in sys.modules for m in ('PIL', 'numpy', 'dlib', 'face_recognition')))"
        )
        run = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - the code is above.
        assert run.returncode == 0

    @given(st.binary(max_size=400))
    def test_any_bytes_get_an_answer(self, data: bytes) -> None:
        """Nothing a stranger sends makes the first look fail."""
        assert sniff(data) in {None, "JPEG", "PNG", "WEBP", "HEIF", "AVIF"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", R.NOT_AN_IMAGE),
            (b"\xff", R.NOT_AN_IMAGE),
            (b"hello", R.NOT_AN_IMAGE),
            (b"<!doctype html><script>alert(1)</script>", R.NOT_AN_IMAGE),
            (
                b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
                R.FORMAT_NOT_ALLOWED,
            ),
            (encoded(scene(), "GIF"), R.FORMAT_NOT_ALLOWED),
            (encoded(scene(), "TIFF"), R.FORMAT_NOT_ALLOWED),
            (encoded(scene(), "BMP"), R.FORMAT_NOT_ALLOWED),
            (encoded(scene(), "EPS"), R.FORMAT_NOT_ALLOWED),
            (encoded(scene(), "JPEG2000"), R.FORMAT_NOT_ALLOWED),
            (encoded(scene(1, 1)), R.TOO_SMALL),
            (encoded(scene(400, 20), "PNG"), R.TOO_SMALL),
            (GOOD[:200], R.DAMAGED),
            (GOOD[: len(GOOD) // 2], R.DAMAGED),
            (encoded(scene(), "PNG")[:3000], R.DAMAGED),
            (encoded(scene(), "AVIF")[:600], R.DAMAGED),
            (encoded(scene(), "HEIF")[:600], R.DAMAGED),
            (encoded(scene(), "WEBP")[:600], R.DAMAGED),
            (with_frame_size(GOOD, 0, 0), R.DAMAGED),
            (with_frame_size(GOOD, 65_500, 65_500), R.TOO_LARGE),
            (with_frame_size(GOOD, 9_000, 9_000), R.TOO_LARGE),
            (with_frame_size(GOOD, 17_000, 300), R.TOO_LARGE),
            (png(50_000, 50_000, 8, 2, b""), R.TOO_LARGE),
            (png(30_000, 30_000, 1, 0, b""), R.TOO_LARGE),
            (png(13_300, 13_300, 8, 2, b"\0" * 100_000), R.TOO_LARGE),
            (scan_bomb(5_000), R.SUSPICIOUS_STRUCTURE),
            (GOOD[:2] + b"\xff" * 20_000_000 + GOOD[2:], R.SUSPICIOUS_STRUCTURE),
            (GOOD[:2] + b"\0" * 20_000_000 + GOOD[2:], R.NOT_AN_IMAGE),
            (GOOD[:20] + b"\0" * 20_000_000 + GOOD[20:], R.SUSPICIOUS_STRUCTURE),
            (
                GOOD[:2] + (b"\xff\xe1" + (65_535).to_bytes(2, "big") + bytes(65_533)) * 20 + GOOD[2:],
                R.SUSPICIOUS_STRUCTURE,
            ),
        ],
    )
    def test_hostile_and_broken_files_are_refused_quickly_with_one_reason(
        self, data: bytes, reason: UnreadableReason
    ) -> None:
        """No file keeps the examination busy, and each refusal can be explained in one sentence."""
        assert refusal(data) == reason

    def test_a_truncated_photo_stays_refused_after_the_face_models_are_loaded(self) -> None:
        """Importing face_recognition tells Pillow to fill truncated pictures up with grey."""
        from matching.dlib_package import load_face_recognition  # noqa: PLC0415 - the import is what is tested.

        load_face_recognition()
        assert refusal(GOOD[: len(GOOD) // 2]) == R.DAMAGED

    def test_an_honest_progressive_photo_passes_the_guard(self) -> None:
        """The guard knows bombs from what phones and messengers really write."""
        jpeg = encoded(scene(), progressive=True, restart_marker_blocks=4)
        padded = jpeg[:2] + b"\xff" * 500 + jpeg[2:]

        assert difference(read_photo(padded), scene()) < 8

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def test_damaged_copies_are_read_or_refused_and_nothing_else(self, data: st.DataObject) -> None:
        """Flipped, cut and repeated bytes end in a picture or in UnreadablePhoto."""
        original = data.draw(st.sampled_from(MUTATED))
        at = data.draw(st.integers(0, len(original) - 1))
        length = data.draw(st.integers(0, 40))
        mutant = original[:at] + data.draw(st.binary(max_size=40)) + original[at + length :]
        try:
            photo = read_photo(mutant)
        except UnreadablePhoto:
            return
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.shape[2] == 3


MUTATED = [encoded(scene(80, 60), form) for form in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")]


class TestModes:
    def test_cmyk_arrives_in_the_right_colours(self) -> None:
        """Scanned posters come as CMYK."""
        assert difference(read_photo(encoded(scene().convert("CMYK"), quality=95)), scene()) < 8

    @pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA"])
    def test_every_mode_becomes_rgb(self, mode: str) -> None:
        """Grey, palette and transparent pictures look as they should, in three channels."""
        image = scene().convert(mode)

        assert difference(read_photo(encoded(image, "PNG")), image) < 1

    def test_sixteen_bits_are_scaled_not_clipped(self) -> None:
        """A clipped 16-bit scan is an all-white picture."""
        levels = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(">u2")
        rows = b"".join(b"\0" + row.tobytes() for row in levels)

        pixels = read_photo(png(64, 64, 16, 0, rows)).pixels

        assert pixels.min() == 0
        assert pixels.max() == 255
        assert abs(float(pixels.mean()) - 127.5) < 1

    @pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
    def test_sixteen_bits_of_every_kind_are_scaled(self, colour: int, channels: int) -> None:
        """Colour, and with a layer of transparency: scanners and editors write them all."""
        levels = np.stack(
            [np.roll(np.linspace(0, 65_535, 4096), 1000 * each) for each in range(channels)], -1
        )
        if colour in {4, 6}:
            levels[:, -1] = 65_535
        rows = levels.reshape(64, 64 * channels).astype(">u2")
        expected = (levels[:, :3] if channels > 2 else levels[:, :1]).reshape(64, 64, -1) / 257

        pixels = read_photo(png(64, 64, 16, colour, b"".join(b"\0" + row.tobytes() for row in rows))).pixels

        assert float(np.abs(pixels - expected).max()) <= 1

    def test_ten_bits_of_a_phone_are_scaled(self) -> None:
        """Newer phones write HEIF with ten bits a channel."""
        levels = np.asarray(scene(), np.uint16) * 257
        image = pillow_heif.from_bytes(mode="RGB;16", size=scene().size, data=levels.tobytes())
        buffer = io.BytesIO()
        image.save(buffer, quality=95, bit_depth=10)

        assert difference(read_photo(buffer.getvalue()), scene()) < 3

    def test_a_grey_jpeg_has_three_equal_channels(self) -> None:
        """Scanned prints; encoders take three channels."""
        pixels = read_photo(encoded(scene().convert("L"))).pixels

        assert np.array_equal(pixels[..., 0], pixels[..., 1])
        assert np.array_equal(pixels[..., 1], pixels[..., 2])

    def test_a_transparent_palette_becomes_white(self) -> None:
        """Stickers and screenshots have palettes."""
        image = scene().quantize(16)

        pixels = read_photo(encoded(image, "PNG", transparency=image.getpixel((160, 120)))).pixels

        assert pixels[120, 160].tolist() == [255, 255, 255]
        assert (pixels[5, 5] != 255).any()

    @pytest.mark.parametrize("form", ["WEBP", "PNG", "AVIF"])
    def test_the_first_picture_of_several_is_read(self, form: str) -> None:
        """A short animation is a photo and more; a file's further pictures cost nothing."""
        others = [Image.new("RGB", (320, 240), (9, 200, 9))] * 3

        photo = read_photo(encoded(scene(), form, save_all=True, append_images=others))

        assert difference(photo, scene()) < 8

    def test_the_first_picture_of_a_phones_pair_is_read(self) -> None:
        """The second one of an MPO is the other eye's, or a depth map."""
        other = Image.new("RGB", (1000, 800), (9, 200, 9))

        photo = read_photo(encoded(scene(), "MPO", save_all=True, append_images=[other]))

        assert (photo.facts.width, photo.facts.height) == (320, 240)
        assert difference(photo, scene()) < 8

    def test_transparent_becomes_white(self) -> None:
        """What the sender did not see must not appear."""
        image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

        assert read_photo(encoded(image, "PNG")).pixels.min() == 255

    def test_a_colour_profile_is_applied_and_a_broken_one_ignored(self) -> None:
        """Colours of clothes are clues; a bad profile is no reason to lose the photo."""
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

        assert difference(read_photo(encoded(scene(), "PNG", icc_profile=profile)), scene()) < 2
        for broken in (b"garbage" * 20, profile[: len(profile) // 2], bytes(1_000_000)):
            assert difference(read_photo(encoded(scene(), "PNG", icc_profile=broken)), scene()) < 2

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
    def test_colours_are_those_of_srgb_whatever_the_profile(
        self, form: str, order: tuple[int, int, int]
    ) -> None:
        """A file whose channels mean other colours shows the same colours afterwards."""
        shown = np.empty_like(np.asarray(scene()))
        for channel, meaning in enumerate(order):
            shown[..., meaning] = np.asarray(scene())[..., channel]

        photo = read_photo(encoded(scene(), form, icc_profile=rgb_profile(*order)))

        assert difference(photo, Image.fromarray(shown)) < 5

    def test_a_profile_of_another_kind_or_size_is_left_alone(self) -> None:
        """A printer's profile on a photo is a mistake; a megabyte of profile is an attack or a press."""
        swapped = rgb_profile(2, 1, 0)
        for profile in (swapped.replace(b"RGB XYZ ", b"CMYKXYZ "), swapped + bytes(LARGEST_PROFILE)):
            assert difference(read_photo(encoded(scene(), "PNG", icc_profile=profile)), scene()) < 2

    @pytest.mark.parametrize("size", [(4032, 3024), (3024, 4032), (4000, 1000)])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_a_large_jpeg_is_never_decoded_in_full(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, *, progressive: bool
    ) -> None:
        """Draft mode: the decoder itself gives half the size, in half the time and less memory."""
        decoded: list[tuple[int, int]] = []

        def shrunk_rgb(image: Image.Image, longest: int) -> Image.Image:
            decoded.append(image.size)
            return _shrunk_rgb(image, longest)

        monkeypatch.setattr("matching.photo._shrunk_rgb", shrunk_rgb)

        photo = read_photo(encoded(scene(*size), progressive=progressive))

        assert decoded == [(size[0] // 2, size[1] // 2)]
        assert (photo.facts.width, photo.facts.height) == size
        assert max(photo.pixels.shape) == SCENE_SIDE

    def test_a_large_photo_is_shrunk_in_shape(self) -> None:
        """Nobody looks at twelve megapixels, and detectors run out of time on them."""
        photo = read_photo(encoded(scene(4032, 3024)))

        assert photo.pixels.shape == (1200, SCENE_SIDE, 3)
        assert (photo.facts.width, photo.facts.height) == (4032, 3024)
        assert difference(photo, scene(4032, 3024).resize((1600, 1200))) < 3


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "reason"),
        [
            (PhotoLimits(most_pixels=320 * 240 - 1), R.TOO_LARGE),
            (PhotoLimits(longest_side=319), R.TOO_LARGE),
            (PhotoLimits(shortest_side=241), R.TOO_SMALL),
        ],
    )
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
    def test_each_limit_has_a_name_and_holds_in_every_format(
        self, form: str, limits: PhotoLimits, reason: UnreadableReason
    ) -> None:
        """An operator may be stricter than the defaults; one pixel beyond is beyond."""
        data = encoded(scene(), form)

        with pytest.raises(UnreadablePhoto) as caught:
            read_photo(data, limits)

        assert caught.value.reason == reason
        exact = PhotoLimits(most_pixels=320 * 240, longest_side=320, shortest_side=240)
        assert read_photo(data, exact).facts.width == 320

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
    def test_the_scene_is_as_large_as_asked(self, form: str) -> None:
        """Shrunk, never enlarged, and the shape stays."""
        data = encoded(scene(), form)

        assert read_photo(data, PhotoLimits(scene_side=160)).pixels.shape == (120, 160, 3)
        assert read_photo(data, PhotoLimits(scene_side=9000)).pixels.shape == (240, 320, 3)


class TestMetadata:
    @pytest.mark.parametrize("orientation", range(10))
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
    def test_all_orientations_show_the_same_upright_picture(self, orientation: int, form: str) -> None:
        """A face that lies on its side is not found."""
        undo = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = scene().transpose(undo[orientation]) if orientation in undo else scene()

        photo = read_photo(encoded(stored, form, exif=exif))

        assert (photo.facts.width, photo.facts.height) == scene().size
        assert difference(photo, scene()) < 8

    @pytest.mark.parametrize(("turns", "undo"), [(1, "ROTATE_270"), (2, "ROTATE_180"), (3, "ROTATE_90")])
    @pytest.mark.parametrize("claimed", [None, 1, 6, 8])
    def test_a_heif_photo_is_turned_by_its_own_box_and_not_once_more(
        self, turns: int, undo: str, claimed: int | None
    ) -> None:
        """An iPhone writes the turn twice; ISO/IEC 23008-12 counts the box, not what EXIF repeats."""
        exif = Image.Exif()
        if claimed is not None:
            exif[0x0112] = claimed
        stored = encoded(scene().transpose(Image.Transpose[undo]), "HEIF", exif=exif, quality=95)
        # The encoder writes no such box: one that says how many bits a pixel has gives way to it.
        at = stored.index(b"pixi")
        data = stored[:at] + b"irot" + bytes((turns,)) + bytes(7) + stored[at + 12 :]

        photo = read_photo(data)

        assert (photo.facts.width, photo.facts.height) == scene().size
        assert difference(photo, scene()) < 8

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
    def test_claims_are_read_in_every_format_and_change_no_pixel(self, form: str) -> None:
        """What a photo says about itself is kept apart from what it shows."""
        exif = exif_of(gps=GPS, taken="2026:03:02 14:05:00", offset="+08:00").tobytes()

        plain, claiming = read_photo(encoded(scene(), form)), read_photo(encoded(scene(), form, exif=exif))

        assert np.array_equal(plain.pixels, claiming.pixels)
        assert plain.facts == PhotoFacts(form, 320, 240)
        assert claiming.facts == PhotoFacts(
            form, 320, 240, "2026-03-02T14:05:00+08:00", 22.543097, -114.057861
        )

    def test_time_and_place_are_read_as_claims(self) -> None:
        """A stripped rendition must not lose where and when, if the phone said so."""
        facts = read_photo(
            encoded(scene(), exif=exif_of(gps=GPS, taken="2026:03:02 14:05:00", offset="+08:00"))
        ).facts

        assert facts.claimed_taken_at == "2026-03-02T14:05:00+08:00"
        assert facts.claimed_latitude == pytest.approx(22.543097)
        assert facts.claimed_longitude == pytest.approx(-114.057861)

    @pytest.mark.parametrize(
        "change",
        [
            {1: "X"},
            {1: 7},
            {2: (9999.0, 0.0, 0.0)},
            {2: (22.0, 99.0, 0.0)},
            {2: (IFDRational(0, 0), 0.0, 0.0)},
            {2: (math.inf, 0.0, 0.0)},
            {2: (22.0,)},
            {4: (180.0, 30.0, 0.0)},
        ],
    )
    def test_impossible_places_are_no_places(self, change: dict[int, object]) -> None:
        """NaN on a map, or a point at 9,999 degrees, must not get past the reader."""
        facts = read_photo(encoded(scene(), exif=exif_of(gps={**GPS, **change}))).facts

        assert facts.claimed_latitude is None
        assert facts.claimed_longitude is None

    @pytest.mark.parametrize(
        "taken", ["0000:00:00 00:00:00", "9999:12:31 23:59:59", "yesterday", "", "2026:02:30 10:00:00"]
    )
    def test_impossible_times_are_no_times(self, taken: str) -> None:
        """A camera without a clock writes nonsense."""
        assert read_photo(encoded(scene(), exif=exif_of(taken=taken))).facts.claimed_taken_at is None

    def test_broken_metadata_does_not_lose_the_photo(self) -> None:
        """A loop or garbage in EXIF costs the claims, not the picture."""
        loop = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
        for content in (loop, b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"):
            assert read_photo(with_segment(GOOD, 0xE1, content)).facts.claimed_taken_at is None

    def test_nothing_of_the_file_but_its_pixels_reaches_a_rendition(self) -> None:
        """Comments, EXIF, profiles and trailing bytes may carry scripts, names and places."""
        script = b"<script>alert(1)</script>"
        data = with_segment(
            encoded(scene(), exif=exif_of(gps=GPS, taken="2026:03:02 14:05:00")), 0xFE, script
        )
        data = with_segment(data, 0xE2, b"ICC_PROFILE\0\x01\x01" + script) + b"PK\x03\x04" + script

        rendition = scene_jpeg(read_photo(data).pixels)

        for trace in (
            script,
            b"Exif",
            b"2026:03:02",
            b"ICC_PROFILE",
            b"PK\x03\x04",
            b"\xff\xfe",
            b"\xff\xe1",
        ):
            assert trace not in rendition


GPS: dict[int, object] = {1: "N", 2: (22.0, 32.0, 35.15), 3: "W", 4: (114.0, 3.0, 28.3)}


def exif_of(
    gps: dict[int, object] | None = None, taken: str | None = None, offset: str | None = None
) -> Image.Exif:
    exif = Image.Exif()
    if gps is not None:
        exif.get_ifd(0x8825).update(gps)
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    if offset is not None:
        exif.get_ifd(0x8769)[0x9011] = offset
    return exif
