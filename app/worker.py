"""The worker: claim a job, keep its lease, run it, retry later, give up loudly.

Told to end, it begins nothing more and finishes what it has within a bound; past that it gives the job back,
for another to take at once, and ends without it. Every step of a job may be repeated, as after a kill.
"""

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from types import FrameType

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from app import pipeline, watches
from app.audit import service as audit
from app.audit.models import Action
from app.audit.service import SYSTEM, checkpoints_path, write_checkpoint
from app.candidates.gallery import gallery_of
from app.core import jobs, workers
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
HEARTBEAT_CHECK_S = 0.2
"""Pause between two looks whether a lease is to be renewed, or the time to finish is over."""
ROUTER_LIFE_S = 60.0
"""How long the shapes of areas are kept before they are read anew."""


class Worker:
    """One process that does background work, one job at a time.

    Raises:
        EncoderNotInstalled: searches would pass over every new photo, so no work is begun.
    """

    def __init__(self, context: Context, examiner: pipeline.ExaminesPhotos) -> None:
        make_ready(context.db)
        self.name = f"w-{secrets.token_hex(4)}"
        self._context = context
        self._process = workers.WorkerProcess(name=self.name, pid=os.getpid(), version=version("homeward"))
        self._jobs_done = 0
        self._seen_due = 0.0
        self._stopping = threading.Event()
        self._stop_by = float("inf")
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
        if not self._stopping.is_set():
            self._stop_by = time.monotonic() + self._context.settings.drain_seconds
        self._stopping.set()

    def run(self, leave: Callable[[], object] | None = None) -> None:
        """Work until told to stop; a database or disk that does not answer is waited for.

        Args:
            leave: ends the process at once, called when a job was given back that took too long to finish.
                Without it the worker waits for the job, however long it takes.
        """
        log.info("worker_started", worker=self.name)
        watching = threading.Thread(target=watches.run, args=(self._context, self._stopping), daemon=True)
        watching.start()
        while not self._stopping.is_set():
            try:
                self._checkpoint()
                self._watch_clocks()
                self._show_oneself()
                if not self._run_one(leave):
                    self._stopping.wait(POLL_S)
            except (OperationalError, PoolTimeout, OSError) as error:
                # What was claimed comes back when its lease runs out; the commits of its steps stand.
                log.error("worker_waits", worker=self.name, error=type(error).__name__)  # noqa: TRY400 - no traceback
                self._stopping.wait(TROUBLE_S)
        # An unfinished watch begins anew with another worker when its hold lapses.
        watching.join(max(0.0, self._stop_by - time.monotonic()))
        self._take_leave()
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
        return self._run_one(None)

    def _run_one(self, leave: Callable[[], object] | None) -> bool:
        settings = self._context.settings
        with self._context.db.write_together() as session:
            held = jobs.claim(session, self.name, settings.job_lease_seconds)
        if held is None:
            return False
        if held.attempts > settings.job_attempts:
            self._give_up(held, "its worker died or lost it too often")
            return True
        started = time.monotonic()
        with _Heartbeat(self, held, leave):
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
        self._jobs_done += 1
        log.info(
            "job_done", job=str(held.id), job_kind=held.kind, seconds=round(time.monotonic() - started, 2)
        )
        return True

    @property
    def lease_s(self) -> float:
        """How long a lease lasts that is not renewed."""
        return self._context.settings.job_lease_seconds

    def renew(self, held: Claim) -> None:
        """Keep the lease of a job, and show that this worker is there; a missed time is made up later."""
        try:
            with self._context.db.write_together() as session:
                jobs.renew(session, held.id, self.name, self.lease_s)
                self._see(session)
        except Exception as error:  # noqa: BLE001 - the lease still stands
            log.warning("lease_not_renewed", job=str(held.id), error=type(error).__name__)

    def is_out_of_time(self) -> bool:
        """Whether it was told to end so long ago that it does not wait for its job any more."""
        return time.monotonic() >= self._stop_by

    def give_up_finishing(self, held: Claim) -> None:
        """Give a job back for another worker to take at once; where that fails, its lease runs out."""
        try:
            with self._context.db.write_together() as session:
                jobs.give_back(session, held, self.name, None, 0.0)
                workers.leave(session, self._process.id)
        except Exception as error:  # noqa: BLE001 - as said
            log.warning("job_not_given_back", job=str(held.id), error=type(error).__name__)
        log.info("job_given_back", job=str(held.id), job_kind=held.kind)

    def _show_oneself(self) -> None:
        if time.monotonic() < self._seen_due:
            return
        with self._context.db.write_together() as session:
            self._see(session)

    def _see(self, session: Session) -> None:
        workers.seen(session, self._process, self._jobs_done, stopping=self._stopping.is_set())
        self._seen_due = time.monotonic() + workers.SEEN_EVERY_S

    def _take_leave(self) -> None:
        try:
            with self._context.db.write_together() as session:
                workers.leave(session, self._process.id)
        except (OperationalError, PoolTimeout) as error:
            log.warning("worker_row_stays", worker=self.name, error=type(error).__name__)

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
    """Keeps a lease while a job runs, and gives the job back when its worker has to end before it is done."""

    def __init__(self, worker: Worker, held: Claim, leave: Callable[[], object] | None) -> None:
        self._worker = worker
        self._held = held
        self._leave = leave
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        lease = self._worker.lease_s
        due = time.monotonic() + lease / 3
        while not self._done.wait(min(HEARTBEAT_CHECK_S, lease / 3)):
            if self._leave is not None and self._worker.is_out_of_time():
                self._worker.give_up_finishing(self._held)
                self._leave()
                return
            if time.monotonic() >= due:
                due = time.monotonic() + lease / 3
                self._worker.renew(self._held)


def main(context: Context) -> None:
    """Run a worker process until it is told to stop."""
    with EnrolledExaminer(context.db) as examiner:
        run_until_told(Worker(context, examiner))


def run_until_told(worker: Worker) -> None:
    """Run a worker until SIGTERM or Ctrl-C, then end within its time to finish."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # Nothing is tidied up on the way out: the job's thread would go on meanwhile, beside who took the job.
    worker.run(leave=lambda: os._exit(0))
