"""What partners are told, and what they are not."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
import time_machine
from sqlmodel import delete

from app.audit.service import SYSTEM
from app.candidates.models import CandidateList
from app.core.clock import now
from app.core.context import Context, open_context
from app.main import create_app
from app.tips import withdrawing
from app.tips.models import Author, ChannelKind, TipState
from app.webhooks import noticing, service
from app.webhooks.models import ToldTip, WebhookEndpoint
from tests.app.webhooks.conftest import Api, Scene, scene_of
from tests.conftest import Client
from tests.make import Make

URL = "http://partner.test/hook"


class TestWhatIsTold:
    def test_a_change_is_told_once_for_each_endpoint(self, scene: Scene) -> None:
        """One message for a change, one delivery for an endpoint, however often somebody looks."""
        scene.endpoint(URL)
        scene.endpoint(URL + "/two")
        tip = scene.tip(external_id="partner-4711")
        scene.move(tip, TipState.ROUTED)

        told = [noticing.notice(scene.context) for _ in range(3)]

        (message,) = scene.rows()
        assert told == [1, 0, 0]
        assert len(scene.deliveries()) == 2
        assert message.body["type"] == "tip.updated"
        assert message.body["data"] == {
            "id": str(tip.id),
            "external_id": "partner-4711",
            "status": "with_police",
            "messages": 0,
        }

    def test_it_agrees_with_what_the_api_answers(self, scene: Scene) -> None:
        """Whoever is told something finds the same by asking."""
        scene.endpoint(URL)
        tip = scene.tip()
        scene.move(tip, TipState.ROUTED)
        scene.write(tip, "Was the child alone?")
        scene.write(tip, "Yes.", Author.TIPSTER)
        scene.dispose(tip)

        noticing.notice(scene.context)

        api = Api(Client(create_app(scene.context), scene.context), scene.key)
        answer = api("GET", f"/tips/{tip.id}").json()
        assert scene.rows()[-1].body["data"] == {
            "id": answer["id"],
            "external_id": answer["external_id"],
            "status": answer["status"],
            "messages": len(answer["messages"]),
        }
        assert answer["status"] == "closed"

    def test_no_word_of_a_thread_is_in_it(self, scene: Scene) -> None:
        """Messages are read with the key; none of their words lies in a log or outlives its erasure."""
        scene.endpoint(URL)
        tip = scene.tip(description="planted-1", place_text="planted-2")
        scene.write(tip, "planted-3")

        noticing.notice(scene.context)

        assert "planted" not in json.dumps(scene.rows()[0].body)

    def test_a_tip_that_nothing_happened_to_is_not_told_of(self, scene: Scene) -> None:
        """Received is what its sender knows already; its own words are no news, either."""
        scene.endpoint(URL)
        tip = scene.tip()
        scene.write(tip, "I forgot: she had a blue bag.", Author.TIPSTER)

        noticing.notice(scene.context)

        assert scene.rows() == []

    def test_states_that_read_alike_are_told_once(self, scene: Scene) -> None:
        """Between the police having it and the work being done there is nothing to tell."""
        scene.endpoint(URL)
        tip = scene.tip()
        for state in (TipState.ROUTED, TipState.ACKNOWLEDGED, TipState.IN_REVIEW, TipState.LEAD):
            scene.move(tip, state)
            noticing.notice(scene.context)

        assert len(scene.rows()) == 1

    def test_a_tip_taken_back_is_closed(self, scene: Scene) -> None:
        """A lead goes on, and its sender's program reads what it would of any other."""
        scene.endpoint(URL)
        lead, plain = scene.tip(TipState.LEAD), scene.tip(TipState.ROUTED)
        for tip in (lead, plain):
            with scene.context.db.write() as session:
                withdrawing.withdraw(session, tip.id)

        noticing.notice(scene.context)

        bodies = {row.body["data"]["id"]: row.body["data"] | {"id": ""} for row in scene.rows()}
        assert bodies[str(lead.id)] == bodies[str(plain.id)]
        assert bodies[str(lead.id)]["status"] == "closed"

    def test_a_trial_channel_is_told_as_well(self, inside: Context, make: Make) -> None:
        """A partner tries its program with everything."""
        trial = scene_of(inside, make, "Street watch trial", ChannelKind.SANDBOX)
        trial.endpoint(URL)
        tip = trial.tip()
        trial.move(tip, TipState.ROUTED)

        noticing.notice(trial.context)

        assert len(trial.rows()) == 1

    def test_another_channels_tips_are_nobodys_business(self, scene: Scene, make: Make) -> None:
        """A channel without webhooks has no messages, and another one's go nowhere else."""
        mine, _ = scene.endpoint(URL)
        other = scene_of(scene.context, make, "Other")
        scene.move(other.tip(), TipState.ROUTED)

        noticing.notice(scene.context)

        assert scene.rows() == []
        assert scene.deliveries(mine.id) == []


class TestSilence:
    def test_a_candidate_changes_nothing(self, scene: Scene) -> None:
        """Messages of a tip with a candidate and a lead and of one without differ in ids and times alone."""
        scene.endpoint(URL)
        found, plain = scene.tip(), scene.tip()
        for tip in (found, plain):
            scene.move(tip, TipState.ROUTED)
        scene.make.candidate(tip=found)
        noticing.notice(scene.context)
        scene.move(found, TipState.IN_REVIEW)
        scene.move(found, TipState.LEAD)
        noticing.notice(scene.context)
        for tip in (found, plain):
            scene.dispose(tip)
        noticing.notice(scene.context)

        def of(tip_id: str) -> list[str]:
            return [
                json.dumps(row.body).replace(tip_id, "ID").replace(row.body["timestamp"], "TIME")
                for row in scene.rows()
                if str(row.tip_id) == tip_id
            ]

        assert of(str(found.id)) == of(str(plain.id))
        assert len(of(str(found.id))) == 2

    def test_the_list_of_candidates_is_never_read(self, scene: Scene) -> None:
        """With no candidate list in the database the same is told."""
        scene.endpoint(URL)
        tip = scene.tip()
        scene.move(tip, TipState.ROUTED)
        with scene.context.db.write() as session:
            session.exec(delete(CandidateList))

        assert noticing.notice(scene.context) == 1


class TestNothingIsMissed:
    def test_what_happened_while_no_worker_ran_is_told(self, scene: Scene) -> None:
        """A process that starts anew reads further back, and tells nothing twice."""
        scene.endpoint(URL)
        early, late = scene.tip(), scene.tip()
        scene.move(early, TipState.ROUTED)
        noticing.notice(scene.context)
        scene.move(late, TipState.ROUTED)
        with time_machine.travel(now() + timedelta(days=3)):
            anew = open_context(scene.context.settings)

            told = noticing.notice(anew)

            anew.close()
        assert told == 1
        assert [row.tip_id for row in scene.rows()] == [early.id, late.id]

    def test_more_than_one_page_of_rows_is_read(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """A busy hour is told of in one look, or in the next ones."""
        monkeypatch.setattr(noticing, "ROWS_AT_A_TIME", 3)
        monkeypatch.setattr(noticing, "TIPS_AT_A_TIME", 2)
        scene.endpoint(URL)
        tips = [scene.tip(photos=0) for _ in range(11)]
        for tip in tips:
            scene.move(tip, TipState.ROUTED)

        assert noticing.notice(scene.context) == len(tips)

    def test_out_of_time_the_next_look_goes_on(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """A look ends in time, and no change is passed over for it."""
        scene.endpoint(URL)
        for _ in range(3):
            scene.move(scene.tip(photos=0), TipState.ROUTED)
        with monkeypatch.context() as hurry:
            hurry.setattr(noticing, "LONGEST_S", -1.0)
            assert noticing.notice(scene.context) == 0

        assert noticing.notice(scene.context) == 3

    def test_each_look_gets_further_however_close_together_rows_are(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is settled is not read again: a flood within a minute holds no later change back."""
        scene.endpoint(URL)
        for _ in range(6):
            scene.move(scene.tip(photos=0), TipState.ROUTED)
        clock = iter(range(1_000))
        read: list[int] = []

        def nothing_new(
            _session: object, _log: object, newest: dict[UUID, datetime], _channels: object
        ) -> list[UUID]:
            read.append(len(newest))
            return []

        monkeypatch.setattr(noticing, "ROWS_AT_A_TIME", 2)
        monkeypatch.setattr(noticing, "LONGEST_S", 0.5)
        monkeypatch.setattr(noticing, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        monkeypatch.setattr(noticing, "_maybe_untold", nothing_new)
        with time_machine.travel(now() + timedelta(minutes=10)):
            for _ in range(5):
                noticing.notice(scene.context)

        assert sum(read) >= 6
        assert read[-1] == 0

    def test_a_row_committed_late_is_still_read(self, scene: Scene) -> None:
        """A row is older than its commit: looks overlap."""
        scene.endpoint(URL)
        tip = scene.tip()
        noticing.notice(scene.context)
        moment = now()
        with time_machine.travel(moment + timedelta(minutes=1)):
            noticing.notice(scene.context)
        with time_machine.travel(moment):
            scene.move(tip, TipState.ROUTED)
        with time_machine.travel(moment + timedelta(minutes=1)):
            assert noticing.notice(scene.context) == 1

    def test_an_endpoint_added_later_is_told_from_then_on(self, scene: Scene) -> None:
        """What was before its time is read with the key; the next change is told."""
        tip = scene.tip()
        scene.move(tip, TipState.ROUTED)
        with time_machine.travel(now() + timedelta(hours=1)):
            noticing.notice(scene.context)
            scene.endpoint(URL)
            before = noticing.notice(scene.context)
            scene.dispose(tip)

            assert before == 0
            assert noticing.notice(scene.context) == 1

    def test_a_paused_endpoints_messages_wait(self, scene: Scene) -> None:
        """Nothing is lost while a partner repairs its server."""
        endpoint, _ = scene.endpoint(URL)
        with scene.context.db.write() as session:
            service.pause(session, SYSTEM, session.get_one(WebhookEndpoint, endpoint.id))
        scene.move(scene.tip(), TipState.ROUTED)

        noticing.notice(scene.context)

        (delivery,) = scene.deliveries()
        assert delivery.next_try_at == service.HELD

    def test_what_was_told_and_the_message_stand_or_fall_together(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut off in the middle, nothing is written; the next look tells it."""
        scene.endpoint(URL)
        scene.move(scene.tip(), TipState.ROUTED)

        def cut_off(*_args: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as broken:
            broken.setattr(service, "outgoing", cut_off)
            with pytest.raises(RuntimeError):
                noticing.notice(scene.context)
        with scene.context.db.read() as session:
            assert session.get(ToldTip, scene.tip().id) is None
        assert scene.rows() == []
        assert noticing.notice(scene.context) == 1
