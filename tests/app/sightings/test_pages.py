"""The pages of sightings: what they show, to whom, and what they never say."""

import itertools
import json
import re
from uuid import UUID

import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.cases.models import Case, CaseTip, Lead
from app.core.context import Context
from app.jurisdictions.models import Jurisdiction
from app.officers.models import Officer, Role
from app.sightings import service
from app.tips.models import Tip
from tests.app.sightings.scene import Scene, child
from tests.conftest import Client
from tests.make import Make


def two_tips(scene: Scene, *, other_area: str = "440304") -> tuple[Tip, Tip, UUID]:
    first, second = scene.tip(child(1), hours_ago=30), scene.tip(child(1, 0.05), area=other_area)
    return first, second, scene.suggested(scene.face(first).id, scene.face(second).id)


def joined(scene: Scene, officer: Officer, suggestion_id: UUID) -> UUID:
    with scene.context.db.write() as session:
        return service.confirm(session, officer, suggestion_id).id


class TestList:
    def test_a_pair_is_shown_without_its_score(self, client: Client, scene: Scene, make: Make) -> None:
        """Both faces, how far apart in words, and not a digit of how alike a machine finds them."""
        two_tips(scene)

        answer = client.get("/console/sightings", as_=make.officer())

        assert answer.status_code == 200
        assert answer.text.count("/face?face=0") == 2
        assert "810 m apart" in answer.text
        assert "4 hours apart" in answer.text
        assert "98765" not in answer.text
        assert "face_recognition" not in answer.text

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.INVESTIGATOR, Role.SUPERVISOR])
    def test_who_works_with_tips_sees_it(self, client: Client, make: Make, role: Role) -> None:
        """An empty list says so."""
        answer = client.get("/console/sightings", as_=make.officer(role))

        assert answer.status_code == 200
        assert "No pair of your area waits." in answer.text

    @pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR, Role.CUSTODIAN, Role.ADMIN])
    def test_others_do_not(self, client: Client, make: Make, role: Role) -> None:
        """Faces of tips are not part of these roles."""
        officer = make.officer(role)

        assert client.get("/console/sightings", as_=officer).status_code == 403
        assert client.get("/console/map", as_=officer).status_code == 403

    def test_a_pair_is_confirmed_and_taken_back(self, client: Client, scene: Scene, make: Make) -> None:
        """One press joins, another takes back; the list offers both."""
        officer = make.officer()
        _, _, suggested = two_tips(scene)

        same = client.post(f"/console/sightings/suggestions/{suggested}/same", as_=officer)
        after = client.get("/console/sightings").text
        back = client.post(f"/console/sightings/suggestions/{suggested}/undo")

        assert (same.status_code, back.status_code) == (303, 303)
        assert "What you decided last" in after
        assert f"/console/sightings/suggestions/{suggested}/undo" in after
        assert scene.partition() == set()

    @pytest.mark.parametrize("why", ["different", "cannot_tell"])
    def test_a_pair_is_declined(self, client: Client, scene: Scene, make: Make, why: str) -> None:
        """It is gone from those that wait; pressed a second time, it answers 409."""
        _, _, suggested = two_tips(scene)
        path = f"/console/sightings/suggestions/{suggested}/decline"

        first = client.post(path, data={"why": why}, as_=make.officer())
        second = client.post(path, data={"why": why})

        assert (first.status_code, second.status_code) == (303, 409)
        assert "No pair of your area waits." in client.get("/console/sightings").text

    def test_another_areas_pair_answers_404(self, client: Client, scene: Scene, make: Make) -> None:
        """A guessed address shows nothing and changes nothing."""
        _, _, suggested = two_tips(scene)

        answer = client.post(
            f"/console/sightings/suggestions/{suggested}/same", as_=make.officer(area="442000")
        )

        assert answer.status_code == 404
        assert scene.partition() == set()


class TestTrack:
    def test_it_runs_in_the_order_of_times(
        self, client: Client, scene: Scene, make: Make, context: Context
    ) -> None:
        """Faces as they were seen, with what lies between; the view is in the log."""
        officer = make.officer()
        first, second, suggested = two_tips(scene)
        sighting = joined(scene, officer, suggested)

        answer = client.get(f"/console/sightings/{sighting}", as_=officer)

        assert answer.status_code == 200
        links = re.findall(r'class="line"\s+href="/console/tips/([^"]+)"', answer.text)
        assert links == [str(first.id), str(second.id)]
        assert "at the same place" in answer.text
        assert "29 hours apart" in answer.text
        with context.db.read() as session:
            event = session.exec(select(AuditEvent).where(AuditEvent.action == Action.MAP_VIEWED)).one()
            assert (event.subject_id, event.actor_id) == (str(sighting), str(officer.id))

    def test_what_lies_elsewhere_is_a_count(self, client: Client, scene: Scene, make: Make) -> None:
        """Of a face in another area no time, place, picture or link is shown."""
        first, second, suggested = two_tips(scene, other_area="440303")
        sighting = joined(scene, make.officer(area="440300"), suggested)

        answer = client.get(f"/console/sightings/{sighting}", as_=make.officer(area="440304"))

        assert "1 more face of this sighting lies in an area that is not yours." in answer.text
        assert str(first.id) in answer.text
        assert str(second.id) not in answer.text
        assert str(scene.photo(second).id) not in answer.text
        assert second.place_text not in answer.text
        assert (
            client.get(f"/console/sightings/{sighting}", as_=make.officer(area="442000")).status_code == 404
        )

    def test_cases_are_named_to_those_who_run_them(
        self, client: Client, scene: Scene, make: Make, context: Context
    ) -> None:
        """An investigator finds the case that holds a tip of the track; a reviewer is told of none."""
        reviewer = make.officer()
        first, _, suggested = two_tips(scene)
        sighting = joined(scene, reviewer, suggested)
        with context.db.write() as session:
            lead = Lead(tip_id=first.id, jurisdiction_code="440304", reason="Worth a look.")
            session.add(lead)
            session.flush()
            case = Case(number="SZ-7", lead_id=lead.id, jurisdiction_code="440304", opened_by=reviewer.id)
            session.add(case)
            session.flush()
            session.add(CaseTip(case_id=case.id, tip_id=first.id))

        told = client.get(f"/console/sightings/{sighting}", as_=make.officer(Role.INVESTIGATOR)).text
        untold = client.get(f"/console/sightings/{sighting}", as_=reviewer).text

        assert f"/console/cases/{case.id}" in told
        assert "SZ-7" not in untold

    def test_a_face_goes_out_and_back(self, client: Client, scene: Scene, make: Make) -> None:
        """Both steps lead back to the page, which offers the other one."""
        officer = make.officer()
        first, _, suggested = two_tips(scene)
        sighting = joined(scene, officer, suggested)
        path = f"/console/sightings/{sighting}/faces/{scene.face(first).id}"

        out = client.post(f"{path}/out", as_=officer)
        page = client.get(f"/console/sightings/{sighting}").text
        back = client.post(f"{path}/back")

        assert (out.status_code, back.status_code) == (303, 303)
        assert f"{path}/back" in page
        assert len(scene.partition()) == 1

    def test_a_note_that_is_too_long_comes_back(self, client: Client, scene: Scene, make: Make) -> None:
        """What was typed stands in the field, and the reason beside it."""
        officer = make.officer()
        _, _, suggested = two_tips(scene)
        sighting = joined(scene, officer, suggested)

        answer = client.post(f"/console/sightings/{sighting}/note", data={"note": "y" * 2_001}, as_=officer)
        saved = client.post(f"/console/sightings/{sighting}/note", data={"note": "With a sign."})

        assert answer.status_code == 422
        assert "y" * 2_001 in answer.text
        assert "At most 2000 characters." in answer.text
        assert saved.status_code == 303
        assert "With a sign." in client.get(f"/console/sightings/{sighting}").text

    def test_the_map_shows_every_stop_and_what_lies_around(
        self, client: Client, scene: Scene, make: Make, context: Context
    ) -> None:
        """However near the stops are, or wherever they lie, all with a place are inside the picture."""
        officer = make.officer(area="440300")
        ring = [[113.8, 22.4], [114.5, 22.4], [114.5, 22.8], [113.8, 22.8], [113.8, 22.4]]
        with context.db.write() as session:
            area = session.get_one(Jurisdiction, "440304")
            area.shape = json.dumps({"type": "Polygon", "coordinates": [ring]})
            session.add(area)
        places = [(22.5431, 114.0579), (22.5432, 114.0580), (22.7, 114.4), (23.4, 113.1)]
        faces = [scene.face(scene.tip(child(number), at=at)) for number, at in enumerate(places)]
        for one, other in itertools.pairwise(faces):
            sighting = joined(scene, officer, scene.suggested(one.id, other.id))

        page = client.get(f"/console/sightings/{sighting}", as_=officer).text

        stops = re.findall(r'<circle[^>]*cx="([\d.-]+)"\s+cy="([\d.-]+)"', page)
        inside = [(x, y) for x, y in stops if 0 <= float(x) <= 800 and 0 <= float(y) <= 600]
        assert len(stops) == len(inside) == 3
        assert page.count("not on the map") == 1
        assert 'class="area own"' in page
