"""Clusters in the database: what joins, what does not, and what an officer undid."""

import io
import threading
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from app.audit.service import SYSTEM
from app.core.context import Context
from app.core.errors import Conflict
from app.encoders import reencoding
from app.encoders import service as encoders
from app.encoders.service import EncoderKey
from app.photos import joining, moving, queries
from app.photos.models import (
    LinkDerived,
    LinkKind,
    Photo,
    PhotoFingerprint,
    PhotoHash,
    PhotoLink,
    PhotoState,
    PhotoWord,
)
from matching.edits import EDITS, compressed
from matching.hashing import bands, picture_hash, to_signed
from matching.photo import Pixels, read_photo
from matching.pictures.fingerprint import fingerprint
from matching.pictures.same_picture import Derived, Kind
from tests.app.encoders.stub import NEW, Finds, examination
from tests.make import Make
from tests.matching.pictures import face_file

STREET = read_photo(face_file("p0040-tip1")).pixels
OTHER = read_photo(face_file("p0045-tip0")).pixels


def edited(pixels: Pixels, edit: str, seed: int = 7) -> Pixels:
    image = EDITS[edit](Image.fromarray(pixels), np.random.default_rng(seed))
    with Image.open(io.BytesIO(compressed(image))) as passed_on:
        return np.asarray(passed_on.convert("RGB"))


class Album:
    """Sends pictures as if they had been examined."""

    def __init__(self, context: Context, make: Make) -> None:
        self.context, self.make = context, make

    def file(self, pixels: Pixels, *, hashed_only: bool = False) -> UUID:
        """A tip's photo as the examination leaves it; `hashed_only` as an earlier version left it."""
        tip = self.make.tip()
        with self.context.db.write() as session:
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
            photo.cluster_id = None
            session.add(photo)
            found = picture_hash(pixels)
            quarters = dict(zip(("band0", "band1", "band2", "band3"), bands(found.phash), strict=True))
            session.add(
                PhotoHash(
                    photo_id=photo.id,
                    phash=to_signed(found.phash),
                    verification=found.verification,
                    detail=found.detail,
                    **quarters,
                )
            )
            if not hashed_only:
                joining.keep_fingerprint(session, photo.id, fingerprint(pixels))
        return photo.id

    def send(self, pixels: Pixels, *, hashed_only: bool = False) -> UUID:
        """The same, and joined."""
        photo_id = self.file(pixels, hashed_only=hashed_only)
        joining.join_cluster(self.context.db, photo_id)
        return photo_id

    def cluster(self, photo_id: UUID) -> UUID | None:
        with self.context.db.read() as session:
            return session.get_one(Photo, photo_id).cluster_id

    def links(self, photo_id: UUID) -> list[PhotoLink]:
        with self.context.db.read() as session:
            return queries.links_of(session, [photo_id]).get(photo_id, [])


@pytest.fixture
def album(context: Context, make: Make) -> Album:
    return Album(context, make)


class TestJoining:
    def test_a_crop_joins_and_says_what_it_is_a_part_of(self, album: Album) -> None:
        """Officers see the picture once and read why."""
        first = album.send(STREET)
        crop = album.send(edited(STREET, "crop to 25 %"))
        stranger = album.send(OTHER)

        assert album.cluster(crop) == album.cluster(first) != album.cluster(stranger)
        (link,) = album.links(crop)
        assert (link.other_id, link.kind, link.derived) == (first, LinkKind.CROP, LinkDerived.FIRST)
        assert link.joined
        assert (link.keypoints or 0) >= 6
        assert (link.agreement or 0) >= 0.9
        assert album.links(first) == album.links(stranger) == []

    def test_the_order_of_arrival_does_not_change_the_cluster(self, album: Album) -> None:
        """Whoever sent first: the whole, its part or its mirror image."""
        copies = [STREET, edited(STREET, "crop to 50 %"), edited(STREET, "mirrored")]
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
            sent = [album.send(copies[place]) for place in order]
            assert len({album.cluster(photo_id) for photo_id in sent}) == 1

    def test_the_same_bytes_join_even_if_nothing_can_be_seen_on_them(self, album: Album) -> None:
        """A flat picture is known by its file alone, and joins no other flat picture."""
        flat = np.full((60, 80, 3), 90, np.uint8)
        one, two = album.file(flat), album.file(flat)
        with album.context.db.write() as session:
            photo = session.get_one(Photo, two)
            photo.sha256 = session.get_one(Photo, one).sha256
            session.add(photo)
        joining.join_cluster(album.context.db, one)
        joining.join_cluster(album.context.db, two)
        other = album.send(flat)

        assert album.cluster(one) == album.cluster(two) != album.cluster(other)
        assert [link.kind for link in album.links(two)] == [LinkKind.SAME_FILE]
        with album.context.db.read() as session:
            assert session.exec(select(PhotoFingerprint)).first() is None

    def test_a_repeated_step_changes_nothing(self, album: Album) -> None:
        """A killed worker's tip is taken up again from wherever it stood."""
        album.send(STREET)
        copy = album.send(edited(STREET, "screenshot"))
        before = (album.cluster(copy), [link.model_dump() for link in album.links(copy)])
        with album.context.db.write() as session:
            words = len(session.exec(select(PhotoWord)).all())
            joining.keep_fingerprint(session, copy, fingerprint(edited(STREET, "screenshot")))

        joining.join_cluster(album.context.db, copy)

        assert (album.cluster(copy), [link.model_dump() for link in album.links(copy)]) == before
        with album.context.db.read() as session:
            assert len(session.exec(select(PhotoWord)).all()) == words

    def test_photos_from_before_fingerprints_are_still_found(self, album: Album) -> None:
        """An upgrade forgets no picture: it is known by the hash it had."""
        old = album.send(STREET, hashed_only=True)
        new = album.send(edited(STREET, "recompressed"))

        assert album.cluster(new) == album.cluster(old)
        (link,) = album.links(new)
        assert (link.kind, link.keypoints) == (LinkKind.COPY, None)

    def test_going_through_photos_again_gives_them_the_fingerprints_they_lack(
        self, album: Album, context: Context, make: Make
    ) -> None:
        """After `homeward reencode` parts of old pictures are known, too; references have no fingerprint."""
        old = album.send(STREET, hashed_only=True)
        make.record()
        with context.db.write() as session:
            encoder = encoders.enrol(session, EncoderKey(*NEW), SYSTEM)

        reencoding.reencode(context, encoder, Finds(replace(examination(), fingerprint=fingerprint(STREET))))
        crop = album.send(edited(STREET, "crop to 50 %"))

        assert album.cluster(crop) == album.cluster(old)
        with context.db.read() as session:
            assert {row.photo_id for row in session.exec(select(PhotoFingerprint))} == {old, crop}

    def test_an_unreadable_photo_gets_no_cluster(self, album: Album) -> None:
        """Nothing is known of it but its bytes."""
        photo_id = album.file(np.full((60, 80, 3), 9, np.uint8))
        with album.context.db.write() as session:
            photo = session.get_one(Photo, photo_id)
            photo.state = PhotoState.PARKED
            session.add(photo)

        joining.join_cluster(album.context.db, photo_id)

        assert album.cluster(photo_id) is None

    def test_copies_that_come_in_together_end_together(self, album: Album) -> None:
        """Two workers must not each start a cluster for one picture."""
        photo_ids = [album.file(edited(STREET, "recompressed")) for _ in range(4)]
        threads = [
            threading.Thread(target=joining.join_cluster, args=(album.context.db, photo_id))
            for photo_id in photo_ids
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len({album.cluster(photo_id) for photo_id in photo_ids}) == 1

    def test_a_word_that_many_photos_have_is_not_filed_again(
        self, album: Album, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lookup in a city's photos reads a bounded number of rows."""
        monkeypatch.setattr(joining, "COMMON_WORD", 2)
        photo_ids = [album.send(STREET) for _ in range(4)]

        assert len({album.cluster(photo_id) for photo_id in photo_ids}) == 1
        with album.context.db.read() as session:
            keypoints = [
                row.number for row in session.exec(select(PhotoWord).where(PhotoWord.word >= 1 << 24))
            ]
        assert set(keypoints) == {1, 2}


class TestTwoClusters:
    def test_a_photo_of_two_clusters_joins_one_and_tells_of_the_other(self, album: Album) -> None:
        """Officers may have decided on both; a collage must not mix their photos."""
        below = read_photo(face_file("p0044-tip1")).pixels
        first, second = album.send(STREET), album.send(below)

        collage = album.send(np.concatenate([STREET, below]))

        assert album.cluster(first) != album.cluster(second)
        assert album.cluster(collage) in {album.cluster(first), album.cluster(second)}
        links = album.links(collage)
        assert [link.joined for link in links] == [True, False]
        assert {link.other_id for link in links} == {first, second}


class TestByHand:
    def test_what_was_taken_out_stays_out(self, album: Album) -> None:
        """Neither does it join again, nor does anything join it."""
        first = album.send(STREET)
        copy = album.send(edited(STREET, "recompressed"))
        with album.context.db.write() as session:
            moving.separate(session, copy, SYSTEM)
        later = album.send(edited(STREET, "half the size"))

        assert album.cluster(copy) != album.cluster(first) == album.cluster(later)
        (link,) = album.links(copy)
        assert not link.joined
        assert link.undone_at is not None

    def test_a_join_by_hand_is_undone(self, album: Album) -> None:
        """Every merge can be undone, an officer's too."""
        one, other = album.send(STREET), album.send(OTHER)
        with album.context.db.write() as session:
            moving.join(session, one, other, SYSTEM)
        assert album.cluster(one) == album.cluster(other)
        assert [(link.kind, link.joined) for link in album.links(one)] == [(LinkKind.BY_HAND, True)]

        with album.context.db.write() as session:
            moving.separate(session, one, SYSTEM)

        assert album.cluster(one) != album.cluster(other)
        assert [link.joined for link in album.links(one)] == [False]

    def test_photos_that_are_together_are_not_joined_again(self, album: Album) -> None:
        """No step is done twice."""
        first = album.send(STREET)
        copy = album.send(edited(STREET, "recompressed"))

        with album.context.db.write() as session, pytest.raises(Conflict):
            moving.join(session, copy, first, SYSTEM)


def test_the_words_of_the_library_are_those_of_the_tables() -> None:
    """The web process, which loads no picture library, shows what the library found."""
    assert {kind.value for kind in Kind} == {kind.value for kind in LinkKind} - {"same_file", "by_hand"}
    assert {derived.value for derived in Derived} == {derived.value for derived in LinkDerived}
