"""Knowing a picture again: edited copies of renderings of people who do not exist, and strangers."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from matching.edits import EDITS, compressed
from matching.photo import Pixels, read_photo
from matching.pictures.alignment import align
from matching.pictures.borders import unframed
from matching.pictures.fingerprint import LONGEST, Fingerprint, fingerprint
from matching.pictures.keypoints import (
    KEYPOINT_BYTES,
    MIRRORED_BITS,
    MOST_KEYPOINTS,
    Keypoints,
    find_keypoints,
)
from matching.pictures.pdq import (
    SAME_PDQ,
    Pdq,
    band_words,
    near_band_words,
    pdq_distance,
    pdq_distances,
    pdq_views,
    same_pdq,
)
from matching.pictures.same_picture import Derived, Kind, SameAs, same_picture
from matching.pictures.shelf import Shelf
from tests.matching.pictures import FACES

PICTURES = {path.stem: read_photo(path.read_bytes()).pixels for path in sorted(FACES.glob("*.jpg"))}
STREETS = {name: pixels for name, pixels in PICTURES.items() if "tip" in name}
PRINTS = {name: fingerprint(pixels) for name, pixels in PICTURES.items()}
STREET = "p0040-tip1"
hashes = st.binary(min_size=32, max_size=32).map(lambda bits: Pdq(bits, 100))


def edited(name: str, edit: str, seed: int = 7) -> Fingerprint:
    """The fingerprint of a picture after an edit and one more compression."""
    image = EDITS[edit](Image.fromarray(PICTURES[name]), np.random.default_rng(seed))
    with Image.open(io.BytesIO(compressed(image))) as passed_on:
        return fingerprint(np.asarray(passed_on.convert("RGB")))


def found(copy: Fingerprint, name: str = STREET) -> SameAs:
    same = same_picture(copy, PRINTS[name])
    assert same is not None
    return same


class TestPdq:
    def test_a_known_picture_has_its_known_hash(self) -> None:
        """Exchanged hashes are worth something only if everybody computes the same ones."""
        across, down = np.meshgrid(np.arange(128), np.arange(128))
        levels = (((across // 16) * (down // 16)) % 7 * 40).astype(np.uint8)

        hashed = pdq_views(np.stack([levels] * 3, axis=-1)).plain

        assert hashed.quality == 100
        assert hashed.hexadecimal == "1e4117833ec55adaead4e3bc3e9164e631393131052fbc6305bb8d2f943e6a5c"

    @given(hashes, hashes, hashes)
    def test_the_distance_is_a_metric(self, a: Pdq, b: Pdq, c: Pdq) -> None:
        """Clusters by a distance that is none would depend on the order of arrival."""
        assert pdq_distance(a, b) == pdq_distance(b, a)
        assert (pdq_distance(a, b) == 0) == (a == b)
        assert pdq_distance(a, c) <= pdq_distance(a, b) + pdq_distance(b, c)

    @settings(deadline=None)
    @given(hashes, st.sets(st.integers(0, 255), max_size=SAME_PDQ))
    def test_every_hash_within_reach_shares_a_word(self, pdq: Pdq, flipped: set[int]) -> None:
        """The lookup by words is exact, not approximate, up to the distance that counts as the same."""
        bits = int.from_bytes(pdq.bits, "big")
        for bit in flipped:
            bits ^= 1 << bit
        near = Pdq(bits.to_bytes(32, "big"), 100)

        assert pdq_distance(pdq, near) == len(flipped)
        assert set(band_words(near).tolist()) & set(near_band_words([pdq]).tolist())

    @given(st.lists(hashes, max_size=4), st.lists(hashes, max_size=5))
    def test_many_distances_are_those_of_pairs(self, sought: list[Pdq], filed: list[Pdq]) -> None:
        """What a city's photos are sifted with is the distance itself; an empty hash is near nothing."""
        texts = [*(pdq.hexadecimal for pdq in filed), ""]

        expected = [min((pdq_distance(one, pdq) for one in sought), default=256) for pdq in filed]

        assert pdq_distances(sought, texts).tolist() == [*expected, 256]

    @given(hashes)
    def test_a_hash_survives_being_exchanged(self, pdq: Pdq) -> None:
        """Sixty-four digits say all of it."""
        assert Pdq.from_hexadecimal(pdq.hexadecimal, pdq.quality) == pdq

    @pytest.mark.parametrize("text", ["", "ff", "x" * 64, "f" * 65])
    def test_what_is_no_hash_is_refused(self, text: str) -> None:
        """Half a hash would be near everything."""
        with pytest.raises(ValueError, match=r"."):
            Pdq.from_hexadecimal(text)

    def test_a_picture_without_detail_says_nothing(self) -> None:
        """All dark pockets have one hash."""
        flat = pdq_views(np.full((200, 300, 3), 90, np.uint8)).plain

        assert not flat.usable
        assert not same_pdq(flat, flat)

    def test_turned_and_mirrored_views_are_those_of_pictures_turned_and_mirrored(self) -> None:
        """A probe is looked up in all its views, whatever way the copy was turned."""
        pixels = PICTURES[STREET]
        views = pdq_views(pixels)

        for turns, view in zip((1, 2, 3), views.turned, strict=True):
            assert same_pdq(view, pdq_views(np.ascontiguousarray(np.rot90(pixels, turns))).plain)
        assert same_pdq(views.mirrored[0], pdq_views(np.ascontiguousarray(pixels[:, ::-1])).plain)
        assert same_pdq(views.mirrored[1], pdq_views(np.ascontiguousarray(pixels[::-1])).plain)


class TestBorders:
    @pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 40, 90)])
    def test_a_border_is_cut_away(self, colour: tuple[int, int, int]) -> None:
        """What is left is the picture, less a line or two that JPEG mixed with the border."""
        picture = Image.fromarray(PICTURES["p0042-tip0"])
        framed = np.asarray(ImageOps.expand(picture, (50, 90, 50, 60), colour))

        left, top, content = unframed(framed)

        assert (50 <= left <= 54, top >= 90) == (True, True)
        assert abs(content.shape[1] - picture.width) <= 8

    def test_a_plain_picture_stays_whole(self) -> None:
        """There would be nothing left of it."""
        flat = np.full((100, 140, 3), 70, np.uint8)

        left, top, content = unframed(flat)

        assert (left, top, content.shape) == (0, 0, flat.shape)

    def test_grain_is_no_border(self) -> None:
        """A photographed wall is a part of the photo."""
        noise = np.random.default_rng(3).integers(0, 255, (200, 200, 3)).astype(np.uint8)
        noise[:60] = np.random.default_rng(4).normal(120, 6, (60, 200, 3)).clip(0, 255).astype(np.uint8)

        assert unframed(noise)[2].shape == noise.shape


class TestKeypoints:
    def test_they_are_found_alike_in_every_process(self) -> None:
        """Nothing is left to chance, so that examining twice changes nothing."""
        pixels = PICTURES[STREET]

        assert find_keypoints(pixels).to_bytes() == find_keypoints(pixels.copy()).to_bytes()

    def test_a_flat_picture_has_none(self) -> None:
        """Nor does it break anything."""
        assert len(find_keypoints(np.zeros((64, 64, 3), np.uint8))) == 0

    @given(st.integers(0, MOST_KEYPOINTS).flatmap(lambda n: st.binary(min_size=22 * n, max_size=22 * n)))
    def test_any_bytes_of_a_right_length_are_keypoints(self, data: bytes) -> None:
        """A hostile child can send strange keypoints, none that break the arithmetic."""
        keypoints = Keypoints.from_bytes(data)

        assert KEYPOINT_BYTES == 22
        assert len(keypoints) == len(data) // 22
        assert np.isfinite(keypoints.places).all()
        assert (keypoints.sizes > 0).all()
        assert keypoints.to_bytes() == data

    @pytest.mark.parametrize("length", [1, 21, 22 * (MOST_KEYPOINTS + 1)])
    def test_other_lengths_are_refused(self, length: int) -> None:
        """Keypoints beyond the number agreed on would slow every comparison."""
        with pytest.raises(ValueError, match="22 bytes"):
            Keypoints.from_bytes(bytes(length))

    def test_mirroring_twice_changes_nothing(self) -> None:
        """A mirrored copy of a mirrored copy is a copy."""
        keypoints = PRINTS[STREET].keypoints
        twice = keypoints.mirrored(1.0).mirrored(1.0)

        assert np.allclose(twice.places, keypoints.places)
        assert np.allclose(np.exp(1j * twice.angles), np.exp(1j * keypoints.angles))
        assert (twice.codes == keypoints.codes).all()
        assert sorted(MIRRORED_BITS.tolist()) == list(range(128))

    def test_mirrored_keypoints_are_those_of_the_mirrored_picture(self) -> None:
        """One examination finds mirrored copies too; no second one is needed."""
        pixels = PICTURES[STREET]
        expected = find_keypoints(np.ascontiguousarray(pixels[:, ::-1]))

        pose = align(find_keypoints(pixels).mirrored(1.0), expected)

        assert pose is not None
        assert pose.agreeing >= 80
        assert abs(pose.factor - 1) < 0.01

    @settings(deadline=None, max_examples=30)
    @given(st.floats(0.3, 3), st.floats(-3.1, 3.1), st.complex_numbers(max_magnitude=1, allow_nan=False))
    def test_a_pose_is_found_whatever_it_is(self, scale: float, turn: float, shift: complex) -> None:
        """Crops, turns and frames are all poses."""
        first = PRINTS[STREET].keypoints
        factor = scale * np.exp(1j * turn)
        second = Keypoints(
            first.places * factor + shift, first.sizes * scale, first.angles + turn, first.codes
        )

        pose = align(first, second)

        assert pose is not None
        assert abs(pose.factor - factor) < 0.02 * scale
        assert abs(pose.carry(first.places) - second.places).max() < 0.02
        assert abs(pose.fetch(second.places) - first.places).max() < 0.02 / scale


class TestFingerprint:
    @pytest.mark.parametrize("name", sorted(PRINTS))
    def test_it_is_written_and_read_without_loss(self, name: str) -> None:
        """What is compared next year is what was seen today."""
        data = PRINTS[name].to_bytes()

        assert Fingerprint.from_bytes(data) == PRINTS[name]
        assert len(data) <= LONGEST <= 13_500

    @settings(deadline=None, max_examples=200)
    @given(st.data())
    def test_changed_bytes_are_refused_or_still_sound(self, data: st.DataObject) -> None:
        """A hostile child's fingerprint is compared with others without an error, or not at all."""
        written = bytearray(PRINTS[STREET].to_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, 3))
        try:
            changed = Fingerprint.from_bytes(bytes(written[: len(written) - cut]))
        except ValueError:
            return

        same_picture(changed, PRINTS[STREET])
        same_picture(PRINTS["p0042-tip0"], changed)

    @settings(deadline=None, max_examples=25)
    @given(st.integers(32, 300), st.integers(32, 300), st.integers(0, 2**32 - 1), st.integers(0, 120))
    def test_every_picture_has_one(self, width: int, height: int, seed: int, noise: int) -> None:
        """Tiny, narrow, flat and noisy pictures are looked into like all others."""
        levels = np.random.default_rng(seed).normal(128, noise, (height, width, 3))
        picture = fingerprint(levels.clip(0, 255).astype(np.uint8))

        assert Fingerprint.from_bytes(picture.to_bytes()) == picture
        assert same_picture(picture, picture) is None or picture.usable


class TestCopies:
    @pytest.mark.parametrize("edit", sorted(EDITS))
    def test_edited_copies_are_known_again(self, edit: str) -> None:
        """Officers must see a repost once, whatever was done to it."""
        known = [same_picture(edited(name, edit), PRINTS[name]) is not None for name in STREETS]

        assert sum(known) >= 0.75 * len(known)

    def test_different_pictures_stay_apart(self) -> None:
        """Two photos of one child, or of one street, are two pictures."""
        for one, other in itertools.combinations(PRINTS, 2):
            assert same_picture(PRINTS[one], PRINTS[other]) is None, (one, other)

    @pytest.mark.parametrize("edit", ["screenshot", "caption above", "watermark", "stickers", "border"])
    def test_the_same_frame_makes_no_two_pictures_one(self, edit: str) -> None:
        """Two screenshots of one app, two pictures with one logo, show different children."""
        copies = [edited(name, edit) for name in STREETS]

        for one, other in itertools.combinations(copies, 2):
            assert same_picture(one, other) is None

    def test_one_banner_makes_no_two_pictures_one(self) -> None:
        """Nothing but the banner overlaps when one has it above and the other below."""
        banner = np.random.default_rng(2).integers(0, 255, (12, 64, 3)).astype(np.uint8)
        strip = np.asarray(Image.fromarray(banner).resize((1024, 192), Image.Resampling.BICUBIC))
        above = fingerprint(np.concatenate([strip, PICTURES[STREET]]))
        below = fingerprint(np.concatenate([PICTURES["p0044-tip1"], strip]))

        pose = align(above.keypoints, below.keypoints)

        assert pose is not None
        assert pose.agreeing >= 20
        assert same_picture(above, below) is None

    @pytest.mark.parametrize("noise", [0, 2, 8])
    def test_flat_pictures_never_join(self, noise: int) -> None:
        """Without this every photo of a dark pocket would be one cluster."""
        levels = np.random.default_rng(1).normal(128, noise, (300, 400, 3))
        flat = fingerprint(levels.clip(0, 255).astype(np.uint8))

        assert not flat.usable
        assert same_picture(flat, flat) is None

    def test_it_does_not_matter_which_of_the_two_came_first(self) -> None:
        """A crop may be sent before the picture it was cut from."""
        for edit in ("crop to 50 %", "screenshot", "mirrored", "turned by 8 degrees", "stickers"):
            copy = edited(STREET, edit)

            assert same_picture(copy, PRINTS[STREET]) is not None
            assert same_picture(PRINTS[STREET], copy) is not None

    def test_a_mirrored_mirrored_copy_is_a_copy(self) -> None:
        """And not a mirrored one."""
        mirrored = EDITS["mirrored"](Image.fromarray(PICTURES[STREET]), np.random.default_rng(1))
        twice = fingerprint(np.asarray(ImageOps.mirror(mirrored)))

        assert found(twice).kind == Kind.COPY


class TestKinds:
    @pytest.mark.parametrize(
        ("edit", "kind"),
        [
            ("recompressed", Kind.COPY),
            ("quarter of the size", Kind.COPY),
            ("greyscale", Kind.COPY),
            ("crop to 50 %", Kind.CROP),
            ("screenshot", Kind.SCREENSHOT),
            ("mirrored, recompressed", Kind.MIRRORED),
            ("turned by 8 degrees", Kind.ROTATED),
            ("stickers", Kind.EDITED),
            ("caption below", Kind.EDITED),
            ("border", Kind.EDITED),
        ],
    )
    def test_what_a_copy_is_of_its_picture_is_said(self, edit: str, kind: Kind) -> None:
        """An officer reads why two photos are called one."""
        assert found(edited(STREET, edit)).kind == kind

    @pytest.mark.parametrize("edit", ["crop to 25 %", "screenshot", "caption above"])
    def test_which_of_the_two_is_derived_is_said(self, edit: str) -> None:
        """The other way round it is the picture that a part or a screenshot was made of."""
        copy = edited(STREET, edit)
        backwards = same_picture(PRINTS[STREET], copy)

        assert found(copy).derived == Derived.FIRST
        assert backwards is not None
        assert backwards.derived == Derived.SECOND

    @pytest.mark.parametrize("degrees", [-20, -8, 8, 35])
    def test_the_angle_is_measured(self, degrees: int) -> None:
        """Evidence is numbers that can be checked."""
        turned = Image.fromarray(PICTURES[STREET]).rotate(degrees, Image.Resampling.BICUBIC, expand=True)

        same = found(fingerprint(np.asarray(turned)))

        assert same.turned == pytest.approx(degrees, abs=0.5)

    def test_a_crop_shows_its_share(self) -> None:
        """A quarter of the area is a quarter."""
        same = found(fingerprint(np.ascontiguousarray(PICTURES[STREET][384:, 256:768])))

        assert same.kind == Kind.CROP
        assert same.shown[0] > 0.9
        assert 0.15 < same.shown[1] < 0.5


class TestShelf:
    def test_what_is_found_does_not_depend_on_the_order_of_filing(self) -> None:
        """Whoever sends first, a picture's copies are the same."""
        names = list(PRINTS)
        copy = edited(STREET, "crop to 50 %")
        results = []
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(names).tolist()
            shelf = Shelf()
            for name in order:
                shelf.add(PRINTS[name])
            results.append({order[place] for place in shelf.same_as(copy)})

        assert results == [{STREET}] * 3

    def test_a_flat_picture_is_found_by_nobody(self) -> None:
        """It has no words."""
        flat: Pixels = np.full((90, 120, 3), 5, np.uint8)
        shelf = Shelf()
        shelf.add(fingerprint(flat))

        assert shelf.worth_a_look(fingerprint(flat)) == []
