"""Promises about what the service could not do by itself."""

import pytest

from app.audit.models import Action
from app.core.jobs import JobState
from app.officers.models import Role
from app.photos.models import Photo, PhotoState
from app.tips.models import Tip, TipState
from tests.app.triage.conftest import Desk
from tests.make import Make


def failed_tip(desk: Desk, make: Make, area: str = "440304") -> Tip:
    tip = make.tip(state=TipState.FAILED, area=area)
    with desk.db.write() as session:
        kept = session.get_one(Tip, tip.id)
        kept.state_reason = "OSError"
        session.add(kept)
    return tip


class TestTheFailedPage:
    def test_a_supervisor_sees_tips_photos_and_work(self, desk: Desk, make: Make) -> None:
        """What failed is shown with its reason, never dropped."""
        tip, other = failed_tip(desk, make), make.tip()
        desk.parked_job(tip_id=str(tip.id))
        with desk.db.write() as session:
            photo = session.get_one(Photo, desk.photos(other)[0].id)
            photo.state, photo.parked_reason = PhotoState.PARKED, "too_large"
            session.add(photo)

        text = desk.client.get("/console/failed", as_=make.officer(Role.SUPERVISOR)).text

        assert tip.place_text in text
        assert "OSError" in text
        assert "Preparing a tip" in text
        assert "The picture is larger than can be read." in text
        assert f"/console/tips/{other.id}" in text

    def test_nothing_failed_says_so(self, desk: Desk, make: Make) -> None:
        """An empty page is no error."""
        text = desk.client.get("/console/failed", as_=make.officer(Role.SUPERVISOR)).text

        assert "Nothing has failed." in text

    def test_another_areas_failures_are_not_there(self, desk: Desk, make: Make) -> None:
        """Neither seen nor tried again."""
        tip = failed_tip(desk, make, area="442000")
        job = desk.parked_job(tip_id=str(tip.id))
        supervisor = make.officer(Role.SUPERVISOR)

        text = desk.client.get("/console/failed", as_=supervisor).text

        assert "Nothing has failed." in text
        assert desk.client.post(f"/console/failed/jobs/{job.id}/retry", as_=supervisor).status_code == 404
        assert desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=supervisor).status_code == 404
        assert desk.job(job).state == JobState.PARKED

    def test_work_of_no_tip_is_the_nations(self, desk: Desk, make: Make) -> None:
        """A record's failed search is somebody's, too."""
        job = desk.parked_job("retroact", record_id=str(make.record().id))
        nation = make.officer(Role.SUPERVISOR, area="CN")

        text = desk.client.get("/console/failed", as_=nation).text
        local = desk.client.get("/console/failed", as_=make.officer(Role.SUPERVISOR)).text

        assert str(job.id) in text
        assert str(job.id) not in local

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.SUPERVISOR])
    def test_it_is_for_supervisors(self, desk: Desk, make: Make, role: Role) -> None:
        """The page and both its steps."""
        tip = failed_tip(desk, make)
        job = desk.parked_job(tip_id=str(tip.id))
        officer = make.officer(role)

        answers = [
            desk.client.get("/console/failed", as_=officer),
            desk.client.post(f"/console/failed/jobs/{job.id}/retry", as_=officer),
            desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=officer),
        ]

        assert [answer.status_code for answer in answers] == [403] * 3
        assert desk.stored(tip).state == TipState.FAILED


class TestTryingAgain:
    def test_a_parked_job_is_ready_again(self, desk: Desk, make: Make) -> None:
        """From the start, with all its tries; who let it is in the log."""
        tip = failed_tip(desk, make)
        job = desk.parked_job(tip_id=str(tip.id))
        supervisor = make.officer(Role.SUPERVISOR)

        answer = desk.client.post(f"/console/failed/jobs/{job.id}/retry", as_=supervisor)

        assert (answer.status_code, answer.headers["location"]) == (303, "/console/failed")
        assert (desk.job(job).state, desk.job(job).attempts) == (JobState.READY, 0)
        assert [(row.action, row.actor_id) for row in desk.audited(job.id)] == [
            (Action.JOB_RETRIED, str(supervisor.id))
        ]

    def test_a_job_that_is_not_parked_is_left_alone(self, desk: Desk, make: Make) -> None:
        """Pressing twice, or a made-up id, starts nothing twice."""
        tip = failed_tip(desk, make)
        job = desk.parked_job(tip_id=str(tip.id))
        supervisor = make.officer(Role.SUPERVISOR)
        url = f"/console/failed/jobs/{job.id}/retry"

        assert desk.client.post(url, as_=supervisor).status_code == 303
        assert desk.client.post(url, as_=supervisor).status_code == 404
        assert len(desk.audited(job.id)) == 1


class TestGoingOnWithout:
    def test_a_failed_tip_comes_to_triage(self, desk: Desk, make: Make) -> None:
        """A tip whose photos nobody can prepare still has its words and its place."""
        tip, supervisor = failed_tip(desk, make), make.officer(Role.SUPERVISOR)

        answer = desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=supervisor)

        assert answer.headers["location"] == f"/console/tips/{tip.id}"
        assert desk.stored(tip).state == TipState.ROUTED
        assert str(tip.id) in desk.listed(make.officer())

    def test_one_without_an_area_gets_the_supervisors(self, desk: Desk, make: Make) -> None:
        """A tip that failed before it was routed is the nation's to place."""
        tip = make.tip(state=TipState.FAILED, area=None)
        supervisor = make.officer(Role.SUPERVISOR, area="CN")

        desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=supervisor)

        assert desk.stored(tip).jurisdiction_code == "CN"

    @pytest.mark.parametrize("state", [s for s in TipState if s != TipState.FAILED])
    def test_no_other_tip_takes_this_way(self, desk: Desk, make: Make, state: TipState) -> None:
        """It would skip what the other states wait for."""
        tip = make.tip(state=state)

        answer = desk.client.post(f"/console/failed/tips/{tip.id}/triage", as_=make.officer(Role.SUPERVISOR))

        assert answer.status_code == 409
        assert desk.stored(tip).state == state
