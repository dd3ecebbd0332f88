"""Watches among many workers: each is looked after once when it is due."""

import multiprocessing
import os
import threading
from dataclasses import replace
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app.core import watch_turns
from app.core.clock import now
from app.core.context import Context
from app.core.db import Database
from app.core.watch_turns import HOLD_S, WatchTurn
from app.watches import Watch, look_at_due

PROCESSES, ROUNDS = 4, 6
AN_HOUR = 3600.0


def make_due(context: Context, name: str) -> None:
    with context.db.write() as session:
        session.get_one(WatchTurn, name).due_at = now() - timedelta(seconds=1)


def work(context: Context, notes: Path, barrier: Barrier) -> None:
    """One of the workers: looks whenever all of them do."""
    db = Database(context.settings.database_address)
    context = replace(context, db=db)
    note = Watch("note", AN_HOUR, lambda _context: _append(notes))
    for _ in range(ROUNDS):
        barrier.wait(60)
        look_at_due(context, (note,), threading.Event())
        barrier.wait(60)
    db.close()


def _append(notes: Path) -> None:
    with notes.open("a") as file:
        file.write(f"{os.getpid()}\n")


def test_four_processes_look_once_whenever_it_is_due(context: Context, tmp_path: Path) -> None:
    """All ask at the same moment, again and again; the first time not even the row is there."""
    fork = multiprocessing.get_context("fork")
    barrier, notes = fork.Barrier(PROCESSES + 1), tmp_path / "notes"
    arguments = (context, notes, barrier)
    running = [fork.Process(target=work, args=arguments) for _ in range(PROCESSES)]
    context.db.close()
    for process in running:
        process.start()
    counts = []
    for number in range(ROUNDS):
        if number:
            make_due(context, "note")
        barrier.wait(60)
        barrier.wait(60)
        counts.append(len(notes.read_text().split()))
    for process in running:
        process.join(60)

    assert counts == list(range(1, ROUNDS + 1))
    assert [process.exitcode for process in running] == [0] * PROCESSES


class TestTurns:
    @staticmethod
    def look(context: Context, *names: str) -> list[str]:
        every = tuple(Watch(name, AN_HOUR, lambda _context: None) for name in names or ("a",))
        return look_at_due(context, every, threading.Event())

    def test_what_is_not_due_is_left(self, context: Context) -> None:
        """Also by a worker that has just started."""
        assert self.look(context, "a", "b") == ["a", "b"]
        assert self.look(context, "a", "b") == []

    def test_a_watch_that_fails_is_tried_again_at_its_next_time(self, context: Context) -> None:
        """And keeps no other from being looked after."""

        def fail(_context: Context) -> None:
            raise ValueError

        both = (Watch("fails", AN_HOUR, fail), Watch("works", AN_HOUR, lambda _context: None))
        assert look_at_due(context, both, threading.Event()) == ["fails", "works"]
        assert look_at_due(context, both, threading.Event()) == []

    def test_the_watch_of_a_dead_worker_is_looked_after_by_another(self, context: Context) -> None:
        """When its hold lapses, not when the next time would have come."""
        with context.db.write() as session:
            assert watch_turns.take(session, "a", AN_HOUR, "dead")
        assert self.look(context) == []
        with context.db.write() as session:
            session.get_one(WatchTurn, "a").held_until = now() - timedelta(seconds=1)

        assert self.look(context) == ["a"]
        with context.db.write() as session:
            assert not watch_turns.done(session, "a", "dead", now())

    def test_a_hold_is_kept_while_the_watch_looks(
        self, context: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long that takes."""
        monkeypatch.setattr(watch_turns, "HOLD_S", 0.06)
        kept = threading.Event()
        keep = watch_turns.keep

        def note(session: Session, name: str, holder: str) -> bool:
            held = keep(session, name, holder)
            kept.set()
            return held

        monkeypatch.setattr(watch_turns, "keep", note)

        slow = Watch("slow", AN_HOUR, lambda _context: kept.wait(30))
        look_at_due(context, (slow,), threading.Event())

        assert kept.is_set()

    def test_a_clock_set_back_keeps_no_watch_waiting(self, context: Context) -> None:
        """A time that lies further ahead than a whole pause was written by a clock that ran ahead."""
        with context.db.write() as session:
            ahead = now() + timedelta(days=300)
            session.add(WatchTurn(name="a", due_at=ahead, held_by="x", held_until=ahead))

        assert self.look(context) == ["a"]
        with context.db.read() as session:
            turn = session.exec(select(WatchTurn)).one()
        assert turn.due_at < now() + timedelta(seconds=AN_HOUR + HOLD_S)
