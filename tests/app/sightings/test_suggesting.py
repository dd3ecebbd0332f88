"""What the machine suggests: near in place and time, alike enough, and nothing twice."""

from unittest.mock import Mock

import pytest
from sqlmodel import select

from app import pipeline
from app.audit.models import Action, AuditEvent
from app.core.context import Context
from app.core.jobs import Job
from app.photos.models import Face, FaceRole, Photo
from app.sightings import suggesting
from app.sightings.distance import metres_between
from app.tips.models import Channel, ChannelKind, Disposition, Tip, TipState
from matching.calibration import CalibrationMissing
from tests.app.sightings.scene import FUTIAN, Scene, child

NEAR = (22.5600, 114.0700)
DONGGUAN = (23.0207, 113.7518)


class TestSuggest:
    def test_the_same_child_nearby_is_suggested(self, scene: Scene) -> None:
        """Two pictures of one child, a mile and a day apart, are put before a person."""
        first = scene.tip(child(1), hours_ago=25)
        second = scene.tip(child(1, 0.05), at=NEAR, hours_ago=1)

        made = scene.suggest(second)

        (suggestion,) = scene.suggestions()
        assert made == 1
        assert {suggestion.face_id, suggestion.other_id} == {scene.face(first).id, scene.face(second).id}
        assert suggestion.face_id < suggestion.other_id
        assert round(suggestion.distance_m) == round(metres_between(*FUTIAN, *NEAR))
        assert round(suggestion.hours_apart) == 24

    def test_strangers_are_not_suggested(self, scene: Scene) -> None:
        """Two children at one place are two children."""
        scene.tip(child(1))

        assert scene.suggest(scene.tip(child(2))) == 0

    def test_it_may_be_repeated(self, scene: Scene, context: Context) -> None:
        """Asked again, from either side, nothing is suggested twice, and each is in the log once."""
        first, second = scene.tip(child(1)), scene.tip(child(1, 0.05))

        made = [scene.suggest(tip) for tip in (second, second, first)]

        assert made == [1, 0, 0]
        with context.db.read() as session:
            logged = session.exec(select(AuditEvent).where(AuditEvent.action == Action.SIGHTING_SUGGESTED))
            assert len(logged.all()) == 1

    def test_far_away_or_long_ago_is_not_compared(self, scene: Scene) -> None:
        """Beyond the distance and the time that are set, nothing is suggested."""
        scene.tip(child(1), at=DONGGUAN)
        scene.tip(child(1, 0.01), hours_ago=24 * 20)
        scene.tip(child(1, 0.02), at=None)

        assert scene.suggest(scene.tip(child(1, 0.05))) == 0

    def test_a_tip_without_a_place_is_not_compared(self, scene: Scene) -> None:
        """Without coordinates there is no distance."""
        scene.tip(child(1))

        assert scene.suggest(scene.tip(child(1, 0.05), at=None)) == 0

    def test_a_copy_is_no_sighting(self, scene: Scene, context: Context) -> None:
        """One picture sent twice is one picture; a third picture is suggested with it once."""
        first, copy = scene.tip(child(1)), scene.tip(child(1, 0.01))
        with context.db.write() as session:
            photo = session.get_one(Photo, scene.photo(copy).id)
            photo.cluster_id = scene.photo(first).cluster_id
            session.add(photo)
        third = scene.tip(child(1, 0.05))

        made = [scene.suggest(tip) for tip in (copy, third)]

        assert made == [0, 1]

    def test_bystanders_are_left_out(self, scene: Scene, context: Context) -> None:
        """A face that an officer marked as somebody else's is not compared."""
        first, second = scene.tip(child(1)), scene.tip(child(1, 0.05))
        with context.db.write() as session:
            face = session.get_one(Face, scene.face(first).id)
            face.role = FaceRole.BYSTANDER
            session.add(face)

        assert [scene.suggest(first), scene.suggest(second)] == [0, 0]

    def test_a_tip_that_was_taken_back_is_left_out(self, scene: Scene, context: Context) -> None:
        """What its sender withdrew is compared with nothing."""
        first, second = scene.tip(child(1)), scene.tip(child(1, 0.05))
        with context.db.write() as session:
            tip = session.get_one(Tip, first.id)
            tip.disposition = Disposition.WITHDRAWN_BY_TIPSTER
            session.add(tip)

        assert [scene.suggest(first), scene.suggest(second)] == [0, 0]

    def test_known_answers_are_left_out(self, scene: Scene, context: Context) -> None:
        """A known answer is nobody's child: it is never suggested, from neither side."""
        with context.db.write() as session:
            golden = Channel(kind=ChannelKind.GOLDEN, name="golden")
            session.add(golden)
        known = scene.tip(child(1), channel_id=golden.id)
        second = scene.tip(child(1, 0.05))

        assert [scene.suggest(known), scene.suggest(second)] == [0, 0]

    def test_one_face_brings_a_short_list(self, scene: Scene, context: Context) -> None:
        """However many are alike, a person gets no more pairs of a face than candidates of one."""
        most = context.settings.short_list
        for number in range(most + 3):
            scene.tip(child(1, number / 1000))

        assert scene.suggest(scene.tip(child(1, 0.05))) == most


class TestJob:
    def test_a_tip_that_is_handed_over_is_looked_for(self, scene: Scene, context: Context) -> None:
        """The job stands in the transaction that brings a tip before officers, once."""
        first, second = scene.tip(child(1)), scene.tip(child(1, 0.05))
        with context.db.write() as session:
            tip = session.get_one(Tip, second.id)
            tip.state = TipState.PROCESSING
            session.add(tip)

        for _ in range(2):
            with context.db.write() as session:
                pipeline._hand_over(session, second.id)
        with context.db.read() as session:
            (job,) = session.exec(select(Job).where(Job.kind == "suggest_sightings"))
        tools = pipeline.Tools(context, Mock(), scene.gallery, Mock())
        pipeline.HANDLERS[job.kind](tools, job.args)

        (suggestion,) = scene.suggestions()
        assert {suggestion.face_id, suggestion.other_id} == {scene.face(first).id, scene.face(second).id}

    def test_without_known_error_rates_nothing_is_suggested(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An encoder whose scores nobody measured has no threshold: no guess stands in for it."""

        def unknown(*_: object) -> float:
            raise CalibrationMissing("new encoder")

        monkeypatch.setattr(suggesting, "threshold", unknown)
        scene.tip(child(1))

        assert scene.suggest(scene.tip(child(1, 0.05))) == 0
