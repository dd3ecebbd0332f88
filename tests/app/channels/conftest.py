"""A bad channel and the nation's officers who look after it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from app.audit.models import Action, AuditEvent
from app.channels import backlog, running, voiding
from app.channels.backlog import Span, Ticked
from app.channels.models import ChannelVoid
from app.core.clock import now
from app.core.context import Context
from app.officers.models import Role
from app.photos.models import Photo
from app.tips import progress
from app.tips.models import Channel, ChannelKind, Tip, TipState
from tests.make import Make

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOTHING = Ticked(frozenset())
REASON = "All of it is made up by one program."


class Desk:
    """The nation's desk: a partner's channel, its tips, and what is done about them."""

    def __init__(self, context: Context, make: Make) -> None:
        self.context, self.make = context, make
        self.channel = self.new_channel("Street watch")
        self.voider = make.officer(Role.SUPERVISOR, name="Shen", area="CN")
        self.keeper = make.officer(Role.ADMIN, name="Ai", area="CN")

    def new_channel(self, name: str, kind: ChannelKind = ChannelKind.PARTNER, **more: Any) -> Channel:
        """A channel."""
        channel = Channel(kind=kind, name=name, **more)
        with self.context.db.write() as session:
            session.add(channel)
        return channel

    def tip(self, *states: TipState, channel: Channel | None = None, **more: Any) -> Tip:
        """A tip of the channel that went through states."""
        tip = self.make.tip(state=TipState.RECEIVED, channel_id=(channel or self.channel).id, **more)
        with self.context.db.write() as session:
            kept = session.get_one(Tip, tip.id)
            progress.note(session, kept)
            for state in states or (TipState.ROUTED,):
                if state != kept.state:
                    kept.state = state
                    progress.note(session, kept)
        return kept

    def same_picture(self, one: Tip, other: Tip) -> None:
        """Make two tips show one picture."""
        with self.context.db.write() as session:
            first = session.exec(select(Photo).where(Photo.tip_id == one.id)).first()
            second = session.exec(select(Photo).where(Photo.tip_id == other.id)).first()
            assert first is not None
            assert second is not None
            second.cluster_id = first.cluster_id

    def span(self, *, unopened: bool = False) -> Span:
        """All that came in until now."""
        return Span(LONG_AGO, now() + timedelta(seconds=1), unopened)

    def preview(self, *, unopened: bool = False) -> backlog.Preview:
        """What voiding all would do."""
        with self.context.db.read() as session:
            return backlog.preview(session, self.channel.id, self.span(unopened=unopened))

    def void(self, *danger: Tip, all_danger: bool = False, unopened: bool = False) -> ChannelVoid:
        """Void all."""
        ticked = Ticked(frozenset(tip.id for tip in danger), all=all_danger)
        return self.void_span(self.span(unopened=unopened), ticked)

    def void_span(
        self, span: Span, ticked: Ticked = NOTHING, reason: str = REASON, shown: int = 1_000_000
    ) -> ChannelVoid:
        """Void some."""
        made = running.void(self.context, self.voider, self.channel.id, span, ticked, reason, shown)
        with self.context.db.read() as session:
            return session.get_one(ChannelVoid, made.id)

    def undo(self, void: ChannelVoid) -> None:
        """Take a voiding back."""
        running.undo(self.context, self.voider, self.channel.id, void.id)

    def give_one_back(self, void: ChannelVoid, tip_id: UUID) -> None:
        """Take one tip out of a voiding."""
        with self.context.db.write() as session:
            voiding.give_one_back(session, self.voider, self.channel.id, void.id, tip_id)

    def stored(self, tip_id: UUID) -> Tip:
        """A tip as it stands."""
        with self.context.db.read() as session:
            return session.get_one(Tip, tip_id)

    def aside(self, tip: Tip) -> bool:
        """Whether a tip is set aside."""
        return self.stored(tip.id).set_aside_by is not None

    def audited(self, action: Action) -> list[AuditEvent]:
        """Audit rows of an action."""
        with self.context.db.read() as session:
            return list(session.exec(select(AuditEvent).where(AuditEvent.action == action)))

    def write(self) -> Any:
        """A writing session."""
        return self.context.db.write()

    def read(self) -> Any:
        """A reading session."""
        return self.context.db.read()


@pytest.fixture
def desk(context: Context, make: Make) -> Desk:
    """A desk of this test's own."""
    return Desk(context, make)
