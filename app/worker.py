"""The worker: claim a job, keep its lease, run it, retry later, give up loudly."""

import os
import signal
import socket
import threading
import time
from types import FrameType

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import pipeline, watches
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, checkpoints_path, write_checkpoint
from app.candidates.gallery import gallery_of
from app.core import jobs
from app.core.context import Context
from app.core.jobs import Claim
from app.core.objects import StoreTrouble
from app.encoders.examiner import EnrolledExaminer
from app.encoders.installed import make_ready
from app.jurisdictions.service import Router
from app.tips import escalation

log = structlog.get_logger()

POLL_S = 0.25
"""Pause between two looks at an empty queue."""
TROUBLE_S = 2.0
"""Pause after the database or the disk did not answer."""
CLOCKS_EVERY_S = 30.0
"""Pause between two looks at the clocks of tips."""
CHECKPOINT_EVERY_S = 60.0
"""Pause between two signed heads of the audit chain."""
STOP_PATIENCE_S = 10.0
"""How long a stopping worker waits for a watch that is under way; an unfinished one begins anew later."""
ROUTER_LIFE_S = 60.0
"""How long the shapes of areas are kept before they are read anew."""


class Worker:
    """One process that does background work, one job at a time.

    Raises:
        EncoderNotInstalled: searches would pass over every new photo, so no work is begun.
    """

    def __init__(self, context: Context, examiner: pipeline.ExaminesPhotos) -> None:
        make_ready(context.db)
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._context = context
        self._stopping = threading.Event()
        self._router: tuple[float, Router] | None = None
        self._checkpoint_due = 0.0
        self._clocks_due = 0.0
        self._tools = pipeline.Tools(
            context=context,
            examiner=examiner,
            gallery=gallery_of(context),
            router=self._current_router,
        )

    def stop(self) -> None:
        """Finish the job at hand, then end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop; a database or disk that does not answer is waited for."""
        log.info("worker_started", worker=self.name)
        watching = threading.Thread(target=watches.run, args=(self._context, self._stopping), daemon=True)
        watching.start()
        while not self._stopping.is_set():
            try:
                self._checkpoint()
                self._watch_clocks()
                if not self.run_one():
                    self._stopping.wait(POLL_S)
            except (OperationalError, PoolTimeout, OSError) as error:
                # What was claimed comes back when its lease runs out; the commits of its steps stand.
                log.error("worker_waits", worker=self.name, error=type(error).__name__)  # noqa: TRY400 - no traceback
                self._stopping.wait(TROUBLE_S)
        watching.join(STOP_PATIENCE_S)
        log.info("worker_stopped", worker=self.name)

    def run_until_idle(self) -> int:
        """Do all jobs that are due now; for tests and one-shot runs.

        Returns:
            Jobs done or given back.
        """
        count = 0
        while self.run_one():
            count += 1
        return count

    def run_one(self) -> bool:
        """Claim and run one job.

        Returns:
            Whether there was one.

        Raises:
            StoreTrouble: the photo store is away; the job waits for it.
        """
        settings = self._context.settings
        with self._context.db.write_together() as session:
            held = jobs.claim(session, self.name, settings.job_lease_seconds)
        if held is None:
            return False
        if held.attempts > settings.job_attempts:
            self._give_up(held, "its worker died or lost it too often")
            return True
        started = time.monotonic()
        with _Heartbeat(self._context, held, self.name):
            try:
                pipeline.HANDLERS[held.kind](self._tools, held.args)
            except StoreTrouble as error:
                # It says nothing about the job: no try is counted, and the worker waits for the photo store.
                with self._context.db.write() as session:
                    jobs.give_back(session, held, self.name, type(error).__name__)
                raise
            except Exception as error:  # noqa: BLE001 - whatever a job raises, the queue goes on
                self._failed(held, error)
                return True
        with self._context.db.write_together() as session:
            jobs.finish(session, held.id, self.name)
        log.info(
            "job_done", job=str(held.id), job_kind=held.kind, seconds=round(time.monotonic() - started, 2)
        )
        return True

    def _failed(self, held: Claim, error: Exception) -> None:
        # The class alone is kept: an error's text may quote what a stranger sent.
        reason = type(error).__name__
        log.warning("job_failed", job=str(held.id), job_kind=held.kind, attempts=held.attempts, error=reason)
        if held.attempts >= self._context.settings.job_attempts:
            self._give_up(held, reason)
            return
        with self._context.db.write_together() as session:
            jobs.retry_later(session, held, self.name, reason)

    def _give_up(self, held: Claim, reason: str) -> None:
        with self._context.db.write() as session:
            if jobs.park(session, held.id, self.name, reason):
                pipeline.give_up(session, held.kind, held.args, reason)
                audit.record(
                    session, SYSTEM, Action.JOB_PARKED, "job", held.id, kind=held.kind, reason=reason
                )
        log.error("job_parked", job=str(held.id), job_kind=held.kind, reason=reason)

    def _current_router(self) -> Router:
        moment = time.monotonic()
        if self._router is None or moment - self._router[0] > ROUTER_LIFE_S:
            with self._context.db.read() as session:
                self._router = (moment, Router(session))
        return self._router[1]

    def _watch_clocks(self) -> None:
        if time.monotonic() < self._clocks_due:
            return
        self._clocks_due = time.monotonic() + CLOCKS_EVERY_S
        settings = self._context.settings
        with self._context.db.read() as session:
            late = escalation.overdue(session, settings)
        if late:
            with self._context.db.write() as session:
                count = escalation.escalate(session, settings)
            log.info("tips_escalated", count=count)

    def _checkpoint(self) -> None:
        if time.monotonic() < self._checkpoint_due:
            return
        self._checkpoint_due = time.monotonic() + CHECKPOINT_EVERY_S
        with self._context.db.write() as session:  # the lock keeps two workers from writing one line
            write_checkpoint(session, checkpoints_path(self._context.settings), self._context.keys.signing)


class _Heartbeat:
    """Keeps a lease while a job runs."""

    def __init__(self, context: Context, held: Claim, worker: str) -> None:
        self._context = context
        self._held = held
        self._worker = worker
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        lease = self._context.settings.job_lease_seconds
        while not self._done.wait(lease / 3):
            try:
                with self._context.db.write_together() as session:
                    jobs.renew(session, self._held.id, self._worker, lease)
            except Exception as error:  # noqa: BLE001 - a missed beat is retried; the lease still stands
                log.warning("lease_not_renewed", job=str(self._held.id), error=type(error).__name__)


def main(context: Context) -> None:
    """Run a worker process until it is told to stop."""
    with EnrolledExaminer(context.db) as examiner:
        worker = Worker(context, examiner)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker.run()
