"""What the machines share: steps that may be refused, a clock that moves, and a log that stays whole."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sqlalchemy import func
from sqlmodel import Session, SQLModel, select

from app.audit import service as audit
from app.audit.models import AuditEvent
from app.core.clock import now
from app.core.context import Context
from app.core.errors import Refusal
from tests.make import Make

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "8"))
STEPS = 60

WATCHED = ("candidate", "review", "appeal", "lead", "lead_dismissal", "tip", "tip_event", "tip_message")
WATCHED_OF_CASES = ("police_case", "case_tip", "case_entry", "case_task", "case_merge", "referral")
"""Tables that a refused step leaves as they were."""


class Machine(RuleBasedStateMachine):
    """A deployment, and steps on it."""

    def __init__(self, context: Context, make: Make) -> None:
        super().__init__()
        self.context = context
        self.make = make
        self.refused = self.taken = 0
        self._clock = time_machine.travel(now(), tick=True)
        self._traveller = self._clock.start()

    def teardown(self) -> None:
        """Read the audit log once more: whatever happened, it is one whole chain."""
        self._clock.stop()
        with self.context.db.read() as session:
            verdict = audit.verify(
                session, audit.checkpoints_path(self.context.settings), self.context.keys.signing
            )
        assert not verdict.problems, verdict.problems

    def later(self, minutes: float) -> None:
        """Let time pass."""
        self._traveller.shift(timedelta(minutes=minutes))

    def step(self, what: Callable[[Session], Any]) -> Any:
        """Take a step as a route does; a refused one changes nothing, not even the log.

        Returns:
            What the step gave; None when it was refused.
        """
        before = self.rows()
        try:
            with self.context.db.write() as session:
                given = what(session)
        except Refusal:
            self.refused += 1
            assert self.rows() == before
            return None
        self.taken += 1
        return given

    def rows(self) -> dict[str, Any]:
        """All that a refused step must leave alone."""
        tables = SQLModel.metadata.tables
        with self.context.db.read() as session:
            seen: dict[str, Any] = {
                name: sorted(str(tuple(row)) for row in session.execute(tables[name].select()))
                for name in WATCHED + WATCHED_OF_CASES
            }
            seen["audit"] = session.exec(select(func.max(AuditEvent.seq))).one()
        return seen

    def all(self, model: type[SQLModel]) -> list[Any]:
        """All rows of a table."""
        with self.context.db.read() as session:
            return list(session.exec(select(model)))


def run(make_machine: Callable[[], Machine]) -> None:
    """Run a machine a few times, always the same ways; a longer campaign goes other ways each time."""
    run_state_machine_as_test(
        make_machine,  # type: ignore[arg-type]  # anything that makes a machine will do
        settings=settings(
            max_examples=EXAMPLES,
            derandomize="MACHINE_EXAMPLES" not in os.environ,
            database=None,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
