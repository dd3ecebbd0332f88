"""Taking a tip back: what is erased for good, what stays, and that its sender cannot tell which."""

import re
import struct
import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, func, select, update

from app import erasing
from app.audit import service as audit
from app.audit.models import Action, AuditEvent
from app.candidates.models import Candidate, CandidateState
from app.cases.models import Lead
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job, JobState
from app.encoders.models import EnrolledEncoder, PhotoEncoding
from app.officers.models import Role
from app.photos.models import (
    Face,
    KnownList,
    KnownPicture,
    Photo,
    PhotoCluster,
    PhotoFingerprint,
    PhotoHash,
    PhotoLink,
    PhotoOnList,
    PhotoState,
    PhotoWord,
    Rendition,
    Template,
)
from app.pipeline import examine_photo
from app.referrals.models import Agency, Referral
from app.reviews.models import Conclusion, Review, ReviewState
from app.sightings.models import Sighting, SightingFace, SightingSuggestion
from app.tips import withdrawing
from app.tips.models import (
    Author,
    Disposition,
    NotificationKind,
    Tip,
    TipMessage,
    TipNotification,
    TipState,
)
from app.worker import Worker
from tests.app.tips.conftest import Send
from tests.app.tips.test_receipt_pages import address
from tests.conftest import Client
from tests.make import Make, jpeg
from tests.stored import files as stored_files

PICTURES = Path(__file__).parents[3] / "app" / "demo" / "pictures"
PICTURE, ANOTHER = PICTURES / "p0052-tip0.jpg", PICTURES / "p0004-tip0.jpg"


def take_back(context: Context, tip_id: UUID) -> None:
    """Take a tip back as its sender does."""
    with context.db.write() as session:
        withdrawing.withdraw(session, tip_id)


def count(context: Context, *tables: type[SQLModel]) -> list[int]:
    """Rows of tables."""
    with context.db.read() as session:
        return [session.exec(select(func.count()).select_from(table)).one() for table in tables]


def bytes_on_disk(context: Context) -> bytes:
    """All that the database's files hold, after the log was written into it."""
    with context.db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        connection.rollback()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return b"".join(path.read_bytes() for path in sorted(context.settings.data_dir.glob("homeward.sqlite*")))


def traces(context: Context, tip_id: UUID) -> dict[str, bytes]:
    """What is computed from a tip's photos, as the database's file holds it."""
    with context.db.read() as session:
        photos = session.exec(select(Photo).where(Photo.tip_id == tip_id)).all()
        ids = [photo.id for photo in photos]
        found = {f"sha256 {photo.position}": photo.sha256.encode() for photo in photos}
        found |= {f"key {photo.position}": photo.sealed_key for photo in photos}
        for filed in session.exec(select(PhotoFingerprint).where(col(PhotoFingerprint.photo_id).in_(ids))):
            found["pdq"] = filed.pdq.encode()
        for hashed in session.exec(select(PhotoHash).where(col(PhotoHash.photo_id).in_(ids))):
            found["phash"] = struct.pack(">q", hashed.phash)
            found["verification"] = hashed.verification
        for rendition in session.exec(select(Rendition).where(col(Rendition.photo_id).in_(ids))):
            found[f"rendition {rendition.kind} {rendition.face_position}"] = rendition.sealed_key
    return found


def sealed(context: Context) -> dict[str, bytes]:
    """What lies sealed, as it lies there, with its data key: neither may remain."""
    raw = "SELECT vector FROM template UNION ALL SELECT fingerprint FROM photo_fingerprint"
    words = (
        "SELECT place_text FROM tip UNION ALL SELECT description FROM tip "
        "UNION ALL SELECT text FROM tip_message"
    )
    with context.db.read() as session:
        values = [value for (value,) in session.execute(text(raw))]
        values += [value.encode() for (value,) in session.execute(text(words)) if value]
    return {f"sealed {number}": value[:90] for number, value in enumerate(values)}


class TestErasing:
    @pytest.mark.sqlite
    def test_not_a_byte_of_picture_or_words_remains(
        self, context: Context, client: Client, send: Send, worker: Worker
    ) -> None:
        """Neither in the photo store nor in the database's files: pictures, hashes, templates, words."""
        # given a tip with a face, words, a contact and a message, looked into
        link = send(
            photos=[PICTURE.read_bytes(), ANOTHER.read_bytes()],
            place_text="Huaqiangbei, exit seventeen",
            description="A girl in a turquoise raincoat",
            contact="tipster-of-this-test@example.org",
            latitude="22.543217",
            longitude="114.057868",
        ).headers["location"]
        worker.run_until_idle()
        client.post(f"{link}/messages", data={"text": "They went towards the aquarium"})
        with context.db.read() as session:
            tip = session.exec(select(Tip)).one()
        sought = traces(context, tip.id) | sealed(context) | {"position": struct.pack(">d", 22.543217)}
        before = bytes_on_disk(context)
        assert len(sought) > 15
        assert [name for name, value in sought.items() if value not in before] == []

        # when it is taken back
        client.post(f"{link}/withdraw")
        worker.run_until_idle()

        # then no byte of it is there, no file and no row but the tip's own
        after = bytes_on_disk(context)
        assert [name for name, value in sought.items() if value in after] == []
        assert stored_files(context) == []
        assert (
            count(context, Photo, Face, Template, Rendition, PhotoHash, PhotoFingerprint, PhotoWord)
            == [0] * 7
        )
        with context.db.read() as session:
            assert session.exec(select(func.count()).select_from(PhotoWord)).one() == 0
            kept = session.get_one(Tip, tip.id)
            erased = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ERASED)).one()
            verdict = audit.verify(session, audit.checkpoints_path(context.settings), context.keys.signing)
        assert (kept.received_at, kept.jurisdiction_code) == (tip.received_at, tip.jurisdiction_code)
        assert (kept.state, kept.disposition) == (TipState.DISPOSED, Disposition.WITHDRAWN_BY_TIPSTER)
        assert (erased.subject_id, erased.detail) == (str(tip.id), {"photos": 2})
        assert verdict.problems == ()

    @pytest.mark.sqlite
    def test_the_log_is_emptied_with_it(self, context: Context, make: Make, worker: Worker) -> None:
        """SQLite's write-ahead log holds no copy of what was erased."""
        tip = make.sent_tip(PICTURE.read_bytes())
        worker.run_until_idle()
        sought = traces(context, tip.id)
        take_back(context, tip.id)

        worker.run_until_idle()

        log = (context.settings.data_dir / "homeward.sqlite-wal").read_bytes()
        assert [name for name, value in sought.items() if value in log] == []

    def test_copies_in_other_tips_stay(self, context: Context, make: Make, worker: Worker) -> None:
        """Another sender's tip with the same picture keeps its photo, its cluster and all found with it."""
        # given the same picture in two tips, in one cluster
        first, copy = (make.sent_tip(PICTURE.read_bytes()) for _ in range(2))
        worker.run_until_idle()
        kept = traces(context, copy.id)
        with context.db.read() as session:
            cluster = session.exec(select(Photo.cluster_id).distinct()).one()

        # when the first one is taken back
        take_back(context, first.id)
        worker.run_until_idle()

        # then the copy is whole, its file opens, and it was searched for itself
        with context.db.read() as session:
            photo = session.exec(select(Photo)).one()
            searched = session.exec(select(Job.args).where(Job.kind == "search_tip")).all()
        assert (photo.tip_id, photo.cluster_id, photo.state) == (copy.id, cluster, PhotoState.EXAMINED)
        assert context.store.get(photo.store_key, photo.sealed_key) == PICTURE.read_bytes()
        assert traces(context, copy.id) == kept
        assert searched == [{"tip_id": str(copy.id)}]
        assert count(context, PhotoLink) == [0]

    def test_a_later_repost_is_a_tip_of_its_own(self, context: Context, make: Make, worker: Worker) -> None:
        """Nothing of the erased picture is known any more: it starts a cluster and is searched."""
        first = make.sent_tip(PICTURE.read_bytes())
        worker.run_until_idle()
        with context.db.read() as session:
            old = session.exec(select(PhotoCluster.id)).one()
        take_back(context, first.id)
        worker.run_until_idle()

        again = make.sent_tip(PICTURE.read_bytes())
        worker.run_until_idle()

        with context.db.read() as session:
            photo = session.exec(select(Photo)).one()
            state = session.get_one(Tip, again.id).state
        assert photo.cluster_id != old
        assert state == TipState.ROUTED

    def test_undecided_candidates_go(self, context: Context, make: Make, worker: Worker) -> None:
        """With whoever held or passed over one; what stays in the audit log are ids."""
        tip = make.tip()
        candidate = make.candidate(tip=tip)
        with context.db.write() as session:
            for officer, state in (
                (make.officer(), ReviewState.CLAIMED),
                (make.officer(), ReviewState.SKIPPED),
            ):
                session.add(
                    Review(candidate_id=candidate.id, officer_id=officer.id, state=state, lease_until=now())
                )
        take_back(context, tip.id)

        worker.run_until_idle()

        assert count(context, Candidate, Review) == [0, 0]
        with context.db.read() as session:
            events = session.exec(select(AuditEvent.action)).all()
        assert Action.CANDIDATE_WITHDRAWN in events
        assert Action.TIP_ERASED in events

    def test_suggestions_go(self, context: Context, make: Make, worker: Worker) -> None:
        """Nobody is asked about a face that is gone."""
        tip, other = make.tip(), make.tip()
        self._suggest(context, tip, other)
        take_back(context, tip.id)

        worker.run_until_idle()

        assert count(context, SightingSuggestion, Photo) == [0, 1]

    def test_lists_and_encodings_go(self, context: Context, make: Make, worker: Worker) -> None:
        """What else names a photo goes with it; the lists and encoders themselves stay."""
        tip = make.tip()
        with context.db.write() as session:
            photo = session.exec(select(Photo)).one()
            known_list = KnownList(name="Going round")
            session.add(known_list)
            session.flush()
            known = KnownPicture(list_id=known_list.id, pdq="0" * 64, pdq_quality=100)
            session.add(known)
            session.flush()
            assert known.number is not None
            session.add(PhotoOnList(photo_id=photo.id, known_number=known.number, distance=3))
            encoder = session.exec(select(EnrolledEncoder)).first()
            assert encoder is not None
            session.add(PhotoEncoding(encoder_id=encoder.id, photo_id=photo.id))
        take_back(context, tip.id)

        worker.run_until_idle()

        assert count(context, PhotoOnList, PhotoEncoding, Photo, KnownPicture) == [0, 0, 0, 1]

    @staticmethod
    def _suggest(context: Context, *tips: Tip) -> None:
        with context.db.write() as session:
            faces = sorted(
                session.exec(
                    select(Face.id).join(Photo).where(col(Photo.tip_id).in_([tip.id for tip in tips]))
                )
            )
            session.add(
                SightingSuggestion(
                    face_id=faces[0],
                    other_id=faces[1],
                    score=0.9,
                    encoder="x",
                    encoder_version="1",
                    distance_m=10,
                    hours_apart=1,
                )
            )

    def test_repeated_it_changes_nothing(self, context: Context, make: Make, worker: Worker) -> None:
        """A job that runs twice writes one audit row."""
        tip = make.tip()
        take_back(context, tip.id)

        worker.run_until_idle()
        again = erasing.erase_tip(context, tip.id)

        assert again is False
        with context.db.read() as session:
            events = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ERASED)).all()
        assert len(events) == 1

    def test_stopped_in_the_middle_it_ends_the_same(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Files that are gone already are no error the second time."""
        tip = make.tip(photos=2)
        take_back(context, tip.id)

        def crash(*_arguments: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(erasing, "_forget_words", crash)
            with pytest.raises(KeyboardInterrupt):
                erasing.erase_tip(context, tip.id)
        assert count(context, Photo) == [2]
        assert erasing.erase_tip(context, tip.id) is True

        assert count(context, Photo, Rendition) == [0, 0]

    def test_a_photo_that_is_being_looked_into_is_erased_as_well(
        self, context: Context, make: Make, worker: Worker
    ) -> None:
        """An examination that ends after the erasure leaves neither row nor file behind."""
        tip = make.sent_tip(PICTURE.read_bytes())
        with context.db.read() as session:
            photo_id = session.exec(select(Photo.id)).one()
        tools = worker._tools
        examine = tools.examiner.examine

        class Slow:
            def examine(self, data: bytes) -> object:
                found = examine(data)
                take_back(context, tip.id)
                assert erasing.erase_tip(context, tip.id)
                return found

        examine_photo(type(tools)(context, Slow(), tools.gallery, tools.router), photo_id)  # type: ignore[arg-type]
        worker.run_until_idle()

        assert count(context, Photo, Rendition, Face) == [0, 0, 0]
        assert stored_files(context) == []
        with context.db.read() as session:
            assert set(session.exec(select(Job.state))) == {JobState.DONE}

    def test_tips_go_on_coming_in_meanwhile(self, context: Context, make: Make) -> None:
        """Lifting the guard for one transaction disturbs no other, and opens no gap for another."""
        tips = [make.tip() for _ in range(8)]
        for tip in tips:
            take_back(context, tip.id)
        sent: list[Tip] = []
        troubles: list[Exception] = []

        def go_on() -> None:
            try:
                for _ in range(10):
                    sent.append(make.tip())
                    with pytest.raises(IntegrityError), context.db.write() as session:
                        session.exec(
                            update(Tip).where(col(Tip.id) == sent[-1].id).values(description="changed")
                        )
            except Exception as trouble:  # noqa: BLE001 - told by the test
                troubles.append(trouble)

        beside = threading.Thread(target=go_on)
        beside.start()
        erased = [erasing.erase_tip(context, tip.id) for tip in tips]
        beside.join()

        assert erased == [True] * 8
        assert troubles == []
        with context.db.read() as session:
            assert session.exec(select(func.count()).where(Tip.place_text == "")).one() == 8
            assert session.exec(select(func.count()).where(Tip.description == "changed")).one() == 0

    def test_afterwards_nobody_rewrites_a_tip(self, context: Context, make: Make, worker: Worker) -> None:
        """What a tip says is guarded again, the erased one's and all others'."""
        tip, other = make.tip(), make.tip()
        take_back(context, tip.id)
        worker.run_until_idle()

        for each in (tip, other):
            with pytest.raises(IntegrityError), context.db.write() as session:
                session.exec(update(Tip).where(col(Tip.id) == each.id).values(description="changed"))

    @pytest.mark.parametrize("words", [{"place_text": ""}, {"description": "other", "place_text": ""}])
    def test_a_taken_back_tip_is_blanked_or_stays(
        self, context: Context, make: Make, words: dict[str, str]
    ) -> None:
        """Nobody makes it say something else, and nobody takes out a word that is in the way."""
        tip = make.tip()
        take_back(context, tip.id)

        with pytest.raises(IntegrityError), context.db.write() as session:
            session.exec(update(Tip).where(col(Tip.id) == tip.id).values(**words))

    def test_a_failed_erasure_changes_nothing(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is done whole, at another try."""
        tip = make.tip()
        take_back(context, tip.id)
        monkeypatch.setattr(audit, "record", lambda *_a, **_k: (_ for _ in ()).throw(RuntimeError))

        with pytest.raises(RuntimeError):
            erasing.erase_tip(context, tip.id)

        with context.db.read() as session:
            assert session.get_one(Tip, tip.id).place_text


class TestWhatPoliceWorkRestsOn:
    @pytest.mark.parametrize(
        "work", ["lead", "decided", "referral", "sighting", "repeated", "confirmed suggestion"]
    )
    def test_it_is_kept(
        self, context: Context, client: Client, make: Make, worker: Worker, work: str
    ) -> None:
        """Photos, words and what was decided; the contact goes all the same."""
        tip = make.tip()
        self._work(context, make, tip, work)
        with context.db.write() as session:
            held = session.get_one(Tip, tip.id)
            held.contact_sealed = context.keys.seal(b"138 0013 8000")
            session.add(held)
        before = count(context, Photo, Face, Candidate, Review, Referral)

        client.post(f"{address(context, tip.id)}/withdraw")
        worker.run_until_idle()

        with context.db.read() as session:
            kept = session.get_one(Tip, tip.id)
            erased = session.exec(select(AuditEvent).where(AuditEvent.action == Action.TIP_ERASED)).all()
            photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).one()
        assert (kept.place_text, kept.description) == (tip.place_text, tip.description)
        assert kept.contact_sealed is None
        assert context.store.get(photo.store_key, photo.sealed_key)
        assert count(context, Photo, Face, Candidate, Review, Referral) == before
        assert erased == []

    def test_its_sender_cannot_tell(
        self, context: Context, client: Client, make: Make, send: Send, worker: Worker
    ) -> None:
        """Byte for byte the same pages, before and after the job, and the same answers to every request."""
        pages: list[list[object]] = []
        for work in (None, "lead", "decided"):
            key = f"the-form-for-{work}"
            location = send(submission=key, contact="me@example.org").headers["location"]
            with context.db.read() as session:
                tip = session.exec(select(Tip).order_by(col(Tip.received_at).desc())).first()
            assert tip is not None
            with context.db.write() as session:
                held = session.get_one(Tip, tip.id)
                held.jurisdiction_code = "440304"
                held.state = TipState.ROUTED
                session.add(held)
                session.exec(update(Job).values(state=JobState.DONE))
            client.post(f"{location}/messages", data={"text": "I saw more"})
            if work:
                self._work(context, make, held, work)
            done = client.post(f"{location}/withdraw")
            seen: list[object] = [done.status_code]
            for _ in range(2):
                asked = [
                    client.get(location),
                    client.get(f"{location}/withdraw"),
                    client.get(f"{location}/proof"),
                    client.get(f"{location}/paper"),
                    client.post(f"{location}/messages", data={"text": "Hello"}),
                    client.post(
                        f"{location}/photos", files={"submission": (None, "x" * 20), "photos": jpeg()}
                    ),
                    client.post(f"{location}/withdraw"),
                    send(submission=key, contact="me@example.org"),
                ]
                seen += [(each.status_code, _masked(each.text)) for each in asked]
                worker.run_until_idle()
            pages.append(seen)

        assert pages[0] == pages[1] == pages[2]

    def test_a_supervisor_still_sees_the_evidence(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """And reads that its sender took it back."""
        tip = make.tip()
        self._work(context, make, tip, "lead")
        take_back(context, tip.id)
        worker.run_until_idle()

        page = client.get(f"/console/tips/{tip.id}", as_=make.officer(Role.INVESTIGATOR))

        assert tip.description in page.text

    def test_a_reviewer_who_holds_a_candidate_meets_no_fault(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """It is not there any more, and the queue goes on."""
        tip, reviewer = make.tip(), make.officer(Role.REVIEWER)
        candidate = make.candidate(tip=tip)
        claimed = client.post(f"/console/reviews/claim/{candidate.id}", as_=reviewer)
        take_back(context, tip.id)
        worker.run_until_idle()

        review = claimed.headers["location"]
        answers = [
            client.get(review, as_=reviewer),
            client.post(f"{review}/decision", as_=reviewer, data={"conclusion": "exclude"}),
            client.post(f"/console/reviews/claim/{candidate.id}", as_=reviewer),
            client.get("/console/reviews", as_=reviewer),
        ]

        assert claimed.status_code == 303
        assert [answer.status_code for answer in answers][-1] == 200
        assert {answer.status_code for answer in answers[:3]} <= {303, 404, 409, 422}

    def test_officers_read_of_an_erased_tip_without_a_fault(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """Its page is there, and empty."""
        tip = make.tip()
        take_back(context, tip.id)
        worker.run_until_idle()
        officer = make.officer(Role.SUPERVISOR, Role.INVESTIGATOR)

        for path in (f"/console/tips/{tip.id}", "/console/triage", "/console/oversight", "/console/map"):
            assert client.get(path, as_=officer).status_code == 200

    @staticmethod
    def _work(context: Context, make: Make, tip: Tip, work: str) -> None:
        officer = make.officer(Role.INVESTIGATOR)
        candidate = (
            make.candidate(tip=tip) if work in {"lead", "decided"} and _has_face(context, tip) else None
        )
        other = make.tip()
        with context.db.write() as session:
            if work == "lead":
                held = session.get_one(Tip, tip.id)
                held.state = TipState.LEAD
                session.add(held)
                session.add(Lead(tip_id=tip.id, jurisdiction_code="440304", reason="Worth a check."))
            elif work == "decided" and candidate is not None:
                session.add(
                    Review(
                        candidate_id=candidate.id,
                        officer_id=officer.id,
                        state=ReviewState.DECIDED,
                        conclusion=Conclusion.EXCLUDE,
                        lease_until=now(),
                        decided_at=now(),
                    )
                )
                held_candidate = session.get_one(Candidate, candidate.id)
                held_candidate.state = CandidateState.DECIDED_ONCE
                session.add(held_candidate)
            elif work == "referral":
                session.add(
                    Referral(
                        tip_id=tip.id,
                        jurisdiction_code="440304",
                        agency=Agency.SCHOOL,
                        request="Please ask.",
                        sent_by=officer.id,
                    )
                )
            elif work == "repeated":
                held = session.get_one(Tip, other.id)
                held.duplicate_of_id = tip.id
                session.add(held)
            elif work == "sighting":
                sighting = Sighting(jurisdiction_code="440304", made_by=officer.id)
                session.add(sighting)
                session.flush()
                face = session.exec(select(Face.id).join(Photo).where(Photo.tip_id == tip.id)).one()
                session.add(
                    SightingFace(sighting_id=sighting.id, face_id=face, tip_id=tip.id, added_by=officer.id)
                )
        if work == "confirmed suggestion":
            TestErasing._suggest(context, tip, other)
            with context.db.write() as session:
                session.exec(update(SightingSuggestion).values(state="confirmed"))


class TestAtOnce:
    def test_notices_end_in_the_request(self, context: Context, make: Make) -> None:
        """No message leaves for a tip that was taken back."""
        tip = make.tip()
        with context.db.write() as session:
            session.add(
                TipNotification(
                    tip_id=tip.id,
                    kind=NotificationKind.EMAIL,
                    address_sealed=context.keys.seal(b"me@example.org"),
                    language="en",
                )
            )

        take_back(context, tip.id)

        assert count(context, TipNotification) == [0]

    def test_a_form_that_is_sent_again_brings_nothing_back(
        self, context: Context, send: Send, worker: Worker
    ) -> None:
        """A device that waited for a connection does not resurrect the tip."""
        send(submission="the-same-form-key")
        with context.db.read() as session:
            tip_id = session.exec(select(Tip.id)).one()
        take_back(context, tip_id)
        worker.run_until_idle()

        again = send(submission="the-same-form-key")

        assert again.status_code == 409
        assert count(context, Tip) == [1]

    def test_the_thread_ends_with_it(self, context: Context, client: Client, make: Make) -> None:
        """What was written before is shown no more, since some of it is erased."""
        tip = make.tip()
        with context.db.write() as session:
            session.add(TipMessage(tip_id=tip.id, author=Author.TIPSTER, text="What I wrote"))
            session.add(
                TipMessage(
                    tip_id=tip.id,
                    author=Author.OFFICER,
                    text="What they wrote",
                    created_at=now() + timedelta(seconds=1),
                )
            )
        link = address(context, tip.id)
        client.post(f"{link}/withdraw")

        page = client.get(link).text

        assert "You took this tip back." in page
        assert "wrote" not in page


def _has_face(context: Context, tip: Tip) -> bool:
    """Give a tip's photo a face, if it has none yet."""
    with context.db.write() as session:
        photo = session.exec(select(Photo).where(Photo.tip_id == tip.id)).first()
        assert photo is not None
        if session.exec(select(Face).where(Face.photo_id == photo.id)).first() is None:
            session.add(Face(photo_id=photo.id, position=0, left=8, top=8, width=24, height=24))
    return True


def _masked(page: str) -> str:
    page = re.sub(r"/receipt/[\w-]{90,}", "/receipt/TOKEN", page)
    page = re.sub(r"(?:\d{4} ){3}\d{4}", "CODE", page)
    page = re.sub(r'name="submission" value="[\w.-]+"', "FORM", page)
    page = re.sub(r"<svg.*?</svg>", "SVG", page)
    return re.sub(r"<time.*?</time>", "TIME", page)
