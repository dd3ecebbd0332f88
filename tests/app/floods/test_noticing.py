"""Waves are noticed, and what comes in them waits behind the rest."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlmodel import col, select, update

from app.core.clock import now
from app.core.context import Context
from app.floods import noticing
from app.floods.models import Flood, FloodKind
from app.officers.models import Role
from app.photos.models import Photo
from app.reviews import triage_list
from app.reviews.triage_list import Filters
from app.tips.models import Channel, ChannelKind, FlagKind, Tip, TipFlag
from tests.conftest import Client
from tests.make import Make

LEAST = 20


def wave(make: Make, count: int, **columns: Any) -> list[Tip]:
    """Tips without photos, of now."""
    return [make.tip(photos=0, **columns) for _ in range(count)]


def of_one_picture(context: Context, tips: list[Tip]) -> UUID:
    with context.db.write() as session:
        first = session.exec(select(Photo).where(Photo.tip_id == tips[0].id)).one()
        session.exec(
            update(Photo)
            .where(col(Photo.tip_id).in_([tip.id for tip in tips]))
            .values(cluster_id=first.cluster_id)
        )
    assert first.cluster_id is not None
    return first.cluster_id


def flagged(context: Context) -> dict[UUID, set[FlagKind]]:
    found: dict[UUID, set[FlagKind]] = {}
    with context.db.read() as session:
        for flag in session.exec(select(TipFlag)):
            found.setdefault(flag.tip_id, set()).add(flag.kind)
    return found


def floods(context: Context) -> dict[FloodKind, Flood]:
    with context.db.read() as session:
        return {flood.kind: flood for flood in session.exec(select(Flood))}


class TestNoticing:
    def test_a_picture_that_comes_again_and_again_is_one_wave(self, context: Context, make: Make) -> None:
        """All but its first tip wait behind the rest; that of an area flags nobody."""
        tips = [make.tip() for _ in range(LEAST)]
        cluster = of_one_picture(context, tips)

        assert noticing.look(context) == 3  # The picture, the area and the form's channel.
        assert noticing.look(context) == 0

        found = floods(context)
        assert found[FloodKind.CLUSTER].subject == str(cluster)
        assert found[FloodKind.CLUSTER].jurisdiction_code == "440304"
        assert (found[FloodKind.AREA].subject, found[FloodKind.AREA].count) == ("440304", LEAST)
        assert {tip.id for tip in tips[1:]} == set(flagged(context))

    def test_it_ends_by_itself(self, context: Context, make: Make) -> None:
        """When an hour was ordinary again."""
        wave(make, LEAST)
        noticing.look(context)

        with time_machine.travel(now() + timedelta(hours=2)):
            noticing.look(context)

            assert all(flood.ended_at for flood in floods(context).values())

    def test_what_is_usual_is_no_wave(self, context: Context, make: Make) -> None:
        """A busy hour that is as busy every day alarms nobody."""
        moment = now()
        for day in range(15):
            with time_machine.travel(moment - timedelta(days=day, minutes=5)):
                wave(make, LEAST)

        assert noticing.look(context) == 0

    def test_a_partners_wave_is_flagged_and_the_forms_is_not(self, context: Context, make: Make) -> None:
        """Through a key all of it comes from one sender; through the form honest ones send meanwhile."""
        with context.db.write() as session:
            channel = Channel(kind=ChannelKind.PARTNER, name="An app")
            session.add(channel)
        sent = wave(make, LEAST, channel_id=channel.id)
        honest = wave(make, 3)

        noticing.look(context)

        assert set(flagged(context)) == {tip.id for tip in sent}
        assert not set(flagged(context)) & {tip.id for tip in honest}

    def test_the_same_words_again_and_again_are_flagged(self, context: Context, make: Make) -> None:
        """Case, width and punctuation do not hide them; short words are the same by chance."""
        copies = [
            make.tip(photos=0, description=words)
            for words in (
                "Seen at the STATION gate!",
                "seen at the station gate",
                "Seen—at the station gate.",
            )
            * 2
        ]
        wave(make, LEAST, description="A child.")

        noticing.look(context)

        assert {tip_id for tip_id, kinds in flagged(context).items() if FlagKind.REPEATED_TEXT in kinds} == {
            tip.id for tip in copies
        }


class TestSeveralWorkers:
    def test_two_that_notice_one_wave_at_once_write_it_once(self, context: Context, make: Make) -> None:
        """One wave of each kind, one flag for each tip, whoever comes first."""
        tips = [make.tip() for _ in range(LEAST)]
        of_one_picture(context, tips)
        start = Barrier(2)

        def look(_: int) -> int:
            start.wait()
            return noticing.look(context)

        with ThreadPoolExecutor(2) as workers:
            began = sorted(workers.map(look, range(2)))

        with context.db.read() as session:
            waves, flags = session.exec(select(Flood.kind)).all(), session.exec(select(TipFlag.tip_id)).all()
        assert began == [0, 3]
        assert sorted(waves) == sorted(FloodKind)
        assert sorted(flags) == sorted(tip.id for tip in tips[1:])

    def test_one_that_counted_earlier_does_not_end_what_another_began(
        self, context: Context, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It counted before the wave came, and writes after the other has noticed it."""
        usual, waiting = noticing._usual, [True]

        def meanwhile(*given: Any) -> dict[str, float]:
            if waiting:
                waiting.clear()
                wave(make, LEAST)
                assert noticing.look(context) == 2
            return usual(*given)

        monkeypatch.setattr(noticing, "_usual", meanwhile)

        assert noticing.look(context) == 0
        assert [flood.ended_at for flood in floods(context).values()] == [None, None]

    def test_a_clock_that_was_fast_stops_nobody(self, context: Context, make: Make) -> None:
        """A wave was noticed in years to come; one that comes now, in another area, is noticed."""
        with time_machine.travel(now() + timedelta(days=1500)):
            wave(make, LEAST, area="440303")
            assert noticing.look(context) == 2
        wave(make, LEAST)

        assert noticing.look(context) == 1


class TestOfficers:
    def test_an_honest_tip_stands_before_a_wave_that_came_first(self, context: Context, make: Make) -> None:
        """In triage, where the oldest would come first; danger keeps its place with a flag."""
        tips = [make.tip() for _ in range(LEAST + 10)]
        of_one_picture(context, tips)
        honest = make.tip()
        danger = make.tip(danger_now=True)
        with context.db.write() as session:
            session.add(TipFlag(tip_id=danger.id, kind=FlagKind.HASTE))
        noticing.look(context)
        officer = make.officer()

        with context.db.read() as session:
            first = triage_list.in_triage(session, officer, Filters(), 1)
            around = triage_list.neighbours(session, officer, Filters(), honest)

        assert [tip.id for tip in first.items[:3]] == [danger.id, tips[0].id, honest.id]
        assert first.total == LEAST + 12
        assert (around.previous, around.following) == (tips[0].id, tips[1].id)

    def test_supervisors_see_the_waves_of_their_area(
        self, context: Context, make: Make, client: Client
    ) -> None:
        """A channel has no area: its wave is the nation's; what is elsewhere is not there."""
        of_one_picture(context, [make.tip() for _ in range(LEAST)])
        noticing.look(context)
        own, other = make.officer(Role.SUPERVISOR), make.officer(Role.SUPERVISOR, area="440303")
        nation = make.officer(Role.SUPERVISOR, area="CN")
        flood = floods(context)[FloodKind.CLUSTER]

        pages = [client.get("/console/floods", as_=officer).text for officer in (own, other, nation)]
        seen = f"/console/floods/{flood.id}/seen"

        assert [page.count("<article") for page in pages] == [2, 0, 3]
        assert client.post(seen, as_=other).status_code == 404
        assert client.post(seen, as_=own).status_code == 303
        assert f"Seen by {own.name}" in client.get("/console/floods", as_=own).text
