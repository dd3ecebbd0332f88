"""Re-encoding: every retained face gets the new template, no face is lost or renumbered."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import numpy as np
import pytest
from sqlmodel import Session, col, select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM
from app.core.context import Context
from app.encoders import queries, reencoding, service
from app.encoders.models import EnrolledEncoder, PhotoEncoding
from app.encoders.same_faces import overlap, same_faces
from app.encoders.service import EncoderKey
from app.photos.examine_server import ExaminationFailure
from app.photos.models import Face, Photo, Rendition, RenditionKind, Template
from app.photos.sandbox import ExaminationFailed
from app.records.models import Reference
from matching.formats import UnreadablePhoto, UnreadableReason
from matching.rendition import Box
from tests.app.encoders.stub import NEW, Finds, examination
from tests.make import Make

Row = TypeVar("Row")

KNOWN = Box(8, 8, 24, 24)
OTHER = Box(40, 10, 12, 14)
ELSEWHERE = Box(36, 34, 10, 12)


@pytest.fixture
def encoder(context: Context) -> EnrolledEncoder:
    """The encoder that the deployment moves to."""
    with context.db.write() as session:
        return service.enrol(session, EncoderKey(*NEW), SYSTEM)


def all_of(context: Context, table: type[Row]) -> Sequence[Row]:
    with context.db.read() as session:
        return session.exec(select(table)).all()


def faces(session: Session) -> list[tuple[int, Box]]:
    rows = session.exec(select(Face).order_by(col(Face.position)))
    return [(face.position, Box(face.left, face.top, face.width, face.height)) for face in rows]


class TestFaces:
    def test_a_face_found_again_gets_its_template_and_keeps_its_row(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """Candidates hang on the row; the new detector's box is a little different."""
        candidate = make.candidate()
        with context.db.read() as session:
            tip_photo = session.exec(select(Photo.id).where(Photo.tip_id == candidate.tip_id)).one()

        reencoding.reencode_photo(context, encoder, Finds(examination(Box(9, 6, 22, 27))), tip_photo)

        with context.db.read() as session:
            face = session.get_one(Face, candidate.face_id)
            assert (face.position, face.left, face.width) == (0, 8, 24)
            made = session.exec(select(Template).where(Template.face_id == face.id)).one()
        assert (made.encoder, made.encoder_version) == NEW

    def test_a_face_newly_found_is_added_behind_the_known_ones(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """With its crop; the redacted scene then hides it, too."""
        make.tip()
        before = {each.id: each.store_key for each in all_of(context, Rendition)}

        reencoding.reencode(context, encoder, Finds(examination(OTHER, KNOWN)))

        with context.db.read() as session:
            assert faces(session) == [(0, KNOWN), (1, OTHER)]
            crop = session.exec(select(Rendition).where(Rendition.face_position == 1)).one()
            assert context.store.get(crop.store_key, crop.sealed_key)
            redacted = session.exec(select(Rendition).where(Rendition.kind == RenditionKind.REDACTED)).one()
            assert redacted.store_key != before[redacted.id]
            assert context.store.get(redacted.store_key, redacted.sealed_key)
        assert all_of(context, PhotoEncoding)[0].faces_added == 1

    def test_a_face_not_found_again_is_looked_for_in_its_crop(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """It stays; and the redacted scene, which hides it, stays too."""
        make.tip()
        before = {each.store_key for each in all_of(context, Rendition)}
        finds = Finds(examination(OTHER), examination(Box(90, 80, 140, 150), width=320, height=320))

        reencoding.reencode(context, encoder, finds)

        with context.db.read() as session:
            assert faces(session) == [(0, KNOWN), (1, OTHER)]
            assert queries.coverage(session, encoder).share == 1.0
        assert before < {each.store_key for each in all_of(context, Rendition)}

    @pytest.mark.parametrize(
        "second",
        [
            examination(Box(2, 2, 40, 40), width=320, height=320),
            examination(),
            UnreadablePhoto(UnreadableReason.DAMAGED),
        ],
        ids=["another face at the border", "no face", "unreadable"],
    )
    def test_a_face_found_nowhere_is_counted(
        self,
        context: Context,
        make: Make,
        encoder: EnrolledEncoder,
        second: UnreadablePhoto,
    ) -> None:
        """It is kept without a template, and promoting says so."""
        make.tip()

        reencoding.reencode(context, encoder, Finds(examination(ELSEWHERE), second))

        with context.db.read() as session:
            assert faces(session) == [(0, KNOWN), (1, ELSEWHERE)]
            covered = queries.coverage(session, encoder)
        assert (covered.faces, covered.templates, covered.photos_left) == (2, 1, 0)
        assert all_of(context, PhotoEncoding)[0].faces_missed == 1

    def test_a_scene_of_another_size_is_brought_to_the_kept_ones_pixels(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """Working sizes may change between versions."""
        make.tip()

        reencoding.reencode(
            context,
            encoder,
            Finds(examination(Box(16, 16, 48, 48), Box(80, 20, 24, 28), width=128, height=96)),
        )

        with context.db.read() as session:
            assert faces(session) == [(0, KNOWN), (1, OTHER)]

    def test_a_record_without_a_face_gets_the_one_found_now(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """A child that no search could find before."""
        make.record()
        with context.db.write() as session:
            reference = session.exec(select(Reference)).one()
            reference.face_id = None
            session.add(reference)
            session.flush()
            session.delete(session.exec(select(Face)).one())
            session.delete(session.exec(select(Rendition).where(Rendition.kind == RenditionKind.FACE)).one())
            photo = session.exec(select(Photo)).one()
            photo.examined_at = encoder.enrolled_at - timedelta(days=300)
            session.add(photo)

        reencoding.reencode(context, encoder, Finds(examination(OTHER, ELSEWHERE)))

        with context.db.read() as session:
            reference = session.exec(select(Reference)).one()
            assert reference.face_id is not None
            assert session.get_one(Face, reference.face_id).position == 0


class TestProgress:
    def test_stopped_half_way_it_goes_on_where_it_was(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """Ctrl-C, a power cut: no photo is gone through twice, none is left out."""
        make.tip(photos=5)
        seen = examination(KNOWN)
        first = Finds(seen, seen, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            reencoding.reencode(context, encoder, first)
        with context.db.read() as session:
            half = queries.coverage(session, encoder)
        progress: list[tuple[int, int]] = []

        second = Finds(seen)
        done = reencoding.reencode(
            context, encoder, second, lambda finished, total: progress.append((finished, total))
        )

        assert (half.photos_left, half.templates) == (3, 2)
        assert (done, second.asked) == (3, 3)
        assert (progress[0], progress[-1]) == ((0, 3), (3, 3))
        assert len(all_of(context, Template)) == 5
        assert len(all_of(context, PhotoEncoding)) == 5

    def test_a_lost_examiner_says_nothing_about_the_photo(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """The photo is tried again the next time."""
        make.tip()
        with pytest.raises(ExaminationFailed):
            reencoding.reencode(context, encoder, Finds(ExaminationFailed(ExaminationFailure.SERVER_LOST)))

        assert all_of(context, PhotoEncoding) == []

    @pytest.mark.parametrize(
        "refusal",
        [UnreadablePhoto(UnreadableReason.DAMAGED), ExaminationFailed(ExaminationFailure.KILLED)],
        ids=["unreadable", "killed"],
    )
    def test_a_photo_that_cannot_be_read_any_more_is_noted_and_passed(
        self,
        context: Context,
        make: Make,
        encoder: EnrolledEncoder,
        refusal: UnreadablePhoto | ExaminationFailed,
    ) -> None:
        """One bad photo holds nobody up, and its face counts as not covered."""
        make.tip()
        assert reencoding.reencode(context, encoder, Finds(refusal)) == 1

        assert all_of(context, PhotoEncoding)[0].reason == refusal.reason.value
        with context.db.read() as session:
            assert queries.coverage(session, encoder).templates == 0

    def test_without_its_original_the_scene_serves(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """An original that was erased leaves the rendition; without both the photo is noted as gone."""
        make.tip(photos=2)
        kept, lost = all_of(context, Photo)
        for photo in (kept, lost):
            context.store.delete(photo.store_key)
        for rendition in all_of(context, Rendition):
            if rendition.photo_id == lost.id:
                context.store.delete(rendition.store_key)

        reencoding.reencode(context, encoder, Finds(examination(KNOWN)))

        reasons = {each.photo_id: each.reason for each in all_of(context, PhotoEncoding)}
        assert reasons == {kept.id: None, lost.id: reencoding.GONE}

    def test_a_photo_examined_with_the_encoder_is_not_opened_again(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """Tips that come in meanwhile have its templates already."""
        make.tip()
        with context.db.write() as session:
            face = session.exec(select(Face)).one()
            session.add(Template(face_id=face.id, encoder=NEW[0], encoder_version=NEW[1], vector=bytes(32)))

        finds = Finds(examination())
        assert reencoding.reencode(context, encoder, finds) == 0
        assert finds.asked == 0

    def test_every_opened_original_is_in_the_audit_log(
        self, context: Context, make: Make, encoder: EnrolledEncoder
    ) -> None:
        """Also when a program opens it."""
        make.tip(photos=2)
        reencoding.reencode(context, encoder, Finds(examination(KNOWN)))

        with context.db.read() as session:
            rows = session.exec(select(AuditEvent).where(AuditEvent.action == Action.PHOTO_REENCODED)).all()
        assert {row.subject_id for row in rows} == {str(photo.id) for photo in all_of(context, Photo)}
        assert rows[0].detail["encoder"] == " ".join(NEW)


class TestSameFaces:
    def test_faces_pair_by_the_largest_overlap(self) -> None:
        """Two children side by side are not mixed up, whatever the order."""
        left, right = Box(0, 0, 20, 24), Box(15, 2, 20, 24)

        assert same_faces([left, right], [Box(16, 0, 20, 25), Box(1, 1, 20, 22)]) == {0: 1, 1: 0}

    def test_a_face_is_paired_once(self) -> None:
        """Two known faces never share one found face."""
        assert same_faces([Box(0, 0, 10, 10), Box(1, 1, 10, 10)], [Box(1, 1, 10, 10)]) == {1: 0}

    def test_what_lies_apart_is_no_pair(self) -> None:
        """Nor what merely touches."""
        assert same_faces([Box(0, 0, 10, 10)], [Box(10, 0, 10, 10), Box(8, 8, 10, 10)]) == {}

    def test_overlap_is_symmetric_and_1_for_the_same_box(self) -> None:
        """Intersection over union."""
        rng = np.random.default_rng(0)
        for numbers in rng.integers(1, 50, (50, 8)).tolist():
            one, other = Box(*numbers[:4]), Box(*numbers[4:])
            assert overlap(one, other) == overlap(other, one)
            assert 0 <= overlap(one, other) <= 1
            assert overlap(one, one) == 1
