"""Jobs: accepted work is never forgotten, and no two workers finish the same job."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import event
from sqlmodel import select

from app.core import jobs
from app.core.clock import now
from app.core.context import Context
from app.core.jobs import Job, JobState, Urgency

LEASE_S = 60.0


def add(context: Context, count: int = 1) -> None:
    with context.db.write() as session:
        for number in range(count):
            jobs.enqueue(session, "test", f"test:{number}", number=str(number))


def state(context: Context) -> Job:
    with context.db.read() as session:
        return session.exec(select(Job)).one()


class TestClaim:
    def test_a_rolled_back_cause_leaves_no_job(self, context: Context) -> None:
        """Work exists exactly if its cause does."""
        with pytest.raises(ZeroDivisionError), context.db.write() as session:
            jobs.enqueue(session, "test")
            session.flush()
            _ = 1 / 0

        with context.db.read() as session:
            assert session.exec(select(Job)).first() is None

    def test_asked_for_twice_under_one_key_it_exists_once(self, context: Context) -> None:
        """A repeated cause makes no second effect."""
        add(context)
        add(context)

        assert state(context).unique_key == "test:0"

    def test_eight_workers_share_forty_jobs_without_overlap(self, context: Context) -> None:
        """Each job goes to one worker."""
        add(context, 40)
        taken: list[str] = []

        def work(name: str) -> None:
            while True:
                with context.db.write() as session:
                    held = jobs.claim(session, name, LEASE_S)
                if held is None:
                    return
                taken.append(held.args["number"])

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(taken, key=int) == [str(number) for number in range(40)]

    def test_a_dead_workers_job_is_taken_up_when_its_lease_runs_out(self, context: Context) -> None:
        """Kill -9 delays a tip; it does not lose it."""
        add(context)
        with context.db.write() as session:
            first = jobs.claim(session, "dead", LEASE_S)
            assert jobs.claim(session, "alive", LEASE_S) is None

        with time_machine.travel(now() + timedelta(seconds=LEASE_S + 1)), context.db.write() as session:
            second = jobs.claim(session, "alive", LEASE_S)

        assert first is not None
        assert second is not None
        assert (second.id, second.attempts) == (first.id, 2)

    @pytest.mark.parametrize("ended", ["held", "retried", "untouched"])
    def test_a_clock_set_back_keeps_no_job_waiting_for_years(self, context: Context, ended: str) -> None:
        """What was claimed, failed or added while a clock ran ahead is due when it runs right again."""
        with time_machine.travel(now() + timedelta(days=2_000)):
            add(context)
            with context.db.write() as session:
                held = jobs.claim(session, "one", LEASE_S) if ended != "untouched" else None
                if held and ended == "retried":
                    jobs.retry_later(session, held, "one", "Error")

        with context.db.write() as session:
            assert jobs.claim(session, "two", LEASE_S)

    def test_a_job_for_later_waits_for_its_time(self, context: Context) -> None:
        """Only what cannot be meant is taken for a jump of the clock."""
        with context.db.write() as session:
            session.add(Job(kind="later", run_at=now() + timedelta(days=3)))

        with context.db.write() as session:
            assert jobs.claim(session, "one", LEASE_S) is None

    def test_a_worker_that_lost_its_lease_changes_nothing(self, context: Context) -> None:
        """The late one's "done" must not hide the other's work."""
        add(context)
        with context.db.write() as session:
            held = jobs.claim(session, "slow", LEASE_S)
        assert held is not None
        with time_machine.travel(now() + timedelta(seconds=LEASE_S + 1)), context.db.write() as session:
            jobs.claim(session, "other", LEASE_S)
            assert not jobs.finish(session, held.id, "slow")
            assert not jobs.park(session, held.id, "slow", "late")

        assert state(context).state == JobState.RUNNING

    def test_a_failed_job_waits_longer_each_time(self, context: Context) -> None:
        """A failing job does not spin."""
        add(context)
        waits = []
        moment = now()
        for _ in range(3):
            with time_machine.travel(moment, tick=False), context.db.write() as session:
                held = jobs.claim(session, "w", LEASE_S)
                assert held is not None
                jobs.retry_later(session, held, "w", "KeyError")
            waits.append((state(context).run_at - moment).total_seconds())
            moment = state(context).run_at

        assert waits == sorted(set(waits))

    def test_a_parked_job_stays_until_a_person_retries_it(self, context: Context) -> None:
        """Given up on is not forgotten."""
        add(context)
        with context.db.write() as session:
            held = jobs.claim(session, "w", LEASE_S)
            assert held is not None
            jobs.park(session, held.id, "w", "poison")
            assert jobs.claim(session, "w", LEASE_S) is None

        with context.db.write() as session:
            jobs.unpark(session, held.id)
            again = jobs.claim(session, "w", LEASE_S)

        assert again is not None
        assert again.attempts == 1


class TestTurns:
    """Who is next: danger, people, what follows, and bulk; each lane in its turn."""

    @staticmethod
    def ask(context: Context, *wanted: tuple[str, Urgency, str]) -> None:
        with context.db.write() as session:
            for name, urgency, lane in wanted:
                jobs.enqueue(session, name, urgency=urgency, lane=lane)

    @staticmethod
    def order(context: Context, most: int = 1000) -> list[str]:
        taken: list[str] = []
        with context.db.write() as session:
            while len(taken) < most and (held := jobs.claim(session, "w", LEASE_S)):
                taken.append(held.kind)
        return taken

    def test_danger_goes_before_all_that_wait(self, context: Context) -> None:
        """Also in a lane with a backlog of its own."""
        bulk, tip = ("bulk", Urgency.BULK, "a"), ("tip", Urgency.PEOPLE, "a")
        after, danger = ("after", Urgency.ORDINARY, "a"), ("danger", Urgency.DANGER, "a")
        with time_machine.travel(now(), tick=False):
            self.ask(context, bulk, after, *[tip] * 20, danger)

            assert self.order(context) == ["danger", *["tip"] * 20, "after", "bulk"]

    def test_a_flood_waits_for_itself(self, context: Context) -> None:
        """Five tips from elsewhere are done among the first of a thousand that came before them."""
        with time_machine.travel(now(), tick=False):  # however long asking takes
            self.ask(context, *[("flood", Urgency.PEOPLE, "one")] * 1000)
            self.ask(context, *[("other", Urgency.PEOPLE, "two")] * 5)

            first = self.order(context, 12)

        assert first.count("other") == 5

    def test_many_lanes_get_alike(self, context: Context) -> None:
        """Whoever asked for most first does not get most first."""
        with time_machine.travel(now(), tick=False):
            for lane, count in (("a", 40), ("b", 20), ("c", 10)):
                self.ask(context, *[(lane, Urgency.PEOPLE, lane)] * count)

            first = self.order(context, 30)

        assert {lane: first.count(lane) for lane in "abc"} == {"a": 10, "b": 10, "c": 10}

    def test_a_lane_whose_flood_is_over_owes_nothing(self, context: Context) -> None:
        """What was done while nobody else waited is not held against it."""
        self.ask(context, *[("flood", Urgency.PEOPLE, "one")] * 100)
        self.order(context)
        self.ask(context, ("again", Urgency.PEOPLE, "one"), ("other", Urgency.PEOPLE, "two"))

        assert self.order(context) == ["again", "other"]

    def test_bulk_is_not_starved(self, context: Context) -> None:
        """After its hour it goes before tips that came in later, however many keep coming."""
        self.ask(context, ("bulk", Urgency.BULK, ""))
        with time_machine.travel(now() + timedelta(hours=1, seconds=1), tick=False):
            self.ask(context, *[("tip", Urgency.PEOPLE, "")] * 3)

            assert self.order(context, 1) == ["bulk"]

    def test_a_claim_reads_an_index_and_sorts_nothing(self, context: Context) -> None:
        """A hundred thousand waiting jobs make it no slower: the very questions of a claim are explained."""
        self.ask(context, *[("flood", Urgency.PEOPLE, "one")] * 300)
        plans = self.plans(context)

        assert any("job_ready" in step for step in plans), plans
        assert any("job_later" in step for step in plans), plans
        assert not any("TEMP B-TREE" in step or "Sort" in step for step in plans), plans
        assert not any(step.startswith("SCAN job") and "USING" not in step for step in plans), plans

    def test_what_is_to_be_tried_later_is_not_read_by_a_claim(self, context: Context) -> None:
        """It stands apart from those that wait, wherever its turn is, until its moment has come."""
        with time_machine.travel(now(), tick=False):
            self.ask(context, ("failing", Urgency.DANGER, "one"), ("tip", Urgency.BULK, "one"))
            with context.db.write() as session:
                held = jobs.claim(session, "w", LEASE_S)
                assert held is not None
                jobs.retry_later(session, held, "w", "Error")
                apart = session.exec(select(Job.kind).where(Job.later)).all()
            first = self.order(context)
            with time_machine.travel(now() + timedelta(seconds=jobs.RETRY_DELAYS_S[0] + 1), tick=False):
                then = self.order(context)

        assert (list(apart), first, then) == (["failing"], ["tip"], ["failing"])

    def test_what_an_import_asks_for_stands_back(self, context: Context) -> None:
        """And only what would be ordinary: danger stays danger."""
        with time_machine.travel(now(), tick=False):
            with context.db.write() as session:
                jobs.in_bulk(session)
                jobs.enqueue(session, "import")
                jobs.enqueue(session, "danger", urgency=Urgency.DANGER)
            self.ask(context, ("after", Urgency.ORDINARY, ""))

            assert self.order(context) == ["danger", "after", "import"]

    @staticmethod
    def plans(context: Context) -> list[str]:
        """How the database answers what a claim asks of jobs that wait; those that run are few."""
        asked: list[tuple[str, Any]] = []
        with context.db.write() as session:

            def note(_c: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
                if "ORDER BY job.run_at" in statement or "ORDER BY job.turn" in statement:
                    asked.append((statement.replace(" FOR UPDATE SKIP LOCKED", ""), values))

            event.listen(session.get_bind(), "before_cursor_execute", note)
            jobs.claim(session, "w", LEASE_S)
            event.remove(session.get_bind(), "before_cursor_execute", note)
            raw = session.connection()
            on_sqlite = raw.dialect.name == "sqlite"
            if not on_sqlite:
                raw.exec_driver_sql("ANALYZE job")
                raw.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN "
            return [
                str(row[3 if on_sqlite else 0])
                for statement, values in asked
                for row in raw.exec_driver_sql(explain + statement, values)
            ]
