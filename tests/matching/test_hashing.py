import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matching.hashing import (
    SAME_PICTURE_DISTANCE,
    SAME_PICTURE_VERIFICATION,
    PictureHash,
    band_keys,
    bands,
    from_signed,
    hash_distance,
    picture_hash,
    same_picture,
    to_signed,
    verification_distance,
)
from matching.photo import read_photo
from tests.matching.pictures import FACES, encoded, scene

hashes = st.integers(0, 2**64 - 1)
PICTURES = {path.stem: read_photo(path.read_bytes()).pixels for path in sorted(FACES.glob("*.jpg"))}
HASHES = {name: picture_hash(pixels) for name, pixels in PICTURES.items()}


class TestSamePicture:
    @pytest.mark.parametrize(("size", "quality"), [(1, 20), (0.5, 70), (0.25, 50), (0.75, 30), (1.5, 60)])
    def test_resized_and_recompressed_copies_join(self, size: float, quality: int) -> None:
        """Officers must see a repost once; copies keep half of the allowed distance in reserve."""
        for name, pixels in PICTURES.items():
            image = Image.fromarray(pixels)
            copy = image.resize((round(image.width * size), round(image.height * size)))
            copied = picture_hash(read_photo(encoded(copy, quality=quality)).pixels)

            assert same_picture(HASHES[name], copied)
            assert hash_distance(HASHES[name].phash, copied.phash) <= 4
            assert verification_distance(HASHES[name].verification, copied.verification) <= 10

    def test_different_pictures_stay_apart(self) -> None:
        """Two portraits of one child, or of two before the same wall, are two pictures."""
        for one, other in itertools.combinations(HASHES.values(), 2):
            assert not same_picture(one, other)
            assert verification_distance(one.verification, other.verification) >= 28

    @pytest.mark.parametrize("noise", [0, 2, 8])
    def test_flat_pictures_never_join(self, noise: int) -> None:
        """Without this every photo of a dark pocket would be one cluster."""
        generator = np.random.default_rng(1)
        flat = np.clip(generator.normal(128, noise, (300, 400, 3)), 0, 255).astype(np.uint8)

        blank = picture_hash(flat)

        assert not blank.usable
        assert not same_picture(blank, blank)

    def test_the_verification_decides_where_the_short_hash_is_too_short(self) -> None:
        """64 bits alone join portraits before the same ground: distance 6 occurs among 22,578 pairs."""
        one = PictureHash(1 << 20, bytes(32), 40.0)
        other = PictureHash(1 << 20, b"\xff" * 3 + bytes(29), 40.0)

        assert hash_distance(one.phash, other.phash) == 0
        assert verification_distance(one.verification, other.verification) > SAME_PICTURE_VERIFICATION
        assert not same_picture(one, other)

    def test_the_hash_does_not_depend_on_luck(self) -> None:
        """The same pixels give the same hash in every process."""
        assert picture_hash(np.asarray(scene())) == picture_hash(np.asarray(scene()).copy())


class TestDistance:
    @given(hashes, hashes, hashes)
    def test_it_is_a_metric(self, a: int, b: int, c: int) -> None:
        """Clusters by a distance that is none would depend on the order of arrival."""
        assert hash_distance(a, b) == hash_distance(b, a)
        assert (hash_distance(a, b) == 0) == (a == b)
        assert hash_distance(a, c) <= hash_distance(a, b) + hash_distance(b, c)

    def test_a_verification_of_the_wrong_length_is_refused(self) -> None:
        """Comparing two kinds of hash would give a number that means nothing."""
        with pytest.raises(ValueError, match="32 bytes"):
            verification_distance(bytes(32), bytes(8))


class TestBands:
    @settings(deadline=None)
    @given(hashes, st.sets(st.integers(0, 63), max_size=SAME_PICTURE_DISTANCE))
    def test_every_hash_within_reach_is_found_by_a_band(self, phash: int, flipped: set[int]) -> None:
        """The SQL search by bands is exact, not approximate, up to the distance that joins pictures."""
        near = phash
        for bit in flipped:
            near ^= 1 << bit

        assert any(band in keys for band, keys in zip(bands(near), band_keys(phash), strict=True))

    @given(hashes)
    def test_a_hash_survives_the_database(self, phash: int) -> None:
        """SQL has no unsigned 64-bit numbers."""
        assert -(2**63) <= to_signed(phash) < 2**63
        assert from_signed(to_signed(phash)) == phash

    @given(hashes)
    def test_bands_are_the_hash(self, phash: int) -> None:
        """Nothing is lost between the hash and its quarters."""
        first, second, third, fourth = bands(phash)
        assert (first << 48) | (second << 32) | (third << 16) | fourth == phash
        assert all(len(set(keys)) == 17 for keys in band_keys(phash))
