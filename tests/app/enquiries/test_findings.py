"""What a picture's holder is told: about this very picture, and about nobody in it."""

import io
from collections.abc import Callable

import pytest
from PIL import Image, ImageOps
from sqlmodel import col, select

from app.audit.models import Action, AuditEvent
from app.audit.service import SYSTEM, officer_actor
from app.candidates.models import CandidateList
from app.core.context import Context
from app.enquiries.models import Finding
from app.officers.models import Role
from app.photos.models import Face, Photo, Template
from app.tips import progress
from app.tips.models import Author, Channel, ChannelKind, Disposition, Tip, TipMessage, TipState
from app.worker import Worker
from tests.app.enquiries.conftest import Ask, encoded, finding_of, passed_on, picture
from tests.make import Make, jpeg

KNOWN, OTHER = "p0007-tip0.jpg", "p0052-tip0.jpg"


@pytest.fixture
def known(make: Make, worker: Worker) -> Tip:
    """A tip with a picture, before its officers."""
    tip = make.sent_tip(picture(KNOWN))
    worker.run_until_idle()
    return tip


def told(context: Context, ask: Ask, worker: Worker, data: bytes) -> Finding | None:
    """What is found of a picture."""
    answer = ask(data)
    assert answer.status_code == 303, answer.text
    worker.run_until_idle()
    return finding_of(context, answer)


def close(context: Context, make: Make, tip: Tip, disposition: Disposition) -> None:
    officer = make.officer(Role.REVIEWER)
    with context.db.write() as session:
        kept = session.get_one(Tip, tip.id)
        progress.dispose(session, kept, disposition, officer_actor(officer.id), "Checked on the spot.")


def screenshot(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        shown = ImageOps.contain(opened, (720, 1000))
        screen = Image.new("RGB", (720, 1560), (18, 18, 18))
        screen.paste(shown, (0, (1560 - shown.height) // 2))
        return encoded(screen, 80)


def cropped(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        width, height = opened.size
        return encoded(opened.crop((0, 0, width * 3 // 4, height * 3 // 4)), 90)


def mirrored(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        return encoded(ImageOps.mirror(opened), 90)


def turned(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        return encoded(opened.rotate(8), 90)


def stickered(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        copy = opened.convert("RGB")
        width, height = copy.size
        copy.paste((250, 220, 40), (width // 3, height // 3, width * 2 // 3, height * 2 // 3))
        return encoded(copy, 90)


class TestTheSamePicture:
    @pytest.mark.usefixtures("known")
    @pytest.mark.parametrize("copy", [bytes, passed_on, screenshot])
    def test_a_holder_of_the_picture_is_told(
        self, context: Context, ask: Ask, worker: Worker, copy: Callable[[bytes], bytes]
    ) -> None:
        """The file, what a messenger makes of it, a screenshot of it."""
        assert told(context, ask, worker, copy(picture(KNOWN))) == Finding.BEING_CHECKED

    @pytest.mark.usefixtures("known")
    @pytest.mark.parametrize("edit", [cropped, mirrored, turned, stickered])
    def test_a_part_or_an_edited_copy_is_another_picture(
        self, context: Context, ask: Ask, worker: Worker, edit: Callable[[bytes], bytes]
    ) -> None:
        """Clusters are wider than this: a part of a picture is no key to the whole of it."""
        assert told(context, ask, worker, edit(picture(KNOWN))) == Finding.NEW

    def test_another_picture_of_the_same_child_is_new(
        self, context: Context, ask: Ask, worker: Worker, make: Make
    ) -> None:
        """Nobody searches by face."""
        make.sent_tip(picture("p0013-tip0.jpg"))
        worker.run_until_idle()

        assert told(context, ask, worker, picture("p0013-tip1.jpg")) == Finding.NEW

    def test_a_picture_of_a_record_is_new(
        self, context: Context, ask: Ask, worker: Worker, make: Make
    ) -> None:
        """The registry cannot be asked, not even with its own file."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        worker.run_until_idle()

        assert told(context, ask, worker, picture("p0007-portrait0.jpg")) == Finding.NEW

    def test_the_same_file_is_known_before_anybody_looked_at_it(
        self, context: Context, ask: Ask, worker: Worker, make: Make
    ) -> None:
        """Also of a picture without any pattern, and of one that was never processed."""
        tip = make.sent_tip(jpeg(size=(400, 300)))
        with context.db.write() as session:
            kept = session.get_one(Tip, tip.id)
            progress.move(session, kept, TipState.FAILED, SYSTEM, "a test")

        assert told(context, ask, worker, jpeg(size=(400, 300))) == Finding.BEING_CHECKED

    @pytest.mark.parametrize("kind", [ChannelKind.GOLDEN, ChannelKind.SANDBOX])
    def test_known_answers_and_trials_are_no_tips(
        self, context: Context, ask: Ask, worker: Worker, known: Tip, kind: ChannelKind
    ) -> None:
        """Nobody sent them."""
        with context.db.write() as session:
            channel = session.get_one(Channel, known.channel_id)
            channel.kind = kind
            session.add(channel)

        assert told(context, ask, worker, picture(KNOWN)) == Finding.NEW

    def test_what_was_taken_back_is_not_told(
        self, context: Context, ask: Ask, worker: Worker, known: Tip
    ) -> None:
        """Whoever took a tip back is not found by its picture; a lead that goes on reads the same."""
        with context.db.write() as session:
            session.add(
                TipMessage(
                    tip_id=known.id,
                    author=Author.SYSTEM,
                    notice=Disposition.WITHDRAWN_BY_TIPSTER.value,
                )
            )

        assert told(context, ask, worker, picture(KNOWN)) == Finding.NEW

    def test_what_was_set_aside_with_its_channel_is_not_told(
        self, context: Context, ask: Ask, worker: Worker, known: Tip
    ) -> None:
        """Nobody is checking it, and whoever really saw the child should send it."""
        with context.db.write() as session:
            kept = session.get_one(Tip, known.id)
            kept.set_aside_by = kept.channel_id
            session.add(kept)

        assert told(context, ask, worker, picture(KNOWN)) == Finding.NEW


class TestChecked:
    @pytest.mark.parametrize(
        "disposition", [Disposition.WITH_FAMILY_NO_CONCERN, Disposition.EXPIRED_UNVERIFIED]
    )
    def test_a_picture_is_checked_once_its_senders_have_their_answer(
        self,
        context: Context,
        ask: Ask,
        worker: Worker,
        make: Make,
        known: Tip,
        disposition: Disposition,
    ) -> None:
        """One word for all answers."""
        close(context, make, known, disposition)

        assert told(context, ask, worker, passed_on(picture(KNOWN))) == Finding.CHECKED

    def test_a_repost_without_an_answer_is_being_checked(
        self, context: Context, ask: Ask, worker: Worker, make: Make, known: Tip
    ) -> None:
        """The cluster answers for each of its pictures."""
        close(context, make, known, Disposition.WITH_FAMILY_NO_CONCERN)
        repost = make.sent_tip(cropped(picture(KNOWN)))
        worker.run_until_idle()
        before = told(context, ask, worker, picture(KNOWN))

        close(context, make, repost, Disposition.RECIRCULATED_OLD_PHOTO)

        assert before == Finding.BEING_CHECKED
        assert told(context, ask, worker, picture(KNOWN)) == Finding.CHECKED

    def test_a_lead_reads_like_any_other(
        self, context: Context, ask: Ask, worker: Worker, make: Make, known: Tip
    ) -> None:
        """While it is worked on, and when it is taken up again after its answer."""
        with context.db.write() as session:
            progress.move(session, session.get_one(Tip, known.id), TipState.LEAD, SYSTEM)
        as_lead = told(context, ask, worker, picture(KNOWN))
        close(context, make, known, Disposition.LINKED_TO_CASE)
        with context.db.write() as session:
            progress.move(session, session.get_one(Tip, known.id), TipState.LEAD, SYSTEM)

        assert as_lead == Finding.BEING_CHECKED
        assert told(context, ask, worker, picture(KNOWN)) == Finding.CHECKED


class TestWhatAsksNothing:
    @pytest.mark.usefixtures("known")
    def test_nothing_but_the_answer_is_written(
        self, context: Context, ask: Ask, worker: Worker, make: Make
    ) -> None:
        """No photo, no face, no template, no search, no tip."""
        make.sent_record(picture("p0007-portrait0.jpg"))
        worker.run_until_idle()
        tables = (Photo, Face, Template, CandidateList, Tip)
        with context.db.read() as session:
            before = [len(session.exec(select(table)).all()) for table in tables]

        told(context, ask, worker, passed_on(picture(KNOWN)))
        told(context, ask, worker, picture(OTHER))

        with context.db.read() as session:
            assert [len(session.exec(select(table)).all()) for table in tables] == before

    def test_an_unreadable_file_is_said_to_be_one(self, context: Context, ask: Ask, worker: Worker) -> None:
        """It begins as a photo does, and ends too early."""
        assert told(context, ask, worker, jpeg(size=(400, 300))[:300]) == Finding.UNREADABLE

    def test_the_log_has_ids_and_codes_only(
        self, context: Context, ask: Ask, worker: Worker, known: Tip
    ) -> None:
        """Who asked is not known; what was found is."""
        told(context, ask, worker, picture(KNOWN))

        with context.db.read() as session:
            made, answered = session.exec(
                select(AuditEvent)
                .where(col(AuditEvent.subject_kind) == "enquiry")
                .order_by(col(AuditEvent.seq))
            ).all()
            photo = session.exec(select(Photo).where(Photo.tip_id == known.id)).one()
        assert (made.action, made.actor_id, made.detail) == (Action.ENQUIRY_MADE, None, {})
        assert answered.action == Action.ENQUIRY_ANSWERED
        assert answered.detail == {"finding": "being_checked", "photo": str(photo.id)}
