"""Promises about saying who a face is: the child, or a bystander who is not searched."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from app.audit.models import Action
from app.candidates import queries, service
from app.candidates.gallery import GalleryCache
from app.candidates.models import Candidate, CandidateState, SearchCause
from app.core.context import Context
from app.core.jobs import Job
from app.officers.models import Officer, Role
from app.photos.models import Face, FaceRole, Photo, Template
from app.records.models import Reference
from app.tips.models import Channel, ChannelKind, Tip, TipState
from app.worker import Worker
from tests.app.triage.conftest import Desk
from tests.make import ENCODER, ENCODER_VERSION, Make

PICTURES = Path(__file__).parents[3] / "app" / "demo" / "pictures"


def faces_of(desk: Desk, tip: Tip) -> list[Face]:
    with desk.db.read() as session:
        return list(
            session.exec(
                select(Face)
                .join(Photo, col(Photo.id) == col(Face.photo_id))
                .where(Photo.tip_id == tip.id)
                .order_by(col(Photo.position), col(Face.position))
            )
        )


def mark(desk: Desk, tip: Tip, officer: Officer, role: str, face: Face | None = None) -> httpx.Response:
    """Press one of a face's buttons; of the first one unless another is given."""
    face = face or faces_of(desk, tip)[0]
    return desk.send(tip, officer, f"faces/{face.id}", role=role)


def state(desk: Desk, candidate: Candidate) -> CandidateState:
    with desk.db.read() as session:
        return session.get_one(Candidate, candidate.id).state


class TestMarking:
    def test_a_mark_is_kept_logged_and_undone(self, desk: Desk, make: Make) -> None:
        """Who said so, what was before, and back by the same buttons."""
        tip, officer = make.tip(), make.officer()
        face = faces_of(desk, tip)[0]

        for role in ("child", "bystander", "bystander", "unmarked"):
            assert mark(desk, tip, officer, role).status_code == 303

        assert faces_of(desk, tip)[0] == face
        rows = desk.audited(face.id)
        assert [row.action for row in rows] == [Action.FACE_MARKED] * 3
        assert [(row.detail["was"], row.detail["now"]) for row in rows] == [
            ("unmarked", "child"),
            ("child", "bystander"),
            ("bystander", "unmarked"),
        ]
        assert {row.actor_id for row in rows} == {str(officer.id)}

    def test_the_page_numbers_the_faces_and_says_who_they_are(self, desk: Desk, make: Make) -> None:
        """A frame for each, a name for each, and which button is pressed: without colour or script."""
        tip, officer = make.tip(), make.officer()
        with desk.db.write() as session:
            photo_id = desk.photos(tip)[0].id
            session.add(Face(photo_id=photo_id, position=1, left=40, top=2, width=20, height=20))
        mark(desk, tip, officer, "child")
        mark(desk, tip, officer, "bystander", faces_of(desk, tip)[1])

        page = desk.page(tip, officer)

        assert 'aria-label="Face 1: The child. Face 2: Bystander. "' in page
        assert 'viewBox="0 0 64 48"' in page
        assert page.count('class="box"') == 2
        assert page.count('aria-pressed="true"') == 2
        assert "style=" not in page

    def test_faces_are_shown_with_frames_when_asked_for(self, desk: Desk, make: Make) -> None:
        """The photo that was asked for, and no other; the mark leads back to it."""
        tip, officer = make.tip(photos=2), make.officer()
        first, second = desk.photos(tip)

        page = desk.client.get(f"/console/tips/{tip.id}?faces={first.id}", as_=officer).text
        answer = desk.client.post(
            f"/console/tips/{tip.id}/faces/{faces_of(desk, tip)[0].id}?faces={first.id}",
            as_=officer,
            data={"role": "child"},
        )

        assert f'<img src="/console/photos/{first.id}/scene"' in page
        assert f'<img src="/console/photos/{second.id}/redacted"' in page
        assert answer.headers["location"] == f"/console/tips/{tip.id}?faces={first.id}#photos"

    @pytest.mark.parametrize("role", ["", "parent", "CHILD"])
    def test_what_is_no_mark_is_none(self, desk: Desk, make: Make, role: str) -> None:
        """Nothing changes."""
        tip = make.tip()

        assert mark(desk, tip, make.officer(), role).status_code == 422
        assert faces_of(desk, tip)[0].role == FaceRole.UNMARKED

    def test_only_faces_of_a_visible_tip_are_marked(self, desk: Desk, make: Make) -> None:
        """Another area's, another tip's, a record's and a known answer's are not there."""
        tip, other, foreign = make.tip(), make.tip(), make.tip(area="442000")
        officer, record = make.officer(), make.record()
        with desk.db.write() as session:
            channel = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(channel)
            held = session.exec(select(Reference).where(Reference.record_id == record.id)).one()
            reference = session.get_one(Face, held.face_id)
        golden = make.tip(channel_id=channel.id)

        answers = [
            mark(desk, foreign, officer, "bystander"),
            mark(desk, tip, officer, "bystander", faces_of(desk, other)[0]),
            mark(desk, tip, officer, "bystander", reference),
            mark(desk, golden, officer, "bystander"),
            desk.send(tip, officer, f"faces/{uuid4()}", role="bystander"),
        ]

        assert [answer.status_code for answer in answers] == [404] * 5
        with desk.db.read() as session:
            assert {face.role for face in session.exec(select(Face))} == {FaceRole.UNMARKED}

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_other_roles_mark_nothing(self, desk: Desk, make: Make, role: Role) -> None:
        """It decides what is searched."""
        tip = make.tip()

        assert mark(desk, tip, make.officer(role), "bystander").status_code == 403


class TestBystanders:
    def test_candidates_that_nobody_decided_on_go_and_those_of_other_faces_stay(
        self, desk: Desk, make: Make
    ) -> None:
        """A passer-by is compared with no missing child."""
        tip, other, officer = make.tip(state=TipState.IN_REVIEW), make.tip(), make.officer()
        gone, stays = make.candidate(tip=tip), make.candidate(tip=other)

        mark(desk, tip, officer, "bystander")

        assert state(desk, gone) == CandidateState.WITHDRAWN
        assert state(desk, stays) == CandidateState.PROPOSED
        assert [row.action for row in desk.audited(gone.id)] == [Action.CANDIDATE_WITHDRAWN]
        assert str(tip.id) in desk.listed(officer)

    @pytest.mark.parametrize(
        "decided", [s for s in CandidateState if s not in {CandidateState.PROPOSED, CandidateState.WITHDRAWN}]
    )
    def test_a_mark_is_no_way_past_reviewers(self, desk: Desk, make: Make, decided: CandidateState) -> None:
        """What somebody has decided on goes its way."""
        tip = make.tip()
        candidate = make.candidate(tip=tip)
        with desk.db.write() as session:
            session.get_one(Candidate, candidate.id).state = decided

        assert mark(desk, tip, make.officer(), "bystander").status_code == 303

        assert state(desk, candidate) == decided

    def test_new_records_are_not_compared_with_them(self, desk: Desk, make: Make) -> None:
        """Nor is a bystander searched again by any other way; the child is."""
        tip, other, officer = make.tip(), make.tip(), make.officer()
        with desk.db.write() as session:
            for face in (*faces_of(desk, tip), *faces_of(desk, other)):
                session.add(
                    Template(
                        face_id=face.id, encoder=ENCODER, encoder_version=ENCODER_VERSION, vector=b"1234"
                    )
                )
        mark(desk, tip, officer, "bystander")
        mark(desk, other, officer, "child")

        assert self._retained(desk) == [other.id]
        mark(desk, tip, officer, "unmarked")
        assert sorted(self._retained(desk)) == sorted([tip.id, other.id])

    def test_whoever_is_none_any_more_is_searched_anew(self, desk: Desk, make: Make) -> None:
        """Only then: a child that is marked as such was searched before."""
        tip, officer = make.tip(), make.officer()
        face = faces_of(desk, tip)[0]

        mark(desk, tip, officer, "child")
        mark(desk, tip, officer, "bystander")
        assert self._jobs(desk) == []
        mark(desk, tip, officer, "child")

        (job,) = self._jobs(desk)
        assert (job.kind, job.args) == ("search_tip", {"tip_id": str(tip.id), "photo_id": str(face.photo_id)})

    @pytest.mark.faces
    def test_their_candidates_come_back_with_the_mark_taken_away(
        self, desk: Desk, make: Make, worker: Worker
    ) -> None:
        """From the real search: found, withdrawn, not found as a bystander, found again, once."""
        tip = make.sent_tip((PICTURES / "p0007-tip0.jpg").read_bytes(), area="440304")
        record = make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
        worker.run_until_idle()
        officer = make.officer()
        found = self._candidates(desk, tip)
        assert [each.record_id for each in found] == [record.id]
        faces = faces_of(desk, tip)

        for face in faces:
            mark(desk, tip, officer, "bystander", face)
        late = make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
        worker.run_until_idle()
        assert self._candidates(desk, tip) == []
        for face in faces:
            mark(desk, tip, officer, "unmarked", face)
        worker.run_until_idle()

        back = self._candidates(desk, tip)
        assert {each.record_id for each in back} == {record.id, late.id}
        assert len(back) == 2
        assert found[0].id not in {each.id for each in back}

    @pytest.mark.faces
    def test_a_search_that_was_under_way_proposes_nothing_for_them(
        self, desk: Desk, context: Context, make: Make, worker: Worker
    ) -> None:
        """The mark counts from the moment it is made, not from the next search on."""
        tip = make.sent_tip((PICTURES / "p0007-tip0.jpg").read_bytes(), area="440304")
        worker.run_until_idle()
        make.sent_record((PICTURES / "p0007-portrait0.jpg").read_bytes())
        worker.run_until_idle()
        face = faces_of(desk, tip)[0]
        mark(desk, tip, make.officer(), "child", face)
        gallery = GalleryCache(context.settings.data_dir)
        with context.db.read() as session:
            current = gallery.current(session)
            probes = service.probes_of_tip(session, tip.id, current, anew=face.photo_id)
            found = [(probe, service.compare(probe, current)) for probe in probes]
        assert found

        for each in faces_of(desk, tip):
            mark(desk, tip, make.officer(), "bystander", each)
        with context.db.write() as session:
            proposed = [
                service.propose(session, probe, chosen, current, SearchCause.TIP, 10, anew=True)
                for probe, chosen in found
            ]

        assert set(proposed) == {0}

    @staticmethod
    def _candidates(desk: Desk, tip: Tip) -> Sequence[Candidate]:
        with desk.db.read() as session:
            return queries.open_of_tip(session, tip.id)

    @staticmethod
    def _jobs(desk: Desk) -> list[Job]:
        with desk.db.read() as session:
            return list(session.exec(select(Job)))

    @staticmethod
    def _retained(desk: Desk) -> list[UUID]:
        with desk.db.read() as session:
            found = queries.retained_faces(session, ENCODER, ENCODER_VERSION, UUID(int=0), 100)
        return [tip.id for _, _, tip in found]
