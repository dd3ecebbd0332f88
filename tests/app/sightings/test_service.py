"""Confirming, declining and undoing: a person decides, and every step can be taken back."""

import itertools
import threading
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.cases.models import Lead
from app.core.context import Context
from app.core.errors import Conflict, Invalid, NotFound
from app.officers.models import Officer
from app.photos.models import Face, FaceRole
from app.sightings import queries, service
from app.sightings.models import Sighting, SightingSuggestion, SuggestionState
from app.sightings.service import Declined
from app.tips.models import Disposition, Tip
from tests.app.sightings.scene import Scene, child
from tests.make import Make


@pytest.fixture
def officer(make: Make) -> Officer:
    """A reviewer of the city."""
    return make.officer(area="440300")


def confirm(context: Context, officer: Officer, suggestion_id: UUID) -> Sighting:
    with context.db.write() as session:
        return service.confirm(session, officer, suggestion_id)


def undo(context: Context, officer: Officer, suggestion_id: UUID) -> None:
    with context.db.write() as session:
        service.undo(session, officer, suggestion_id)


def take_out(context: Context, officer: Officer, sighting_id: UUID, face_id: UUID) -> None:
    with context.db.write() as session:
        service.take_out(session, officer, sighting_id, face_id)


def put_back(context: Context, officer: Officer, sighting_id: UUID, face_id: UUID) -> None:
    with context.db.write() as session:
        service.put_back(session, officer, sighting_id, face_id)


def chain(scene: Scene, count: int) -> tuple[list[Face], list[UUID]]:
    """Faces, and suggestions of each with the next."""
    faces = [scene.face(scene.tip(child(number))) for number in range(count)]
    return faces, [scene.suggested(a.id, b.id) for a, b in itertools.pairwise(faces)]


class TestConfirm:
    def test_two_faces_become_a_sighting(self, scene: Scene, context: Context, officer: Officer) -> None:
        """The same child: both faces are in one sighting, and the log says who said so."""
        faces, (suggested,) = chain(scene, 2)

        sighting = confirm(context, officer, suggested)

        assert scene.partition() == {frozenset(face.id for face in faces)}
        assert sighting.jurisdiction_code == "440304"
        with context.db.read() as session:
            event = session.exec(
                select(AuditEvent).where(AuditEvent.action == Action.SIGHTING_CONFIRMED)
            ).one()
            assert (event.actor_id, event.subject_id) == (str(officer.id), str(sighting.id))

    def test_a_third_face_joins_and_two_sightings_become_one(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """What either face was in already comes along; the older sighting is the one that stays."""
        faces, (first, between, last) = chain(scene, 4)
        older = confirm(context, officer, first)
        younger = confirm(context, officer, last)

        kept = confirm(context, officer, between)

        assert kept.id == older.id
        assert scene.partition() == {frozenset(face.id for face in faces)}
        with context.db.read() as session:
            assert session.get_one(Sighting, younger.id).ended_at is not None

    def test_it_changes_no_tip_and_makes_no_lead(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """A sighting is what an officer thinks of faces; tips keep their own ways."""
        _, (suggested,) = chain(scene, 2)
        with context.db.read() as session:
            before = {tip.id: tip.model_dump() for tip in session.exec(select(Tip))}

        confirm(context, officer, suggested)

        with context.db.read() as session:
            assert {tip.id: tip.model_dump() for tip in session.exec(select(Tip))} == before
            assert session.exec(select(Lead)).all() == []

    def test_areas_of_two_districts_make_a_citys_sighting(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """Its area is the smallest that holds both."""
        here, there = scene.tip(child(1)), scene.tip(child(1, 0.01), area="440303")

        sighting = confirm(context, officer, scene.suggested(scene.face(here).id, scene.face(there).id))

        assert sighting.jurisdiction_code == "440300"

    def test_who_sees_one_tip_only_sees_no_suggestion(
        self, scene: Scene, context: Context, make: Make
    ) -> None:
        """Another area's picture is not shown, and cannot be decided on, by guessing the address either."""
        here, there = scene.tip(child(1)), scene.tip(child(1, 0.01), area="440303")
        suggested = scene.suggested(scene.face(here).id, scene.face(there).id)
        local = make.officer(area="440304")

        with context.db.write() as session:
            assert queries.waiting(session, local, 1).total == 0
            for step in (service.confirm, service.undo):
                with pytest.raises(NotFound):
                    step(session, local, suggested)
            with pytest.raises(NotFound):
                service.decline(session, local, suggested, Declined.DIFFERENT)

    @pytest.mark.parametrize("why", ["decided", "bystander", "taken back"])
    def test_what_no_longer_counts_is_refused(
        self, scene: Scene, context: Context, officer: Officer, why: str
    ) -> None:
        """A decision on what fell away meanwhile changes nothing."""
        faces, (suggested,) = chain(scene, 2)
        with context.db.write() as session:
            if why == "decided":
                service.decline(session, officer, suggested, Declined.CANNOT_TELL)
            elif why == "bystander":
                face = session.get_one(Face, faces[0].id)
                face.role = FaceRole.BYSTANDER
                session.add(face)
            else:
                for tip in session.exec(select(Tip)):
                    tip.disposition = Disposition.WITHDRAWN_BY_TIPSTER
                    session.add(tip)

        with context.db.write() as session:
            assert queries.waiting(session, officer, 1).total == 0
            with pytest.raises(Conflict):
                service.confirm(session, officer, suggested)
        assert scene.partition() == set()

    def test_a_pair_that_others_joined_waits_no_more(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """With a-b and b-c confirmed nobody is asked about a-c; undone, it is asked again."""
        faces, (first, second) = chain(scene, 3)
        scene.suggested(faces[0].id, faces[2].id)
        confirm(context, officer, first)
        confirm(context, officer, second)

        with context.db.read() as session:
            joined = queries.waiting(session, officer, 1).total
        undo(context, officer, second)
        with context.db.read() as session:
            parted = queries.waiting(session, officer, 1).total

        assert (joined, parted) == (0, 2)

    def test_two_officers_at_once_decide_once(self, scene: Scene, context: Context, make: Make) -> None:
        """Of many presses at the same time one counts; a face is never in two sightings."""
        _, (suggested,) = chain(scene, 2)
        officers = [make.officer(area="440300") for _ in range(6)]
        outcomes: list[str] = []

        def press(who: Officer) -> None:
            try:
                confirm(context, who, suggested)
                outcomes.append("joined")
            except Conflict:
                outcomes.append("refused")

        threads = [threading.Thread(target=press, args=(who,)) for who in officers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["joined", *["refused"] * 5]
        assert len(scene.partition()) == 1


class TestDecline:
    def test_it_waits_no_more_and_can_wait_again(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """Not the same child: gone from the list, not suggested again, and undone if it was a slip."""
        _, (suggested,) = chain(scene, 2)
        with context.db.write() as session:
            service.decline(session, officer, suggested, Declined.DIFFERENT)
            gone = queries.waiting(session, officer, 1).total

        undo(context, officer, suggested)

        with context.db.read() as session:
            assert (gone, queries.waiting(session, officer, 1).total) == (0, 1)
            assert session.get_one(SightingSuggestion, suggested).state == SuggestionState.OPEN


class TestUndo:
    def test_a_later_step_is_undone_first(self, scene: Scene, context: Context, officer: Officer) -> None:
        """What rests on a joining does not lose its ground."""
        _, (first, second) = chain(scene, 3)
        confirm(context, officer, first)
        confirm(context, officer, second)

        with pytest.raises(Conflict):
            undo(context, officer, first)
        undo(context, officer, second)
        undo(context, officer, first)

        assert scene.partition() == set()

    def test_what_nobody_decided_is_not_undone(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """An open suggestion has nothing to take back."""
        _, (suggested,) = chain(scene, 2)

        with pytest.raises(Conflict):
            undo(context, officer, suggested)

    @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
    def test_undoing_everything_gives_back_the_rows_of_every_step(
        self, scene: Scene, context: Context, officer: Officer, pairs: list[tuple[int, int]]
    ) -> None:
        """Whatever is joined to whatever, undoing step by step passes through the very same rows."""
        faces = [scene.face(scene.tip(child(number))).id for number in range(6)]
        seen: set[frozenset[int]] = set()
        history = []
        for one, other in pairs:
            if one == other or frozenset((one, other)) in seen:
                continue
            seen.add(frozenset((one, other)))
            suggested = scene.suggested(faces[one], faces[other])
            history.append((suggested, scene.standing(), ended(context)))
            confirm(context, officer, suggested)
            assert_whole(scene, faces)

        for suggested, standing, sightings in reversed(history):
            undo(context, officer, suggested)
            assert scene.standing() == standing
            assert ended(context) >= sightings


class TestTakeOut:
    def test_a_face_goes_out_and_comes_back(self, scene: Scene, context: Context, officer: Officer) -> None:
        """Taken out by mistake, it is put back, as it was."""
        faces, (first, second) = chain(scene, 3)
        sighting = confirm(context, officer, first)
        confirm(context, officer, second)
        before = scene.standing()

        take_out(context, officer, sighting.id, faces[0].id)
        without = scene.partition()
        put_back(context, officer, sighting.id, faces[0].id)

        assert without == {frozenset(face.id for face in faces[1:])}
        assert scene.standing() == before

    def test_a_sighting_of_one_ends_and_stands_again(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """One face is no sighting; put back, both are."""
        faces, (suggested,) = chain(scene, 2)
        sighting = confirm(context, officer, suggested)
        before = scene.standing()

        take_out(context, officer, sighting.id, faces[1].id)
        apart = scene.partition()
        put_back(context, officer, sighting.id, faces[1].id)

        assert apart == set()
        assert scene.standing() == before

    def test_a_face_elsewhere_does_not_come_back(
        self, scene: Scene, context: Context, officer: Officer
    ) -> None:
        """A face is in one sighting at a time."""
        faces, (first, second) = chain(scene, 3)
        other = scene.face(scene.tip(child(9)))
        sighting = confirm(context, officer, first)
        confirm(context, officer, second)
        take_out(context, officer, sighting.id, faces[0].id)
        confirm(context, officer, scene.suggested(faces[0].id, other.id))

        with pytest.raises(Conflict):
            put_back(context, officer, sighting.id, faces[0].id)

    def test_a_face_of_another_area_is_not_touched(
        self, scene: Scene, context: Context, make: Make, officer: Officer
    ) -> None:
        """Who sees a part of a sighting changes that part alone."""
        here, there = scene.tip(child(1)), scene.tip(child(1, 0.01), area="440303")
        sighting = confirm(context, officer, scene.suggested(scene.face(here).id, scene.face(there).id))

        with pytest.raises(NotFound):
            take_out(context, make.officer(area="440304"), sighting.id, scene.face(there).id)
        with pytest.raises(NotFound):
            take_out(context, make.officer(area="442000"), sighting.id, scene.face(there).id)


class TestNote:
    def test_a_note_is_kept_and_bounded(self, scene: Scene, context: Context, officer: Officer) -> None:
        """Text that cannot be saved is refused; what was there stays."""
        _, (suggested,) = chain(scene, 2)
        sighting = confirm(context, officer, suggested)
        with context.db.write() as session:
            service.write_note(session, officer, sighting.id, " Always with a cardboard sign. ")

        with context.db.write() as session, pytest.raises(Invalid):
            service.write_note(session, officer, sighting.id, "x" * 2_001)

        with context.db.read() as session:
            assert session.get_one(Sighting, sighting.id).note == "Always with a cardboard sign."


def ended(context: Context) -> set[tuple[UUID, bool]]:
    """Which sightings there are, and which have ended."""
    with context.db.read() as session:
        return {(each.id, each.ended_at is not None) for each in session.exec(select(Sighting))}


def assert_whole(scene: Scene, faces: list[UUID]) -> None:
    """Faces are joined just as the confirmed pairs connect them."""
    with scene.context.db.read() as session:
        confirmed = session.exec(
            select(SightingSuggestion).where(SightingSuggestion.state == SuggestionState.CONFIRMED)
        ).all()
    groups = [{face} for face in faces]
    for pair in (pair for pair in confirmed if pair.face_id in faces):
        joined = [group for group in groups if pair.face_id in group or pair.other_id in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    ours = set(faces)
    assert {group for group in scene.partition() if group & ours} == {
        frozenset(group) for group in groups if len(group) > 1
    }
