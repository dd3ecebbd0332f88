"""Adding to a tip: words and photos, durable, once, within limits, and looked into like the first ones."""

import re
import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, func, select, update

from app.audit.models import Action, AuditEvent
from app.candidates.models import CandidateList
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job, JobState
from app.officers.models import Role
from app.photos.models import Face, Photo, PhotoState
from app.tips import adding, storing, withdrawing
from app.tips.models import Author, Channel, ChannelKind, Submission, Tip, TipMessage, TipState
from app.tips.parts import NewPhoto, Parts
from app.worker import Worker
from tests.app.tips.conftest import Send
from tests.app.tips.test_receipt_pages import address
from tests.conftest import Client
from tests.make import Make, jpeg
from tests.stored import files as stored_files

FORM = "form-of-this-test"
PICTURE = Path(__file__).parents[3] / "app" / "demo" / "pictures" / "p0052-tip0.jpg"


def add(client: Client, link: str, *photos: bytes, key: str | None = FORM) -> httpx.Response:
    """Send the form for more photos."""
    files: list[tuple[str, tuple[str | None, bytes | str]]] = [
        ("photos", (f"{number}.jpg", photo)) for number, photo in enumerate(photos)
    ]
    if key is not None:
        files.append(("submission", (None, key)))
    return client.post(f"{link}/photos", files=files)


def photos_of(context: Context, tip_id: UUID) -> list[Photo]:
    """A tip's photos in order."""
    with context.db.read() as session:
        return list(session.exec(select(Photo).where(Photo.tip_id == tip_id).order_by(col(Photo.position))))


def files_of(context: Context) -> int:
    """Files in the photo store."""
    return len(stored_files(context))


class TestPhotos:
    def test_they_are_durable_with_their_rows(self, context: Context, client: Client, make: Make) -> None:
        """Sealed, in order behind the first ones, with a job, a notice and an audit row."""
        tip = make.tip(photos=2)

        answer = add(client, address(context, tip.id), jpeg((1, 2, 3)), jpeg((4, 5, 6)))

        kept = photos_of(context, tip.id)
        with context.db.read() as session:
            jobs = session.exec(select(Job.kind, Job.args)).all()
            notices = session.exec(select(TipMessage.notice)).all()
            events = session.exec(select(AuditEvent.action, AuditEvent.detail)).all()
        assert answer.status_code == 303
        assert [photo.position for photo in kept] == [0, 1, 2, 3]
        assert [context.store.get(photo.store_key, photo.sealed_key) for photo in kept[2:]] == [
            jpeg((1, 2, 3)),
            jpeg((4, 5, 6)),
        ]
        assert [photo.state for photo in kept[2:]] == [PhotoState.PENDING] * 2
        assert jobs == [("add_photos", {"tip_id": str(tip.id)})]
        assert notices == ["photos_added"]
        assert events == [(Action.PHOTO_ADDED, {"photos": 2})]
        assert "More photos came in." in client.get(answer.headers["location"]).text

    def test_the_same_form_adds_once(self, context: Context, client: Client, make: Make) -> None:
        """A lost connection is answered by sending again; other photos need a form of their own."""
        tip = make.tip()
        link = address(context, tip.id)

        first = add(client, link, jpeg((1, 2, 3)))
        before = files_of(context)
        again = add(client, link, jpeg((1, 2, 3)))
        other = add(client, link, jpeg((7, 7, 7)))

        assert [first.status_code, again.status_code, other.status_code] == [303, 303, 409]
        assert len(photos_of(context, tip.id)) == 2
        assert files_of(context) == before

    def test_two_at_once_add_once(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However the two requests interleave; nothing that no row names stays on disk."""
        tip = make.tip()
        parts = Parts({"submission": FORM}, (NewPhoto(jpeg((1, 2, 3)), "JPEG"),), None, "a digest of both")
        before = files_of(context)
        meeting = threading.Barrier(2)
        store = storing.store

        def slow(*arguments: object) -> object:
            meeting.wait(10)
            return store(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(storing, "store", slow)
        both = [threading.Thread(target=adding.add_photos, args=(context, tip.id, parts)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

        assert len(photos_of(context, tip.id)) == 2
        assert files_of(context) == before + 1

    def test_killed_before_the_commit_it_is_sent_again(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No row names what was sealed, nobody was told that it is safe, and the same form adds it once."""
        tip = make.tip()
        parts = Parts({"submission": FORM}, (NewPhoto(jpeg((1, 2, 3)), "JPEG"),), None, "digest")

        def killed(*_arguments: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(adding, "_wake", killed)  # The last step before the commit.
            with pytest.raises(KeyboardInterrupt):
                adding.add_photos(context, tip.id, parts)
        rows = len(photos_of(context, tip.id))
        adding.add_photos(context, tip.id, parts)
        adding.add_photos(context, tip.id, parts)

        assert (rows, len(photos_of(context, tip.id))) == (1, 2)

    @pytest.mark.parametrize(
        ("photos", "status", "sentence"),
        [
            ([], 422, "Add at least one photo."),
            ([b"%PDF-1.7 no photo"], 415, "not a photo we can take"),
            ([b""], 422, "is empty"),
            ([jpeg()] * 7, 422, "at most 6 photos"),
        ],
    )
    def test_the_rules_of_the_tip_form_hold(
        self,
        context: Context,
        client: Client,
        make: Make,
        photos: list[bytes],
        status: int,
        sentence: str,
    ) -> None:
        """The page comes back with the reason beside the field, and nothing was kept."""
        tip = make.tip()
        before = files_of(context)

        answer = add(client, address(context, tip.id), *photos)

        assert answer.status_code == status
        assert sentence in answer.text.split('id="photos-error"')[1]
        assert len(photos_of(context, tip.id)) == 1
        assert files_of(context) == before

    def test_a_tip_holds_twelve(self, context: Context, client: Client, make: Make) -> None:
        """Those that came with it counted."""
        tip = make.tip(photos=6)
        link = address(context, tip.id)

        full = add(client, link, *[jpeg((n, 0, 0)) for n in range(6)], key="form-number-1")
        more = add(client, link, jpeg((9, 9, 9)), key="form-number-2")

        assert full.status_code == 303
        assert more.status_code == 422
        assert "at most 12 photos" in more.text
        assert len(photos_of(context, tip.id)) == 12

    @pytest.mark.parametrize("key", [None, "short", "with space in it"])
    def test_a_form_needs_its_key(
        self, context: Context, client: Client, make: Make, key: str | None
    ) -> None:
        """Without one a lost connection would add twice."""
        answer = add(client, address(context, make.tip().id), jpeg(), key=key)

        assert answer.status_code == 422

    @pytest.mark.parametrize("closed", ["disposed", "taken back", "taken back lead"])
    def test_a_closed_tip_takes_none(self, context: Context, client: Client, make: Make, closed: str) -> None:
        """In plain words, whatever closed it, and the same for a lead."""
        state = {"disposed": TipState.DISPOSED, "taken back lead": TipState.LEAD}.get(closed, TipState.ROUTED)
        tip = make.tip(state=state)
        if closed != "disposed":
            with context.db.write() as session:
                withdrawing.withdraw(session, tip.id)
        before = files_of(context)

        answer = add(client, address(context, tip.id), jpeg())

        assert answer.status_code == 409
        assert "This tip is closed." in answer.text
        assert (len(photos_of(context, tip.id)), files_of(context)) == (1, before)

    def test_a_tip_closed_meanwhile_takes_none(
        self, context: Context, client: Client, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last look is in the transaction that would add them; the sealed files go again."""
        tip = make.tip()
        before = files_of(context)
        store = storing.store

        def closing(*arguments: object) -> object:
            with context.db.write() as session:
                session.exec(update(Tip).where(col(Tip.id) == tip.id).values(state=TipState.DISPOSED))
            return store(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(storing, "store", closing)
        answer = add(client, address(context, tip.id), jpeg())

        assert answer.status_code == 409
        assert (len(photos_of(context, tip.id)), files_of(context)) == (1, before)

    def test_a_tip_that_waits_for_its_sender_wakes_up(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """As with a message."""
        asked, lead = make.tip(state=TipState.AWAITING_TIPSTER), make.tip(state=TipState.LEAD)

        answers = [add(client, address(context, tip.id), jpeg()) for tip in (asked, lead)]

        with context.db.read() as session:
            states = [session.get_one(Tip, tip.id).state for tip in (asked, lead)]
        assert [answer.status_code for answer in answers] == [303, 303]
        assert states == [TipState.ACKNOWLEDGED, TipState.LEAD]

    def test_an_altered_address_adds_nothing(self, context: Context, client: Client, make: Make) -> None:
        """Nobody adds to a stranger's tip."""
        tip = make.tip()

        answer = add(client, f"{address(context, tip.id)[:-4]}AAAA", jpeg())

        assert answer.headers["location"] == "/receipt?ended=1"
        assert len(photos_of(context, tip.id)) == 1

    def test_nobody_is_told_whether_the_photo_is_known(
        self, context: Context, client: Client, make: Make
    ) -> None:
        """The same answer for a new picture and for one of another tip."""
        known = jpeg((50, 60, 70))
        make.sent_tip(known)
        seen = []
        for photo in (known, jpeg((70, 60, 50))):
            answer = add(client, address(context, make.tip().id), photo)
            page = client.get(answer.headers["location"]).text
            seen.append((answer.status_code, re.findall(r"<p class=\"said\">.*?</p>", page)))

        assert seen[0] == seen[1]


class TestLookingIntoThem:
    def test_they_are_examined_clustered_and_searched(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """Exactly like the first ones, once, and an officer of the place sees them."""
        # given a tip that officers have
        tip = make.sent_tip(jpeg((9, 90, 200), (400, 300)))
        worker.run_until_idle()

        # when its sender adds a face
        add(client, address(context, tip.id), PICTURE.read_bytes())
        worker.run_until_idle()

        # then it is examined, stands in a cluster, and was searched with
        added = photos_of(context, tip.id)[1]
        with context.db.read() as session:
            faces = session.exec(select(Face.id).where(Face.photo_id == added.id)).all()
            searches = session.exec(select(CandidateList.face_id)).all()
        assert added.state == PhotoState.EXAMINED
        assert added.cluster_id is not None
        assert len(faces) >= 1
        assert set(searches) == set(faces)

        # and doing it again changes nothing
        with context.db.write() as session:
            session.add(Job(kind="add_photos", args={"tip_id": str(tip.id)}))
        worker.run_until_idle()
        with context.db.read() as session:
            assert session.exec(select(func.count()).select_from(CandidateList)).one() == len(searches)
            assert session.exec(select(Job.state)).unique().all() == ["done"]

        # and an officer sees it
        page = client.get(f"/console/tips/{tip.id}", as_=make.officer(Role.INVESTIGATOR))
        assert str(added.id) in page.text

    def test_added_before_the_first_ones_were_looked_into(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """Whichever job comes first, the tip reaches its officers with all photos."""
        tip = make.sent_tip(jpeg((9, 90, 200), (400, 300)))
        add(client, address(context, tip.id), jpeg((200, 9, 90), (400, 300)))
        with context.db.write() as session:
            later = now() + timedelta(hours=1)
            session.exec(update(Job).where(col(Job.kind) == "process_tip").values(run_at=later))

        worker.run_until_idle()

        with context.db.read() as session:
            state = session.get_one(Tip, tip.id).state
        assert state == TipState.ROUTED
        assert [photo.state for photo in photos_of(context, tip.id)] == [PhotoState.EXAMINED] * 2

    def test_what_was_taken_back_is_not_looked_into(
        self, context: Context, client: Client, make: Make, worker: Worker
    ) -> None:
        """The job finds nothing to do."""
        tip = make.tip()
        link = address(context, tip.id)
        add(client, link, jpeg())
        client.post(f"{link}/withdraw")

        worker.run_until_idle()

        assert photos_of(context, tip.id) == []
        with context.db.read() as session:
            assert set(session.exec(select(Job.state))) == {JobState.DONE}


def test_a_tips_key_and_a_forms_key_are_not_the_same(context: Context, client: Client, send: Send) -> None:
    """A tip and an addition under one key stand beside each other."""
    sent = send(submission=FORM).headers["location"]

    answer = add(client, sent, jpeg((3, 3, 3)))

    with context.db.read() as session:
        keys = session.exec(select(Submission.key)).all()
        kinds = session.exec(select(Channel.kind)).all()
        authors = session.exec(select(TipMessage.author)).all()
    assert answer.status_code == 303
    assert len(set(keys)) == 2
    assert kinds == [ChannelKind.WEB]
    assert authors == [Author.SYSTEM]
